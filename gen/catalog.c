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
#include "gen/fields.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

/* What the reading of one catalog carries along. */
struct reader {
    struct cw_catalog *catalog;
    struct cw_fields fields;
    char folder[CW_PATH_MAX]; /* of the catalog, with its '/'; "" is the working folder */
};

void cw_catalog_mistake(const struct cw_catalog *catalog, struct cw_mistakes *mistakes, const char *field, const char *what)
{
    cw_mistakes_add(mistakes, catalog->path, cw_json_line(catalog->text.data, catalog->text.len, field), field, "%s", what);
}

static char *source_path(struct reader *r, const char *file)
{
    char *path = cw_str_format("%s%s", file[0] == '/' ? "" : r->folder, file);

    r->fields.nomem = r->fields.nomem || path == NULL;
    return path;
}

/* A look at a file before anything is read, so that all that are missing are named at once. */
static bool look(struct reader *r, const char *field, const char *path, uint64_t *size)
{
    struct stat st;

    if (stat(path, &st) != 0)
        cw_fields_wrong(&r->fields, field, "unable to find '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        cw_fields_wrong(&r->fields, field, "'%s' is not a regular file", path);
    else if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        cw_fields_wrong(&r->fields, field, "unable to read '%s': %s", path, strerror(errno));
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
            r->fields.nomem = true;
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

    if (!cw_fields_holds(&r->fields, file->field, key, cw_name_check(file->name, "file", &err), &err))
        return;
    if (strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
        cw_fields_wrong(&r->fields, file->field, "the name '%s' is taken by the release manifest; give the file another 'name'", file->name);
    for (i = 0; &release->files[i] < file; i++) {
        if (strcasecmp(release->files[i].name, file->name) == 0) {
            cw_fields_wrong(&r->fields, file->field, "the name '%s' is used by %s too; give one of them a 'name' of its own", file->name,
                  release->files[i].field);
            return;
        }
    }
}

static void read_file(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base,
                      const char *platform)
{
    static const char *const known[] = {"file", "kind", "name", "sha256", NULL};
    char field[CW_FIELDS_PATH_MAX];
    const char *source, *name, *kind;
    struct cw_catalog_file *file;
    struct cw_err err;
    enum cw_kind parsed;

    if (!cw_fields_is_object(&r->fields, obj, base))
        return;
    cw_fields_only(&r->fields, obj, base, known);
    source = cw_fields_text(&r->fields, obj, base, "file", true);
    name = cw_fields_text(&r->fields, obj, base, "name", false);
    kind = cw_fields_text(&r->fields, obj, base, "kind", false);
    if (kind != NULL)
        cw_fields_holds(&r->fields, base, "kind", cw_kind_parse(&parsed, kind, &err), &err);
    if (source == NULL || (file = new_file(r, release)) == NULL)
        return;
    file->source = source_path(r, source);
    file->name = name != NULL ? name : cw_str_basename(source);
    file->platform = platform != NULL ? platform : CW_PLATFORM_ANY;
    file->kind = kind != NULL ? kind : cw_kind_name(CW_KIND_FILE);
    file->sha256 = cw_fields_text(&r->fields, obj, base, "sha256", false);
    snprintf(file->field, sizeof file->field, "%s", base);
    check_name(r, release, file, name != NULL ? "name" : "file");
    cw_fields_join(field, base, "sha256");
    if (file->sha256 != NULL && !cw_hex_is_sha256(file->sha256))
        cw_fields_wrong(&r->fields, field, "is not 64 lower-case hexadecimal digits");
    cw_fields_join(field, base, "file");
    if (file->source != NULL)
        look(r, field, file->source, &file->size);
}

static void read_build(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    static const char *const known[] = {"platform", "files", NULL};
    char field[CW_FIELDS_PATH_MAX];
    const char *platform;
    const json_t *files;
    struct cw_err err;
    json_t *file;
    size_t i;

    if (!cw_fields_is_object(&r->fields, obj, base))
        return;
    cw_fields_only(&r->fields, obj, base, known);
    platform = cw_fields_text(&r->fields, obj, base, "platform", true);
    if (platform != NULL)
        cw_fields_holds(&r->fields, base, "platform", cw_name_check(platform, "platform", &err), &err);
    files = cw_fields_list(&r->fields, obj, base, "files");
    json_array_foreach(files, i, file) {
        cw_fields_item(field, base, "files", i);
        read_file(r, release, file, field, platform);
    }
}

static void read_sbom(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    const char *source = cw_fields_text(&r->fields, obj, base, "sbom", false);
    struct cw_catalog_file *file;

    if (source == NULL || (file = new_file(r, release)) == NULL)
        return;
    file->source = source_path(r, source);
    file->name = cw_str_basename(source);
    file->platform = CW_PLATFORM_ANY;
    cw_fields_join(file->field, base, "sbom");
    if (file->source != NULL && look(r, file->field, file->source, &file->size))
        check_name(r, release, file, "sbom");
}

static void set(struct reader *r, json_t *obj, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(obj, key, value) != 0)
        r->fields.nomem = true;
}

static void notes_from_file(struct reader *r, struct cw_catalog_release *release, const char *base, const char *file)
{
    CW_AUTO_BUF notes = CW_BUF_INIT(CW_CATALOG_NOTES_MAX);
    CW_AUTO_FREE char *path = source_path(r, file);
    CW_AUTO_FD int fd = -1;
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    uint64_t size;
    json_t *value;

    cw_fields_join(field, base, "notes-file");
    if (path == NULL || !look(r, field, path, &size))
        return;
    if (size > CW_CATALOG_NOTES_MAX) {
        cw_fields_wrong(&r->fields, field, "notes of more than %zu bytes", CW_CATALOG_NOTES_MAX);
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        cw_fields_wrong(&r->fields, field, "unable to read '%s': %s", path, strerror(errno));
        return;
    }
    if (!cw_fields_holds(&r->fields, base, "notes-file", cw_fd_read_all(&notes, fd, path, &err), &err))
        return;
    value = memchr(cw_buf_text(&notes), '\0', notes.len) == NULL ? json_stringn(cw_buf_text(&notes), notes.len) : NULL;
    if (value == NULL) {
        cw_fields_wrong(&r->fields, field, "'%s' is not text in UTF-8", path);
        return;
    }
    cw_fields_holds(&r->fields, base, "notes-file", cw_text_check(json_string_value(value), path, &err), &err);
    set(r, release->head, "notes", value);
}

static void read_notes(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    const char *notes = cw_fields_text(&r->fields, obj, base, "notes", false);
    const char *file = cw_fields_text(&r->fields, obj, base, "notes-file", false);
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;

    cw_fields_join(field, base, "notes");
    if (notes != NULL && file != NULL)
        cw_fields_wrong(&r->fields, field, "both 'notes' and 'notes-file' are given; keep one");
    else if (notes != NULL && strlen(notes) > CW_CATALOG_NOTES_MAX)
        cw_fields_wrong(&r->fields, field, "notes of more than %zu bytes", CW_CATALOG_NOTES_MAX);
    else if (notes != NULL && cw_text_check(notes, "notes", &err) != CW_OK)
        cw_fields_wrong(&r->fields, field, "%s", err.text);
    else if (file != NULL)
        notes_from_file(r, release, base, file);
    else
        set(r, release->head, "notes", json_string(notes != NULL ? notes : ""));
}

static void read_requires(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    json_t *requires = json_object_get(obj, "requires");
    char field[CW_FIELDS_PATH_MAX];
    const char *product;
    struct cw_err err;
    json_t *range;

    cw_fields_join(field, base, "requires");
    if (requires == NULL || !cw_fields_is_object(&r->fields, requires, field))
        return;
    if (json_object_size(requires) > CW_REQUIRES_MAX)
        cw_fields_wrong(&r->fields, field, "more than %d products", CW_REQUIRES_MAX);
    json_object_foreach(requires, product, range) {
        char at[CW_FIELDS_PATH_MAX];

        cw_fields_join(at, field, product);
        if (!cw_fields_holds(&r->fields, field, product, cw_name_check_product(product, &err), &err))
            continue;
        if (release->product != NULL && strcmp(product, release->product) == 0)
            cw_fields_wrong(&r->fields, at, "a release cannot require its own product");
        if (!json_is_string(range))
            cw_fields_wrong(&r->fields, at, "is not a string");
        else
            cw_fields_holds(&r->fields, field, product, cw_semver_range_check(json_string_value(range), &err), &err);
    }
    if (json_object_size(requires) > 0)
        set(r, release->head, "requires", json_deep_copy(requires));
}

static void read_features(struct reader *r, struct cw_catalog_release *release, const json_t *obj, const char *base)
{
    json_t *features = json_object_get(obj, "features");
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    json_t *feature;
    size_t i;

    cw_fields_join(field, base, "features");
    if (features == NULL)
        return;
    if (!json_is_array(features) || json_array_size(features) > CW_FEATURES_MAX) {
        cw_fields_wrong(&r->fields, field, json_is_array(features) ? "more than %d features" : "is not an array", CW_FEATURES_MAX);
        return;
    }
    json_array_foreach(features, i, feature) {
        cw_fields_item(field, base, "features", i);
        if (!json_is_string(feature))
            cw_fields_wrong(&r->fields, field, "is not a string");
        else if (cw_name_check(json_string_value(feature), "feature", &err) != CW_OK)
            cw_fields_wrong(&r->fields, field, "%s", err.text);
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
            r->fields.nomem = true;
            return NULL;
        }
        catalog->releases = releases;
        catalog->release_room = room;
    }
    catalog->releases[catalog->release_count] = (struct cw_catalog_release){.head = json_object()};
    r->fields.nomem = r->fields.nomem || catalog->releases[catalog->release_count].head == NULL;
    return &catalog->releases[catalog->release_count++];
}

