/* SPDX-License-Identifier: ISC */
/*
 * Loading the published state; see gen/state.h.
 */
#include "gen/state.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/root.h"
#include "gen/repo.h"
#include "tree/layout.h"

/* Reads and parses one file, checked against what the file above says of it (NULL: nothing does) and its
 * role's keys. */
static int load_meta(struct cw_tuf_meta *meta, enum cw_tuf_type type, int tree, const char *path,
                     const struct cw_listed *said, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TARGETS_MAX);
    int rc = cw_at_read_file(&bytes, tree, path, err);

    if (rc == CW_OK && said != NULL)
        rc = cw_listed_check(said, bytes.data, bytes.len, err);
    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(meta, type, bytes.data, bytes.len, err);
    if (rc == CW_OK && said != NULL && meta->version != said->version)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, expected %lld", (long long)meta->version,
                        (long long)said->version);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, path);
}

static int verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, struct cw_err *err)
{
    int rc = cw_tuf_verify(meta, role, err);

    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, CW_TREE_METADATA);
}

static int verify_top(const struct cw_state *state, const struct cw_tuf_meta *meta, const char *name,
                      struct cw_err *err)
{
    struct cw_tuf_role role;
    int rc = cw_tuf_root_role(&role, &state->root, name, err);

    return rc == CW_OK ? verify(meta, &role, err) : rc;
}

/* A publisher's tree keeps every root, so the newest is found by counting; the folder may hold many thousand files. */
static int find_root(int64_t *version, int tree, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    bool there = true;
    int rc = CW_OK;

    for (*version = 0; rc == CW_OK && there; *version += there) {
        rc = cw_tree_metadata_path(path, *version + 1, "root", err);
        if (rc == CW_OK)
            rc = cw_at_has(&there, tree, path, err);
    }
    return rc == CW_OK && *version == 0 ? cw_tree_newest_root(version, tree, err) : rc;
}

static int load_root(struct cw_state *state, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int64_t version;
    int rc = find_root(&version, state->tree, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(
            err, CW_E_INCOMPLETE,
            "the tree has no root: where its first ceremony is open, 'status' says whose signatures it "
            "waits for");
    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, version, "root", err);
    if (rc == CW_OK)
        rc = load_meta(&state->root, CW_TUF_ROOT, state->tree, path, NULL, err);
    if (rc == CW_OK && state->root.version != version)
        rc = cw_err_set(err, CW_E_VERIFY, "'%s/%s' says that it is version %lld", CW_REPO_TREE, path,
                        (long long)state->root.version);
    return rc == CW_OK ? verify_top(state, &state->root, "root", err) : rc;
}

static int load_timestamp(struct cw_state *state, struct cw_err *err)
{
    const char *published;
    int rc = load_meta(&state->timestamp, CW_TUF_TIMESTAMP, state->tree, CW_TREE_TIMESTAMP, NULL, err);

    if (rc == CW_OK)
        rc = verify_top(state, &state->timestamp, "timestamp", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&published, state->timestamp.signed_, "published", err);
    if (rc == CW_OK)
        rc = cw_time_parse(&state->published, published, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "timestamp");
}

/* As the timestamp names it. */
static int load_snapshot(struct cw_state *state, struct cw_err *err)
{
    struct cw_tuf_role role;
    struct cw_tuf_file said;
    char path[CW_PATH_MAX];
    int rc = cw_tuf_meta_file(&said, &state->timestamp, "snapshot", err);

    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, said.version, "snapshot", err);
    if (rc == CW_OK)
        rc = cw_tuf_root_role(&role, &state->root, "snapshot", err);
    if (rc != CW_OK)
        return rc;
    rc = cw_at_read_file(&state->snapshot_text, state->tree, path, err);
    if (rc == CW_OK)
        rc = cw_tuf_file_check(&said, cw_buf_text(&state->snapshot_text), state->snapshot_text.len, err);
    if (rc == CW_OK)
        rc = cw_listing_read(&state->snapshot, cw_buf_text(&state->snapshot_text), state->snapshot_text.len,
                             &role, err);
    if (rc == CW_OK && state->snapshot.version != said.version)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, expected %lld",
                        (long long)state->snapshot.version, (long long)said.version);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, path);
}

/* A role that the snapshot names. */
static int load_listed(struct cw_tuf_meta *meta, const struct cw_state *state, const char *name,
                       struct cw_err *err)
{
    const struct cw_listed *said;
    char path[CW_PATH_MAX];
    int rc = cw_listing_find(&said, &state->snapshot, name, err);

    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, said->version, name, err);
    return rc == CW_OK ? load_meta(meta, CW_TUF_TARGETS, state->tree, path, said, err) : rc;
}

/* The delegation alone; the role's file waits until somebody asks. */
static int note_role(struct cw_state *state, size_t index, struct cw_err *err)
{
    struct cw_state_role *role = &state->roles[index];
    char probe[CW_PATH_MAX];
    int rc = cw_tuf_delegation_at(&role->keys, &state->targets, index, err);

    if (rc == CW_OK)
        rc = cw_tree_channel_target(probe, role->keys.name, err);
    if (rc != CW_OK)
        return rc;
    role->name = role->keys.name;
    role->is_channel = cw_tuf_delegation_covers(&state->targets, index, probe);
    return CW_OK;
}

