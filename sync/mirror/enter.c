/* SPDX-License-Identifier: ISC */
/*
 * The end of a pull: verified metadata becomes the site's. Why the steps stand in this order is told in
 * pull.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "sync/mirror/pull.h"
#include "sync/mirror/trust.h"
#include "tree/layout.h"

static bool is_type(const char *role, enum cw_tuf_type type)
{
    return strcmp(role, cw_tuf_type_name(type)) == 0;
}

/* Everything but roots and the timestamp, each of which has its own moment. */
static int stage_role(void *ctx, const char *role, const struct cw_tuf_meta *meta, const void *bytes,
                      size_t len, struct cw_err *err)
{
    struct cw_pull *pull = ctx;
    char path[CW_PATH_MAX];
    int rc;

    if (is_type(role, CW_TUF_ROOT) || is_type(role, CW_TUF_TIMESTAMP))
        return CW_OK;
    rc = cw_tree_metadata_path(path, meta->version, role, err);
    return rc == CW_OK
               ? cw_trust_add(&pull->roles, pull->mirror_metadata, cw_str_basename(path), bytes, len, err)
               : rc;
}

int cw_pull_stage(struct cw_pull *pull, const struct cw_tuf_update *update, struct cw_err *err)
{
    int rc;

    if (pull->mirror_metadata >= 0)
        return CW_OK;
    rc = cw_at_make_dir(&pull->mirror_metadata, pull->mirror, CW_TREE_METADATA, err);
    cw_batch_init(&pull->roles, pull->mirror_metadata);
    if (rc == CW_OK)
        rc = cw_sweep(pull->mirror_metadata, "", err); /* what a killed run left */
    return rc == CW_OK ? cw_tuf_update_each(update, stage_role, pull, err) : rc;
}

void cw_pull_unstage(struct cw_pull *pull)
{
    cw_batch_clear(&pull->roles);
    if (pull->mirror_metadata >= 0)
        close(pull->mirror_metadata);
    pull->mirror_metadata = -1;
}

static int mirror_root(void *ctx, int64_t version, const char *from, struct cw_err *err)
{
    struct cw_pull *pull = ctx;
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, cw_tuf_type_name(CW_TUF_ROOT), err);

    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, pull->site->fd, from, err);
    return rc == CW_OK ? cw_trust_write(pull->mirror, path, cw_buf_text(&bytes), bytes.len, err) : rc;
}

/* "published" is Causeway's own; a timestamp of another TUF repository has none and does not move the
 * floor. */
static int raise_floor(struct cw_pull *pull, const struct cw_tuf_meta *timestamp, struct cw_err *err)
{
    const char *text = NULL;
    int64_t published;
    int rc = cw_json_opt_str(&text, timestamp->signed_, "published", err);

    if (rc == CW_OK && text != NULL)
        rc = cw_time_parse(&published, text, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "timestamp.json");
    if (text != NULL)
        cw_mirror_memory_raise(&pull->memory, published, timestamp->expires, pull->now);
    return CW_OK;
}

static int advance_memory(struct cw_pull *pull, const struct cw_tuf_update *update, const json_t *channels,
                          struct cw_err *err)
{
    struct cw_mirror_memory *memory = &pull->memory;
    size_t len;
    const void *bytes = cw_tuf_update_bytes(update, cw_tuf_type_name(CW_TUF_TIMESTAMP), &len);
    const struct cw_tuf_meta *timestamp = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_TIMESTAMP));
    const struct cw_tuf_meta *root = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_ROOT));
    bool same_state = memory->timestamp != NULL && memory->timestamp_len == len &&
                      memcmp(memory->timestamp, bytes, len) == 0;
    int rc = CW_OK;

    if (same_state && memory->root == root->version && json_equal(memory->channels, channels))
        return CW_OK;
    if (!same_state)
        rc = raise_floor(pull, timestamp, err);
    if (rc == CW_OK)
        rc = cw_mirror_memory_enter(memory, root->version, bytes, len, err);
    if (rc != CW_OK)
        return rc;
    json_decref(memory->channels);
    memory->channels = cw_json_deep_copy(channels);
    if (memory->channels == NULL)
        return cw_err_nomem(err);
    pull->result->changed = pull->result->changed || !same_state;
    return cw_mirror_memory_commit(memory, pull->site, pull->upstream, err);
}

static int trust_targets(const struct cw_pull *pull, const struct cw_tuf_update *update, struct cw_err *err)
{
    size_t len;
    const void *bytes = cw_tuf_update_bytes(update, cw_tuf_type_name(CW_TUF_TARGETS), &len);

    return cw_trust_store(pull->site, pull->upstream, "targets.json", bytes, len, err);
}

int cw_pull_enter(struct cw_pull *pull, const struct cw_tuf_update *update, const json_t *channels,
                  struct cw_err *err)
{
    int rc = cw_pull_stage(pull, update, err);

    if (rc == CW_OK)
        rc = cw_batch_commit(&pull->roles, err);
    if (rc == CW_OK)
        rc = cw_trust_each_root(pull->site, pull->upstream, mirror_root, pull, err);
    if (rc == CW_OK)
        rc = advance_memory(pull, update, channels, err);
    if (rc == CW_OK)
        rc = trust_targets(pull, update, err);
    return rc == CW_OK ? cw_pull_settle(pull, err) : rc;
}

/* The snapshot that the committed timestamp names is in the mirror since before the commit. */
static int settle_snapshot(struct cw_pull *pull, struct cw_err *err)
{
    const char *role = cw_tuf_type_name(CW_TUF_SNAPSHOT);
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_SNAPSHOT_MAX);
    struct cw_tuf_meta timestamp = {.doc = NULL};
    struct cw_tuf_file file;
    char path[CW_PATH_MAX];
    int rc = cw_tuf_meta_parse(&timestamp, CW_TUF_TIMESTAMP, pull->memory.timestamp,
                               pull->memory.timestamp_len, err);

    if (rc == CW_OK)
        rc = cw_tuf_meta_file(&file, &timestamp, role, err);
    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, file.version, role, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, pull->mirror, path, err);
    cw_tuf_meta_clear(&timestamp);
    if (rc == CW_E_NOTFOUND)
        return CW_OK; /* somebody emptied the mirror; the pull that follows fills it again */
    return rc == CW_OK ? cw_trust_store(pull->site, pull->upstream, "snapshot.json", cw_buf_text(&bytes),
                                        bytes.len, err)
                       : rc;
}

int cw_pull_settle(struct cw_pull *pull, struct cw_err *err)
{
    const struct cw_mirror_memory *memory = &pull->memory;
    int rc;

    if (memory->timestamp == NULL)
        return CW_OK;
    rc = settle_snapshot(pull, err);
    if (rc == CW_OK)
        rc = cw_trust_store(pull->site, pull->upstream, "timestamp.json", memory->timestamp,
                            memory->timestamp_len, err);
    return rc == CW_OK ? cw_trust_write(pull->mirror, CW_TREE_TIMESTAMP, memory->timestamp,
                                        memory->timestamp_len, err)
                       : rc;
}
