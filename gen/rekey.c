/* SPDX-License-Identifier: ISC */
/*
 * Staged key changes: edited here, and put into a root or targets body; gen/sign.c signs by old and new.
 */
#include "gen/rekey.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/json_file.h"
#include "fs/commit.h"
#include "gen/bins.h"
#include "tuf/write.h"

#define TEXT_MAX ((size_t)1 << 20) /* bytes: some thousand keys */

int cw_rekey_load(json_t **doc, int dir, struct cw_err *err)
{
    json_auto_t *parsed = NULL;
    json_t *part;
    int rc = cw_json_file_read(&parsed, dir, CW_REKEY_FILE, TEXT_MAX, err);

    *doc = NULL;
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        *doc = json_pack("{s:s, s:s, s:{}, s:{}}", "_type", CW_REKEY_TYPE, "format", "1.0", "keys", "roles");
        return *doc != NULL ? CW_OK : cw_err_nomem(err);
    }
    if (rc == CW_OK)
        rc = cw_json_check_format(parsed, CW_REKEY_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&part, parsed, "keys", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&part, parsed, "roles", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", CW_REKEY_FILE);
    *doc = json_incref(parsed);
    return CW_OK;
}

int cw_rekey_store(int dir, const json_t *doc, struct cw_err *err)
{
    if (json_object_size(json_object_get(doc, "roles")) == 0)
        return cw_remove(dir, CW_REKEY_FILE, err);
    return cw_json_file_replace(dir, CW_REKEY_FILE, doc, TEXT_MAX, err);
}

static int role_now(struct cw_tuf_role *role, const struct cw_state *state, const char *name,
                    struct cw_err *err)
{
    static const char *const top_level[] = {"root", "targets", "snapshot", "timestamp"};
    const struct cw_state_role *delegated = cw_state_role(state, name);
    size_t i;

    for (i = 0; i < sizeof top_level / sizeof *top_level; i++) {
        if (strcmp(name, top_level[i]) == 0)
            return cw_tuf_root_role(role, &state->root, name, err);
    }
    if (delegated == NULL)
        return cw_err_set(
            err, CW_E_NOTFOUND,
            "there is no role '%s': it is root, targets, snapshot, timestamp, a product or a channel", name);
    *role = delegated->keys;
    return CW_OK;
}

static bool has_id(const json_t *keyids, const char *id, size_t *at)
{
    for (*at = 0; *at < json_array_size(keyids); ++*at) {
        if (strcmp(json_string_value(json_array_get(keyids, *at)), id) == 0)
            return true;
    }
    return false;
}

