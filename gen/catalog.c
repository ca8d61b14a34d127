/* SPDX-License-Identifier: ISC */
/*
 * Reading a catalog: from its text to releases and files, noting each mistake and going on; see
 * gen/catalog.h.
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
#include "gen/catalog_reader.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

unsigned cw_catalog_line(const struct cw_catalog *catalog, const char *field)
{
    if (catalog->line != 0)
        return catalog->line;
    return catalog->text.len > 0 ? cw_json_line(catalog->text.data, catalog->text.len, field) : 0;
}

void cw_catalog_mistake(const struct cw_catalog *catalog, struct cw_mistakes *mistakes, const char *field,
                        const char *what)
{
    cw_mistakes_add(mistakes, catalog->path, cw_catalog_line(catalog, field), field, "%s", what);
}

void cw_catalog_set(struct cw_catalog_reader *r, json_t *obj, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(obj, key, value) != 0)
        r->fields.nomem = true;
}

void cw_catalog_read_notes_file(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                                const char *base, const char *file)
{
    CW_AUTO_BUF notes = CW_BUF_INIT(CW_CATALOG_NOTES_MAX);
    CW_AUTO_FREE char *path = cw_catalog_source_path(r, file);
    CW_AUTO_FD int fd = -1;
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    uint64_t size;
    json_t *value;

    cw_fields_join(field, base, "notes-file");
    if (path == NULL || !cw_catalog_look(r, field, path, &size))
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
    value = memchr(cw_buf_text(&notes), '\0', notes.len) == NULL
                ? json_stringn(cw_buf_text(&notes), notes.len)
                : NULL;
    if (value == NULL) {
        cw_fields_wrong(&r->fields, field, "'%s' is not text in UTF-8", path);
        return;
    }
    cw_fields_holds(&r->fields, base, "notes-file", cw_text_check(json_string_value(value), path, &err),
                    &err);
    cw_catalog_set(r, release->head, "notes", value);
}

static void read_notes(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                       const char *base)
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
        cw_catalog_read_notes_file(r, release, base, file);
    else
        cw_catalog_set(r, release->head, "notes", json_string(notes != NULL ? notes : ""));
}

static void read_requires(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                          const char *base)
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
    json_object_foreach (requires, product, range) {
        char at[CW_FIELDS_PATH_MAX];

        cw_fields_join(at, field, product);
        if (!cw_fields_holds(&r->fields, field, product, cw_name_check_product(product, &err), &err))
            continue;
        if (release->product != NULL && strcmp(product, release->product) == 0)
            cw_fields_wrong(&r->fields, at, "a release cannot require its own product");
        if (!json_is_string(range))
            cw_fields_wrong(&r->fields, at, "is not a string");
        else
            cw_fields_holds(&r->fields, field, product, cw_semver_range_check(json_string_value(range), &err),
                            &err);
    }
    if (json_object_size(requires) > 0)
        cw_catalog_set(r, release->head, "requires", cw_json_deep_copy(requires));
}

static void read_features(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                          const char *base)
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
        cw_fields_wrong(&r->fields, field,
                        json_is_array(features) ? "more than %d features" : "is not an array",
                        CW_FEATURES_MAX);
        return;
    }
    json_array_foreach (features, i, feature) {
        cw_fields_item(field, base, "features", i);
        if (!json_is_string(feature))
            cw_fields_wrong(&r->fields, field, "is not a string");
        else if (cw_name_check(json_string_value(feature), "feature", &err) != CW_OK)
            cw_fields_wrong(&r->fields, field, "%s", err.text);
    }
    if (json_array_size(features) > 0)
        cw_catalog_set(r, release->head, "features", cw_json_deep_copy(features));
}

struct cw_catalog_release *cw_catalog_new_release(struct cw_catalog_reader *r)
{
    struct cw_catalog *catalog = r->catalog;
    void *releases = catalog->releases;

    if (!cw_catalog_grow(r, &releases, &catalog->release_room, catalog->release_count,
                         sizeof *catalog->releases))
        return NULL;
    catalog->releases = releases;
    catalog->releases[catalog->release_count] = (struct cw_catalog_release){.head = json_object()};
    r->fields.nomem = r->fields.nomem || catalog->releases[catalog->release_count].head == NULL;
    return &catalog->releases[catalog->release_count++];
}

/* Twice in one catalog, or different by case only, which one folder cannot hold everywhere. */
static void check_version(struct cw_catalog_reader *r, const struct cw_catalog_release *release,
                          const char *base)
{
    char field[CW_FIELDS_PATH_MAX];
    struct cw_err err;
    const struct cw_catalog_release *other;

    if (!cw_fields_holds(&r->fields, base, "version", cw_semver_check(release->version, &err), &err) ||
        release->product == NULL)
        return;
    cw_fields_join(field, base, "version");
    for (other = r->catalog->releases; other < release; other++) {
        if (other->product == release->product && other->version != NULL &&
            strcasecmp(other->version, release->version) == 0) {
            cw_fields_wrong(&r->fields, field, "version '%s' is in %s too", release->version, other->field);
            return;
        }
    }
}

