/* SPDX-License-Identifier: ISC */
/*
 * The client workflow's outer side: what is wanted next, who takes the answer, what is held. What each step
 * does is in root.c, timestamp.c, snapshot.c, targets.c and walk.c; what is held, in hold.c.
 */
#include "tuf/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tuf/state.h"

#define NAME_MAX_BYTES 256 /* of a file name: filesystems take 255 */

static const struct {
    int (*want)(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
    int (*give)(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);
    int (*absent)(struct cw_tuf_update *update, struct cw_err *err); /* NULL: it must be there */
    bool is_load;
} steps[] = {
    [CW_TUF_STEP_ROOT] = {cw_tuf_root_want, cw_tuf_root_give, cw_tuf_root_absent, false},
    [CW_TUF_STEP_TIMESTAMP_LOAD] = {cw_tuf_timestamp_load_want, cw_tuf_timestamp_load_give,
                                    cw_tuf_timestamp_load_absent, true},
    [CW_TUF_STEP_SNAPSHOT_LOAD] = {cw_tuf_snapshot_load_want, cw_tuf_snapshot_load_give,
                                   cw_tuf_snapshot_load_absent, true},
    [CW_TUF_STEP_TIMESTAMP_FETCH] = {cw_tuf_timestamp_want, cw_tuf_timestamp_give, NULL, false},
    [CW_TUF_STEP_SNAPSHOT_FETCH] = {cw_tuf_snapshot_want, cw_tuf_snapshot_give, NULL, false},
    [CW_TUF_STEP_TARGETS_LOAD] = {cw_tuf_targets_load_want, cw_tuf_targets_load_give,
                                  cw_tuf_targets_load_absent, true},
    [CW_TUF_STEP_TARGETS_FETCH] = {cw_tuf_targets_want, cw_tuf_targets_give, NULL, false},
};

int cw_tuf_verify_top(const struct cw_tuf_update *update, const struct cw_tuf_meta *meta, const char *role,
                      struct cw_err *err)
{
    struct cw_tuf_role keys;
    int rc = cw_tuf_root_role(&keys, &cw_tuf_held_of(update, "root")->meta, role, err);

    return rc == CW_OK ? cw_tuf_verify(meta, &keys, err) : rc;
}

int cw_tuf_expiry_check(const struct cw_tuf_update *update, const struct cw_tuf_meta *meta, const char *role,
                        struct cw_err *err)
{
    const struct cw_tuf_params *params = &update->params;
    char expires[CW_TIME_TEXT], now[CW_TIME_TEXT];

    if (params->now < meta->expires || params->now - meta->expires < params->grace)
        return CW_OK;
    cw_time_format(meta->expires, expires);
    cw_time_format(params->now, now);
    return cw_err_set(err, CW_E_EXPIRED, "%s version %lld expired at %s%s, and the clock says %s", role,
                      (long long)meta->version, expires,
                      params->grace > 0 ? ", longer ago than the grace allowed" : "", now);
}

void cw_tuf_expiry_note(struct cw_tuf_update *update, const struct cw_tuf_meta *meta)
{
    int64_t late = update->params.now - meta->expires;

    if (update->params.now < meta->expires)
        return;
    if (late == 0) /* expired this very second is expired, too */
        late = 1;
    if (late > update->grace_used)
        update->grace_used = late;
}

int64_t cw_tuf_name_version(const struct cw_tuf_update *update, int64_t version)
{
    return cw_tuf_root_is_consistent(&cw_tuf_held_of(update, "root")->meta) ? version : 0;
}

int cw_tuf_want_file(struct cw_tuf_update *update, struct cw_tuf_want *want, enum cw_tuf_want_kind kind,
                     int64_t version, const char *role, struct cw_err *err)
{
    int rc;

    cw_buf_reset(&update->name);
    if (version > 0)
        cw_buf_addf(&update->name, "%lld.", (long long)version);
    rc = cw_tuf_role_filename(&update->name, role, err);
    want->kind = kind;
    want->name = cw_buf_text(&update->name);
    want->role = role;
    return rc;
}

int cw_tuf_length_limit(size_t *limit, const struct cw_tuf_file *file, size_t most, const char *role,
                        struct cw_err *err)
{
    if (file->length > 0 && (uint64_t)file->length > most)
        return cw_err_set(err, CW_E_VERIFY, "%s: is said to have %lld bytes, more than the %zu allowed", role,
                          (long long)file->length, most);
    *limit = file->length >= 0 ? (size_t)file->length : most;
    return CW_OK;
}

static void set_params(struct cw_tuf_update *update, const struct cw_tuf_params *params)
{
    struct cw_tuf_params *own = &update->params;

    *own = *params;
    own->root_max = own->root_max != 0 ? own->root_max : CW_TUF_ROOT_MAX;
    own->timestamp_max = own->timestamp_max != 0 ? own->timestamp_max : CW_TUF_TIMESTAMP_MAX;
    own->snapshot_max = own->snapshot_max != 0 ? own->snapshot_max : CW_TUF_SNAPSHOT_MAX;
    own->targets_max = own->targets_max != 0 ? own->targets_max : CW_TUF_TARGETS_MAX;
}

/* The root that all else rests on: it must at least stand behind itself. */
static int hold_root(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    struct cw_tuf_held *root;
    int rc = cw_tuf_held_new(&root, "root", CW_TUF_ROOT, bytes, len, err);

    if (rc == CW_OK)
        rc = cw_tuf_hold(update, &root, false, err);
    cw_tuf_held_free(root);
    if (rc == CW_OK)
        rc = cw_tuf_verify_top(update, &cw_tuf_held_of(update, "root")->meta, "root", err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "trusted root");
}

int cw_tuf_update_new(struct cw_tuf_update **update, const struct cw_tuf_params *params, const void *root,
                      size_t len, struct cw_err *err)
{
    struct cw_tuf_update *made = calloc(1, sizeof *made);
    int rc = CW_OK;

    *update = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    cw_buf_init(&made->name, NAME_MAX_BYTES);
    set_params(made, params);
    made->index = json_object();
    if (made->index == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = hold_root(made, root, len, err);
    if (rc != CW_OK) {
        cw_tuf_update_free(made);
        return rc;
    }
    *update = made;
    return CW_OK;
}

void cw_tuf_update_free(struct cw_tuf_update *update)
{
    if (update == NULL)
        return;
    for (size_t i = 0; i < update->held_count; i++)
        cw_tuf_held_free(update->held[i]);
    free(update->held);
    json_decref(update->index);
    cw_tuf_held_free(update->old_timestamp);
    cw_tuf_held_free(update->old_snapshot);
    cw_tuf_walk_clear(&update->walk);
    cw_buf_clear(&update->name);
    free(update);
}

/* A failed refresh leaves nothing to go on with; a failed search (the top-level roles hold) ends as one
 * that found nothing. */
static int ended(struct cw_tuf_update *update, int rc)
{
    if (rc == CW_OK)
        return rc;
    update->asked = false;
    update->failed = update->walk.path == NULL;
    update->walk.depth = 0;
    update->step = CW_TUF_STEP_DONE;
    return rc;
}

static int want_store(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    const struct cw_tuf_held *held = update->store;

    want->bytes = held->bytes;
    want->len = held->len;
    want->version = held->meta.version;
    return cw_tuf_want_file(update, want, CW_TUF_STORE, 0, held->role, err);
}

int cw_tuf_update_next(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    int rc;

    *want = (struct cw_tuf_want){.kind = CW_TUF_DONE};
    if (update->failed)
        return cw_err_set(err, CW_E_FAIL, "this refresh has failed before");
    if (update->store != NULL)
        return ended(update, want_store(update, want, err));
    if (update->step == CW_TUF_STEP_DONE)
        return CW_OK;
    rc = steps[update->step].want(update, want, err);
    update->asked = rc == CW_OK;
    update->limit = want->max;
    return ended(update, rc);
}

/* Is an answer due now? */
static int check_asked(struct cw_tuf_update *update, struct cw_err *err)
{
    if (update->failed || !update->asked)
        return cw_err_set(err, CW_E_FAIL, "the update was given '%s' without having asked",
                          cw_buf_text(&update->name));
    update->asked = false;
    return CW_OK;
}

int cw_tuf_update_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    int rc = check_asked(update, err);

    if (rc != CW_OK)
        return rc;
    if (len <= update->limit)
        rc = steps[update->step].give(update, bytes, len, err);
    else if (steps[update->step].is_load)
        rc = steps[update->step].absent(update, err);
    else
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is larger than the %zu bytes allowed",
                        cw_buf_text(&update->name), update->limit);
    return ended(update, rc);
}