static int insert_id(json_t *keyids, const char *id, struct cw_err *err)
{
    size_t at;

    for (at = 0; at < json_array_size(keyids); at++) {
        if (strcmp(json_string_value(json_array_get(keyids, at)), id) > 0)
            break;
    }
    return json_array_insert_new(keyids, at, json_string(id)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* How the role shall be: as staged, else as it is. Borrowed from doc. */
static int wanted(json_t **role, json_t *doc, const struct cw_state *state, const char *name,
                  struct cw_err *err)
{
    struct cw_tuf_role now;
    json_t *keyids;
    int rc = role_now(&now, state, name, err);

    *role = json_object_get(json_object_get(doc, "roles"), name);
    if (rc != CW_OK || *role != NULL)
        return rc;
    keyids = cw_json_deep_copy(now.keyids);
    *role = keyids != NULL ? json_pack("{s:o, s:I}", "keyids", keyids, "threshold", (json_int_t)now.threshold)
                           : NULL;
    return json_object_set_new(json_object_get(doc, "roles"), name, *role) == 0 ? CW_OK : cw_err_nomem(err);
}

static int add_key(json_t *doc, json_t *keyids, const char *role, const struct cw_key *key,
                   struct cw_err *err)
{
    size_t at;

    if (has_id(keyids, key->id, &at))
        return cw_err_set(err, CW_E_FAIL, "key '%s' signs for role '%s' already", key->name, role);
    if (json_object_set(json_object_get(doc, "keys"), key->id, key->object) != 0)
        return cw_err_nomem(err);
    return insert_id(keyids, key->id, err);
}

int cw_rekey_change(json_t *doc, const struct cw_state *state, const char *role, const char *remove_id,
                    const struct cw_key *add, int64_t threshold, struct cw_err *err)
{
    json_t *want, *keyids;
    size_t at;
    int rc = wanted(&want, doc, state, role, err);

    if (rc != CW_OK)
        return rc;
    keyids = json_object_get(want, "keyids");
    if (remove_id != NULL && !has_id(keyids, remove_id, &at))
        return cw_err_set(err, CW_E_FAIL, "key %.16s… does not sign for role '%s'", remove_id, role);
    if (remove_id != NULL)
        json_array_remove(keyids, at);
    if (add != NULL)
        rc = add_key(doc, keyids, role, add, err);
    if (rc == CW_OK && threshold != 0 && json_object_set_new(want, "threshold", json_integer(threshold)) != 0)
        rc = cw_err_nomem(err);
    if (rc != CW_OK)
        return rc;
    threshold = json_integer_value(json_object_get(want, "threshold"));
    if (threshold < 1 || (size_t)threshold > json_array_size(keyids))
        return cw_err_set(err, CW_E_FAIL,
                          "role '%s' would have %zu key%s and a threshold of %lld: nobody could sign for it",
                          role, json_array_size(keyids), json_array_size(keyids) == 1 ? "" : "s",
                          (long long)threshold);
    return CW_OK;
}

/* ---- composing ---- */

struct change { /* of one role */
    struct cw_draft *draft;
    const struct cw_draft_input *input;
    const json_t *doc;
    const char *role;
    const json_t *want;
    struct cw_tuf_role now;
};

static bool is_changed(const struct change *c)
{
    return json_integer_value(json_object_get(c->want, "threshold")) != c->now.threshold ||
           !json_equal(json_object_get(c->want, "keyids"), c->now.keyids);
}

static json_t *lacking(const json_t *of, const json_t *in)
{
    json_t *list = json_array();
    const json_t *id;
    size_t i, at;

    json_array_foreach (of, i, id) {
        if (!has_id(in, json_string_value(id), &at) && json_array_append(list, (json_t *)id) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int report(const struct change *c, struct cw_err *err)
{
    const json_t *keyids = json_object_get(c->want, "keyids");
    json_t *row =
        json_pack("{s:s, s:o, s:o, s:O}", "role", c->role, "added", lacking(keyids, c->now.keyids), "removed",
                  lacking(c->now.keyids, keyids), "threshold", json_object_get(c->want, "threshold"));

    return cw_draft_report(c->draft, "keys", row, err);
}

/* Puts the keyids and threshold into `place`, and the keys themselves beside those that `keys` has. */
static int put(const struct change *c, json_t *place, json_t *keys, struct cw_err *err)
{
    const json_t *id;
    json_t *key;
    size_t i;

    json_array_foreach (json_object_get(c->want, "keyids"), i, id) {
        if (json_object_get(keys, json_string_value(id)) != NULL)
            continue;
        key = json_object_get(json_object_get(c->doc, "keys"), json_string_value(id));
        if (key == NULL)
            return cw_err_set(err, CW_E_VERIFY, "'%s' names key %s for role '%s', but does not hold it",
                              CW_REKEY_FILE, json_string_value(id), c->role);
        if (json_object_set(keys, json_string_value(id), key) != 0)
            return cw_err_nomem(err);
    }
    if (json_object_set(place, "keyids", json_object_get(c->want, "keyids")) != 0 ||
        json_object_set(place, "threshold", json_object_get(c->want, "threshold")) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* Keys that no role of the list names any more go. roles: an object's members or an array's. */
static int drop_unused(json_t *keys, json_t *roles, struct cw_err *err)
{
    json_auto_t *used = json_object();
    json_t *role, *id, *value;
    const char *name;
    void *next;
    size_t i, k;

    if (used == NULL)
        return cw_err_nomem(err);
    if (json_is_object(roles)) {
        json_object_foreach (roles, name, role)
            json_array_foreach (json_object_get(role, "keyids"), k, id)
                json_object_set_new(used, json_string_value(id), json_true());
    }
    json_array_foreach (roles, i, role)
        json_array_foreach (json_object_get(role, "keyids"), k, id)
            json_object_set_new(used, json_string_value(id), json_true());
    json_object_foreach_safe (keys, next, name, value) {
        if (json_object_get(used, name) == NULL)
            json_object_del(keys, name);
    }
    return CW_OK;
}

static int change_root(const struct change *c, struct cw_err *err)
{
    const struct cw_draft_input *input = c->input;
    struct cw_draft *draft = c->draft;
    json_t *keys, *roles, *body;
    int rc = CW_OK;

    if (draft->root == NULL)
        rc = cw_draft_next_version(&draft->root, &input->state->root,
                                   input->composed + input->config->expires[CW_LIFE_ROOT], err);
    if (rc != CW_OK)
        return rc;
    keys = json_object_get(draft->root, "keys");
    roles = json_object_get(draft->root, "roles");
    rc = put(c, json_object_get(roles, c->role), keys, err);
    if (rc == CW_OK)
        rc = drop_unused(keys, roles, err);
    if (strcmp(c->role, "targets") == 0 && rc == CW_OK)
        rc = cw_draft_touch(&body, draft, input, "targets", err);
    draft->new_keys = draft->new_keys || strcmp(c->role, "root") != 0;
    draft->snapshot = draft->snapshot || strcmp(c->role, "snapshot") == 0;
    draft->timestamp = draft->timestamp || strcmp(c->role, "timestamp") == 0;
    return rc;
}

/* A product whose targets lie in bins: its keys are those of the bins, too. */
static int change_bins(const struct change *c, json_t *body, struct cw_err *err)
{
    json_t *delegations = json_object_get(body, "delegations");
    json_t *succinct = json_object_get(delegations, "succinct_roles");
    json_t *keys = json_object_get(delegations, "keys");
    const struct cw_state_role *role = cw_state_role(c->input->state, c->role);
    struct cw_bins_due due;
    int rc;

    if (succinct == NULL)
        return CW_OK;
    rc = put(c, succinct, keys, err);
    if (rc == CW_OK) {
        json_auto_t *one = json_pack("[O]", succinct);

        rc = one != NULL ? drop_unused(keys, one, err) : cw_err_nomem(err);
    }
    if (rc == CW_OK)
        rc = cw_bins_renew(&due, c->draft, c->input, role, INT64_MAX, err);
    for (size_t i = 0; i < c->draft->bins_count && rc == CW_OK; i++) {
        struct cw_draft_bins *bins = &c->draft->bins[i];

        if (strcmp(bins->product, c->role) == 0) {
            json_decref(bins->body);
            bins->body = json_incref(body);
            bins->prefix = json_string_value(json_object_get(succinct, "name_prefix"));
        }
    }
    return rc;
}

static int change_delegated(const struct change *c, struct cw_err *err)
{
    json_t *targets, *body, *delegations, *role;
    size_t i;
    int rc = cw_draft_touch(&targets, c->draft, c->input, "targets", err);

    if (rc == CW_OK)
        rc = cw_draft_touch(&body, c->draft, c->input, c->role, err);
    if (rc != CW_OK)
        return rc;
    delegations = json_object_get(targets, "delegations");
    json_array_foreach (json_object_get(delegations, "roles"), i, role) {
        if (strcmp(json_string_value(json_object_get(role, "name")), c->role) == 0)
            rc = put(c, role, json_object_get(delegations, "keys"), err);
    }
    if (rc == CW_OK)
        rc = drop_unused(json_object_get(delegations, "keys"), json_object_get(delegations, "roles"), err);
    return rc == CW_OK ? change_bins(c, body, err) : rc;
}

static int compose_role(struct cw_draft *draft, const struct cw_draft_input *input, const json_t *doc,
                        const char *role, const json_t *want, struct cw_err *err)
{
    struct change c = {.draft = draft, .input = input, .doc = doc, .role = role, .want = want};
    int rc = role_now(&c.now, input->state, role, err);

    if (rc != CW_OK || !is_changed(&c))
        return rc;
    rc = report(&c, err);
    if (rc != CW_OK)
        return rc;
    return cw_state_role(input->state, role) != NULL ? change_delegated(&c, err) : change_root(&c, err);
}

int cw_draft_compose_keys(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    const char *role;
    json_t *want;
    int rc = cw_rekey_load(&doc, input->stage->dir, err);

    if (rc != CW_OK || json_object_size(json_object_get(doc, "roles")) == 0)
        return rc;
    json_object_foreach (json_object_get(doc, "roles"), role, want) {
        rc = compose_role(draft, input, doc, role, want, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "'%s'", CW_REKEY_FILE);
    }
    return json_array_append_new(draft->staged, json_string(CW_REKEY_FILE)) == 0 ? CW_OK : cw_err_nomem(err);
}
