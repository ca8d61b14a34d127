/* SPDX-License-Identifier: ISC */
/*
 * The chain of roots of a mirror: read and verified anew at each run, completed downward once.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/tuf/mirror_parts.h"

#define PATH_BYTES 64 /* "metadata/<19 digits>.root.json" */

static void root_path(char path[PATH_BYTES], int64_t version)
{
    snprintf(path, PATH_BYTES, "metadata/%lld.root.json", (long long)version);
}

static size_t root_max(const struct cw_mirroring *mirroring)
{
    size_t max = mirroring->options->params.root_max;

    return max != 0 ? max : CW_TUF_ROOT_MAX;
}

int cw_mirroring_add_root(struct cw_mirroring *mirroring, int64_t version, const void *bytes, size_t len,
                          struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char path[PATH_BYTES];
    int rc;

    root_path(path, version);
    rc = cw_out_open(&out, mirroring->dir, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, bytes, len, err);
    return rc == CW_OK ? cw_batch_add(&mirroring->roots, &out, err) : rc;
}

/* Follows the roots on the disk from the one given. One that is not there, or does not hold, ends it: then the server is asked. */
static int follow(struct cw_tuf_update *update, int dir, struct cw_err *err)
{
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK && want.kind != CW_TUF_LOAD) {
        CW_AUTO_BUF bytes = CW_BUF_INIT(want.max);
        char path[CW_PATH_MAX];

        if (want.kind == CW_TUF_STORE) {
            rc = cw_tuf_update_stored(update, err);
        } else {
            snprintf(path, sizeof path, "metadata/%s", want.name);
            rc = cw_remote_read_copy(&bytes, dir, path, err);
            if (rc == CW_OK)
                rc = cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err);
        }
        if (rc != CW_OK)
            break;
    }
    return rc == CW_E_NOTFOUND || rc == CW_E_VERIFY ? CW_OK : rc;
}

/* One stretch of at most CW_TUF_ROOT_ROTATIONS_MAX roots; *root becomes the last of it. */
static int follow_stretch(struct cw_mirroring *mirroring, struct cw_buf *root, int64_t *version,
                          struct cw_err *err)
{
    struct cw_tuf_params params = mirroring->options->params;
    struct cw_tuf_update *update = NULL;
    const void *bytes;
    size_t len;
    int rc;

    params.grace = INT64_MAX; /* the last one's expiry is judged when it is known to be the last */
    rc = cw_tuf_update_new(&update, &params, cw_buf_text(root), root->len, err);
    if (rc == CW_OK)
        rc = follow(update, mirroring->dir, err);
    if (rc == CW_OK) {
        bytes = cw_tuf_update_bytes(update, "root", &len);
        *version = cw_tuf_update_meta(update, "root")->version;
        cw_buf_reset(root);
        cw_buf_add(root, bytes, len);
        rc = cw_buf_check(root, "a root", err);
    }
    cw_tuf_update_free(update);
    return rc;
}

static int read_trusted(struct cw_mirroring *mirroring, struct cw_buf *root, struct cw_err *err)
{
    struct cw_tuf_meta meta;
    struct stat st;
    char path[PATH_BYTES];
    int rc = cw_remote_read_named(root, mirroring->options->root_file, err);

    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(&meta, CW_TUF_ROOT, cw_buf_text(root), root->len, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", mirroring->options->root_file);
    mirroring->first_root = meta.version;
    cw_tuf_meta_clear(&meta);
    root_path(path, mirroring->first_root);
    rc = cw_at_stat(&st, mirroring->dir, path, err);
    if (rc == CW_E_NOTFOUND)
        rc = cw_mirroring_add_root(mirroring, mirroring->first_root, cw_buf_text(root), root->len, err);
    return rc;
}

int cw_mirroring_read_roots(struct cw_mirroring *mirroring, struct cw_buf *root, struct cw_err *err)
{
    int64_t before, version;
    int rc;

    cw_buf_init(root, root_max(mirroring));
    rc = read_trusted(mirroring, root, err);
    version = mirroring->first_root;
    do {
        before = version;
        if (rc == CW_OK)
            rc = follow_stretch(mirroring, root, &version, err);
    } while (rc == CW_OK && version > before);
    return rc;
}

/* All that can be said of a root that nobody here trusts: it is one, of that version. */
static bool looks_like_root(const struct cw_buf *bytes, int64_t version)
{
    json_auto_t *doc = NULL;
    const json_t *body;
    const char *type;

    if (cw_json_parse(&doc, cw_buf_text(bytes), bytes->len, NULL) != CW_OK)
        return false;
    body = json_object_get(doc, "signed");
    type = json_string_value(json_object_get(body, "_type"));
    return type != NULL && strcmp(type, "root") == 0 &&
           json_integer_value(json_object_get(body, "version")) == version;
}

static int fetch_old_root(struct cw_mirroring *mirroring, int64_t version, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(root_max(mirroring));
    char path[PATH_BYTES];
    struct stat st;
    int rc;

    root_path(path, version);
    if (cw_at_stat(&st, mirroring->dir, path, NULL) == CW_OK)
        return CW_OK;
    rc = cw_remote_metadata(mirroring->remote, cw_str_basename(path), &bytes, err);
    if (rc == CW_OK && !looks_like_root(&bytes, version)) {
        cw_cli_warn(mirroring->cli, "'%s' is no root of that version; roots before version %lld are left out",
                    path, (long long)version + 1);
        return CW_E_NOTFOUND;
    }
    return rc == CW_OK ? cw_mirroring_add_root(mirroring, version, cw_buf_text(&bytes), bytes.len, err) : rc;
}

int cw_mirroring_fetch_old_roots(struct cw_mirroring *mirroring, struct cw_err *err)
{
    int64_t version, last = mirroring->first_root - CW_TUF_ROOT_ROTATIONS_MAX;
    int rc = CW_OK;

    for (version = mirroring->first_root - 1; version >= 1 && version >= last && rc == CW_OK; version--)
        rc = fetch_old_root(mirroring, version, err);
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}
