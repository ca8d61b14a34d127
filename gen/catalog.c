/* SPDX-License-Identifier: ISC */
/*
 * Reading a catalog: from its text to releases and files, noting each mistake and going on; see gen/catalog.h.
 */
#include "gen/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/root.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

/* What the reading of one catalog carries along. */
struct reader {
    struct cw_catalog *catalog;
    struct cw_mistakes *mistakes;
    char folder[CW_PATH_MAX]; /* of the catalog, with its '/'; "" is the working folder */
    bool nomem;
};

void cw_catalog_mistake(const struct cw_catalog *catalog, struct cw_mistakes *mistakes, const char *field, const char *what)
{
    cw_mistakes_add(mistakes, catalog->path, cw_json_line(catalog->text.data, catalog->text.len, field), field, "%s", what);
}

static void wrong(struct reader *r, const char *field, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void wrong(struct reader *r, const char *field, const char *fmt, ...)
{
    char what[CW_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    cw_catalog_mistake(r->catalog, r->mistakes, field, what);
}

/* "base.key", or "key" at the top. */
static void join(char out[CW_CATALOG_FIELD_MAX], const char *base, const char *key)
{
    snprintf(out, CW_CATALOG_FIELD_MAX, "%.160s%s%.90s", base, base[0] != '\0' ? "." : "", key);
}

static void item(char out[CW_CATALOG_FIELD_MAX], const char *base, const char *key, size_t index)
{
    snprintf(out, CW_CATALOG_FIELD_MAX, "%.160s%s%s[%zu]", base, base[0] != '\0' ? "." : "", key, index);
}

static bool is_object(struct reader *r, const json_t *value, const char *field)
{
    if (!json_is_object(value))
        wrong(r, field, "is not an object");
    return json_is_object(value);
}

/* Each unknown member is a mistake of its own. */
static void only(struct reader *r, const json_t *obj, const char *base, const char *const *known)
{
    char field[CW_CATALOG_FIELD_MAX];
    const char *key, *near;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)obj, key, value) {
        for (i = 0; known[i] != NULL && strcmp(known[i], key) != 0; i++)
            ;
        if (known[i] != NULL)
            continue;
        join(field, base, key);
        near = cw_str_nearest(key, known);
        wrong(r, field, "unknown field%s%s%s", near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
              near != NULL ? "'?" : "");
    }
}

/* A text, or NULL: absent, or wrong and noted. */
static const char *text(struct reader *r, const json_t *obj, const char *base, const char *key, bool required)
{
    char field[CW_CATALOG_FIELD_MAX];
    const json_t *value = json_object_get(obj, key);

    join(field, base, key);
    if (value == NULL && required)
        wrong(r, field, "is missing");
    else if (value != NULL && !json_is_string(value))
        wrong(r, field, "is not a string");
    else if (value != NULL && strlen(json_string_value(value)) != json_string_length(value))
        wrong(r, field, "holds a NUL character");
    else if (value != NULL)
        return json_string_value(value);
    return NULL;
}

/* A list with something in it, or NULL (noted). */
static const json_t *list(struct reader *r, const json_t *obj, const char *base, const char *key)
{
    char field[CW_CATALOG_FIELD_MAX];
    const json_t *value = json_object_get(obj, key);

    join(field, base, key);
    if (value == NULL)
        wrong(r, field, "is missing");
    else if (!json_is_array(value))
        wrong(r, field, "is not an array");
    else if (json_array_size(value) == 0)
        wrong(r, field, "is empty");
    else
        return value;
    return NULL;
}

/* Notes the error of one of lib/release's checks. */
static bool holds(struct reader *r, const char *base, const char *key, int rc, const struct cw_err *err)
{
    char field[CW_CATALOG_FIELD_MAX];

    if (rc == CW_OK)
        return true;
    if (rc == CW_E_NOMEM)
        r->nomem = true;
    join(field, base, key);
    wrong(r, field, "%s", err->text);
    return false;
}

