/* SPDX-License-Identifier: ISC */
/*
 * Which files nothing keeps, and their removal; see gen/gc.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "gen/gc.h"
#include "gen/stage_scan.h"
#include "tree/layout.h"

/* ---- metadata that a valid snapshot names ---- */

static int keep_meta(struct cw_gc *gc, const char *role, int64_t version, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, role, err);

    if (rc == CW_OK && json_object_set_new(gc->metadata, path, json_true()) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int keep_listed(struct cw_gc *gc, const struct cw_listing *snapshot, struct cw_err *err)
{
    size_t i;
    int rc = keep_meta(gc, "snapshot", snapshot->version, err);

    for (i = 0; i < snapshot->count && rc == CW_OK; i++) {
        char role[CW_TUF_NAME_MAX];

        cw_listed_role(role, &snapshot->rows[i]);
        rc = keep_meta(gc, role, snapshot->rows[i].version, err);
    }
    return rc;
}

static int see_snapshot(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_SNAPSHOT_MAX);
    CW_AUTO_LISTING snapshot = {.rows = NULL};
    char role[CW_TUF_NAME_MAX], path[CW_PATH_MAX];
    struct cw_gc *gc = ctx;
    int64_t version;
    int rc;

    if (!S_ISREG(st->st_mode) || !cw_tree_split_metadata(name, &version, role) ||
        strcmp(role, "snapshot") != 0 || version >= gc->state->snapshot.version)
        return CW_OK;
    rc = cw_tree_metadata_path(path, version, role, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, gc->state->tree, path, err);
    if (rc == CW_OK && (rc = cw_listing_read(&snapshot, cw_buf_text(&bytes), bytes.len, NULL, err)) != CW_OK)
        return cw_err_prefix(err, "'tree/%s'", path);
    /* Valid as long as anybody may still follow it. */
    return rc == CW_OK && snapshot.expires > gc->retention.now ? keep_listed(gc, &snapshot, err) : rc;
}

/* ---- and what that metadata signs ---- */

static int read_targets(struct cw_tuf_meta *meta, const struct cw_gc *gc, const char *path,
                        struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TARGETS_MAX);
    int rc = cw_at_read_file(&bytes, gc->state->tree, path, err);

    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(meta, CW_TUF_TARGETS, cw_buf_text(&bytes), bytes.len, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'tree/%s'", path);
}