/* Twice in one catalog, or different by case only, which one folder cannot hold everywhere. */
static void check_version(struct reader *r, const struct cw_catalog_release *release, const char *base)
{
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    const struct cw_catalog_release *other;

    if (!cw_fields_holds(&r->fields, base, "version", cw_semver_check(release->version, &err), &err) || release->product == NULL)
        return;
    cw_fields_join(field, base, "version");
    for (other = r->catalog->releases; other < release; other++) {
        if (other->product == release->product && other->version != NULL && strcasecmp(other->version, release->version) == 0) {
            cw_fields_wrong(&r->fields, field, "version '%s' is in %s too", release->version, other->field);
            return;
        }
    }
}

static void read_release(struct reader *r, const json_t *obj, const char *base, const char *product)
{
    static const char *const known[] = {"version", "severity", "notes", "notes-file", "requires", "features", "sbom", "builds",
                                        NULL};
    char field[CW_FIELDS_PATH_MAX];
    struct cw_catalog_release *release;
    const json_t *builds;
    const char *severity;
    struct cw_err err;
    json_t *build;
    size_t i;

    if (!cw_fields_is_object(&r->fields, obj, base) || (release = new_release(r)) == NULL)
        return;
    cw_fields_only(&r->fields, obj, base, known);
    snprintf(release->field, sizeof release->field, "%s", base);
    release->product = product;
    release->version = cw_fields_text(&r->fields, obj, base, "version", true);
    if (release->version != NULL)
        check_version(r, release, base);
    severity = cw_fields_text(&r->fields, obj, base, "severity", false);
    if (severity != NULL)
        cw_fields_holds(&r->fields, base, "severity", cw_severity_check(severity, &err), &err);
    set(r, release->head, "severity", json_string(severity != NULL ? severity : "normal"));
    read_notes(r, release, obj, base);
    read_requires(r, release, obj, base);
    read_features(r, release, obj, base);
    builds = cw_fields_list(&r->fields, obj, base, "builds");
    json_array_foreach(builds, i, build) {
        cw_fields_item(field, base, "builds", i);
        read_build(r, release, build, field);
    }
    read_sbom(r, release, obj, base);
    if (release->file_count > CW_ARTIFACTS_MAX)
        cw_fields_wrong(&r->fields, base, "more than %d files", CW_ARTIFACTS_MAX);
}

