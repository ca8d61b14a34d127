/* SPDX-License-Identifier: ISC */
/*
 * Making bins: part by part of the spool, each bin merged with what was published of it, signed, and written beside the others; all of
 * them are durable at the end. Memory holds one part.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "fs/commit.h"
#include "gen/bins.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define BATCH 512 /* bins committed together: each holds a folder open, and 1024 may be open */

struct writing {
    const struct cw_draft_bins *bins;
    const struct cw_draft_input *input;
    int tree;
    struct cw_progress *progress;
    struct cw_tuf_role role; /* of all bins; the name is set for each */
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t chosen_count;
    bool checked; /* the first one was read back */
    struct cw_batch batch;
    struct cw_buf canonical, text, before; /* used again for each bin */
};

static int compare_ids(const void *a, const void *b)
{
    const struct cw_key *const *one = a, *const *two = b;

    return strcmp((*one)->id, (*two)->id);
}

static int choose_keys(struct writing *w, struct cw_unlock *unlock, struct cw_err *err)
{
    const json_t *delegations = json_object_get(w->bins->body, "delegations");
    const json_t *bins = json_object_get(delegations, "succinct_roles");
    size_t i;
    int rc;

    w->role = (struct cw_tuf_role){.keys = json_object_get(delegations, "keys"),
                                   .keyids = json_object_get(bins, "keyids"),
                                   .threshold = json_integer_value(json_object_get(bins, "threshold"))};
    cw_bin_name(w->role.name, w->bins->prefix, 0);
    rc = cw_keys_choose(w->chosen, &w->chosen_count, w->input->keys, &w->role, NULL, err);
    for (i = 0; i < w->chosen_count && rc == CW_OK; i++)
        rc = cw_keys_unlock(w->input->keys, w->chosen[i], unlock, err);
    qsort(w->chosen, w->chosen_count, sizeof w->chosen[0], compare_ids);
    return rc;
}

/* [{"keyid", "sig"}] sorted by keyid, as envelopes have it. */
static int sign(json_t **signatures, struct writing *w, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    *signatures = json_array();
    if (*signatures == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < w->chosen_count && rc == CW_OK; i++) {
        CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);

        rc = cw_key_sign(&hex, w->chosen[i], w->role.name, w->canonical.data, w->canonical.len, err);
        if (rc != CW_OK)
            return rc;
        if (json_array_append_new(*signatures,
                                  json_pack("{s:s, s:s}", "keyid", w->chosen[i]->id, "sig", hex.data)) != 0)
            return cw_err_nomem(err);
    }
    return rc;
}

/* One is read back as a client would read it: a wrong key or threshold would be wrong in all. */
static int check(struct writing *w, struct cw_err *err)
{
    CW_AUTO_BIN back = {.count = 0};

    if (w->text.len > CW_TUF_TARGETS_MAX)
        return cw_err_set(err, CW_E_FAIL, "would be %zu bytes, more than clients take (%d)", w->text.len,
                          CW_TUF_TARGETS_MAX);
    if (w->checked)
        return CW_OK;
    w->checked = true;
    return cw_bin_read(&back, w->text.data, w->text.len, &w->role, err);
}

static int put(struct writing *w, int64_t version, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, w->role.name, err);

    if (rc == CW_OK)
        rc = cw_out_open(&out, w->tree, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, w->text.data, w->text.len, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&w->batch, &out, err);
    cw_progress_add(w->progress, w->text.len);
    return rc == CW_OK && w->batch.count >= BATCH ? cw_batch_commit(&w->batch, err) : rc;
}

static bool leaves(const struct cw_draft_bins *bins, const struct cw_bin_target *target)
{
    char path[CW_PATH_MAX];

    if (bins->leaving == NULL || target->path.len >= sizeof path)
        return false;
    memcpy(path, target->path.at, target->path.len);
    path[target->path.len] = '\0';
    return json_object_get(bins->leaving, path) != NULL;
}

