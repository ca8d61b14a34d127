/* SPDX-License-Identifier: ISC */
/*
 * Signing a composed draft: every role's file, then the snapshot and timestamp that name them. Each file is
 * read back and verified as a client would before it counts.
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
        *after;       /* the role's keys by the next root: they sign together with those in force */
    json_t *snapshot; /* signed part being filled */
    json_t *timestamp;
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

/* Signs a body into the bytes of its file. `back` gets it parsed. */
static int sign_body(struct cw_buf *bytes, struct cw_tuf_meta *back, struct signing *s, enum cw_tuf_type type,
                     const struct cw_tuf_role *role, json_t *body, struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    int rc = cw_tuf_envelope_new(&envelope, body, err);

    if (rc == CW_OK)
        rc = cw_canon_format(&canonical, body, err);
    if (rc == CW_OK)
        rc = cw_draft_sign_with(envelope, &canonical, s->input, role, s->unlock, err);
    if (rc == CW_OK && s->after != NULL)
        rc = cw_draft_sign_with(envelope, &canonical, s->input, s->after, s->unlock, err);
    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(bytes, envelope, err);
    if (rc == CW_OK)
        rc = check_size(type, role->name, bytes->len, err);
    /* A snapshot lists thousands of bins and says nothing else: that its signature holds is enough, and it is not parsed again. */
    if (rc == CW_OK && type == CW_TUF_SNAPSHOT)
        *back = (struct cw_tuf_meta){.type = type,
                                     .doc = json_incref(envelope),
                                     .signed_ = body,
                                     .version = json_integer_value(json_object_get(body, "version"))};
    else if (rc == CW_OK)
        rc = cw_tuf_meta_parse(back, type, bytes->data, bytes->len, err);
    if (rc == CW_OK)
        rc = cw_tuf_verify(back, role, err);
    if (rc == CW_OK && s->after != NULL)
        rc = cw_tuf_verify(back, s->after, err);
    return rc;
}

/* Lists a file in the one that names it (NULL: none does), and queues it for writing. */
static int queue(struct signing *s, enum cw_step step, const char *role, int64_t version,
                 struct cw_buf *bytes, json_t *lister, struct cw_err *err)
{
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, bytes->data, bytes->len, err);

    if (rc == CW_OK && lister != NULL)
        rc = cw_tuf_meta_add(lister, role, version, (int64_t)bytes->len, sha256, err);
    if (step == CW_STEP_TIMESTAMP)
        snprintf(path, sizeof path, "%s", CW_TREE_TIMESTAMP);
    else if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, version, role, err);
    return rc == CW_OK ? cw_draft_add_file(s->draft, step, path, bytes, err) : rc;
}

/* Signs and queues one role. `kept` (may be NULL) gets the parsed file, the caller's to clear. */
static int sign_role(struct signing *s, enum cw_step step, enum cw_tuf_type type,
                     const struct cw_tuf_role *role, json_t *body, json_t *lister, struct cw_tuf_meta *kept,
                     struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    struct cw_tuf_meta back = {.doc = NULL};
    int rc = sign_body(&bytes, &back, s, type, role, body, err);

    if (rc == CW_OK)
        rc = queue(s, step, role->name, back.version, &bytes, lister, err);
    if (rc != CW_OK)
        cw_err_prefix(err, "unable to sign role '%s'", role->name);
    if (rc == CW_OK && kept != NULL)
        *kept = back;
    else
        cw_tuf_meta_clear(&back);
    return rc;
}

static int sign_top(struct signing *s, enum cw_step step, enum cw_tuf_type type, json_t *body, json_t *lister,
                    struct cw_tuf_meta *kept, struct cw_err *err)
{
    const struct cw_tuf_meta next = {.type = CW_TUF_ROOT, .signed_ = s->draft->root};
    struct cw_tuf_role role, after = {.keys = NULL};
    int rc = cw_tuf_root_role(&role, &s->input->state->root, cw_tuf_type_name(type), err);

    if (rc == CW_OK && s->draft->root != NULL)
        rc = cw_tuf_root_role(&after, &next, cw_tuf_type_name(type), err);
    s->after = rc == CW_OK && s->draft->root != NULL ? &after : NULL;
    if (rc == CW_OK)
        rc = sign_role(s, step, type, &role, body, lister, kept, err);
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
        rc = sign_top(s, CW_STEP_ROLES, CW_TUF_TARGETS, body, s->snapshot, &s->targets, err);
    if (rc != CW_OK)
        return rc;
    json_object_foreach (s->draft->roles, name, body) {
        struct cw_tuf_role role;

        if (strcmp(name, "targets") == 0)
            continue;
        rc =
            delegation_of(&role, s->targets.doc != NULL ? &s->targets : &s->input->state->targets, name, err);
        if (rc == CW_OK)
            rc = sign_role(s, CW_STEP_ROLES, CW_TUF_TARGETS, &role, body, s->snapshot, NULL, err);
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
    int rc = cw_draft_next_version(&s->snapshot, &input->state->snapshot,
                                   input->now + lives[CW_LIFE_SNAPSHOT], err);

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
        rc = cw_bins_list(s.snapshot, draft, input->state, err);
    if (rc == CW_OK && draft->snapshot)
        rc = sign_top(&s, CW_STEP_SNAPSHOT, CW_TUF_SNAPSHOT, s.snapshot, s.timestamp, NULL, err);
    if (rc == CW_OK && draft->root != NULL && !draft->new_keys)
        rc = sign_top(&s, CW_STEP_ROOT, CW_TUF_ROOT, draft->root, NULL, NULL, err);
    if (rc == CW_OK && draft->timestamp)
        rc = sign_top(&s, CW_STEP_TIMESTAMP, CW_TUF_TIMESTAMP, s.timestamp, NULL, NULL, err);
    if (rc == CW_OK && draft->root != NULL && draft->new_keys)
        rc = sign_top(&s, CW_STEP_NEW_KEYS, CW_TUF_ROOT, draft->root, NULL, NULL, err);
    cw_tuf_meta_clear(&s.targets);
    json_decref(s.snapshot);
    json_decref(s.timestamp);
    return rc;
}