static int keep_signed(struct cw_gc *gc, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    struct cw_tuf_file file;
    const char *target;
    json_t *entry;
    int rc = CW_OK;

    json_object_foreach (json_object_get(meta->signed_, "targets"), target, entry) {
        if (cw_tuf_target_file(&file, meta, target, err) != CW_OK || cw_tuf_file_sha256(&file) == NULL)
            continue;
        rc = cw_tree_target_path(path, target, cw_tuf_file_sha256(&file), err);
        if (rc == CW_OK)
            rc = cw_reach_add(&gc->reach, path, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

/* Of a channel's role an old file stays while it names a serial that does: it says who signed it. */
static int names_serial(bool *names, const struct cw_gc *gc, const char *role, const struct cw_tuf_meta *meta,
                        struct cw_err *err)
{
    char target[CW_PATH_MAX], path[CW_PATH_MAX];
    struct cw_tuf_file file;
    int rc = cw_tree_channel_target(target, role, err);

    *names = false;
    if (rc != CW_OK || cw_tuf_target_file(&file, meta, target, NULL) != CW_OK ||
        cw_tuf_file_sha256(&file) == NULL)
        return rc;
    rc = cw_tree_target_path(path, target, cw_tuf_file_sha256(&file), err);
    *names = rc == CW_OK && json_object_get(gc->serials, path) != NULL;
    return rc;
}

static int add_file(struct cw_gc *gc, const char *path, const struct stat *st, const char *why,
                    struct cw_err *err)
{
    gc->bytes += (uint64_t)st->st_size;
    return json_array_append_new(gc->files, json_pack("{s:s, s:I, s:s}", "path", path, "bytes",
                                                      (json_int_t)st->st_size, "why", why)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int see_metadata(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct cw_tuf_meta meta = {.doc = NULL};
    char role[CW_TUF_NAME_MAX], path[CW_PATH_MAX];
    struct cw_gc *gc = ctx;
    bool kept, named = false;
    int64_t version;
    int rc;

    snprintf(path, sizeof path, CW_TREE_METADATA "/%s", name);
    if (gc->progress != NULL)
        cw_progress_add(gc->progress, (uint64_t)st->st_size);
    if (!S_ISREG(st->st_mode) || !cw_tree_split_metadata(name, &version, role) || version == 0 ||
        strcmp(role, "root") == 0 || strcmp(role, "targets") == 0)
        return CW_OK;
    kept = json_object_get(gc->metadata, path) != NULL;
    if (strcmp(role, "snapshot") == 0 || (!kept && cw_state_channel(gc->state, role) == NULL))
        return kept ? CW_OK : add_file(gc, path, st, "superseded", err);
    rc = read_targets(&meta, gc, path, err);
    if (rc == CW_OK && kept)
        rc = keep_signed(gc, &meta, err);
    else if (rc == CW_OK)
        rc = names_serial(&named, gc, role, &meta, err);
    cw_tuf_meta_clear(&meta);
    return rc == CW_OK && !kept && !named ? add_file(gc, path, st, "superseded", err) : rc;
}

/* ---- what is staged ---- */

static int keep_staged_file(void *ctx, const struct cw_bin_target *file, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct cw_gc *gc = ctx;
    int rc;

    snprintf(target, sizeof target, "%.*s", (int)file->path.len, file->path.at);
    snprintf(sha256, sizeof sha256, "%.64s", file->sha256);
    rc = cw_tree_target_path(path, target, sha256, err);
    return rc == CW_OK ? cw_reach_add(&gc->reach, path, err) : rc;
}

static int keep_staged(struct cw_gc *gc, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    struct cw_stage_head head;
    char product[CW_PATH_MAX];
    const char *key;
    json_t *value;
    int rc = CW_OK;

    json_object_foreach (gc->stage->releases, key, value) {
        const char *version = strchr(key, '@') + 1;

        snprintf(product, sizeof product, "%.*s", (int)(version - 1 - key), key);
        cw_buf_reset(&text);
        rc = cw_stage_read(&text, gc->stage, product, version, err);
        if (rc == CW_OK)
            rc = cw_stage_scan(&head, &text, product, version, keep_staged_file, gc, err);
        if (rc != CW_OK)
            return rc;
    }
    return rc;
}

/* ---- targets ---- */

static int see_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct cw_gc *gc = ctx;

    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (!S_ISREG(st->st_mode) || !cw_tree_split_target(path, target, sha256))
        return CW_OK;
    if (cw_reach_has(&gc->reach, path) ||
        gc->wall - st->st_mtime < gc->retention.seconds) /* on its way, maybe */
        return json_object_get(gc->deltas, sha256) == NULL ||
                       json_object_set_new(gc->deltas, sha256, json_true()) == 0
                   ? CW_OK
                   : cw_err_nomem(err);
    return add_file(gc, path, st,
                    cw_str_starts(target, "channels/") ? "of a serial that is not kept" : "nothing names it",
                    err);
}

/* ---- deltas ---- */

static int note_delta(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char to[CW_SHA256_TEXT];
    struct cw_gc *gc = ctx;

    return !S_ISREG(st->st_mode) || !cw_tree_split_delta(name, to) ||
                   json_object_set_new(gc->deltas, to, json_false()) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int see_delta(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char path[CW_PATH_MAX], to[CW_SHA256_TEXT];
    struct cw_gc *gc = ctx;

    snprintf(path, sizeof path, CW_TREE_DELTAS "/%s", name);
    return S_ISREG(st->st_mode) && cw_tree_split_delta(name, to) &&
                   json_is_false(json_object_get(gc->deltas, to))
               ? add_file(gc, path, st, "leads to a file that is not kept", err)
               : CW_OK;
}

static int walk_if_there(struct cw_gc *gc, const char *folder, cw_walk_fn *visit, struct cw_err *err)
{
    bool there = false;
    int rc = cw_at_has(&there, gc->state->tree, folder, err);

    return rc == CW_OK && there ? cw_walk(gc->state->tree, folder, visit, gc, err) : rc;
}

static int add_size(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    uint64_t *size = ctx;

    (void)name;
    (void)err;
    *size += (uint64_t)st->st_size;
    return CW_OK;
}

uint64_t cw_gc_size(const struct cw_gc *gc)
{
    uint64_t size = 0;

    return cw_walk(gc->state->tree, CW_TREE_METADATA, add_size, &size, NULL) == CW_OK ? size : 0;
}

int cw_gc_find(struct cw_gc *gc, struct cw_err *err)
{
    int rc = keep_listed(gc, &gc->state->snapshot, err);

    if (rc == CW_OK)
        rc = cw_walk(gc->state->tree, CW_TREE_METADATA, see_snapshot, gc, err);
    if (rc == CW_OK)
        rc = cw_walk(gc->state->tree, CW_TREE_METADATA, see_metadata, gc, err);
    if (rc == CW_OK)
        rc = keep_staged(gc, err);
    if (rc == CW_OK)
        rc = walk_if_there(gc, CW_TREE_DELTAS, note_delta, err);
    if (rc == CW_OK)
        rc = walk_if_there(gc, CW_TREE_TARGETS, see_target, err);
    return rc == CW_OK ? walk_if_there(gc, CW_TREE_DELTAS, see_delta, err) : rc;
}

/* A folder that is empty then goes too; it is not missed when it stays. */
int cw_gc_remove(const struct cw_gc *gc, struct cw_err *err)
{
    json_t *row;
    size_t i;

    json_array_foreach (gc->files, i, row) {
        const char *path = json_string_value(json_object_get(row, "path")), *name;
        char folder[CW_PATH_MAX];
        CW_AUTO_FD int parent = -1;
        int rc = cw_at_open_parent(&parent, &name, gc->state->tree, path, false, err);

        if (rc == CW_OK && unlinkat(parent, name, 0) != 0 && errno != ENOENT)
            rc = cw_err_errno(err, errno, "unable to remove '%s'", path);
        if (rc != CW_OK)
            return rc;
        snprintf(folder, sizeof folder, "%.*s", (int)(name - path - 1), path);
        (void)unlinkat(gc->state->tree, folder, AT_REMOVEDIR);
    }
    return json_array_size(gc->files) > 0 ? cw_sync_all(gc->state->tree, err) : CW_OK;
}
