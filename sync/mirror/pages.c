/* SPDX-License-Identifier: ISC */
/*
 * The pages of a volume; see sync/mirror/pages.h.
 */
#include "sync/mirror/pages.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "crypt/hash.h"
#include "render/render.h"
#include "tree/layout.h"

int cw_bundle_code(char code[CW_PAGE_CODE], const char *bundle, int64_t index, bool complete,
                   struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(512);
    char sha256[CW_SHA256_TEXT];
    size_t i;
    int rc;

    cw_buf_addf(&text, "causeway %s %" PRId64 " %s", bundle, index, complete ? "complete" : "damaged");
    rc = cw_buf_check(&text, "the code of a volume", err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(&text), text.len, err);
    if (rc != CW_OK)
        return rc;
    for (i = 0; i < 8; i++)
        sha256[i] = (char)toupper((unsigned char)sha256[i]);
    snprintf(code, CW_PAGE_CODE, "%.4s-%.4s", sha256, sha256 + 4);
    return CW_OK;
}

static int add_volume(json_t *rows, const char *bundle, int64_t index, json_int_t files, uint64_t bytes,
                      struct cw_err *err)
{
    char size[16], code[CW_PAGE_CODE];
    int rc = cw_bundle_code(code, bundle, index, true, err);

    if (rc != CW_OK)
        return rc;
    cw_str_bytes(bytes, size);
    return json_array_append_new(rows, json_pack("{s:I, s:I, s:s, s:s}", "index", (json_int_t)index, "files",
                                                 files, "bytes", size, "code", code)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static uint64_t sum_of(const json_t *files)
{
    uint64_t sum = 0;
    json_t *file;
    size_t i;

    json_array_foreach (files, i, file)
        sum += (uint64_t)json_integer_value(json_object_get(file, "length"));
    return sum;
}

/* Where there is one volume only, its list need not say what the others hold. */
static int add_volumes(json_t *rows, const json_t *volume, struct cw_err *err)
{
    const char *bundle = json_string_value(json_object_get(volume, "bundle"));
    const json_t *volumes = json_object_get(volume, "volumes"), *files = json_object_get(volume, "files");
    json_t *one;
    size_t i;
    int rc = CW_OK;

    if (volumes == NULL)
        return add_volume(rows, bundle, 1, (json_int_t)json_array_size(files), sum_of(files), err);
    json_array_foreach (volumes, i, one) {
        rc = add_volume(rows, bundle, (int64_t)i + 1, json_integer_value(json_object_get(one, "files")),
                        (uint64_t)json_integer_value(json_object_get(one, "bytes")), err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

/* The path of the newest root among the files; "": there is none. */
static const char *newest_root(const json_t *files)
{
    const char *newest = "", *path, *name;
    char role[CW_TUF_NAME_MAX];
    int64_t version, highest = 0;
    json_t *file;
    size_t i;

    json_array_foreach (files, i, file) {
        path = json_string_value(json_object_get(file, "path"));
        name = path != NULL && cw_str_starts(path, CW_TREE_METADATA "/") ? cw_str_basename(path) : "";
        if (cw_tree_split_metadata(name, &version, role) && version > highest &&
            strcmp(role, cw_tuf_type_name(CW_TUF_ROOT)) == 0) {
            highest = version;
            newest = path;
        }
    }
    return newest;
}

/* The list, without its files, and what follows from it. */
static int make_view(json_t **view, const json_t *volume, struct cw_err *err)
{
    bool chosen = json_object_get(volume, "for") != NULL, since = json_object_get(volume, "since") != NULL;
    json_t *rows = json_array();

    *view = cw_json_copy(volume);
    if (rows == NULL || *view == NULL || json_object_set_new(*view, "volumes", rows) != 0 ||
        json_object_set_new(*view, "root_file", json_string(newest_root(json_object_get(volume, "files")))) !=
            0 ||
        json_object_del(*view, "files") != 0 ||
        json_object_set_new(*view, "full", json_boolean(!chosen && !since)) != 0 ||
        json_object_set_new(*view, "partial", json_boolean(chosen)) != 0 ||
        json_object_set_new(*view, "several",
                            json_boolean(json_integer_value(json_object_get(volume, "of")) > 1)) != 0)
        return cw_err_nomem(err);
    return add_volumes(rows, volume, err);
}

int cw_bundle_pages(struct cw_buf *index, struct cw_buf *carry, const json_t *volume, struct cw_err *err)
{
    json_auto_t *view = NULL;
    int rc = make_view(&view, volume, err);

    if (rc == CW_OK)
        rc = cw_render(index, CW_TEMPLATE_BUNDLE, view, err);
    return rc == CW_OK ? cw_render(carry, CW_TEMPLATE_CARRY, view, err) : rc;
}