static void check_product_name(struct reader *r, const json_t *products, size_t index, const char *name, const char *base)
{
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    size_t i;

    if (!cw_fields_holds(&r->fields, base, "name", cw_name_check_product(name, &err), &err))
        return;
    cw_fields_join(field, base, "name");
    for (i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(products, i), "name"));

        if (other != NULL && strcasecmp(other, name) == 0) {
            cw_fields_wrong(&r->fields, field, strcmp(other, name) == 0 ? "product '%s' is in products[%zu] too"
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
    char base[CW_FIELDS_PATH_MAX];
    char field[CW_FIELDS_PATH_MAX];
    const json_t *releases;
    const char *name;
    json_t *release;
    size_t i;

    cw_fields_item(base, "", "products", index);
    if (!cw_fields_is_object(&r->fields, obj, base))
        return;
    cw_fields_only(&r->fields, obj, base, known);
    name = cw_fields_text(&r->fields, obj, base, "name", true);
    if (name != NULL)
        check_product_name(r, products, index, name, base);
    releases = cw_fields_list(&r->fields, obj, base, "releases");
    json_array_foreach(releases, i, release) {
        cw_fields_item(field, base, "releases", i);
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

    if (!cw_fields_is_object(&r->fields, doc, ""))
        return;
    cw_fields_only(&r->fields, doc, "", known);
    format = cw_fields_text(&r->fields, doc, "", "format", true);
    if (format != NULL && strcmp(format, "1") != 0 && !cw_str_starts(format, "1."))
        cw_fields_wrong(&r->fields, "format", "is '%s'; this version of Causeway reads catalogs of format 1", format);
    products = cw_fields_list(&r->fields, doc, "", "products");
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
    struct reader r = {.catalog = catalog, .fields = {.file = path, .mistakes = mistakes}};
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
    r.fields.text = cw_buf_text(&catalog->text);
    r.fields.len = catalog->text.len;
    rc = cw_json_parse(&catalog->doc, r.fields.text, r.fields.len, err);
    if (rc == CW_E_VERIFY)
        note_malformed(path, mistakes, err);
    if (rc == CW_OK)
        read_doc(&r);
    if (r.fields.nomem)
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
