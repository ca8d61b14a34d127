/* SPDX-License-Identifier: ISC */
/*
 * The table of roles and keys, and the question whether a set of keys reaches the thresholds that shipping takes.
 */
#include "gen/who.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "tuf/meta.h"

static const char *const top_level[] = {"root", "targets", "snapshot", "timestamp"};
#define TOP_LEVEL 4

struct role {
    struct cw_tuf_role keys;
    const char *kind;
};

struct who {
    const struct cw_state *state;
    const struct cw_keys *keys;
    struct role *roles;
    size_t role_count;
    json_t *ids; /* keyid → true of every key in some role; owned */
    json_t *doc; /* owned until handed out */
};

typedef bool in_set(const struct who *who, const char *id, const void *ctx);

static bool is_one(const struct who *who, const char *id, const void *ctx)
{
    (void)who;
    return strcmp(id, ctx) == 0;
}

static bool lies_here_open(const struct who *who, const char *id, const void *ctx)
{
    const struct cw_key *key = cw_keys_find(who->keys, id);

    (void)ctx;
    return key != NULL && key->here && !key->locked;
}

static bool lies_here(const struct who *who, const char *id, const void *ctx)
{
    const struct cw_key *key = cw_keys_find(who->keys, id);

    (void)ctx;
    return key != NULL && key->here;
}

/* Do the keys of a set reach the role's threshold? */
static bool reaches(const struct who *who, const struct role *role, in_set *in, const void *ctx)
{
    int64_t count = 0;
    const json_t *id;
    size_t i;

    json_array_foreach (role->keys.keyids, i, id)
        count += in(who, json_string_value(id), ctx);
    return count >= role->keys.threshold;
}

/* Why these keys could ship software by themselves; false: they could not. */
static bool ships(char why[CW_ERR_TEXT_MAX], const struct who *who, in_set *in, const void *ctx)
{
    const struct role *product = NULL, *channel = NULL;

    for (size_t i = 0; i < who->role_count; i++) {
        const struct role *role = &who->roles[i];

        if (strcmp(role->kind, "snapshot") == 0 || strcmp(role->kind, "timestamp") == 0 ||
            !reaches(who, role, in, ctx))
            continue;
        if (strcmp(role->kind, "product") == 0) {
            product = role;
        } else if (strcmp(role->kind, "channel") == 0) {
            channel = role;
        } else {
            snprintf(why, CW_ERR_TEXT_MAX,
                     "it signs for role '%s', which can put other keys in all places below", role->keys.name);
            return true;
        }
    }
    if (product == NULL || channel == NULL)
        return false;
    snprintf(why, CW_ERR_TEXT_MAX, "it signs releases of '%s' and promotes them in channel '%s'",
             product->keys.name, channel->keys.name);
    return true;
}

static int load_roles(struct who *who, struct cw_err *err)
{
    const struct cw_state *state = who->state;
    int rc = CW_OK;

    who->roles = calloc(TOP_LEVEL + state->role_count, sizeof *who->roles);
    if (who->roles == NULL)
        return cw_err_nomem(err);
    for (size_t i = 0; i < TOP_LEVEL && rc == CW_OK; i++) {
        who->roles[i].kind = top_level[i];
        rc = cw_tuf_root_role(&who->roles[i].keys, &state->root, top_level[i], err);
    }
    for (size_t i = 0; i < state->role_count; i++) {
        who->roles[TOP_LEVEL + i].kind = state->roles[i].is_channel ? "channel" : "product";
        who->roles[TOP_LEVEL + i].keys = state->roles[i].keys;
    }
    who->role_count = TOP_LEVEL + state->role_count;
    return rc;
}

