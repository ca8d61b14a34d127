/* SPDX-License-Identifier: ISC */
/*
 * The first keys and metadata of a repository; see gen/first.h.
 */
#include "gen/first.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/canon.h"
#include "fs/commit.h"
#include "tree/layout.h"
#include "tuf/write.h"

static const struct cw_quorum one = {.keys = 1, .threshold = 1};

/* ---- keys ---- */

bool cw_first_is_carried(const struct cw_first *first)
{
    return first->root.given != NULL || first->targets.given != NULL || first->channel.given != NULL;
}

/* "root-1" of several; "channel-stable" when it is the only one; or the name that was given. */
static void numbered(char name[CW_KEYS_NAME_MAX], const char *base, const struct cw_quorum *quorum,
                     uint8_t number)
{
    const json_t *given = json_array_get(quorum->given, (size_t)number - 1);

    if (given != NULL)
        snprintf(name, CW_KEYS_NAME_MAX, "%s", json_string_value(json_object_get(given, "name")));
    else if (quorum->keys == 1)
        snprintf(name, CW_KEYS_NAME_MAX, "%s", base);
    else
        snprintf(name, CW_KEYS_NAME_MAX, "%.190s-%u", base, number);
}

/* One key may be given for several roles. */
static int take_given(struct cw_keys *keys, const char *name, const json_t *object, struct cw_err *err)
{
    struct cw_signer *none = NULL;
    const struct cw_key *known = cw_keys_named(keys, name);

    if (known != NULL && json_equal(known->object, object))
        return CW_OK;
    return cw_keys_take_public(keys, name, object, &none, err);
}

static int make_role_keys(struct cw_keys *keys, const char *base, const struct cw_quorum *quorum,
                          struct cw_unlock *unlock, struct cw_err *err)
{
    char name[CW_KEYS_NAME_MAX];
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */
    int rc = CW_OK;

    for (i = 1; i <= quorum->keys && rc == CW_OK; i++) {
        const json_t *given = json_array_get(quorum->given, (size_t)i - 1);

        numbered(name, base, quorum, i);
        rc = given != NULL ? take_given(keys, name, json_object_get(given, "key"), err)
                           : cw_keys_make(keys, name, unlock, err);
    }
    return rc;
}

int cw_first_make_keys(const struct cw_first *first, struct cw_keys *keys, struct cw_unlock *unlock,
                       struct cw_err *err)
{
    char base[CW_KEYS_NAME_MAX];
    size_t i;
    int rc = make_role_keys(keys, "root", &first->root, unlock, err);

    if (rc == CW_OK)
        rc = make_role_keys(keys, "targets", &first->targets, unlock, err);
    if (rc == CW_OK)
        rc = make_role_keys(keys, "snapshot", &one, unlock, err);
    if (rc == CW_OK)
        rc = make_role_keys(keys, "timestamp", &one, unlock, err);
    for (i = 0; i < first->channel_count && rc == CW_OK; i++) {
        snprintf(base, sizeof base, "channel-%s", first->channels[i]);
        rc = make_role_keys(keys, base, &first->channel, unlock, err);
    }
    return rc;
}

static const struct cw_key *key_of(const struct cw_keys *keys, const char *base,
                                   const struct cw_quorum *quorum, uint8_t number)
{
    char name[CW_KEYS_NAME_MAX];

    numbered(name, base, quorum, number);
    return cw_keys_named(keys, name);
}

/* ---- what is signed ---- */

static int add_top_role(json_t *root, const struct cw_keys *keys, const char *role,
                        const struct cw_quorum *quorum, struct cw_err *err)
{
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */
    int rc = CW_OK;

    for (i = 1; i <= quorum->keys && rc == CW_OK; i++)
        rc = cw_tuf_root_admit(root, role, key_of(keys, role, quorum, i)->object, err);
    return rc == CW_OK ? cw_tuf_root_set_threshold(root, role, (int64_t)quorum->threshold, err) : rc;
}

static int make_root(json_t **root, const struct cw_first *first, const struct cw_keys *keys,
                     struct cw_err *err)
{
    int rc = cw_tuf_root_new(root, 1, first->now + first->config.expires[CW_LIFE_ROOT], err);

    if (rc == CW_OK)
        rc = add_top_role(*root, keys, "root", &first->root, err);
    if (rc == CW_OK)
        rc = add_top_role(*root, keys, "targets", &first->targets, err);
    if (rc == CW_OK)
        rc = add_top_role(*root, keys, "snapshot", &one, err);
    return rc == CW_OK ? add_top_role(*root, keys, "timestamp", &one, err) : rc;
}

