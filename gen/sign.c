/* SPDX-License-Identifier: ISC */
/*
 * Signing a composed draft: every role's file, then the snapshot and timestamp that name them. Each is checked
 * as a client would before it counts.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "gen/bins.h"
#include "gen/draft.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* What signing carries along. */
struct signing {
    struct cw_draft *draft;
    const struct cw_draft_input *input;
    struct cw_unlock *unlock;
    struct cw_tuf_meta targets; /* the new targets; doc NULL: those in force stay */
    const struct cw_tuf_role
        *after;                 /* the role's keys by the next root: they sign together with those in force */
    struct cw_listing snapshot; /* being filled */
    json_t *timestamp;          /* signed part being filled */
};

/* Puts in what was signed elsewhere, as far as it is by keys of the role. */
static int put_gathered(json_t *envelope, const struct cw_draft_input *input, const struct cw_tuf_role *role,
                        struct cw_err *err)
{
    const json_t *row;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (json_object_get(input->gathered, role->name), i, row) {
        const char *keyid = json_string_value(json_object_get(row, "keyid"));

        if (rc == CW_OK && cw_tuf_role_names(role, keyid))
            rc = cw_tuf_envelope_put(envelope, keyid, json_string_value(json_object_get(row, "sig")), err);
    }
    return rc;
}

int cw_draft_sign_with(json_t *envelope, const struct cw_buf *canonical, const struct cw_draft_input *input,
                       const struct cw_tuf_role *role, struct cw_unlock *unlock, struct cw_err *err)
{
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t i, count = 0;
    int rc = put_gathered(envelope, input, role, err);

    if (rc == CW_OK)
        rc = cw_keys_choose(chosen, &count, input->keys, role, json_object_get(envelope, "signatures"), err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);

        rc = cw_keys_unlock(input->keys, chosen[i], unlock, err);
        if (rc == CW_OK)
            rc = cw_key_sign(&hex, chosen[i], role->name, canonical->data, canonical->len, err);
        if (rc == CW_OK)
            rc = cw_tuf_envelope_put(envelope, chosen[i]->id, hex.data, err);
    }
    return rc;
}

static int check_size(enum cw_tuf_type type, const char *role, size_t len, struct cw_err *err)
{
    static const size_t most[] = {
        [CW_TUF_ROOT] = CW_TUF_ROOT_MAX,
        [CW_TUF_TIMESTAMP] = CW_TUF_TIMESTAMP_MAX,
        [CW_TUF_SNAPSHOT] = CW_TUF_SNAPSHOT_MAX,
        [CW_TUF_TARGETS] = CW_TUF_TARGETS_MAX,
    };

    if (len <= most[type])
        return CW_OK;
    return cw_err_set(err, CW_E_FAIL, "role '%s' would be %zu bytes, more than clients take (%zu)", role, len,
                      most[type]);
}

/* The signatures of a role's keys, by the next root too where there is one: enough of them, and they hold. New reference. */
static int sign_text(json_t **envelope, struct signing *s, const struct cw_buf *canonical,
                     const struct cw_tuf_role *role, struct cw_err *err)
{
    const struct cw_tuf_role *both[] = {role, s->after};
    size_t i, count = s->after != NULL ? 2 : 1;
    int rc = CW_OK;

    *envelope = json_pack("{s:[]}", "signatures");
    if (*envelope == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = cw_draft_sign_with(*envelope, canonical, s->input, both[i], s->unlock, err);
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = cw_tuf_verify_text(json_object_get(*envelope, "signatures"), canonical, both[i], err);
    return rc;
}

/* Signs a body into the bytes of its file. `made` gets the file as a tree. */
static int sign_body(struct cw_buf *bytes, struct cw_tuf_meta *made, struct signing *s, enum cw_tuf_type type,
                     const struct cw_tuf_role *role, json_t *body, struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    int rc = cw_canon_format(&canonical, body, err);

    if (rc == CW_OK)
        rc = sign_text(&envelope, s, &canonical, role, err);
    if (rc == CW_OK && json_object_set(envelope, "signed", body) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(bytes, envelope, err);
    return rc == CW_OK ? cw_tuf_meta_take(made, type, json_incref(envelope), err) : rc;
}

/* Queues a file for writing, and lists it in the snapshot or timestamp where that names it. */
static int queue(struct signing *s, enum cw_tuf_type type, enum cw_step step, const char *role,
                 int64_t version, struct cw_buf *bytes, struct cw_err *err)
{
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    int rc = check_size(type, role, bytes->len, err);

    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes->data, bytes->len, err);
    if (rc == CW_OK && type == CW_TUF_TARGETS)
        rc = cw_listing_put(&s->snapshot, role, version, (int64_t)bytes->len, sha256, err);
    if (rc == CW_OK && type == CW_TUF_SNAPSHOT)
        rc = cw_tuf_meta_add(s->timestamp, role, version, (int64_t)bytes->len, sha256, err);
    if (type == CW_TUF_TIMESTAMP)
        snprintf(path, sizeof path, "%s", CW_TREE_TIMESTAMP);
    else if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, version, role, err);
    return rc == CW_OK ? cw_draft_add_file(s->draft, step, path, bytes, err) : rc;
}

