/* SPDX-License-Identifier: ISC */
/*
 * The first keys and metadata of a repository; see gen/first.h.
 */
#include "gen/first.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/commit.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* "root-1" of several; "channel-stable" when it is the only one. */
static void numbered(char name[CW_KEYS_NAME_MAX], const char *base, uint64_t count, uint8_t number)
{
    if (count == 1)
        snprintf(name, CW_KEYS_NAME_MAX, "%s", base);
    else
        snprintf(name, CW_KEYS_NAME_MAX, "%.190s-%u", base, number);
}

static int make_role_keys(struct cw_keys *keys, const char *base, uint64_t count, struct cw_unlock *unlock,
                          struct cw_err *err)
{
    char name[CW_KEYS_NAME_MAX];
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */
    int rc = CW_OK;

    for (i = 1; i <= count && rc == CW_OK; i++) {
        numbered(name, base, count, i);
        rc = cw_keys_make(keys, name, unlock, err);
    }
    return rc;
}

int cw_first_make_keys(const struct cw_first *first, struct cw_keys *keys, struct cw_unlock *unlock,
                       struct cw_err *err)
{
    char base[CW_KEYS_NAME_MAX];
    size_t i;
    int rc = make_role_keys(keys, "root", first->root.keys, unlock, err);

    if (rc == CW_OK)
        rc = make_role_keys(keys, "targets", first->targets.keys, unlock, err);
    if (rc == CW_OK)
        rc = make_role_keys(keys, "snapshot", 1, unlock, err);
    if (rc == CW_OK)
        rc = make_role_keys(keys, "timestamp", 1, unlock, err);
    for (i = 0; i < first->channel_count && rc == CW_OK; i++) {
        snprintf(base, sizeof base, "channel-%s", first->channels[i]);
        rc = make_role_keys(keys, base, first->channel.keys, unlock, err);
    }
    return rc;
}

static const struct cw_key *key_of(const struct cw_keys *keys, const char *base, uint64_t count,
                                   uint8_t number)
{
    char name[CW_KEYS_NAME_MAX];

    numbered(name, base, count, number);
    return cw_keys_named(keys, name);
}

/* What writing the first metadata carries along. */
struct writing {
    const struct cw_first *first;
    const struct cw_keys *keys;
    int tree;
    json_t *root, *targets, *snapshot, *timestamp;
};

static int add_top_role(struct writing *w, const char *role, const struct cw_quorum *quorum,
                        struct cw_err *err)
{
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */
    int rc = CW_OK;

    for (i = 1; i <= quorum->keys && rc == CW_OK; i++)
        rc = cw_tuf_root_admit(w->root, role, key_of(w->keys, role, quorum->keys, i)->object, err);
    return rc == CW_OK ? cw_tuf_root_set_threshold(w->root, role, (int64_t)quorum->threshold, err) : rc;
}

static int delegate_channel(struct writing *w, const char *channel, struct cw_err *err)
{
    const struct cw_quorum *quorum = &w->first->channel;
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
        if (json_array_append(objects, key_of(w->keys, base, quorum->keys, i)->object) != 0)
            return cw_err_nomem(err);
    }
    return cw_tuf_targets_delegate(w->targets, &spec, err);
}

static int make_bodies(struct writing *w, struct cw_err *err)
{
    static const struct cw_quorum one = {1, 1};
    const int64_t *lives = w->first->config.expires;
    int64_t now = w->first->now;
    char published[CW_TIME_TEXT];
    size_t i;
    int rc = cw_tuf_root_new(&w->root, 1, now + lives[CW_LIFE_ROOT], err);

    if (rc == CW_OK)
        rc = cw_tuf_targets_new(&w->targets, 1, now + lives[CW_LIFE_TARGETS], true, err);
    if (rc == CW_OK)
        rc = cw_tuf_snapshot_new(&w->snapshot, 1, now + lives[CW_LIFE_SNAPSHOT], err);
    if (rc == CW_OK)
        rc = cw_tuf_timestamp_new(&w->timestamp, 1, now + lives[CW_LIFE_TIMESTAMP], err);
    if (rc == CW_OK)
        rc = add_top_role(w, "root", &w->first->root, err);
    if (rc == CW_OK)
        rc = add_top_role(w, "targets", &w->first->targets, err);
    if (rc == CW_OK)
        rc = add_top_role(w, "snapshot", &one, err);
    if (rc == CW_OK)
        rc = add_top_role(w, "timestamp", &one, err);
    for (i = 0; i < w->first->channel_count && rc == CW_OK; i++)
        rc = delegate_channel(w, w->first->channels[i], err);
    if (rc != CW_OK)
        return rc;
    cw_time_format(now, published);
    return json_object_set_new(w->timestamp, "published", json_string(published)) == 0 ? CW_OK
                                                                                       : cw_err_nomem(err);
}

