/* SPDX-License-Identifier: ISC */
/*
 * Naming the signers of a channel's past; see gen/signed_by.h.
 */
#include "gen/signed_by.h"

#include <string.h>

#include "base/mem.h"
#include "tree/layout.h"

struct looking {
    const struct cw_state *state;
    const struct cw_keys *keys;
    const char *channel;
    json_t *known;   /* keyid → key: of every delegation read so far */
    int64_t targets; /* the oldest version of targets that was read */
    json_t *signers;
};

/* *there false: it is not kept, or is no longer what it was; the record is shorter then, which is not an error here. */
static int read_role(bool *there, struct cw_tuf_meta *meta, const struct looking *l, const char *role,
                     int64_t version, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TARGETS_MAX);
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, role, err);

    *there = false;
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, l->state->tree, path, err);
    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(meta, CW_TUF_TARGETS, cw_buf_text(&bytes), bytes.len, err);
    if (rc == CW_E_NOTFOUND || rc == CW_E_VERIFY) {
        cw_err_clear(err);
        return CW_OK;
    }
    *there = rc == CW_OK;
    return rc;
}

static int learn(struct looking *l, const struct cw_tuf_meta *targets, struct cw_err *err)
{
    struct cw_tuf_role role;
    size_t i, k;
    json_t *id;

    for (i = 0; i < cw_tuf_delegation_count(targets); i++) {
        if (cw_tuf_delegation_at(&role, targets, i, NULL) != CW_OK || strcmp(role.name, l->channel) != 0)
            continue;
        json_array_foreach (role.keyids, k, id) {
            const char *keyid = json_string_value(id);

            if (json_object_set(l->known, keyid, json_object_get(role.keys, keyid)) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

/* Keys that were rotated out stand in older delegations, which are read only when a signature needs them. */
static int find_key(bool *found, struct looking *l, const char *keyid, struct cw_err *err)
{
    int rc = CW_OK;

    for (;;) {
        struct cw_tuf_meta meta = {.doc = NULL};
        bool there;

        *found = json_object_get(l->known, keyid) != NULL;
        if (rc != CW_OK || *found || l->targets <= 1)
            return rc;
        rc = read_role(&there, &meta, l, "targets", --l->targets, err);
        if (rc == CW_OK && there)
            rc = learn(l, &meta, err);
        cw_tuf_meta_clear(&meta);
    }
}

static int holds(bool *good, struct looking *l, const struct cw_tuf_meta *meta, json_t *keyid,
                 struct cw_err *err)
{
    json_auto_t *keyids = json_pack("[O]", keyid);
    struct cw_tuf_role alone = {.keys = l->known, .keyids = keyids, .threshold = 1};
    int rc = find_key(good, l, json_string_value(keyid), err);

    if (keyids == NULL)
        return cw_err_nomem(err);
    *good = rc == CW_OK && *good && cw_tuf_verify(meta, &alone, NULL) == CW_OK;
    return rc;
}

static int name_signers(json_t *names, struct looking *l, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    json_t *signature;
    size_t i;

    json_array_foreach (json_object_get(meta->doc, "signatures"), i, signature) {
        json_t *keyid = json_object_get(signature, "keyid");
        const struct cw_key *key = cw_keys_find(l->keys, json_string_value(keyid));
        bool good;
        int rc = holds(&good, l, meta, keyid, err);

        if (rc != CW_OK)
            return rc;
        if (good && json_array_append_new(
                        names, json_string(key != NULL ? key->name : json_string_value(keyid))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* Going back, an older version that names the same manifest takes the newer one's place: it was the first. */
static int take(struct looking *l, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    char target[CW_PATH_MAX];
    struct cw_tuf_file file;
    json_auto_t *names = json_array();
    int rc = cw_tree_channel_target(target, l->channel, err);

    if (rc != CW_OK || cw_tuf_target_file(&file, meta, target, NULL) != CW_OK ||
        cw_tuf_file_sha256(&file) == NULL)
        return rc;
    if (names == NULL)
        return cw_err_nomem(err);
    rc = name_signers(names, l, meta, err);
    if (rc == CW_OK && json_array_size(names) > 0 &&
        json_object_set(l->signers, cw_tuf_file_sha256(&file), names) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int look(struct looking *l, struct cw_err *err)
{
    const struct cw_listed *said;
    int64_t version;
    int rc = learn(l, &l->state->targets, err);

    if (rc == CW_OK)
        rc = cw_listing_find(&said, &l->state->snapshot, l->channel, err);
    for (version = rc == CW_OK ? said->version : 0; version > 0 && rc == CW_OK; version--) {
        struct cw_tuf_meta meta = {.doc = NULL};
        bool there;

        rc = read_role(&there, &meta, l, l->channel, version, err);
        if (rc == CW_OK && there)
            rc = take(l, &meta, err);
        cw_tuf_meta_clear(&meta);
        if (!there)
            break; /* gc takes the oldest away */
    }
    return rc;
}

int cw_signed_by(json_t **signers, const struct cw_state *state, const struct cw_keys *keys,
                 const char *channel, struct cw_err *err)
{
    struct looking l = {.state = state,
                        .keys = keys,
                        .channel = channel,
                        .known = json_object(),
                        .targets = state->targets.version,
                        .signers = json_object()};
    int rc = l.known != NULL && l.signers != NULL ? look(&l, err) : cw_err_nomem(err);

    json_decref(l.known);
    *signers = l.signers;
    return rc;
}
