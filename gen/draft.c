/* SPDX-License-Identifier: ISC */
/*
 * Composing the next publication: the roles to be signed anew, and renewal of what soon expires. Releases and
 * channels have files of their own.
 */
#include "gen/draft.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "gen/bins.h"
#include "gen/rekey.h"

#define IN_CEREMONY "it is in the ceremony that is open" /* why something is not renewed */

int cw_draft_report(struct cw_draft *draft, const char *list, json_t *row, struct cw_err *err)
{
    return json_array_append_new(json_object_get(draft->report, list), row) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_draft_add_file(struct cw_draft *draft, enum cw_step step, const char *path, struct cw_buf *bytes,
                      struct cw_err *err)
{
    struct cw_draft_file *file;

    if (draft->file_count == draft->file_room) {
        size_t room = draft->file_room != 0 ? draft->file_room * 2 : 16;
        struct cw_draft_file *files = reallocarray(draft->files, room, sizeof *files);

        if (files == NULL)
            return cw_err_nomem(err);
        draft->files = files;
        draft->file_room = room;
    }
    file = &draft->files[draft->file_count++];
    file->step = step;
    snprintf(file->path, sizeof file->path, "%s", path);
    file->bytes = *bytes;
    cw_buf_init(bytes, bytes->max);
    return CW_OK;
}

int cw_draft_add_bins(struct cw_draft_bins **bins, struct cw_draft *draft, const char *product,
                      const json_t *body, struct cw_err *err)
{
    struct cw_draft_bins *all = reallocarray(draft->bins, draft->bins_count + 1, sizeof *all);
    struct cw_tuf_meta meta = {.type = CW_TUF_TARGETS, .signed_ = body};

    if (all == NULL)
        return cw_err_nomem(err);
    draft->bins = all;
    *bins = &all[draft->bins_count++];
    **bins = (struct cw_draft_bins){.product = strdup(product), .body = json_incref((json_t *)body)};
    if ((*bins)->product == NULL)
        return cw_err_nomem(err);
    if (!cw_bin_spec(&(*bins)->prefix, &(*bins)->bits, &meta))
        return cw_err_set(err, CW_E_FAIL, "role '%s' has no bins", product);
    return CW_OK;
}

bool cw_draft_bins_touch(const struct cw_draft_bins *bins, size_t number)
{
    return (bins->touched[number / 8] & (1u << number % 8)) != 0;
}

size_t cw_draft_bins_made(const struct cw_draft_bins *bins)
{
    size_t i, made = 0;

    for (i = 0; i < (size_t)1 << bins->bits; i++)
        made += cw_draft_bins_touch(bins, i);
    return made;
}

/* What may be large (the lists of files and targets) is copied as a list: its entries are replaced and never changed. */
static json_t *copy_body(const json_t *signed_)
{
    json_t *body = json_object(), *value;
    const char *key;

    json_object_foreach ((json_t *)signed_, key, value) {
        bool list = strcmp(key, "meta") == 0 || strcmp(key, "targets") == 0;

        if (json_object_set_new(body, key, list ? cw_json_copy(value) : cw_json_deep_copy(value)) != 0) {
            json_decref(body);
            return NULL;
        }
    }
    return body;
}

int cw_draft_next_version(json_t **body, const struct cw_tuf_meta *meta, int64_t expires, struct cw_err *err)
{
    char text[CW_TIME_TEXT];

    cw_time_format(expires, text);
    *body = copy_body(meta->signed_);
    if (*body == NULL || json_object_set_new(*body, "version", json_integer(meta->version + 1)) != 0 ||
        json_object_set_new(*body, "expires", json_string(text)) != 0) {
        json_decref(*body);
        *body = NULL;
        return cw_err_nomem(err);
    }
    return CW_OK;
}

static int64_t expiry(const struct cw_draft_input *input, const char *role)
{
    return input->composed + input->config->expires[cw_state_life(input->state, role)];
}

int cw_draft_touch(json_t **body, struct cw_draft *draft, const struct cw_draft_input *input,
                   const char *role, struct cw_err *err)
{
    const struct cw_state_role *known = cw_state_role(input->state, role);
    const struct cw_tuf_meta *meta = &input->state->targets;
    int rc = CW_OK;

    *body = json_object_get(draft->roles, role);
    if (*body != NULL)
        return CW_OK;
    if (known != NULL)
        rc = cw_state_meta(&meta, input->state, known, err);
    if (rc == CW_OK)
        rc = cw_draft_next_version(body, meta, expiry(input, role), err);
    if (rc == CW_OK && json_object_set_new(draft->roles, role, *body) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int keys_of(struct cw_tuf_role *keys, const struct cw_state *state, const char *role,
                   struct cw_err *err)
{
    const struct cw_state_role *delegated = cw_state_role(state, role);

    if (delegated == NULL)
        return cw_tuf_root_role(keys, &state->root, role, err);
    *keys = delegated->keys;
    return CW_OK;
}

struct renewing {
    struct cw_draft *draft;
    const struct cw_draft_input *input;
};

/* Those bins of a product that expire until `before`. */
static int renew_bins_of(struct renewing *renewing, const struct cw_state_role *role, int64_t before,
                         struct cw_err *err)
{
    struct cw_bins_due due;
    int rc = cw_bins_renew(&due, renewing->draft, renewing->input, role, before, err);

    if (rc != CW_OK || due.count == 0)
        return rc;
    return cw_draft_report(renewing->draft, "renewed",
                           json_sprintf("%s: %llu bins", role->name, (unsigned long long)due.count), err);
}

static int renew_now(struct renewing *renewing, const char *role, struct cw_err *err)
{
    struct cw_draft *draft = renewing->draft;
    json_t *body;
    int rc = CW_OK;

    if (strcmp(role, "timestamp") == 0)
        draft->timestamp = true;
    else if (strcmp(role, "snapshot") == 0)
        draft->snapshot = true;
    else if (strcmp(role, "root") == 0)
        rc = cw_draft_next_version(&draft->root, &renewing->input->state->root, expiry(renewing->input, role),
                                   err);
    else
        rc = cw_draft_touch(&body, draft, renewing->input, role, err);
    return rc == CW_OK ? cw_draft_report(draft, "renewed", json_string(role), err) : rc;
}

/* what: a role, or bins. */
static int stay(struct renewing *renewing, const char *what, int64_t expires, const char *reason,
                struct cw_err *err)
{
    char when[CW_TIME_TEXT];

    cw_time_format(expires, when);
    return cw_draft_report(renewing->draft, "not_renewed",
                           json_pack("{s:s, s:s, s:s}", "role", what, "expires", when, "reason", reason),
                           err);
}

/* A key that is elsewhere keeps this role from being renewed, not the others. */
static int renew(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    struct renewing *renewing = ctx;
    const struct cw_draft_input *input = renewing->input;
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    struct cw_tuf_role keys;
    size_t count;
    int rc;

    if (meta->expires - input->now > input->renew_within ||
        (strcmp(role, "root") == 0 && renewing->draft->root != NULL) ||
        json_object_get(renewing->draft->roles, role) != NULL)
        return CW_OK;
    if (json_object_get(input->locked, role) != NULL)
        return stay(renewing, role, meta->expires, IN_CEREMONY, err);
    rc = keys_of(&keys, input->state, role, err);
    if (rc == CW_OK)
        rc = cw_keys_choose(chosen, &count, input->keys, &keys, NULL, err);
    if (rc == CW_E_NOTFOUND)
        return stay(renewing, role, meta->expires, err->text, err);
    return rc == CW_OK ? renew_now(renewing, role, err) : rc;
}

/* What was asked for by name, wherever its keys are. */
static int renew_named(struct renewing *renewing, struct cw_err *err)
{
    const struct cw_state *state = renewing->input->state;
    const json_t *name;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (renewing->input->renew, i, name) {
        const char *role = json_string_value(name);
        const struct cw_state_role *known = cw_state_role(state, role);
        struct cw_tuf_role keys;

        if ((strcmp(role, "root") == 0 && renewing->draft->root != NULL) ||
            json_object_get(renewing->draft->roles, role) != NULL)
            continue;
        if (keys_of(&keys, state, role, NULL) != CW_OK)
            return cw_err_set(err, CW_E_NOTFOUND, "there is no role '%s'", role);
        rc = renew_now(renewing, role, err);
        if (rc == CW_OK && known != NULL && !known->is_channel)
            rc = renew_bins_of(renewing, known, INT64_MAX, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int stay_bins_of(struct renewing *renewing, const struct cw_state_role *role, int64_t before,
                        const char *reason, struct cw_err *err)
{
    char what[CW_TUF_NAME_MAX + 40];
    struct cw_bins_due due;
    int rc = cw_bins_renew(&due, NULL, renewing->input, role, before, err);

    snprintf(what, sizeof what, "%s: %llu bins", role->name, (unsigned long long)due.count);
    return rc == CW_OK && due.count > 0 ? stay(renewing, what, due.first, reason, err) : rc;
}

/* A product's bins expire by themselves, each as long after it was last signed as the product's role. */
static int renew_bins(struct renewing *renewing, struct cw_err *err)
{
    const struct cw_draft_input *input = renewing->input;
    const struct cw_state *state = input->state;
    int64_t before = input->now + input->renew_within;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < state->role_count && rc == CW_OK; i++) {
        const struct cw_state_role *role = &state->roles[i];
        struct cw_key *chosen[CW_KEYS_ROLE_MAX];
        size_t count;

        if (role->is_channel)
            continue;
        if (json_object_get(input->locked, role->name) != NULL)
            rc = stay_bins_of(renewing, role, before, IN_CEREMONY, err);
        else if (cw_keys_choose(chosen, &count, input->keys, &role->keys, NULL, err) != CW_OK)
            rc = stay_bins_of(renewing, role, before, err->text, err);
        else
            rc = renew_bins_of(renewing, role, before, err);
    }
    return rc;
}

/* A site takes the newest `published` it verified as the earliest the time can be, so it may never go
 * back. */
static int check_clock(const struct cw_draft_input *input, struct cw_err *err)
{
    char now[CW_TIME_TEXT], before[CW_TIME_TEXT];

    if (input->now >= input->state->published)
        return CW_OK;
    cw_time_format(input->now, now);
    cw_time_format(input->state->published, before);
    return cw_err_set(
        err, CW_E_EXPIRED,
        "the time is %s, before the last publish at %s: set the clock (or SOURCE_DATE_EPOCH) right", now,
        before);
}

int cw_draft_init(struct cw_draft *draft, struct cw_err *err)
{
    *draft = (struct cw_draft){.roles = json_object(), .staged = json_array()};
    draft->report = json_pack("{s:[], s:[], s:[], s:[], s:[], s:[]}", "keys", "products", "releases",
                              "channels", "renewed", "not_renewed");
    if (draft->roles == NULL || draft->staged == NULL || draft->report == NULL)
        return cw_err_nomem(err);
    return CW_OK;
}

/* What gc found to be needed no more is signed no more. */
static int leave(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    const char *product, *target;
    json_t *targets, *value, *body;

    json_object_foreach ((json_t *)input->leaving, product, targets) {
        const struct cw_state_role *role = cw_state_product(input->state, product);
        struct cw_state_bins bins;
        bool split;
        int rc = cw_state_bins(&split, &bins, input->state, role, err);

        if (rc == CW_OK)
            rc = split ? cw_bins_leave(draft, &bins, product, targets, err)
                       : cw_draft_touch(&body, draft, input, product, err);
        if (rc != CW_OK)
            return rc;
        json_object_foreach (targets, target, value) {
            if (!split)
                json_object_del(json_object_get(body, "targets"), target);
        }
    }
    return CW_OK;
}

int cw_draft_compose(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    struct renewing renewing = {.draft = draft, .input = input};
    int rc = cw_draft_init(draft, err);

    if (rc == CW_OK && !input->renew_only)
        rc = cw_draft_compose_keys(draft, input, err);
    if (rc == CW_OK && !input->renew_only)
        rc = cw_draft_compose_releases(draft, input, err);
    if (rc == CW_OK && !input->renew_only)
        rc = cw_draft_compose_channels(draft, input, err);
    if (rc == CW_OK)
        rc = leave(draft, input, err);
    if (rc == CW_OK)
        rc = renew_named(&renewing, err);
    if (rc == CW_OK && input->renew_within >= 0)
        rc = cw_state_each(input->state, renew, &renewing, err);
    if (rc == CW_OK && input->renew_within >= 0)
        rc = renew_bins(&renewing, err);
    if (rc != CW_OK)
        return rc;
    draft->snapshot = draft->snapshot || json_object_size(draft->roles) > 0 || draft->bins_count > 0;
    draft->timestamp = draft->timestamp || draft->snapshot;
    return cw_draft_is_empty(draft) ? CW_OK : check_clock(input, err);
}

bool cw_draft_is_empty(const struct cw_draft *draft)
{
    return !draft->timestamp && draft->root == NULL;
}

void cw_draft_clear(struct cw_draft *draft)
{
    size_t i;

    for (i = 0; i < draft->file_count; i++)
        cw_buf_clear(&draft->files[i].bytes);
    free(draft->files);
    for (i = 0; i < draft->copy_count; i++) {
        free(draft->copies[i].product);
        free(draft->copies[i].version);
    }
    free(draft->copies);
    for (i = 0; i < draft->bins_count; i++) {
        free(draft->bins[i].product);
        json_decref(draft->bins[i].body);
        json_decref(draft->bins[i].leaving);
        cw_spool_free(draft->bins[i].spool);
    }
    free(draft->bins);
    json_decref(draft->roles);
    json_decref(draft->root);
    json_decref(draft->staged);
    json_decref(draft->report);
    *draft = (struct cw_draft){.roles = NULL};
}