static char *source_path(struct reader *r, const char *file)
{
    char *path = cw_str_format("%s%s", file[0] == '/' ? "" : r->folder, file);

    r->nomem = r->nomem || path == NULL;
    return path;
}

/* A look at a file before anything is read, so that all that are missing are named at once. */
static bool look(struct reader *r, const char *field, const char *path, uint64_t *size)
{
    struct stat st;

    if (stat(path, &st) != 0)
        wrong(r, field, "unable to find '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        wrong(r, field, "'%s' is not a regular file", path);
    else if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        wrong(r, field, "unable to read '%s': %s", path, strerror(errno));
    else {
        *size = (uint64_t)st.st_size;
        return true;
    }
    return false;
}

static struct cw_catalog_file *new_file(struct reader *r, struct cw_catalog_release *release)
{
    if (release->file_count == release->file_room) {
        size_t room = release->file_room != 0 ? release->file_room * 2 : 8;
        struct cw_catalog_file *files = reallocarray(release->files, room, sizeof *files);

        if (files == NULL) {
            r->nomem = true;
            return NULL;
        }
        release->files = files;
        release->file_room = room;
    }
    release->files[release->file_count] = (struct cw_catalog_file){.source = NULL};
    return &release->files[release->file_count++];
}

/* All files of a release lie in one folder of the tree, whatever their platform, also where case does not count. */
static void check_name(struct reader *r, const struct cw_catalog_release *release, const struct cw_catalog_file *file,
                       const char *key)
{
    struct cw_err err;
    size_t i;

    if (!holds(r, file->field, key, cw_name_check(file->name, "file", &err), &err))
        return;
    if (strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
        wrong(r, file->field, "the name '%s' is taken by the release manifest; give the file another 'name'", file->name);
    for (i = 0; &release->files[i] < file; i++) {
        if (strcasecmp(release->files[i].name, file->name) == 0) {
            wrong(r, file->field, "the name '%s' is used by %s too; give one of them a 'name' of its own", file->name,
                  release->files[i].field);
            return;
        }
    }
}

static void read_file(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base,
                      const char *platform)
{
    static const char *const known[] = {"file", "kind", "name", "sha256", NULL};
    char field[CW_CATALOG_FIELD_MAX];
    const char *source, *name, *kind;
    struct cw_catalog_file *file;
    struct cw_err err;
    enum cw_kind parsed;

    if (!is_object(r, obj, base))
        return;
    only(r, obj, base, known);
    source = text(r, obj, base, "file", true);
    name = text(r, obj, base, "name", false);
    kind = text(r, obj, base, "kind", false);
    if (kind != NULL)
        holds(r, base, "kind", cw_kind_parse(&parsed, kind, &err), &err);
    if (source == NULL || (file = new_file(r, release)) == NULL)
        return;
    file->source = source_path(r, source);
    file->name = name != NULL ? name : cw_str_basename(source);
    file->platform = platform != NULL ? platform : CW_PLATFORM_ANY;
    file->kind = kind != NULL ? kind : cw_kind_name(CW_KIND_FILE);
    file->sha256 = text(r, obj, base, "sha256", false);
    snprintf(file->field, sizeof file->field, "%s", base);
    check_name(r, release, file, name != NULL ? "name" : "file");
    join(field, base, "sha256");
    if (file->sha256 != NULL && !cw_hex_is_sha256(file->sha256))
        wrong(r, field, "is not 64 lower-case hexadecimal digits");
    join(field, base, "file");
    if (file->source != NULL)
        look(r, field, file->source, &file->size);
}

static void read_build(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    static const char *const known[] = {"platform", "files", NULL};
    char field[CW_CATALOG_FIELD_MAX];
    const char *platform;
    const json_t *files;
    struct cw_err err;
    json_t *file;
    size_t i;

    if (!is_object(r, obj, base))
        return;
    only(r, obj, base, known);
    platform = text(r, obj, base, "platform", true);
    if (platform != NULL)
        holds(r, base, "platform", cw_name_check(platform, "platform", &err), &err);
    files = list(r, obj, base, "files");
    json_array_foreach(files, i, file) {
        item(field, base, "files", i);
        read_file(r, release, file, field, platform);
    }
}

static void read_sbom(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    const char *source = text(r, obj, base, "sbom", false);
    struct cw_catalog_file *file;

    if (source == NULL || (file = new_file(r, release)) == NULL)
        return;
    file->source = source_path(r, source);
    file->name = cw_str_basename(source);
    file->platform = CW_PLATFORM_ANY;
    join(file->field, base, "sbom");
    if (file->source != NULL && look(r, file->field, file->source, &file->size))
        check_name(r, release, file, "sbom");
}

static void set(struct reader *r, json_t *obj, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(obj, key, value) != 0)
        r->nomem = true;
}

static void notes_from_file(struct reader *r, struct cw_catalog_release *release, const char *base, const char *file)
{
    CW_AUTO_BUF notes = CW_BUF_INIT(CW_CATALOG_NOTES_MAX);
    CW_AUTO_FREE char *path = source_path(r, file);
    CW_AUTO_FD int fd = -1;
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_err err;
    uint64_t size;
    json_t *value;

    join(field, base, "notes-file");
    if (path == NULL || !look(r, field, path, &size))
        return;
    if (size > CW_CATALOG_NOTES_MAX) {
        wrong(r, field, "notes of more than %zu bytes", CW_CATALOG_NOTES_MAX);
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        wrong(r, field, "unable to read '%s': %s", path, strerror(errno));
        return;
    }
    if (!holds(r, base, "notes-file", cw_fd_read_all(&notes, fd, path, &err), &err))
        return;
    value = memchr(cw_buf_text(&notes), '\0', notes.len) == NULL ? json_stringn(cw_buf_text(&notes), notes.len) : NULL;
    if (value == NULL) {
        wrong(r, field, "'%s' is not text in UTF-8", path);
        return;
    }
    holds(r, base, "notes-file", cw_text_check(json_string_value(value), path, &err), &err);
    set(r, release->head, "notes", value);
}

static void read_notes(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    const char *notes = text(r, obj, base, "notes", false);
    const char *file = text(r, obj, base, "notes-file", false);
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_err err;

    join(field, base, "notes");
    if (notes != NULL && file != NULL)
        wrong(r, field, "both 'notes' and 'notes-file' are given; keep one");
    else if (notes != NULL && strlen(notes) > CW_CATALOG_NOTES_MAX)
        wrong(r, field, "notes of more than %zu bytes", CW_CATALOG_NOTES_MAX);
    else if (notes != NULL && cw_text_check(notes, "notes", &err) != CW_OK)
        wrong(r, field, "%s", err.text);
    else if (file != NULL)
        notes_from_file(r, release, base, file);
    else
        set(r, release->head, "notes", json_string(notes != NULL ? notes : ""));
}

static void read_requires(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    json_t *requires = json_object_get(obj, "requires");
    char field[CW_CATALOG_FIELD_MAX];
    const char *product;
    struct cw_err err;
    json_t *range;

    join(field, base, "requires");
    if (requires == NULL || !is_object(r, requires, field))
        return;
    if (json_object_size(requires) > CW_REQUIRES_MAX)
        wrong(r, field, "more than %d products", CW_REQUIRES_MAX);
    json_object_foreach(requires, product, range) {
        char at[CW_CATALOG_FIELD_MAX];

        join(at, field, product);
        if (!holds(r, field, product, cw_name_check_product(product, &err), &err))
            continue;
        if (release->product != NULL && strcmp(product, release->product) == 0)
            wrong(r, at, "a release cannot require its own product");
        if (!json_is_string(range))
            wrong(r, at, "is not a string");
        else
            holds(r, field, product, cw_semver_range_check(json_string_value(range), &err), &err);
    }
    if (json_object_size(requires) > 0)
        set(r, release->head, "requires", json_deep_copy(requires));
}

static void read_features(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    json_t *features = json_object_get(obj, "features");
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_err err;
    json_t *feature;
    size_t i;

    join(field, base, "features");
    if (features == NULL)
        return;
    if (!json_is_array(features) || json_array_size(features) > CW_FEATURES_MAX) {
        wrong(r, field, json_is_array(features) ? "more than %d features" : "is not an array", CW_FEATURES_MAX);
        return;
    }
    json_array_foreach(features, i, feature) {
        item(field, base, "features", i);
        if (!json_is_string(feature))
            wrong(r, field, "is not a string");
        else if (cw_name_check(json_string_value(feature), "feature", &err) != CW_OK)
            wrong(r, field, "%s", err.text);
    }
    if (json_array_size(features) > 0)
        set(r, release->head, "features", json_deep_copy(features));
}

static struct cw_catalog_release *new_release(struct reader *r)
{
    struct cw_catalog *catalog = r->catalog;

    if (catalog->release_count == catalog->release_room) {
        size_t room = catalog->release_room != 0 ? catalog->release_room * 2 : 8;
        struct cw_catalog_release *releases = reallocarray(catalog->releases, room, sizeof *releases);

        if (releases == NULL) {
            r->nomem = true;
            return NULL;
        }
        catalog->releases = releases;
        catalog->release_room = room;
    }
    catalog->releases[catalog->release_count] = (struct cw_catalog_release){.head = json_object()};
    r->nomem = r->nomem || catalog->releases[catalog->release_count].head == NULL;
    return &catalog->releases[catalog->release_count++];
}

/* Twice in one catalog, or different by case only, which one folder cannot hold everywhere. */
static void check_version(struct reader *r, const struct cw_catalog_release *release, const char *base)
{
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_err err;
    const struct cw_catalog_release *other;

    if (!holds(r, base, "version", cw_semver_check(release->version, &err), &err) || release->product == NULL)
        return;
    join(field, base, "version");
    for (other = r->catalog->releases; other < release; other++) {
        if (other->product == release->product && other->version != NULL && strcasecmp(other->version, release->version) == 0) {
            wrong(r, field, "version '%s' is in %s too", release->version, other->field);
            return;
        }
    }
}

static void read_release(struct reader *r, const json_t *obj, const char *base, const char *product)
{
    static const char *const known[] = {"version", "severity", "notes", "notes-file", "requires", "features", "sbom", "builds",
                                        NULL};
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_catalog_release *release;
    const json_t *builds;
    const char *severity;
    struct cw_err err;
    json_t *build;
    size_t i;

    if (!is_object(r, obj, base) || (release = new_release(r)) == NULL)
        return;
    only(r, obj, base, known);
    snprintf(release->field, sizeof release->field, "%s", base);
    release->product = product;
    release->version = text(r, obj, base, "version", true);
    if (release->version != NULL)
        check_version(r, release, base);
    severity = text(r, obj, base, "severity", false);
    if (severity != NULL)
        holds(r, base, "severity", cw_severity_check(severity, &err), &err);
    set(r, release->head, "severity", json_string(severity != NULL ? severity : "normal"));
    read_notes(r, release, obj, base);
    read_requires(r, release, obj, base);
    read_features(r, release, obj, base);
    builds = list(r, obj, base, "builds");
    json_array_foreach(builds, i, build) {
        item(field, base, "builds", i);
        read_build(r, release, build, field);
    }
    read_sbom(r, release, obj, base);
    if (release->file_count > CW_ARTIFACTS_MAX)
        wrong(r, base, "more than %d files", CW_ARTIFACTS_MAX);
}

static void check_product_name(struct reader *r, const json_t *products, size_t index, const char *name, const char *base)
{
    char field[CW_CATALOG_FIELD_MAX];
    struct cw_err err;
    size_t i;

    if (!holds(r, base, "name", cw_name_check_product(name, &err), &err))
        return;
    join(field, base, "name");
    for (i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(products, i), "name"));

        if (other != NULL && strcasecmp(other, name) == 0) {
            wrong(r, field, strcmp(other, name) == 0 ? "product '%s' is in products[%zu] too"
                                                     : "product '%s' differs by case only from products[%zu]",
                  name, i);
            return;
        }
    }
}

