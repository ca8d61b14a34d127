/* SPDX-License-Identifier: ISC */
/*
 * add --from goreleaser: dist/artifacts.json with its files, and dist/metadata.json beside it for the version and
 * the project's name. https://goreleaser.com/customization/artifacts
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "gen/from_reader.h"
#include "release/manifest.h"

/* GoReleaser's artifact types. What is only published by it, or made for itself, is no artifact here. */
static const struct {
    const char *type, *kind, *left_out;
} types[] = {
    {"Archive", "archive", NULL},
    {"Binary", "file", NULL},
    {"File", NULL, NULL},
    {"Linux Package", "package", NULL},
    {"Snap", "package", NULL},
    {"Flatpak", "package", NULL},
    {"Source", "archive", "the source code"},
    {"SBOM", "file", "an SBOM"},
    {"Checksum", "file", "a checksum file"},
    {"Signature", "file", "a signature"},
    {"Certificate", "file", "a certificate"},
    {"Metadata", "file", "GoReleaser's own"},
};

#define UPLOADABLE_BINARY 2 /* internal_type of a binary that is released as it is */

/* A binary that also lies in an archive is named like that in all platforms. A released one has a number of its
 * own, or at least a checksum. */
static bool is_released(const json_t *artifact)
{
    const json_t *number = json_object_get(artifact, "internal_type");

    if (json_is_number(number))
        return json_number_value(number) == UPLOADABLE_BINARY;
    return json_object_get(json_object_get(artifact, "extra"), "Checksum") != NULL;
}

static bool read_type(struct cw_from_reader *r, struct cw_from_item *item, const json_t *artifact)
{
    const char *type = cw_fields_text(&r->base.fields, artifact, item->field, "type", true);
    size_t i;

    if (type == NULL)
        return false;
    for (i = 0; i < CW_COUNT(types); i++) {
        if (strcmp(types[i].type, type) != 0)
            continue;
        item->kind = types[i].kind;
        item->left_out = types[i].left_out;
        if (strcmp(type, "Binary") == 0 && !is_released(artifact))
            item->left_out = "a binary that is not released by itself";
        return true;
    }
    item->left_out = cw_from_keep(r, "of type '%s'", type);
    return item->left_out != NULL;
}

static const char *word(const json_t *artifact, const char *key)
{
    const char *text = json_string_value(json_object_get(artifact, key));

    return text != NULL ? text : "";
}

/* Go's own words: "linux-amd64", "linux-armv7"; a variant that is not the default is said, too. */
static const char *platform(struct cw_from_reader *r, const json_t *artifact)
{
    static const struct {
        const char *key, *plain;
    } variants[] = {{"goamd64", "v1"},       {"go386", "sse2"},     {"goarm64", "v8.0"},
                    {"gomips", "hardfloat"}, {"goppc64", "power8"}, {"goriscv64", "rva20u64"}};
    const char *os = word(artifact, "goos"), *arch = word(artifact, "goarch"), *more = "";
    size_t i;

    if (os[0] == '\0')
        return NULL;
    if (arch[0] == '\0')
        return cw_from_keep(r, "%s", os);
    if (strcmp(arch, "arm") == 0 && word(artifact, "goarm")[0] != '\0')
        return cw_from_keep(r, "%s-armv%s", os, word(artifact, "goarm"));
    for (i = 0; i < CW_COUNT(variants); i++) {
        const char *variant = word(artifact, variants[i].key);

        if (variant[0] != '\0' && strcmp(variant, variants[i].plain) != 0)
            more = variant;
    }
    return cw_from_keep(r, "%s-%s%s%s", os, arch, more[0] != '\0' ? "-" : "", more);
}

