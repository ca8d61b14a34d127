/* SPDX-License-Identifier: ISC */
/*
 * Section 5.5: the snapshot, which must be the one that the timestamp names and may not take back what the
 * trusted one said.
 */
#include <string.h>

#include "base/str.h"
#include "tuf/state.h"

int cw_tuf_snapshot_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    want->max = update->params.snapshot_max;
    return cw_tuf_want_file(update, want, CW_TUF_LOAD, 0, "snapshot", err);
}

/* A well-formed copy that the root's keys no longer vouch for means that they were rotated, maybe in an
 * earlier run that did not come to its end: then the timestamp is not to be believed either (5.3.11). */
int cw_tuf_snapshot_load_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    struct cw_tuf_held *old;
    int rc = cw_tuf_held_new(&old, "snapshot", CW_TUF_SNAPSHOT, bytes, len, err);

    if (rc == CW_OK) {
        rc = cw_tuf_verify_top(update, &old->meta, "snapshot", err);
        if (rc == CW_E_VERIFY) {
            cw_tuf_held_free(update->old_timestamp);
            update->old_timestamp = NULL;
        }
    }
    if (rc == CW_OK && !update->keys_rotated)
        update->old_snapshot = old;
    else
        cw_tuf_held_free(old);
    return rc == CW_E_NOMEM ? rc : cw_tuf_snapshot_load_absent(update, err);
}

int cw_tuf_snapshot_load_absent(struct cw_tuf_update *update, struct cw_err *err)
{
    (void)err;
    update->step = CW_TUF_STEP_TIMESTAMP_FETCH;
    return CW_OK;
}

/* What the timestamp says of the snapshot. */
static int stated(struct cw_tuf_file *file, const struct cw_tuf_update *update, struct cw_err *err)
{
    return cw_tuf_meta_file(file, &cw_tuf_held_of(update, "timestamp")->meta, "snapshot", err);
}

/* 5.5.2 and 5.5.4. */
static int check_stated(const struct cw_tuf_update *update, const struct cw_tuf_held *snapshot,
                        struct cw_err *err)
{
    struct cw_tuf_file file;
    int rc = stated(&file, update, err);

    if (rc == CW_OK)
        rc = cw_tuf_file_check(&file, snapshot->bytes, snapshot->len, err);
    if (rc == CW_OK && snapshot->meta.version != file.version)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, but timestamp names version %lld",
                        (long long)snapshot->meta.version, (long long)file.version);
    return rc;
}

/* The snapshot that counts from here on; next comes the top-level targets role. */
static int settle(struct cw_tuf_update *update, struct cw_tuf_held **snapshot, bool is_new,
                  struct cw_err *err)
{
    struct cw_tuf_role role;
    int rc;

    cw_tuf_expiry_note(update, &(*snapshot)->meta);
    rc = cw_tuf_hold(update, snapshot, is_new, err);
    if (rc == CW_OK)
        rc = cw_tuf_root_role(&role, &cw_tuf_held_of(update, "root")->meta, "targets", err);
    return rc == CW_OK ? cw_tuf_targets_start(update, &role, err) : rc;
}

int cw_tuf_snapshot_start(struct cw_tuf_update *update, struct cw_err *err)
{
    const struct cw_tuf_held *old = update->old_snapshot;

    update->step = CW_TUF_STEP_SNAPSHOT_FETCH;
    if (old == NULL || check_stated(update, old, NULL) != CW_OK ||
        cw_tuf_expiry_check(update, &old->meta, "snapshot", NULL) != CW_OK)
        return CW_OK;
    return settle(update, &update->old_snapshot, false, err);
}

int cw_tuf_snapshot_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    struct cw_tuf_file file;
    int rc = stated(&file, update, err);

    if (rc == CW_OK)
        rc = cw_tuf_length_limit(&want->max, &file, update->params.snapshot_max, "snapshot", err);
    if (rc != CW_OK)
        return rc;
    return cw_tuf_want_file(update, want, CW_TUF_FETCH, cw_tuf_name_version(update, file.version), "snapshot",
                            err);
}

/* 5.5.5: no role vanishes, none goes back. */
static int check_rollback(const struct cw_tuf_meta *old, const struct cw_tuf_meta *new, struct cw_err *err)
{
    const json_t *before = json_object_get(old->signed_, "meta"),
                 *after = json_object_get(new->signed_, "meta");
    const char *name;
    json_t *entry;

    json_object_foreach ((json_t *)before, name, entry) {
        int64_t version = json_integer_value(json_object_get(entry, "version"));
        const json_t *now = json_object_get(after, name);

        if (now == NULL)
            return cw_err_set(err, CW_E_VERIFY, "does not list '%s' any more", name);
        if (json_integer_value(json_object_get(now, "version")) < version)
            return cw_err_set(
                err, CW_E_VERIFY, "lists '%s' in version %lld, older than the trusted version %lld", name,
                (long long)json_integer_value(json_object_get(now, "version")), (long long)version);
    }
    return CW_OK;
}

static int check(const struct cw_tuf_update *update, const struct cw_tuf_held *snapshot, struct cw_err *err)
{
    int rc = check_stated(update, snapshot, err);

    if (rc == CW_OK)
        rc = cw_tuf_verify_top(update, &snapshot->meta, "snapshot", err);
    if (rc == CW_OK && update->old_snapshot != NULL)
        rc = check_rollback(&update->old_snapshot->meta, &snapshot->meta, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "snapshot");
    return cw_tuf_expiry_check(update, &snapshot->meta, "snapshot", err);
}

int cw_tuf_snapshot_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    struct cw_tuf_held *new;
    int rc = cw_tuf_held_new(&new, "snapshot", CW_TUF_SNAPSHOT, bytes, len, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "snapshot");
    rc = check(update, new, err);
    if (rc == CW_OK)
        rc = settle(update, &new, true, err);
    cw_tuf_held_free(new);
    return rc;
}