static void read_product(struct reader *r, const json_t *products, size_t index)
{
    static const char *const known[] = {"name", "releases", NULL};
    const json_t *obj = json_array_get(products, index);
    char base[CW_CATALOG_FIELD_MAX];
    char field[CW_CATALOG_FIELD_MAX];
    const json_t *releases;
    const char *name;
    json_t *release;
    size_t i;

    item(base, "", "products", index);
    if (!is_object(r, obj, base))
        return;
    only(r, obj, base, known);
    name = text(r, obj, base, "name", true);
    if (name != NULL)
        check_product_name(r, products, index, name, base);
    releases = list(r, obj, base, "releases");
    json_array_foreach(releases, i, release) {
        item(field, base, "releases", i);
        read_release(r, release, field, name);
    }
}

static void read_doc(struct reader *r)
{
    static const char *const known[] = {"format", "products", NULL};
    const json_t *doc = r->catalog->doc;
    const json_t *products;
    const char *format;
    size_t i;

    if (!is_object(r, doc, ""))
        return;
    only(r, doc, "", known);
    format = text(r, doc, "", "format", true);
    if (format != NULL && strcmp(format, "1") != 0 && !cw_str_starts(format, "1."))
        wrong(r, "format", "is '%s'; this version of Causeway reads catalogs of format 1", format);
    products = list(r, doc, "", "products");
    for (i = 0; i < json_array_size(products); i++)
        read_product(r, products, i);
}