/* A file of the project that GoReleaser only publishes lies beside its folder; NULL: it does not. */
static const char *beside(struct cw_from_reader *r, const char *path)
{
    CW_AUTO_FREE char *inside = cw_str_format("%s%s", r->files, path);
    CW_AUTO_FREE char *outside = cw_str_format("%s../%s", r->files, path);
    struct stat st;

    if (inside == NULL || outside == NULL || !cw_path_is_relative(path) || stat(inside, &st) == 0 ||
        stat(outside, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    return cw_from_keep(r, "../%s", path);
}

/* Paths are those of the machine that built, beneath the project's folder or absolute: what stands behind the
 * folder that artifacts.json lies in is what counts. */
static const char *path_here(struct cw_from_reader *r, const char *path, const char *folder,
                             const char *field)
{
    size_t len = strlen(folder);
    const char *at, *rest = NULL, *other;

    for (at = path; len > 0 && at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, folder, len) == 0 && at[len] == '/' && rest == NULL)
            rest = at + len + 1;
    }
    if (rest == NULL && path[0] == '/')
        rest = cw_str_basename(path);
    if (rest == NULL && (other = beside(r, path)) != NULL)
        return other;
    return cw_from_path(r, rest != NULL ? rest : path, field);
}

static void take_artifact(struct cw_from_reader *r, const json_t *artifact, size_t index, const char *folder)
{
    struct cw_from_item item = {.name = NULL};
    const json_t *extra = json_object_get(artifact, "extra");
    const char *path, *checksum;

    snprintf(item.field, sizeof item.field, "[%zu]", index);
    if (!cw_fields_is_object(&r->base.fields, artifact, item.field) || !read_type(r, &item, artifact))
        return;
    item.name = cw_fields_text(&r->base.fields, artifact, item.field, "name", true);
    path = cw_fields_text(&r->base.fields, artifact, item.field, "path", true);
    checksum = json_string_value(json_object_get(extra, "Checksum"));
    if (item.name == NULL || path == NULL)
        return;
    item.path = item.left_out != NULL && r->from->includes.count == 0
                    ? item.name
                    : path_here(r, path, folder, item.field);
    if (item.path == NULL)
        return;
    item.platform = platform(r, artifact);
    if (checksum != NULL)
        cw_from_sum(r, &item, CW_SHA256, checksum);
    cw_from_take(r, &item);
}

/* metadata.json, where it lies beside. */
static int read_metadata(struct cw_from_reader *r, struct cw_from_head *head, struct cw_err *err)
{
    const char *path = r->base.catalog->path;
    CW_AUTO_FREE char *beside = cw_str_format("%.*smetadata.json", (int)(cw_str_basename(path) - path), path);
    CW_AUTO_BUF text = CW_BUF_INIT(CW_JSON_TEXT_MAX);
    CW_AUTO_FD int dir = -1;
    json_t *doc;
    int rc;

    if (beside == NULL)
        return cw_err_nomem(err);
    beside[strlen(beside) - strlen("metadata.json")] = '\0';
    rc = cw_dir_open(&dir, beside[0] != '\0' ? beside : ".", err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, dir, "metadata.json", err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_json_parse_foreign(&doc, cw_buf_text(&text), text.len, err);
    if (rc == CW_E_VERIFY) {
        cw_mistakes_add(r->base.fields.mistakes, "metadata.json", 0, "", "%s", err->text);
        return CW_OK;
    }
    if (rc == CW_OK && json_array_append_new(r->base.catalog->doc, doc) != 0)
        return cw_err_nomem(err);
    if (rc == CW_OK) {
        head->product = json_string_value(json_object_get(doc, "project_name"));
        head->version = json_string_value(json_object_get(doc, "version"));
    }
    return rc;
}

int cw_from_goreleaser(struct cw_from_reader *r, struct cw_err *err)
{
    struct cw_from_head head = {.product_field = "metadata.json: project_name",
                                .version_field = "metadata.json: version",
                                .notes_field = ""};
    CW_AUTO_FREE char *real = NULL;
    json_t *doc, *artifact;
    char *slash;
    size_t i;
    int rc = cw_from_load_json(r, &doc, err);

    if (rc != CW_OK || doc == NULL)
        return rc;
    if (!json_is_array(doc)) {
        cw_fields_wrong(&r->base.fields, "", "is not an array, as GoReleaser's artifacts.json is");
        return CW_OK;
    }
    rc = read_metadata(r, &head, err);
    real = realpath(r->base.catalog->path, NULL);
    if (rc != CW_OK || real == NULL || !cw_from_begin(r, &head))
        return rc != CW_OK || real != NULL ? rc : cw_err_nomem(err);
    slash = strrchr(real, '/');
    *slash = '\0';
    json_array_foreach (doc, i, artifact) {
        take_artifact(r, artifact, i, cw_str_basename(real));
    }
    return CW_OK;
}