struct cw_catalog_release *cw_catalog_read_head(struct cw_catalog_reader *r, const json_t *obj,
                                                const char *base, const char *product,
                                                const char *const *known)
{
    struct cw_catalog_release *release;
    const char *severity;
    struct cw_err err;

    if (!cw_fields_is_object(&r->fields, obj, base) || (release = cw_catalog_new_release(r)) == NULL)
        return NULL;
    cw_fields_only(&r->fields, obj, base, known);
    snprintf(release->field, sizeof release->field, "%s", base);
    release->product = product;
    release->version = cw_fields_text(&r->fields, obj, base, "version", true);
    if (release->version != NULL)
        check_version(r, release, base);
    severity = cw_fields_text(&r->fields, obj, base, "severity", false);
    if (severity != NULL)
        cw_fields_holds(&r->fields, base, "severity", cw_severity_check(severity, &err), &err);
    cw_catalog_set(r, release->head, "severity", json_string(severity != NULL ? severity : "normal"));
    read_notes(r, release, obj, base);
    read_requires(r, release, obj, base);
    read_features(r, release, obj, base);
    return release;
}

void cw_catalog_read_release(struct cw_catalog_reader *r, const json_t *obj, const char *base,
                             const char *product, const char *const *known)
{
    struct cw_catalog_release *release = cw_catalog_read_head(r, obj, base, product, known);
    char field[CW_FIELDS_PATH_MAX];
    const json_t *builds;
    json_t *build;
    size_t i;

    if (release == NULL)
        return;
    builds = cw_fields_list(&r->fields, obj, base, "builds");
    json_array_foreach (builds, i, build) {
        cw_fields_item(field, base, "builds", i);
        cw_catalog_read_build(r, release, build, field);
    }
    cw_catalog_read_sbom(r, release, obj, base);
    if (release->file_count > CW_ARTIFACTS_MAX)
        cw_fields_wrong(&r->fields, base, "more than %d files", CW_ARTIFACTS_MAX);
}

static void check_product_name(struct cw_catalog_reader *r, const json_t *products, size_t index,
                               const char *name, const char *base)
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
            cw_fields_wrong(&r->fields, field,
                            strcmp(other, name) == 0 ? "product '%s' is in products[%zu] too"
                                                     : "product '%s' differs by case only from products[%zu]",
                            name, i);
            return;
        }
    }
}

static void read_product(struct cw_catalog_reader *r, const json_t *products, size_t index)
{
    static const char *const known[] = {"name", "releases", NULL};
    static const char *const in_release[] = {"version",  "severity", "notes",  "notes-file", "requires",
                                             "features", "sbom",     "builds", NULL};
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
    json_array_foreach (releases, i, release) {
        cw_fields_item(field, base, "releases", i);
        cw_catalog_read_release(r, release, field, name, in_release);
    }
}

static void read_doc(struct cw_catalog_reader *r)
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
        cw_fields_wrong(&r->fields, "format", "is '%s'; this version of Causeway reads catalogs of format 1",
                        format);
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
        return cw_err_set(err, CW_E_VERIFY, "'%s' is larger than a catalog may be (%zu bytes): split it",
                          catalog->path, CW_CATALOG_MAX);
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

int cw_catalog_set_folder(struct cw_catalog_reader *r, const char *path, struct cw_err *err)
{
    size_t len = (size_t)(cw_str_basename(path) - path);

    if (len >= sizeof r->folder)
        return cw_err_set(err, CW_E_FAIL, "'%s': the path is too long", path);
    memcpy(r->folder, path, len);
    r->folder[len] = '\0';
    return CW_OK;
}

int cw_catalog_read(struct cw_catalog *catalog, const char *path, bool no_files, struct cw_mistakes *mistakes,
                    struct cw_err *err)
{
    struct cw_catalog_reader r = {
        .catalog = catalog, .no_files = no_files, .fields = {.file = path, .mistakes = mistakes}};
    size_t before = mistakes->count;
    int rc;

    *catalog = (struct cw_catalog){.path = path, .text = CW_BUF_INIT(CW_CATALOG_MAX)};
    rc = cw_catalog_set_folder(&r, path, err);
    if (rc == CW_OK)
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
    return rc == CW_OK && mistakes->count > before ? cw_err_set(err, CW_E_VERIFY, "'%s' has mistakes", path)
                                                   : rc;
}

void cw_catalog_forget(struct cw_catalog *catalog)
{
    size_t i, j;

    for (i = 0; i < catalog->release_count; i++) {
        for (j = 0; j < catalog->releases[i].file_count; j++)
            free(catalog->releases[i].files[j].source);
        free(catalog->releases[i].files);
        cw_names_clear(&catalog->releases[i].names);
        json_decref(catalog->releases[i].head);
    }
    catalog->release_count = 0;
    json_decref(catalog->doc);
    catalog->doc = NULL;
}

void cw_catalog_clear(struct cw_catalog *catalog)
{
    cw_catalog_forget(catalog);
    free(catalog->releases);
    cw_buf_clear(&catalog->text);
    *catalog = (struct cw_catalog){.path = NULL};
}
