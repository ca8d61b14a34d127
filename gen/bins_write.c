/* SPDX-License-Identifier: ISC */
/*
 * Making bins: part by part of the spool, each bin merged with what was published of it, signed, and written beside the others; all of
 * them are durable at the end. Memory holds one part. Or they are laid unsigned into the folder of a ceremony; when that is completed
 * they are made once more, and what is signed then has to be what was signed there.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fs/commit.h"
#include "gen/bins.h"
#include "gen/bins_put.h"
#include "tree/layout.h"
#include "tuf/write.h"

struct writing {
    const struct cw_draft_bins *bins;
    const struct cw_draft_input *input;
    struct cw_state_bins there; /* in force; of a product that is split now, nothing */
    struct cw_tuf_role role;    /* of all bins; the name is set for each */
    int (*end)(struct writing *w, const struct cw_bin *bin, struct cw_err *err); /* what becomes of one */
    int dir; /* the tree; of bins that are carried what the folder lies beneath */
    struct cw_buf canonical, text,
        before; /* used again for each bin: what is signed, the file, that in force */
    struct cw_progress *progress;
    /* into the tree */
    struct cw_unlock *unlock;
    bool checked;            /* one that was signed here was read back */
    struct cw_bins_put *put; /* borrowed; NULL: they are carried */
    /* into a ceremony's folder */
    const char *path;
    json_t *rows;
};

static void writing_init(struct writing *w, const struct cw_draft_bins *bins,
                         const struct cw_draft_input *input, int dir)
{
    const json_t *delegations = json_object_get(bins->body, "delegations");
    const json_t *succinct = json_object_get(delegations, "succinct_roles");

    *w = (struct writing){.bins = bins, .input = input, .dir = dir};
    w->role = (struct cw_tuf_role){.keys = json_object_get(delegations, "keys"),
                                   .keyids = json_object_get(succinct, "keyids"),
                                   .threshold = json_integer_value(json_object_get(succinct, "threshold"))};
    cw_bin_name(w->role.name, bins->prefix, 0);
    cw_buf_init(&w->canonical, CW_TUF_TEXT_MAX);
    cw_buf_init(&w->text, CW_TUF_TEXT_MAX);
    cw_buf_init(&w->before, CW_TUF_TARGETS_MAX);
}

static void writing_clear(struct writing *w)
{
    cw_buf_clear(&w->canonical);
    cw_buf_clear(&w->text);
    cw_buf_clear(&w->before);
}

/* ---- into the tree ---- */

/* One is read back as a client would read it: a wrong key or threshold would be wrong in all. So is each that was signed elsewhere:
 * a signature that does not hold says that it was over something else than what is made now. */
static int check(struct writing *w, struct cw_err *err)
{
    bool elsewhere = json_object_get(w->input->gathered, w->role.name) != NULL;
    CW_AUTO_BIN back = {.count = 0};

    if (w->text.len > CW_TUF_TARGETS_MAX)
        return cw_err_set(err, CW_E_FAIL, "would be %zu bytes, more than clients take (%d)", w->text.len,
                          CW_TUF_TARGETS_MAX);
    if (w->checked && !elsewhere)
        return CW_OK;
    w->checked = w->checked || !elsewhere;
    return cw_bin_read(&back, w->text.data, w->text.len, &w->role, err);
}

static int put(struct writing *w, int64_t version, struct cw_err *err)
{
    cw_progress_files(w->progress, 1);
    cw_progress_add(w->progress, w->text.len);
    return cw_bins_put_file(w->put, version, w->role.name, &w->text, err);
}

static int sign(struct writing *w, const struct cw_bin *bin, struct cw_err *err)
{
    json_auto_t *envelope = json_pack("{s:[]}", "signatures");
    int rc = envelope != NULL
                 ? cw_draft_sign_with(envelope, &w->canonical, w->input, &w->role, w->unlock, err)
                 : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_bin_format(&w->text, bin, json_object_get(envelope, "signatures"), err);
    return rc == CW_OK ? check(w, err) : rc;
}

/* ---- into the folder of a ceremony ---- */

static int lay(const struct writing *w, const char *part, int64_t version, const struct cw_buf *text,
               struct cw_err *err)
{
    char path[CW_PATH_MAX], full[2 * CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, w->role.name, err);

    if (rc != CW_OK)
        return rc;
    snprintf(full, sizeof full, "%s/%s/%s", w->path, part, path + strlen(CW_TREE_METADATA "/"));
    return cw_file_write(w->dir, full, text->data, text->len, 0644, err);
}