static int delegate_channel(json_t *targets, const struct cw_first *first, const struct cw_keys *keys,
                            const char *channel, struct cw_err *err)
{
    const struct cw_quorum *quorum = &first->channel;
    json_auto_t *objects = json_array();
    char base[CW_KEYS_NAME_MAX], glob[CW_PATH_MAX];
    const char *const paths[] = {glob, NULL};
    const struct cw_tuf_delegation_spec spec = {
        .name = channel,
        .paths = paths,
        .key_objects = objects,
        .threshold = (int64_t)quorum->threshold,
        .terminating = true,
    };
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */

    snprintf(base, sizeof base, "channel-%s", channel);
    snprintf(glob, sizeof glob, "channels/%s/*", channel);
    for (i = 1; i <= quorum->keys; i++) {
        if (json_array_append(objects, key_of(keys, base, quorum, i)->object) != 0)
            return cw_err_nomem(err);
    }
    return cw_tuf_targets_delegate(targets, &spec, err);
}

/* Takes the body over. */
static int put_body(json_t *bodies, const char *role, json_t *body, int rc, struct cw_err *err)
{
    if (rc != CW_OK) {
        json_decref(body);
        return rc;
    }
    return json_object_set_new(bodies, role, body) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_first_compose(json_t **bodies, const struct cw_first *first, const struct cw_keys *keys,
                     struct cw_err *err)
{
    const int64_t *lives = first->config.expires;
    json_t *root = NULL, *targets = NULL;
    size_t i;
    int rc;

    *bodies = json_object();
    if (*bodies == NULL)
        return cw_err_nomem(err);
    rc = make_root(&root, first, keys, err);
    rc = put_body(*bodies, "root", root, rc, err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_new(&targets, 1, first->now + lives[CW_LIFE_TARGETS], true, err);
    if (rc == CW_OK)
        rc = put_body(*bodies, "targets", targets, rc, err);
    for (i = 0; i < first->channel_count && rc == CW_OK; i++) {
        json_t *body = NULL;

        rc = delegate_channel(json_object_get(*bodies, "targets"), first, keys, first->channels[i], err);
        if (rc == CW_OK)
            rc = cw_tuf_targets_new(&body, 1, first->now + lives[CW_LIFE_CHANNEL], false, err);
        rc = put_body(*bodies, first->channels[i], body, rc, err);
    }
    return rc;
}

/* ---- signing ---- */

/* A role's keys, as root or targets say; bodies are those two's signed parts. */
static int role_of(struct cw_tuf_role *role, const json_t *root, const json_t *targets, const char *name,
                   struct cw_err *err)
{
    const struct cw_tuf_meta top = {.type = CW_TUF_ROOT, .signed_ = root};
    const struct cw_tuf_meta delegator = {.type = CW_TUF_TARGETS, .signed_ = targets};
    size_t i, count = cw_tuf_delegation_count(&delegator);
    int rc = CW_OK;

    for (i = 0; i < count && rc == CW_OK; i++) {
        rc = cw_tuf_delegation_at(role, &delegator, i, err);
        if (rc == CW_OK && strcmp(role->name, name) == 0)
            return CW_OK;
    }
    return rc == CW_OK ? cw_tuf_root_role(role, &top, name, err) : rc;
}

/* A new envelope, signed by as many keys as the role asks for. */
static int sign(json_t **envelope, const struct cw_tuf_role *role, json_t *body, const struct cw_keys *keys,
                struct cw_unlock *unlock, struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t i, count = 0;
    int rc = cw_tuf_envelope_new(envelope, body, err);

    if (rc == CW_OK)
        rc = cw_canon_format(&canonical, body, err);
    if (rc == CW_OK)
        rc = cw_keys_choose(chosen, &count, keys, role, NULL, err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);

        rc = cw_keys_unlock(keys, chosen[i], unlock, err);
        if (rc == CW_OK)
            rc = cw_key_sign(&hex, chosen[i], role->name, canonical.data, canonical.len, err);
        if (rc == CW_OK)
            rc = cw_tuf_envelope_put(*envelope, chosen[i]->id, hex.data, err);
    }
    return rc;
}

int cw_first_sign(json_t **envelopes, const json_t *bodies, const struct cw_keys *keys,
                  struct cw_unlock *unlock, struct cw_err *err)
{
    const char *name;
    json_t *body;
    int rc = CW_OK;

    *envelopes = json_object();
    if (*envelopes == NULL)
        return cw_err_nomem(err);
    json_object_foreach ((json_t *)bodies, name, body) {
        struct cw_tuf_role role;
        json_t *envelope = NULL;

        rc = role_of(&role, json_object_get(bodies, "root"), json_object_get(bodies, "targets"), name, err);
        if (rc == CW_OK)
            rc = sign(&envelope, &role, body, keys, unlock, err);
        rc = put_body(*envelopes, name, envelope, rc, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* ---- publishing ---- */

struct writing {
    const json_t *envelopes, *root, *targets;
    const struct cw_keys *keys;
    struct cw_unlock *unlock;
    int tree;
};

/* Makes sure that it is signed, writes it, and lists it in the one that names it (NULL: none does). */
static int write_role(struct writing *w, const char *name, const json_t *envelope, json_t *lister,
                      char sha256[CW_SHA256_TEXT], struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    struct cw_tuf_meta meta = {.doc = (json_t *)envelope, .signed_ = json_object_get(envelope, "signed")};
    struct cw_tuf_role role;
    char path[CW_PATH_MAX];
    int rc = role_of(&role, w->root, w->targets, name, err);

    if (rc == CW_OK)
        rc = cw_tuf_verify(&meta, &role, err);
    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(&bytes, envelope, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes.data, bytes.len, err);
    if (rc == CW_OK && lister != NULL)
        rc = cw_tuf_meta_add(lister, name, 1, (int64_t)bytes.len, sha256, err);
    if (strcmp(name, "timestamp") == 0)
        snprintf(path, sizeof path, "%s", CW_TREE_TIMESTAMP);
    else if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, 1, name, err);
    return rc == CW_OK ? cw_file_replace(w->tree, path, bytes.data, bytes.len, 0644, err) : rc;
}

/* Snapshot or timestamp, which are signed here. */
static int write_online(struct writing *w, const char *name, json_t *body, json_t *lister, struct cw_err *err)
{
    json_auto_t *envelope = NULL;
    struct cw_tuf_role role;
    char sha256[CW_SHA256_TEXT];
    int rc = role_of(&role, w->root, w->targets, name, err);

    if (rc == CW_OK)
        rc = sign(&envelope, &role, body, w->keys, w->unlock, err);
    return rc == CW_OK ? write_role(w, name, envelope, lister, sha256, err) : rc;
}

static int write_all(struct writing *w, json_t *snapshot, json_t *timestamp, char fingerprint[CW_SHA256_TEXT],
                     struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    const char *name;
    json_t *envelope;
    int rc = write_role(w, "targets", json_object_get(w->envelopes, "targets"), snapshot, sha256, err);

    json_object_foreach ((json_t *)w->envelopes, name, envelope) {
        if (rc == CW_OK && strcmp(name, "root") != 0 && strcmp(name, "targets") != 0)
            rc = write_role(w, name, envelope, snapshot, sha256, err);
    }
    if (rc == CW_OK)
        rc = write_online(w, "snapshot", snapshot, timestamp, err);
    if (rc == CW_OK)
        rc = write_role(w, "root", json_object_get(w->envelopes, "root"), NULL, fingerprint, err);
    return rc == CW_OK ? write_online(w, "timestamp", timestamp, NULL, err) : rc;
}

int cw_first_publish(const json_t *envelopes, const struct cw_config *config, const struct cw_keys *keys,
                     struct cw_unlock *unlock, int64_t now, int tree, char fingerprint[CW_SHA256_TEXT],
                     struct cw_err *err)
{
    struct writing w = {.envelopes = envelopes,
                        .root = json_object_get(json_object_get(envelopes, "root"), "signed"),
                        .targets = json_object_get(json_object_get(envelopes, "targets"), "signed"),
                        .keys = keys,
                        .unlock = unlock,
                        .tree = tree};
    json_auto_t *snapshot = NULL;
    json_auto_t *timestamp = NULL;
    char published[CW_TIME_TEXT];
    int rc = cw_tuf_snapshot_new(&snapshot, 1, now + config->expires[CW_LIFE_SNAPSHOT], err);

    if (rc == CW_OK)
        rc = cw_tuf_timestamp_new(&timestamp, 1, now + config->expires[CW_LIFE_TIMESTAMP], err);
    cw_time_format(now, published);
    if (rc == CW_OK && json_object_set_new(timestamp, "published", json_string(published)) != 0)
        rc = cw_err_nomem(err);
    return rc == CW_OK ? write_all(&w, snapshot, timestamp, fingerprint, err) : rc;
}