static int note_roles(struct cw_state *state, struct cw_err *err)
{
    size_t i, count = cw_tuf_delegation_count(&state->targets);
    int rc = CW_OK;

    state->roles = calloc(count + 1, sizeof *state->roles);
    if (state->roles == NULL)
        return cw_err_nomem(err);
    state->role_count = count;
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = note_role(state, i, err);
    return rc;
}

int cw_state_meta(const struct cw_tuf_meta **meta, const struct cw_state *state,
                  const struct cw_state_role *role, struct cw_err *err)
{
    struct cw_tuf_meta *loaded = &state->roles[role - state->roles].loaded;
    int rc;

    *meta = loaded;
    if (loaded->doc != NULL)
        return CW_OK;
    rc = load_listed(loaded, state, role->name, err);
    if (rc == CW_OK)
        rc = verify(loaded, &role->keys, err);
    if (rc != CW_OK) {
        cw_tuf_meta_clear(loaded);
        *loaded = (struct cw_tuf_meta){.doc = NULL};
    }
    return rc == CW_E_NOTFOUND ? err->code = CW_E_INCOMPLETE : rc;
}

int cw_state_load(struct cw_state *state, int tree, struct cw_err *err)
{
    int rc;

    *state = (struct cw_state){.tree = tree, .snapshot_text = CW_BUF_INIT(CW_TUF_SNAPSHOT_MAX)};
    rc = load_root(state, err);
    if (rc == CW_OK)
        rc = load_timestamp(state, err);
    if (rc == CW_OK)
        rc = load_snapshot(state, err);
    if (rc == CW_OK)
        rc = load_listed(&state->targets, state, "targets", err);
    if (rc == CW_OK)
        rc = verify_top(state, &state->targets, "targets", err);
    if (rc == CW_OK)
        rc = note_roles(state, err);
    return rc == CW_E_NOTFOUND ? err->code = CW_E_INCOMPLETE : rc;
}

void cw_state_clear(struct cw_state *state)
{
    size_t i;

    for (i = 0; i < state->role_count; i++)
        cw_tuf_meta_clear(&state->roles[i].loaded);
    free(state->roles);
    cw_tuf_meta_clear(&state->targets);
    cw_listing_clear(&state->snapshot);
    cw_buf_clear(&state->snapshot_text);
    cw_tuf_meta_clear(&state->timestamp);
    cw_tuf_meta_clear(&state->root);
    *state = (struct cw_state){.tree = -1};
}

const struct cw_state_role *cw_state_role(const struct cw_state *state, const char *name)
{
    size_t i;

    for (i = 0; i < state->role_count; i++) {
        if (strcmp(state->roles[i].name, name) == 0)
            return &state->roles[i];
    }
    return NULL;
}

const struct cw_state_role *cw_state_product(const struct cw_state *state, const char *name)
{
    const struct cw_state_role *role = cw_state_role(state, name);

    return role != NULL && !role->is_channel ? role : NULL;
}

const struct cw_state_role *cw_state_channel(const struct cw_state *state, const char *name)
{
    const struct cw_state_role *role = cw_state_role(state, name);

    return role != NULL && role->is_channel ? role : NULL;
}

enum cw_life cw_state_life(const struct cw_state *state, const char *role)
{
    static const struct {
        const char *name;
        enum cw_life life;
    } top[] = {{"root", CW_LIFE_ROOT},
               {"targets", CW_LIFE_TARGETS},
               {"snapshot", CW_LIFE_SNAPSHOT},
               {"timestamp", CW_LIFE_TIMESTAMP}};
    size_t i;

    for (i = 0; i < CW_COUNT(top); i++) {
        if (strcmp(top[i].name, role) == 0)
            return top[i].life;
    }
    return cw_state_channel(state, role) != NULL ? CW_LIFE_CHANNEL : CW_LIFE_PRODUCT;
}

int cw_state_each(const struct cw_state *state,
                  int (*fn)(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err),
                  void *ctx, struct cw_err *err)
{
    const struct cw_tuf_meta snapshot = {
        .type = CW_TUF_SNAPSHOT, .version = state->snapshot.version, .expires = state->snapshot.expires};
    size_t i;
    int rc = fn(ctx, "root", &state->root, err);

    if (rc == CW_OK)
        rc = fn(ctx, "targets", &state->targets, err);
    for (i = 0; i < state->role_count && rc == CW_OK; i++) {
        struct cw_tuf_meta meta;

        rc = cw_state_peek(&meta, NULL, state, state->roles[i].name, err);
        if (rc == CW_OK)
            rc = fn(ctx, state->roles[i].name, &meta, err);
    }
    if (rc == CW_OK)
        rc = fn(ctx, "snapshot", &snapshot, err);
    return rc == CW_OK ? fn(ctx, "timestamp", &state->timestamp, err) : rc;
}