int cw_tuf_update_give_ahead(struct cw_tuf_update *update, struct cw_tuf_ahead *ahead, const void *bytes,
                             size_t len, struct cw_err *err)
{
    if (ahead->held == NULL || update->failed || !update->asked || len > update->limit ||
        update->step != CW_TUF_STEP_TARGETS_FETCH || strcmp(ahead->role.name, update->wanted.name) != 0)
        return cw_tuf_update_give(update, bytes, len, err);
    update->asked = false;
    return ended(update, cw_tuf_targets_give_ahead(update, ahead, err));
}

int cw_tuf_update_absent(struct cw_tuf_update *update, struct cw_err *err)
{
    int rc = check_asked(update, err);

    if (rc != CW_OK)
        return rc;
    if (steps[update->step].absent != NULL)
        rc = steps[update->step].absent(update, err);
    else
        rc = cw_err_set(err, CW_E_INCOMPLETE, "'metadata/%s' is missing", cw_buf_text(&update->name));
    return ended(update, rc);
}

int cw_tuf_update_stored(struct cw_tuf_update *update, struct cw_err *err)
{
    if (update->failed || update->store == NULL)
        return cw_err_set(err, CW_E_FAIL, "the update had nothing to store");
    update->store = NULL;
    return CW_OK;
}

