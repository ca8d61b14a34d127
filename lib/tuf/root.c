/* SPDX-License-Identifier: ISC */
/*
 * Section 5.3: following the chain of roots, each signed by the one before and by itself, and noticing when
 * timestamp's or snapshot's keys were taken away on the way.
 */
#include <string.h>

#include "tuf/state.h"

/* 5.3.10 and 5.3.12: no further root. */
static int finish(struct cw_tuf_update *update, struct cw_err *err)
{
    const struct cw_tuf_held *root = cw_tuf_held_of(update, "root");
    int rc = cw_tuf_expiry_check(update, &root->meta, "root", err);

    if (rc != CW_OK)
        return rc;
    cw_tuf_expiry_note(update, &root->meta);
    update->step = CW_TUF_STEP_TIMESTAMP_LOAD;
    return CW_OK;
}

int cw_tuf_root_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err)
{
    const struct cw_tuf_held *root = cw_tuf_held_of(update, "root");
    int rc;

    if (update->rotations >= CW_TUF_ROOT_ROTATIONS_MAX || root->meta.version == INT64_MAX) {
        rc = finish(update, err);
        return rc == CW_OK ? cw_tuf_timestamp_load_want(update, want, err) : rc;
    }
    want->max = update->params.root_max;
    want->optional = true;
    return cw_tuf_want_file(update, want, CW_TUF_FETCH, root->meta.version + 1, "root", err);
}

/* Has the role lost a key, or has one been replaced under its own keyid? */
static bool lost_key(const struct cw_tuf_role *before, const struct cw_tuf_role *after)
{
    json_t *keyid, *other;
    size_t i, j;

    json_array_foreach (before->keyids, i, keyid) {
        const char *id = json_string_value(keyid);
        bool kept = false;

        json_array_foreach (after->keyids, j, other)
            kept = kept || json_equal(keyid, other);
        if (!kept || !json_equal(json_object_get(before->keys, id), json_object_get(after->keys, id)))
            return true;
    }
    return false;
}

/* 5.3.11 asks for it, so that versions an attacker drove up are forgotten together with the keys he had. */
static bool rotates(const struct cw_tuf_meta *before, const struct cw_tuf_meta *after)
{
    static const char *const roles[] = {"timestamp", "snapshot"};
    struct cw_tuf_role old, new;

    for (size_t i = 0; i < 2; i++) {
        if (cw_tuf_root_role(&old, before, roles[i], NULL) != CW_OK ||
            cw_tuf_root_role(&new, after, roles[i], NULL) != CW_OK || lost_key(&old, &new))
            return true;
    }
    return false;
}

/* 5.3.4 and 5.3.5. */
static int check_next(const struct cw_tuf_update *update, const struct cw_tuf_meta *next, struct cw_err *err)
{
    const struct cw_tuf_held *root = cw_tuf_held_of(update, "root");
    struct cw_tuf_role own;
    int rc = cw_tuf_verify_top(update, next, "root", err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "by the keys of version %lld", (long long)root->meta.version);
    rc = cw_tuf_root_role(&own, next, "root", err);
    if (rc == CW_OK && cw_tuf_verify(next, &own, err) != CW_OK)
        rc = cw_err_prefix(err, "by its own keys");
    if (rc == CW_OK && next->version != root->meta.version + 1)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, not %lld", (long long)next->version,
                        (long long)root->meta.version + 1);
    return rc;
}

int cw_tuf_root_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err)
{
    const struct cw_tuf_held *root = cw_tuf_held_of(update, "root");
    struct cw_tuf_held *next;
    int rc = cw_tuf_held_new(&next, "root", CW_TUF_ROOT, bytes, len, err);

    if (rc == CW_OK)
        rc = check_next(update, &next->meta, err);
    if (rc != CW_OK) {
        cw_tuf_held_free(next);
        return cw_err_prefix(err, "root after version %lld", (long long)root->meta.version);
    }
    update->keys_rotated = update->keys_rotated || rotates(&root->meta, &next->meta);
    update->rotations++;
    rc = cw_tuf_hold(update, &next, true, err);
    cw_tuf_held_free(next);
    return rc;
}

int cw_tuf_root_absent(struct cw_tuf_update *update, struct cw_err *err)
{
    return finish(update, err);
}