/* Signs and queues one role but the snapshot. `kept` (may be NULL) gets the file as a tree, the caller's to clear. */
static int sign_role(struct signing *s, enum cw_step step, enum cw_tuf_type type,
                     const struct cw_tuf_role *role, json_t *body, struct cw_tuf_meta *kept,
                     struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    struct cw_tuf_meta made = {.doc = NULL};
    int rc = sign_body(&bytes, &made, s, type, role, body, err);

    if (rc == CW_OK)
        rc = queue(s, type, step, role->name, made.version, &bytes, err);
    if (rc != CW_OK)
        cw_err_prefix(err, "unable to sign role '%s'", role->name);
    if (rc == CW_OK && kept != NULL)
        *kept = made;
    else
        cw_tuf_meta_clear(&made);
    return rc;
}

/* A top-level role's keys by the root in force; s->after gets those by the next, which is `after`'s to hold. */
static int top_role(struct cw_tuf_role *role, struct cw_tuf_role *after, struct signing *s,
                    enum cw_tuf_type type, struct cw_err *err)
{
    const struct cw_tuf_meta next = {.type = CW_TUF_ROOT, .signed_ = s->draft->root};
    int rc = cw_tuf_root_role(role, &s->input->state->root, cw_tuf_type_name(type), err);

    s->after = NULL;
    if (rc == CW_OK && s->draft->root != NULL) {
        rc = cw_tuf_root_role(after, &next, cw_tuf_type_name(type), err);
        s->after = after;
    }
    return rc;
}

static int sign_top(struct signing *s, enum cw_step step, enum cw_tuf_type type, json_t *body,
                    struct cw_tuf_meta *kept, struct cw_err *err)
{
    struct cw_tuf_role role, after;
    int rc = top_role(&role, &after, s, type, err);

    if (rc == CW_OK)
        rc = sign_role(s, step, type, &role, body, kept, err);
    s->after = NULL;
    return rc;
}

static int sign_listing(struct signing *s, const struct cw_tuf_role *role, struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    int rc = cw_listing_sort(&s->snapshot, err);

    if (rc == CW_OK)
        rc = cw_listing_canon(&canonical, &s->snapshot, err);
    if (rc == CW_OK)
        rc = sign_text(&envelope, s, &canonical, role, err);
    if (rc == CW_OK)
        rc = cw_listing_format(&bytes, &s->snapshot, json_object_get(envelope, "signatures"), err);
    if (rc == CW_OK)
        rc = queue(s, CW_TUF_SNAPSHOT, CW_STEP_SNAPSHOT, role->name, s->snapshot.version, &bytes, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "unable to sign role '%s'", role->name);
}

static int sign_snapshot(struct signing *s, struct cw_err *err)
{
    struct cw_tuf_role role, after;
    int rc = top_role(&role, &after, s, CW_TUF_SNAPSHOT, err);

    if (rc == CW_OK)
        rc = sign_listing(s, &role, err);
    s->after = NULL;
    return rc;
}

/* Keys and threshold of a delegated role as the targets in force after this publication say. That there are none is no matter of keys
 * that could be brought. */
static int delegation_of(struct cw_tuf_role *role, const struct cw_tuf_meta *targets, const char *name,
                         struct cw_err *err)
{
    int rc = cw_tuf_delegation_named(role, targets, name, err);

    return rc == CW_E_NOTFOUND ? err->code = CW_E_FAIL : rc;
}

