/* SPDX-License-Identifier: ISC */
/*
 * Section 5.6.1 to 5.6.6: taking in one targets file, the top-level one or a delegated one; they differ in
 * whose keys count and in what comes next.
 */
#include "tuf/state.h"

/* The role's file is there and holds. */
static int proceed(struct cw_tuf_update *update, struct cw_err *err)
{
    update->step = CW_TUF_STEP_DONE;
    if (update->walk.path == NULL) /* nothing is searched: the refresh, or a role for its own sake */
        return CW_OK;
    return cw_tuf_walk_visit(update, cw_tuf_held_of(update, update->wanted.name), err);
}

static int verify(struct cw_tuf_held *held, const struct cw_tuf_role *role, struct cw_err *err)
{
    int rc = cw_tuf_held_is_by(held, role) ? CW_OK : cw_tuf_verify(&held->meta, role, err);

    if (rc == CW_OK)
        cw_tuf_held_note(held, role);
    return rc;
}

int cw_tuf_targets_start(struct cw_tuf_update *update, const struct cw_tuf_role *role, struct cw_err *err)
{
    struct cw_tuf_held *held = cw_tuf_held_of(update, role->name);
    int rc;

    update->wanted = *role;
    if (held != NULL) { /* verified before, but maybe with another delegator's keys */
        rc = cw_tuf_held_use(update, held, err);
        if (rc == CW_OK)
            rc = verify(held, role, err);
        return rc == CW_OK ? proceed(update, err) : cw_err_prefix(err, "%s", role->name);
    }
    rc = cw_tuf_meta_file(&update->wanted_file, &cw_tuf_held_of(update, "snapshot")->meta, role->name, err);
    if (rc == CW_E_NOTFOUND)
        rc = cw_err_set(err, CW_E_VERIFY, "%s: is delegated to, but snapshot does not list it", role->name);
    update->step = CW_TUF_STEP_TARGETS_LOAD;
    return rc;
}

int cw_tuf_targets_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    want->max = update->params.targets_max;
    return cw_tuf_want_file(update, want, CW_TUF_LOAD, 0, update->wanted.name, err);
}

/* 5.6.2 to 5.6.4. */
static int check(const struct cw_tuf_update *update, struct cw_tuf_held *targets, struct cw_err *err)
{
    const struct cw_tuf_file *file = &update->wanted_file;
    int rc = cw_tuf_file_check(file, targets->bytes, targets->len, err);

    if (rc == CW_OK)
        rc = verify(targets, &update->wanted, err);
    if (rc == CW_OK && targets->meta.version != file->version)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, but snapshot lists version %lld",
                        (long long)targets->meta.version, (long long)file->version);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", update->wanted.name);
    return cw_tuf_expiry_check(update, &targets->meta, update->wanted.name, err);
}

/* A parsed file becomes this run's file of the role, if it holds. */
static int take_held(struct cw_tuf_update *update, struct cw_tuf_held **targets, bool fetched,
                     struct cw_err *err)
{
    int rc = check(update, *targets, err);

    if (rc != CW_OK)
        return rc;
    cw_tuf_expiry_note(update, &(*targets)->meta);
    return cw_tuf_hold(update, targets, fetched, err);
}

static int take(struct cw_tuf_update *update, const void *bytes, size_t len, bool fetched, struct cw_err *err)
{
    struct cw_tuf_held *targets;
    int rc = cw_tuf_held_new(&targets, update->wanted.name, CW_TUF_TARGETS, bytes, len, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", update->wanted.name);
    rc = take_held(update, &targets, fetched, err);
    cw_tuf_held_free(targets);
    return rc;
}

/* A copy that is not the one wanted now, or does not hold, is as good as none. */
int cw_tuf_targets_load_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    int rc = take(update, bytes, len, false, err);

    if (rc == CW_OK)
        return proceed(update, err);
    return rc == CW_E_NOMEM ? rc : cw_tuf_targets_load_absent(update, err);
}

int cw_tuf_targets_load_absent(struct cw_tuf_update *update, struct cw_err *err)
{
    (void)err;
    update->step = CW_TUF_STEP_TARGETS_FETCH;
    return CW_OK;
}

int cw_tuf_targets_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    const struct cw_tuf_file *file = &update->wanted_file;
    int rc = cw_tuf_length_limit(&want->max, file, update->params.targets_max, update->wanted.name, err);

    if (rc != CW_OK)
        return rc;
    return cw_tuf_want_file(update, want, CW_TUF_FETCH, cw_tuf_name_version(update, file->version),
                            update->wanted.name, err);
}

int cw_tuf_targets_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    int rc = take(update, bytes, len, true, err);

    return rc == CW_OK ? proceed(update, err) : rc;
}

int cw_tuf_targets_give_ahead(struct cw_tuf_update *update, struct cw_tuf_ahead *ahead, struct cw_err *err)
{
    int rc;

    cw_tuf_held_note(ahead->held, &ahead->role);
    rc = take_held(update, &ahead->held, true, err);
    return rc == CW_OK ? proceed(update, err) : rc;
}
