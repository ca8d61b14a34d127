/* SPDX-License-Identifier: ISC */
/*
 * Section 5.4: the timestamp. The trusted copies of timestamp and snapshot are looked at first, because what
 * they say may not be taken back.
 */
#include "tuf/state.h"

int cw_tuf_timestamp_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    want->max = update->params.timestamp_max;
    return cw_tuf_want_file(update, want, CW_TUF_LOAD, 0, "timestamp", err);
}

/* A copy that does not hold is as good as none: it may be of keys that the root has replaced since, or
 * torn. */
int cw_tuf_timestamp_load_give(struct cw_tuf_update *update, const void *bytes, size_t len,
                               struct cw_err *err)
{
    struct cw_tuf_held *old;
    int rc = cw_tuf_held_new(&old, "timestamp", CW_TUF_TIMESTAMP, bytes, len, err);

    if (rc == CW_OK)
        rc = cw_tuf_verify_top(update, &old->meta, "timestamp", err);
    if (rc == CW_OK && !update->keys_rotated)
        update->old_timestamp = old;
    else
        cw_tuf_held_free(old);
    return rc == CW_E_NOMEM ? rc : cw_tuf_timestamp_load_absent(update, err);
}

int cw_tuf_timestamp_load_absent(struct cw_tuf_update *update, struct cw_err *err)
{
    (void)err;
    update->step = CW_TUF_STEP_SNAPSHOT_LOAD;
    return CW_OK;
}

int cw_tuf_timestamp_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    want->max = update->params.timestamp_max;
    return cw_tuf_want_file(update, want, CW_TUF_FETCH, 0, "timestamp", err);
}

/* 5.4.3: neither the timestamp nor the snapshot it names may be older than what is trusted. */
static int check_rollback(struct cw_tuf_update *update, const struct cw_tuf_meta *new, struct cw_err *err)
{
    const struct cw_tuf_meta *old = &update->old_timestamp->meta;
    struct cw_tuf_file before, after;
    int rc;

    update->older = new->version < old->version;
    if (update->older)
        return cw_err_set(err, CW_E_VERIFY, "version %lld is older than the trusted version %lld",
                          (long long)new->version, (long long)old->version);
    rc = cw_tuf_meta_file(&before, old, "snapshot", err);
    if (rc == CW_OK)
        rc = cw_tuf_meta_file(&after, new, "snapshot", err);
    if (rc == CW_OK && new->version > old->version && after.version < before.version)
        rc = cw_err_set(err, CW_E_VERIFY, "names snapshot version %lld, older than the trusted version %lld",
                        (long long)after.version, (long long)before.version);
    return rc;
}

/* The timestamp that counts from here on: a new one, or, when nothing has changed, the one that was
 * trusted before. */
static int settle(struct cw_tuf_update *update, struct cw_tuf_held **timestamp, bool is_new,
                  struct cw_err *err)
{
    int rc = cw_tuf_expiry_check(update, &(*timestamp)->meta, "timestamp", err);

    if (rc != CW_OK)
        return rc;
    cw_tuf_expiry_note(update, &(*timestamp)->meta);
    rc = cw_tuf_hold(update, timestamp, is_new, err);
    return rc == CW_OK ? cw_tuf_snapshot_start(update, err) : rc;
}

static int take(struct cw_tuf_update *update, struct cw_tuf_held **new, struct cw_err *err)
{
    const struct cw_tuf_held *old = update->old_timestamp;
    int rc = cw_tuf_verify_top(update, &(*new)->meta, "timestamp", err);

    if (rc == CW_OK && old != NULL)
        rc = check_rollback(update, &(*new)->meta, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "timestamp");
    if (old != NULL && (*new)->meta.version == old->meta.version)
        return settle(update, &update->old_timestamp, false, err);
    return settle(update, new, true, err);
}

int cw_tuf_timestamp_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    struct cw_tuf_held *new;
    int rc = cw_tuf_held_new(&new, "timestamp", CW_TUF_TIMESTAMP, bytes, len, err);

    if (rc == CW_OK)
        rc = take(update, &new, err);
    else
        cw_err_prefix(err, "timestamp");
    cw_tuf_held_free(new);
    return rc;
}