static int note_ids(struct who *who, struct cw_err *err)
{
    const json_t *id;
    size_t i, k;

    for (i = 0; i < who->role_count; i++) {
        json_array_foreach (who->roles[i].keys.keyids, k, id) {
            if (json_object_set_new(who->ids, json_string_value(id), json_true()) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

static const char *name_of(const struct who *who, const char *id)
{
    const struct cw_key *key = cw_keys_find(who->keys, id);

    return key != NULL ? key->name : id;
}

/* The other keys of the role, in the order of their names. */
static json_t *others(const struct who *who, const struct role *role, const char *self)
{
    json_t *list = json_array();
    const json_t *id;
    size_t i, at;

    json_array_foreach (role->keys.keyids, i, id) {
        const char *name = name_of(who, json_string_value(id));

        if (strcmp(json_string_value(id), self) == 0)
            continue;
        for (at = json_array_size(list); at > 0; at--) {
            if (strcmp(json_string_value(json_array_get(list, at - 1)), name) <= 0)
                break;
        }
        if (json_array_insert_new(list, at, json_string(name)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int add_roles(json_t *list, const struct who *who, const char *self, struct cw_err *err)
{
    for (size_t i = 0; i < who->role_count; i++) {
        const struct role *role = &who->roles[i];
        bool mine = false;
        const json_t *id;
        size_t k;

        json_array_foreach (role->keys.keyids, k, id)
            mine = mine || strcmp(json_string_value(id), self) == 0;
        if (mine && json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o}", "role",
                                                          role->keys.name, "kind", role->kind, "threshold",
                                                          (json_int_t)role->keys.threshold, "keys",
                                                          (json_int_t)json_array_size(role->keys.keyids),
                                                          "with", others(who, role, self))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int warn(struct who *who, const char *fmt, const char *a, const char *b, struct cw_err *err)
{
    return json_array_append_new(json_object_get(who->doc, "warnings"), json_sprintf(fmt, a, b)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int add_key(struct who *who, const char *id, struct cw_err *err)
{
    const struct cw_key *key = cw_keys_find(who->keys, id);
    char why[CW_ERR_TEXT_MAX] = "";
    bool alone = ships(why, who, is_one, id);
    json_t *roles = json_array();
    int rc;

    if (json_array_append_new(json_object_get(who->doc, "keys"),
                              cw_json_pack("{s:s, s:s, s:b, s:b, s:O, s:s*}", "name", name_of(who, id),
                                           "keyid", id, "here", key != NULL && key->here, "encrypted",
                                           key != NULL && key->locked, "roles", roles, "ships",
                                           alone ? why : NULL)) != 0) {
        json_decref(roles);
        return cw_err_nomem(err);
    }
    json_decref(roles); /* doc has it */
    rc = add_roles(roles, who, id, err);
    return rc == CW_OK && alone
               ? warn(who, "key '%s' could ship software alone: %s", name_of(who, id), why, err)
               : rc;
}

/* What one theft would bring. */
static int warn_of_machine(struct who *who, struct cw_err *err)
{
    char why[CW_ERR_TEXT_MAX];

    if (ships(why, who, lies_here_open, NULL))
        return warn(
            who,
            "whoever copies this folder could ship software with the keys that are not encrypted%s%s: move "
            "some of them away",
            "", "", err);
    if (ships(why, who, lies_here, NULL))
        return warn(who,
                    "whoever copies this folder and learns the passphrase could ship software with the keys "
                    "in it%s%s: "
                    "move some of them away",
                    "", "", err);
    return CW_OK;
}

static int by_name(const void *a, const void *b, void *arg)
{
    return strcmp(name_of(arg, *(const char *const *)a), name_of(arg, *(const char *const *)b));
}

static int collect(struct who *who, struct cw_err *err)
{
    const char **ids, *id;
    size_t count = 0;
    json_t *value;
    int rc = load_roles(who, err);

    if (rc == CW_OK)
        rc = note_ids(who, err);
    ids = rc == CW_OK ? calloc(json_object_size(who->ids) + 1, sizeof *ids) : NULL;
    if (ids == NULL)
        return rc != CW_OK ? rc : cw_err_nomem(err);
    json_object_foreach (who->ids, id, value)
        ids[count++] = id;
    qsort_r(ids, count, sizeof *ids, by_name, who);
    for (size_t i = 0; i < count && rc == CW_OK; i++)
        rc = add_key(who, ids[i], err);
    free(ids);
    return rc == CW_OK ? warn_of_machine(who, err) : rc;
}

int cw_who(json_t **doc, const struct cw_state *state, const struct cw_keys *keys, struct cw_err *err)
{
    struct who who = {.state = state, .keys = keys, .ids = json_object()};
    int rc = CW_OK;

    who.doc = json_pack("{s:[], s:[]}", "keys", "warnings");
    if (who.doc == NULL || who.ids == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = collect(&who, err);
    free(who.roles);
    json_decref(who.ids);
    *doc = rc == CW_OK ? who.doc : NULL;
    if (rc != CW_OK)
        json_decref(who.doc);
    return rc;
}