static int sign_roles(struct signing *s, struct cw_err *err)
{
    json_t *body = json_object_get(s->draft->roles, "targets");
    const char *name;
    int rc = CW_OK;

    if (body != NULL)
        rc = sign_top(s, CW_STEP_ROLES, CW_TUF_TARGETS, body, &s->targets, err);
    if (rc != CW_OK)
        return rc;
    json_object_foreach (s->draft->roles, name, body) {
        struct cw_tuf_role role;

        if (strcmp(name, "targets") == 0)
            continue;
        rc =
            delegation_of(&role, s->targets.doc != NULL ? &s->targets : &s->input->state->targets, name, err);
        if (rc == CW_OK)
            rc = sign_role(s, CW_STEP_ROLES, CW_TUF_TARGETS, &role, body, NULL, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int lacks_keys(const struct cw_tuf_role *role, const struct cw_draft_input *input, struct cw_err *err)
{
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t count;

    return cw_keys_choose(chosen, &count, input->keys, role, json_object_get(input->gathered, role->name),
                          err);
}

/* By the root in force, and by the next. */
static int lacks_top(const char *name, const struct cw_draft *draft, const struct cw_draft_input *input,
                     struct cw_err *err)
{
    const struct cw_tuf_meta next = {.type = CW_TUF_ROOT, .signed_ = draft->root};
    struct cw_tuf_role role;
    int rc = cw_tuf_root_role(&role, &input->state->root, name, err);

    if (rc == CW_OK)
        rc = lacks_keys(&role, input, err);
    if (rc == CW_OK && draft->root != NULL)
        rc = cw_tuf_root_role(&role, &next, name, err);
    return rc == CW_OK && draft->root != NULL ? lacks_keys(&role, input, err) : rc;
}

/* Bins are signed by their product's keys. */
static int lacks_bins(const char **role, const struct cw_draft *draft, const struct cw_draft_input *input,
                      const struct cw_tuf_meta *targets, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < draft->bins_count && rc == CW_OK; i++) {
        struct cw_tuf_role keys;

        *role = draft->bins[i].product;
        rc = delegation_of(&keys, targets, *role, err);
        if (rc == CW_OK)
            rc = lacks_keys(&keys, input, err);
    }
    return rc;
}

int cw_draft_lacks(const char **role, const struct cw_draft *draft, const struct cw_draft_input *input,
                   struct cw_err *err)
{
    const json_t *next = json_object_get(draft->roles, "targets");
    const struct cw_tuf_meta made = {.type = CW_TUF_TARGETS, .signed_ = next};
    const struct cw_tuf_meta *targets = next != NULL ? &made : &input->state->targets;
    const char *name;
    json_t *body;
    int rc = lacks_bins(role, draft, input, targets, err);

    if (rc == CW_OK && draft->root != NULL) {
        *role = "root";
        rc = lacks_top(*role, draft, input, err);
    }
    json_object_foreach (draft->roles, name, body) {
        struct cw_tuf_role keys;

        if (rc != CW_OK)
            break;
        *role = name;
        if (body == next) {
            rc = lacks_top(name, draft, input, err);
            continue;
        }
        rc = delegation_of(&keys, targets, name, err);
        if (rc == CW_OK)
            rc = lacks_keys(&keys, input, err);
    }
    return rc;
}

static int start_bodies(struct signing *s, struct cw_err *err)
{
    const struct cw_draft_input *input = s->input;
    const int64_t *lives = input->config->expires;
    char now[CW_TIME_TEXT];
    int rc = cw_listing_copy(&s->snapshot, &input->state->snapshot, err);

    s->snapshot.version++;
    s->snapshot.expires = input->now + lives[CW_LIFE_SNAPSHOT];
    if (rc == CW_OK)
        rc = cw_draft_next_version(&s->timestamp, &input->state->timestamp,
                                   input->now + lives[CW_LIFE_TIMESTAMP], err);
    if (rc != CW_OK)
        return rc;
    cw_time_format(s->input->now, now);
    return json_object_set_new(s->timestamp, "published", json_string(now)) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_draft_sign(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  struct cw_err *err)
{
    struct signing s = {.draft = draft, .input = input, .unlock = unlock};
    int rc = start_bodies(&s, err);

    if (rc == CW_OK)
        rc = sign_roles(&s, err);
    if (rc == CW_OK)
        rc = cw_bins_list(&s.snapshot, draft, input->state, err);
    if (rc == CW_OK && draft->snapshot)
        rc = sign_snapshot(&s, err);
    if (rc == CW_OK && draft->root != NULL && !draft->new_keys)
        rc = sign_top(&s, CW_STEP_ROOT, CW_TUF_ROOT, draft->root, NULL, err);
    if (rc == CW_OK && draft->timestamp)
        rc = sign_top(&s, CW_STEP_TIMESTAMP, CW_TUF_TIMESTAMP, s.timestamp, NULL, err);
    if (rc == CW_OK && draft->root != NULL && draft->new_keys)
        rc = sign_top(&s, CW_STEP_NEW_KEYS, CW_TUF_ROOT, draft->root, NULL, err);
    cw_tuf_meta_clear(&s.targets);
    cw_listing_clear(&s.snapshot);
    json_decref(s.timestamp);
    return rc;
}