static int carry(struct writing *w, const struct cw_bin *bin, struct cw_err *err)
{
    json_auto_t *unsigned_ = json_array();
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, w->canonical.data, w->canonical.len, err);

    if (rc == CW_OK)
        rc = cw_bin_format(&w->text, bin, unsigned_, err);
    if (rc == CW_OK)
        rc = lay(w, "metadata", bin->version, &w->text, err);
    cw_progress_files(w->progress, 1);
    cw_progress_add(w->progress, w->text.len);
    if (rc == CW_OK && !w->bins->fresh)
        rc = lay(w, "trusted", bin->version - 1, &w->before, err);
    if (rc == CW_OK &&
        json_array_append_new(w->rows, json_pack("{s:s, s:s, s:I, s:s}", "role", w->role.name, "bin_of",
                                                 w->bins->product, "version", (json_int_t)bin->version,
                                                 "sha256", sha256)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

/* ---- making them ---- */

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
    CW_AUTO_BIN before = {.count = 0};
    size_t i;
    int rc;

    bin->version = 1;
    if (w->bins->fresh)
        return CW_OK;
    cw_buf_reset(&w->before);
    rc = cw_state_read_bin(&before, &w->before, w->input->state, &w->there, number, err);
    for (i = 0; i < before.count && rc == CW_OK; i++) {
        if (!leaves(w->bins, &before.targets[i]))
            rc = cw_bin_add(bin, &before.targets[i], err);
    }
    bin->version = before.version + 1;
    return rc;
}

static int make(struct writing *w, struct cw_bin *bin, size_t number, struct cw_err *err)
{
    int rc;

    cw_bin_name(w->role.name, w->bins->prefix, number);
    cw_buf_reset(&w->canonical);
    cw_buf_reset(&w->text);
    bin->expires = w->input->composed + w->input->config->expires[CW_LIFE_PRODUCT];
    rc = merge(bin, w, number, err);
    if (rc == CW_OK)
        rc = cw_bin_sort(bin, err);
    if (rc == CW_OK)
        rc = cw_bin_canon(&w->canonical, bin, err);
    if (rc == CW_OK)
        rc = w->end(w, bin, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "role '%s'", w->role.name);
    return w->put != NULL ? put(w, bin->version, err) : CW_OK; /* which may tell of another bin */
}

static int make_part(struct writing *w, size_t part, struct cw_err *err)
{
    size_t i, count = (size_t)1 << (w->bins->bits - CW_SPOOL_BITS);
    CW_AUTO_BUF memory = CW_BUF_INIT(0);
    struct cw_bin bins[CW_BIN_COUNT_MAX >> CW_SPOOL_BITS] = {{.count = 0}};
    bool any = false;
    int rc = CW_OK;

    for (i = 0; i < count; i++)
        any = any || cw_draft_bins_touch(w->bins, part * count + i);
    if (!any)
        return CW_OK;
    if (w->bins->spool != NULL)
        rc = cw_spool_part(bins, &memory, w->bins->spool, w->bins->bits, part, err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        if (cw_draft_bins_touch(w->bins, part * count + i))
            rc = make(w, &bins[i], part * count + i, err);
        cw_bin_clear(&bins[i]);
    }
    for (; i < count; i++)
        cw_bin_clear(&bins[i]);
    return rc;
}

static int make_all(struct writing *w, struct cw_err *err)
{
    bool split;
    size_t part;
    int rc = CW_OK;

    if (!w->bins->fresh)
        rc = cw_state_bins(&split, &w->there, w->input->state,
                           cw_state_product(w->input->state, w->bins->product), err);
    for (part = 0; part < CW_SPOOL_PARTS && rc == CW_OK; part++)
        rc = make_part(w, part, err);
    return rc;
}

int cw_bins_write(const struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  int tree, struct cw_progress *progress, struct cw_err *err)
{
    CW_AUTO_BINS_PUT *put = NULL;
    size_t i, count = 0;
    int rc;

    for (i = 0; i < draft->bins_count; i++)
        count += cw_draft_bins_made(&draft->bins[i]);
    if (count == 0)
        return CW_OK;
    rc = cw_bins_put_new(&put, tree, count, err);
    for (i = 0; i < draft->bins_count && rc == CW_OK; i++) {
        struct writing w;

        writing_init(&w, &draft->bins[i], input, tree);
        w.end = sign;
        w.put = put;
        w.unlock = unlock;
        w.progress = progress;
        rc = make_all(&w, err);
        writing_clear(&w);
    }
    return rc == CW_OK ? cw_bins_put_finish(put, err) : rc;
}

int cw_bins_carry(json_t *rows, const struct cw_draft *draft, const struct cw_draft_input *input, int dir,
                  const char *path, struct cw_progress *progress, struct cw_err *err)
{
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t i, count;
    int rc = CW_OK;

    for (i = 0; i < draft->bins_count && rc == CW_OK; i++) {
        struct writing w;

        writing_init(&w, &draft->bins[i], input, dir);
        w.end = carry;
        w.path = path;
        w.rows = rows;
        w.progress = progress;
        rc = cw_keys_choose(chosen, &count, input->keys, &w.role, NULL, err);
        if (rc == CW_E_NOTFOUND) {
            progress->files_total += cw_draft_bins_made(w.bins);
            rc = make_all(&w, err);
        }
        writing_clear(&w);
    }
    return rc;
}