int cw_tuf_update_find(struct cw_tuf_update *update, const char *path, struct cw_err *err)
{
    if (update->failed || update->step != CW_TUF_STEP_DONE)
        return cw_err_set(err, CW_E_FAIL, "target '%s' is asked for before the refresh is done", path);
    return ended(update, cw_tuf_walk_start(update, path, err));
}

int cw_tuf_update_take(struct cw_tuf_update *update, const char *delegator, size_t index, struct cw_err *err)
{
    const struct cw_tuf_held *held = cw_tuf_held_of(update, delegator);
    struct cw_tuf_role role;
    int rc;

    if (update->failed || update->step != CW_TUF_STEP_DONE || held == NULL)
        return cw_err_set(err, CW_E_FAIL, "a delegation of '%s' is asked for before it is there", delegator);
    cw_tuf_walk_clear(&update->walk);
    cw_tuf_ease(update);
    rc = cw_tuf_delegation_at(&role, &held->meta, index, err);
    return ended(update, rc == CW_OK ? cw_tuf_targets_start(update, &role, err) : rc);
}

int cw_tuf_update_found(const struct cw_tuf_update *update, struct cw_tuf_file *file, const char **role,
                        struct cw_err *err)
{
    const struct cw_tuf_walk *walk = &update->walk;

    if (walk->found == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "no role signs target '%s'",
                          walk->path != NULL ? walk->path : "");
    if (role != NULL)
        *role = walk->found->role;
    return cw_tuf_target_file(file, &walk->found->meta, walk->path, err);
}

const struct cw_tuf_meta *cw_tuf_update_meta(const struct cw_tuf_update *update, const char *role)
{
    const struct cw_tuf_held *held = cw_tuf_held_of(update, role);

    return held != NULL ? &held->meta : NULL;
}

const void *cw_tuf_update_bytes(const struct cw_tuf_update *update, const char *role, size_t *len)
{
    const struct cw_tuf_held *held = cw_tuf_held_of(update, role);

    if (held == NULL)
        return NULL;
    *len = held->len;
    return held->bytes;
}

int cw_tuf_update_each(const struct cw_tuf_update *update,
                       int (*fn)(void *ctx, const char *role, const struct cw_tuf_meta *meta,
                                 const void *bytes, size_t len, struct cw_err *err),
                       void *ctx, struct cw_err *err)
{
    for (size_t i = 0; i < update->held_count; i++) {
        const struct cw_tuf_held *held = update->held[i];
        int rc = fn(ctx, held->role, &held->meta, held->bytes, held->len, err);

        if (rc != 0)
            return rc;
    }
    return CW_OK;
}

bool cw_tuf_update_is_older(const struct cw_tuf_update *update)
{
    return update->older;
}

int64_t cw_tuf_update_grace_used(const struct cw_tuf_update *update)
{
    return update->grace_used;
}