static int load(struct cw_catalog *catalog, struct cw_err *err)
{
    CW_AUTO_FD int fd = open(catalog->path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", catalog->path);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > CW_CATALOG_MAX)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is larger than a catalog may be (%zu bytes): split it", catalog->path,
                          CW_CATALOG_MAX);
    return cw_fd_read_all(&catalog->text, fd, catalog->path, err);
}

/* The parser says "line N, column M: …" where it knows. */
static void note_malformed(const char *path, struct cw_mistakes *mistakes, const struct cw_err *err)
{
    unsigned line = 0;

    if (sscanf(err->text, "line %u", &line) != 1)
        line = 0;
    cw_mistakes_add(mistakes, path, line, "", "%s", err->text);
}

int cw_catalog_read(struct cw_catalog *catalog, const char *path, struct cw_mistakes *mistakes, struct cw_err *err)
{
    struct reader r = {.catalog = catalog, .mistakes = mistakes};
    size_t before = mistakes->count;
    size_t folder = (size_t)(cw_str_basename(path) - path);
    int rc;

    *catalog = (struct cw_catalog){.path = path, .text = CW_BUF_INIT(CW_CATALOG_MAX)};
    if (folder >= sizeof r.folder)
        return cw_err_set(err, CW_E_FAIL, "'%s': the path is too long", path);
    memcpy(r.folder, path, folder);
    rc = load(catalog, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_json_parse(&catalog->doc, catalog->text.data != NULL ? catalog->text.data : "", catalog->text.len, err);
    if (rc == CW_E_VERIFY)
        note_malformed(path, mistakes, err);
    if (rc == CW_OK)
        read_doc(&r);
    if (r.nomem)
        return cw_err_nomem(err);
    return rc == CW_OK && mistakes->count > before ? cw_err_set(err, CW_E_VERIFY, "'%s' has mistakes", path) : rc;
}

void cw_catalog_clear(struct cw_catalog *catalog)
{
    size_t i, j;

    for (i = 0; i < catalog->release_count; i++) {
        for (j = 0; j < catalog->releases[i].file_count; j++)
            free(catalog->releases[i].files[j].source);
        free(catalog->releases[i].files);
        json_decref(catalog->releases[i].head);
    }
    free(catalog->releases);
    json_decref(catalog->doc);
    cw_buf_clear(&catalog->text);
    *catalog = (struct cw_catalog){.path = NULL};
}