/* Signs with the first keys of the quorum, writes, and lists the file in the one that names it. */
static int write_role(struct writing *w, const char *role, const char *base, const struct cw_quorum *quorum,
                      json_t *body, json_t *lister, char sha256[CW_SHA256_TEXT], struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    char path[CW_PATH_MAX];
    uint8_t i; /* at most CW_KEYS_ROLE_MAX */
    int rc = cw_tuf_envelope_new(&envelope, body, err);

    for (i = 1; i <= quorum->threshold && rc == CW_OK; i++)
        rc = cw_tuf_envelope_sign(envelope, key_of(w->keys, base, quorum->keys, i)->secret, err);
    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(&bytes, envelope, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes.data, bytes.len, err);
    if (rc == CW_OK && lister != NULL)
        rc = cw_tuf_meta_add(lister, role, 1, (int64_t)bytes.len, sha256, err);
    if (rc == CW_OK && strcmp(role, "timestamp") != 0)
        rc = cw_tree_metadata_path(path, 1, role, err);
    else
        snprintf(path, sizeof path, "%s", CW_TREE_TIMESTAMP);
    return rc == CW_OK ? cw_file_replace(w->tree, path, bytes.data, bytes.len, 0644, err) : rc;
}

static int write_channels(struct writing *w, struct cw_err *err)
{
    const struct cw_first *first = w->first;
    char base[CW_KEYS_NAME_MAX], sha256[CW_SHA256_TEXT];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < first->channel_count && rc == CW_OK; i++) {
        json_auto_t *body = NULL;

        snprintf(base, sizeof base, "channel-%s", first->channels[i]);
        rc = cw_tuf_targets_new(&body, 1, first->now + first->config.expires[CW_LIFE_CHANNEL], false, err);
        if (rc == CW_OK)
            rc = write_role(w, first->channels[i], base, &first->channel, body, w->snapshot, sha256, err);
    }
    return rc;
}

static int write_all(struct writing *w, char fingerprint[CW_SHA256_TEXT], struct cw_err *err)
{
    static const struct cw_quorum one = {1, 1};
    char sha256[CW_SHA256_TEXT];
    int rc = write_role(w, "targets", "targets", &w->first->targets, w->targets, w->snapshot, sha256, err);

    if (rc == CW_OK)
        rc = write_channels(w, err);
    if (rc == CW_OK)
        rc = write_role(w, "snapshot", "snapshot", &one, w->snapshot, w->timestamp, sha256, err);
    if (rc == CW_OK)
        rc = write_role(w, "root", "root", &w->first->root, w->root, NULL, fingerprint, err);
    return rc == CW_OK ? write_role(w, "timestamp", "timestamp", &one, w->timestamp, NULL, sha256, err) : rc;
}

int cw_first_write(const struct cw_first *first, const struct cw_keys *keys, int tree,
                   char fingerprint[CW_SHA256_TEXT], struct cw_err *err)
{
    struct writing w = {.first = first, .keys = keys, .tree = tree};
    int rc = make_bodies(&w, err);

    if (rc == CW_OK)
        rc = write_all(&w, fingerprint, err);
    json_decref(w.root);
    json_decref(w.targets);
    json_decref(w.snapshot);
    json_decref(w.timestamp);
    return rc;
}
