/* SPDX-License-Identifier: ISC */
/*
 * Deciding where targets go and planning bins; see gen/bins.h. They are made in gen/bins_write.c.
 */
#include "gen/bins.h"

#include <stdio.h>
#include <string.h>

#include "release/name.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define MORE ".bin" /* behind a product's name where its bins would have names that are taken */

/* The bytes of a role's file as the snapshot states them; 0: it is new. */
static uint64_t size_of(const struct cw_state *state, const char *role)
{
    const struct cw_listed *said;

    return cw_listing_find(&said, &state->snapshot, role, NULL) == CW_OK && said->length > 0
               ? (uint64_t)said->length
               : 0;
}

/* ---- into the role's own file ---- */

static int add_target(void *ctx, const struct cw_bin_target *target, struct cw_err *err)
{
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

    snprintf(path, sizeof path, "%.*s", (int)target->path.len, target->path.at);
    snprintf(sha256, sizeof sha256, "%.64s", target->sha256);
    return cw_tuf_targets_add(ctx, path, target->length, sha256, NULL, err);
}

/* ---- splitting ---- */

static int spool_targets(struct cw_spool *spool, const json_t *body, struct cw_err *err)
{
    const char *path;
    json_t *entry;

    json_object_foreach (json_object_get(body, "targets"), path, entry) {
        struct cw_bin_target target = {
            .path = {.at = path, .len = strlen(path)},
            .sha256 = json_string_value(json_object_get(json_object_get(entry, "hashes"), "sha256")),
            .length = json_integer_value(json_object_get(entry, "length"))};
        int rc = target.sha256 != NULL && strlen(target.sha256) == CW_SHA256_TEXT - 1
                     ? cw_spool_add(spool, &target, err)
                     : cw_err_set(err, CW_E_VERIFY, "'%s' has no sha256", path);

        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* The targets in force after this publication. */
static const json_t *delegations(const struct cw_draft *draft, const struct cw_draft_input *input)
{
    const json_t *fresh = json_object_get(draft->roles, "targets");

    return json_object_get(fresh != NULL ? fresh : input->state->targets.signed_, "delegations");
}

static const json_t *delegation_of(const struct cw_draft *draft, const struct cw_draft_input *input,
                                   const char *role)
{
    json_t *item;
    size_t i;

    json_array_foreach (json_object_get(delegations(draft, input), "roles"), i, item) {
        if (strcmp(json_string_value(json_object_get(item, "name")), role) == 0)
            return item;
    }
    return NULL;
}

/* A bin's name is a role's, and no two of them may be the same, nor differ by case only. */
static bool is_free(const struct cw_draft *draft, const struct cw_draft_input *input, const char *prefix)
{
    const struct cw_listing *snapshot = &input->state->snapshot;
    json_t *item;
    size_t i;

    json_array_foreach (json_object_get(delegations(draft, input), "roles"), i, item) {
        if (cw_bin_takes_name(prefix, json_string_value(json_object_get(item, "name"))))
            return false;
    }
    for (i = 0; i < snapshot->count; i++) {
        char role[CW_TUF_NAME_MAX];

        cw_listed_role(role, &snapshot->rows[i]);
        if (cw_bin_takes_name(prefix, role))
            return false;
    }
    return true;
}

/* Bytes that one bin takes in a snapshot. */
static size_t line_size(const char *prefix)
{
    return strlen(prefix) + sizeof "   \"-000.json\": {\n    \"version\": 999999\n   },\n" - 1;
}

/* Bytes that the next snapshot has left for more bins. */
static size_t room_left(const struct cw_draft *draft, const struct cw_draft_input *input)
{
    struct cw_tuf_file said;
    size_t i, used = 0;

    if (cw_tuf_meta_file(&said, &input->state->timestamp, "snapshot", NULL) == CW_OK && said.length > 0)
        used = (size_t)said.length;
    for (i = 0; i < draft->bins_count; i++)
        used += draft->bins[i].fresh ? line_size(draft->bins[i].prefix) << draft->bins[i].bits : 0;
    return used < CW_BINS_SNAPSHOT_MAX ? CW_BINS_SNAPSHOT_MAX - used : 0;
}

/* As many bins as take a quarter of what the snapshot has left: the first product to be split gets most of the room that it may
 * ever need, and later ones still find some. */
static int choose_bits(unsigned *bits, const struct cw_draft *draft, const struct cw_draft_input *input,
                       const char *prefix, struct cw_err *err)
{
    size_t each = line_size(prefix), left = room_left(draft, input);

    for (*bits = CW_BIN_BITS_MAX; *bits > CW_BIN_BITS_MIN && (each << *bits) > left / 4; --*bits)
        ;
    if ((each << *bits) <= left)
        return CW_OK;
    return cw_err_set(
        err, CW_E_FAIL,
        "has become too large for one role, and the snapshot has no room for its bins: start another "
        "product or another repository");
}

static int choose_prefix(char prefix[CW_TUF_NAME_MAX], const struct cw_draft *draft,
                         const struct cw_draft_input *input, const char *product, struct cw_err *err)
{
    size_t len = strlen(product);

    snprintf(prefix, CW_TUF_NAME_MAX, "%s", product);
    for (; !is_free(draft, input, prefix); len += strlen(MORE)) {
        if (len + strlen(MORE) > CW_NAME_MAX)
            return cw_err_set(err, CW_E_FAIL, "there is no free name for its bins");
        snprintf(prefix + len, CW_TUF_NAME_MAX - len, MORE);
    }
    return CW_OK;
}

/* While that waited for signatures, other products may have been split, which anew would leave this one fewer bins. */
static int choose_as_signed(char prefix[CW_TUF_NAME_MAX], unsigned *bits, const struct cw_draft *draft,
                            const struct cw_draft_input *input, const json_t *body, struct cw_err *err)
{
    struct cw_tuf_meta meta = {.type = CW_TUF_TARGETS, .signed_ = body};
    const char *signed_;

    if (!cw_bin_spec(&signed_, bits, &meta))
        return cw_err_set(err, CW_E_VERIFY, "was signed with hash bins of a kind that is not made here");
    snprintf(prefix, CW_TUF_NAME_MAX, "%s", signed_);
    if (line_size(prefix) << *bits <= room_left(draft, input))
        return CW_OK;
    return cw_err_set(
        err, CW_E_FAIL,
        "other products took the snapshot's room for its %zu hash bins while it waited for signatures: "
        "give the ceremony up by 'publish --abandon', and publish again",
        (size_t)1 << *bits);
}

static int choose_bins(char prefix[CW_TUF_NAME_MAX], unsigned *bits, const struct cw_draft *draft,
                       const struct cw_draft_input *input, const char *product, struct cw_err *err)
{
    const json_t *body = json_object_get(input->splits, product);
    int rc;

    if (body != NULL)
        return choose_as_signed(prefix, bits, draft, input, body, err);
    rc = choose_prefix(prefix, draft, input, product, err);
    return rc == CW_OK ? choose_bits(bits, draft, input, prefix, err) : rc;
}

static int split(struct cw_draft *draft, const struct cw_draft_input *input, const char *product,
                 struct cw_spool **spool, struct cw_err *err)
{
    const json_t *role = delegation_of(draft, input, product);
    struct cw_draft_bins *bins;
    char prefix[CW_TUF_NAME_MAX];
    unsigned bits;
    json_t *body;
    int rc = cw_draft_touch(&body, draft, input, product, err);

    if (rc == CW_OK)
        rc = spool_targets(*spool, body, err);
    if (rc == CW_OK)
        rc = choose_bins(prefix, &bits, draft, input, product, err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_split(body, prefix, bits, json_object_get(delegations(draft, input), "keys"),
                                  role, err);
    if (rc == CW_OK)
        rc = cw_draft_add_bins(&bins, draft, product, body, err);
    if (rc != CW_OK)
        return rc;
    bins->fresh = true;
    memset(bins->touched, 0xff, sizeof bins->touched);
    bins->spool = *spool;
    *spool = NULL;
    return CW_OK;
}

/* ---- into bins that are there ---- */

static void touch(struct cw_draft_bins *bins, size_t number)
{
    bins->touched[number / 8] |= (unsigned char)(1u << number % 8);
}

static int fill(struct cw_draft *draft, const struct cw_state_bins *there, const char *product,
                struct cw_spool **spool, struct cw_err *err)
{
    struct cw_draft_bins *bins;
    size_t i;
    int rc = cw_draft_add_bins(&bins, draft, product, there->meta->signed_, err);

    if (rc != CW_OK)
        return rc;
    for (i = 0; i < (size_t)1 << bins->bits; i++) {
        if (cw_spool_touches(*spool, bins->bits, i))
            touch(bins, i);
    }
    bins->spool = *spool;
    *spool = NULL;
    return CW_OK;
}

int cw_bins_place(struct cw_draft *draft, const struct cw_draft_input *input, const char *product,
                  struct cw_spool **spool, struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(input->state, product);
    struct cw_state_bins there;
    bool is_split = false;
    json_t *body;
    int rc = CW_OK;

    if (role != NULL)
        rc = cw_state_bins(&is_split, &there, input->state, role, err);
    if (rc != CW_OK)
        return rc;
    if (is_split)
        return fill(draft, &there, product, spool, err);
    if (size_of(input->state, product) + cw_spool_size(*spool) > CW_BINS_SPLIT_AT)
        return split(draft, input, product, spool, err);
    rc = cw_draft_touch(&body, draft, input, product, err);
    return rc == CW_OK ? cw_spool_each(*spool, add_target, body, err) : rc;
}

/* The draft's bins of a product, begun where there are none yet. */
static int bins_of(struct cw_draft_bins **bins, struct cw_draft *draft, const struct cw_state_bins *there,
                   const char *product, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < draft->bins_count; i++) {
        *bins = &draft->bins[i];
        if (strcmp((*bins)->product, product) == 0)
            return CW_OK;
    }
    return cw_draft_add_bins(bins, draft, product, there->meta->signed_, err);
}

int cw_bins_leave(struct cw_draft *draft, const struct cw_state_bins *there, const char *product,
                  json_t *targets, struct cw_err *err)
{
    struct cw_draft_bins *bins;
    const char *target;
    json_t *value;
    uint32_t hash;
    int rc = bins_of(&bins, draft, there, product, err);

    json_object_foreach (targets, target, value) {
        if (rc == CW_OK)
            rc = cw_bin_hash(&hash, target, strlen(target), err);
        if (rc != CW_OK)
            return rc;
        touch(bins, hash >> (32 - bins->bits));
    }
    if (rc == CW_OK)
        bins->leaving = json_incref(targets);
    return rc;
}

int cw_bins_renew(struct cw_bins_due *due, struct cw_draft *draft, const struct cw_draft_input *input,
                  const struct cw_state_role *role, int64_t before, struct cw_err *err)
{
    struct cw_state_bins there = {.bits = 0};
    struct cw_draft_bins *bins = NULL;
    struct cw_tuf_meta own;
    bool is_split;
    size_t i;
    int rc = cw_state_peek(&own, &is_split, input->state, role->name, err);

    *due = (struct cw_bins_due){.count = 0};
    if (rc == CW_OK && is_split)
        rc = cw_state_bins(&is_split, &there, input->state, role, err);
    for (i = 0; rc == CW_OK && is_split && i < (size_t)1 << there.bits; i++) {
        char name[CW_TUF_NAME_MAX];
        struct cw_tuf_meta meta;

        cw_bin_name(name, there.prefix, i);
        rc = cw_state_peek(&meta, NULL, input->state, name, err);
        if (rc != CW_OK || meta.expires > before)
            continue;
        if (due->count++ == 0 || meta.expires < due->first)
            due->first = meta.expires;
        if (draft != NULL && bins == NULL)
            rc = bins_of(&bins, draft, &there, role->name, err);
        if (bins != NULL && rc == CW_OK)
            touch(bins, i);
    }
    return rc;
}

/* ---- into the snapshot ---- */

static int list(struct cw_listing *snapshot, const struct cw_draft_bins *bins, const struct cw_state *state,
                struct cw_err *err)
{
    const struct cw_listed *said;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < (size_t)1 << bins->bits && rc == CW_OK; i++) {
        char name[CW_TUF_NAME_MAX];

        if (!cw_draft_bins_touch(bins, i))
            continue;
        cw_bin_name(name, bins->prefix, i);
        if (cw_listing_find(&said, &state->snapshot, name, NULL) != CW_OK)
            said = NULL;
        rc = cw_listing_put(snapshot, name, said != NULL ? said->version + 1 : 1, -1, NULL, err);
    }
    return rc;
}

int cw_bins_list(struct cw_listing *snapshot, const struct cw_draft *draft, const struct cw_state *state,
                 struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < draft->bins_count && rc == CW_OK; i++)
        rc = list(snapshot, &draft->bins[i], state, err);
    return rc;
}