/* What is published of the bin joins what is new. */
static int merge(struct cw_bin *bin, struct writing *w, size_t number, struct cw_err *err)
{
    struct cw_tuf_meta meta = {.type = CW_TUF_TARGETS, .signed_ = w->bins->body};
    struct cw_state_bins there = {.meta = &meta, .prefix = w->bins->prefix, .bits = w->bins->bits};
    CW_AUTO_BIN before = {.count = 0};
    size_t i;
    int rc;

    bin->version = 1;
    if (w->bins->fresh)
        return CW_OK;
    cw_buf_reset(&w->before);
    rc = cw_state_read_bin(&before, &w->before, w->input->state, &there, number, err);
    for (i = 0; i < before.count && rc == CW_OK; i++) {
        if (!leaves(w->bins, &before.targets[i]))
            rc = cw_bin_add(bin, &before.targets[i], err);
    }
    bin->version = before.version + 1;
    return rc;
}

static int make(struct writing *w, struct cw_bin *bin, size_t number, struct cw_err *err)
{
    json_auto_t *signatures = NULL;
    int rc;

    cw_bin_name(w->role.name, w->bins->prefix, number);
    cw_buf_reset(&w->canonical);
    cw_buf_reset(&w->text);
    bin->expires = w->input->now + w->input->config->expires[CW_LIFE_PRODUCT];
    rc = merge(bin, w, number, err);
    if (rc == CW_OK)
        rc = cw_bin_sort(bin, err);
    if (rc == CW_OK)
        rc = cw_bin_canon(&w->canonical, bin, err);
    if (rc == CW_OK)
        rc = sign(&signatures, w, err);
    if (rc == CW_OK)
        rc = cw_bin_format(&w->text, bin, signatures, err);
    if (rc == CW_OK)
        rc = check(w, err);
    if (rc == CW_OK)
        rc = put(w, bin->version, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "role '%s'", w->role.name);
}

static bool is_touched(const struct cw_draft_bins *bins, size_t number)
{
    return (bins->touched[number / 8] & (1u << number % 8)) != 0;
}

static int make_part(struct writing *w, size_t part, struct cw_err *err)
{
    size_t i, count = (size_t)1 << (w->bins->bits - CW_SPOOL_BITS);
    CW_AUTO_BUF memory = CW_BUF_INIT(0);
    struct cw_bin bins[CW_BIN_COUNT_MAX >> CW_SPOOL_BITS] = {{.count = 0}};
    bool any = false;
    int rc = CW_OK;

    for (i = 0; i < count; i++)
        any = any || is_touched(w->bins, part * count + i);
    if (!any)
        return CW_OK;
    if (w->bins->spool != NULL)
        rc = cw_spool_part(bins, &memory, w->bins->spool, w->bins->bits, part, err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        if (is_touched(w->bins, part * count + i))
            rc = make(w, &bins[i], part * count + i, err);
        cw_bin_clear(&bins[i]);
    }
    for (; i < count; i++)
        cw_bin_clear(&bins[i]);
    return rc;
}

static int make_all(struct writing *w, struct cw_unlock *unlock, struct cw_err *err)
{
    size_t part;
    int rc = choose_keys(w, unlock, err);

    for (part = 0; part < CW_SPOOL_PARTS && rc == CW_OK; part++)
        rc = make_part(w, part, err);
    return rc == CW_OK ? cw_batch_commit(&w->batch, err) : rc;
}

int cw_bins_write(const struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  int tree, struct cw_progress *progress, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < draft->bins_count && rc == CW_OK; i++) {
        struct writing w = {.bins = &draft->bins[i],
                            .input = input,
                            .tree = tree,
                            .progress = progress,
                            .canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX),
                            .text = CW_BUF_INIT(CW_TUF_TEXT_MAX),
                            .before = CW_BUF_INIT(CW_TUF_TARGETS_MAX)};

        cw_batch_init(&w.batch, tree);
        rc = make_all(&w, unlock, err);
        cw_batch_clear(&w.batch);
        cw_buf_clear(&w.canonical);
        cw_buf_clear(&w.text);
        cw_buf_clear(&w.before);
    }
    return rc;
}
