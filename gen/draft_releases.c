/* SPDX-License-Identifier: ISC */
/*
 * Composing staged releases into their products' roles: product by product, a new one's delegation included. The targets go
 * into the product's own file while that stays small, else into its bins (gen/bins.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "gen/bins.h"
#include "gen/draft.h"
#include "gen/stage_scan.h"
#include "release/name.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* The staged releases of one product on their way. */
struct composing {
    struct cw_draft *draft;
    const struct cw_draft_input *input;
    char product[CW_NAME_MAX + 1];
    const struct cw_state_role *role; /* NULL: a new product */
    struct cw_spool *spool;           /* all new targets */
    size_t added;                     /* releases that are not published yet */
    bool elsewhere;                   /* the files of the one being composed are not for us to look for */
    struct cw_buf text;               /* its manifest */
    struct cw_looks looks;            /* at its files in the tree */
};

/* Published already (a publish was killed before it removed what was staged), or with other content? */
static int find_published(bool *published, const struct composing *c, const char *version, const char *target,
                          const char *sha256, struct cw_err *err)
{
    struct cw_state_target said;
    bool maybe = false;
    int rc;

    *published = false;
    if (c->role == NULL)
        return CW_OK;
    rc = cw_state_may_have(&maybe, c->input->state, c->role, version, err);
    if (rc != CW_OK || !maybe)
        return rc;
    rc = cw_state_target(&said, c->input->state, c->role, target, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc != CW_OK)
        return rc;
    if (strcmp(said.sha256, sha256) != 0)
        return cw_err_set(
            err, CW_E_VERIFY,
            "is published with other content, and a version never changes: remove '%s/%s@%s.json'",
            CW_STAGE_RELEASES, c->product, version);
    *published = true;
    return CW_OK;
}

/* A product's first release: `targets` hands "<product>/<version>/<file>" to its build key. */
static int delegate(struct cw_draft *draft, const struct cw_draft_input *input, const char *product,
                    struct cw_err *err)
{
    char name[CW_KEYS_NAME_MAX], glob[CW_PATH_MAX];
    const char *const paths[] = {glob, NULL};
    struct cw_tuf_delegation_spec spec = {
        .name = product, .paths = paths, .threshold = 1, .terminating = true};
    int64_t expires = input->composed + input->config->expires[CW_LIFE_PRODUCT];
    json_auto_t *signers = NULL;
    const struct cw_key *key;
    json_t *targets, *body;
    int rc;

    snprintf(name, sizeof name, "product-%s", product);
    snprintf(glob, sizeof glob, "%s/*/*", product);
    key = cw_keys_named(input->keys, name);
    if (key == NULL)
        return cw_err_set(err, CW_E_FAIL,
                          "there is no build key '%s/%s.pub' for the new product; run 'add' again to make it",
                          "keys", name);
    signers = json_pack("[O]", key->object);
    if (signers == NULL)
        return cw_err_nomem(err);
    spec.key_objects = signers;
    rc = cw_draft_touch(&targets, draft, input, "targets", err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_delegate(targets, &spec, err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_new(&body, 1, expires, false, err);
    if (rc == CW_OK && json_object_set_new(draft->roles, product, body) != 0)
        rc = cw_err_nomem(err);
    return rc == CW_OK ? cw_draft_report(draft, "products", json_string(product), err) : rc;
}

/* The artifact was made durable by `add`; here it only has to be there still, at its length. */
static int check_there(struct composing *c, const struct cw_bin_target *file, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct stat st;
    int rc;

    snprintf(target, sizeof target, "%.*s", (int)file->path.len, file->path.at);
    snprintf(sha256, sizeof sha256, "%.64s", file->sha256);
    rc = cw_tree_target_path(path, target, sha256, err);
    if (rc == CW_OK)
        rc = cw_looks_stat(&st, &c->looks, path, err);
    if (rc == CW_E_NOTFOUND || (rc == CW_OK && (!S_ISREG(st.st_mode) || st.st_size != file->length)))
        return cw_err_set(err, CW_E_INCOMPLETE,
                          "'tree/%s' is missing or was changed since it was added; run 'add' again", path);
    return rc;
}

static int take_file(void *ctx, const struct cw_bin_target *file, struct cw_err *err)
{
    struct composing *c = ctx;
    int rc = c->elsewhere ? CW_OK : check_there(c, file, err);

    return rc == CW_OK ? cw_spool_add(c->spool, file, err) : rc;
}

static int skip_file(void *ctx, const struct cw_bin_target *file, struct cw_err *err)
{
    (void)ctx;
    (void)file;
    (void)err;
    return CW_OK;
}

static int note_copy(struct cw_draft *draft, const struct composing *c, const char *version,
                     const char *sha256, struct cw_err *err)
{
    struct cw_draft_copy *copy;

    if (draft->copy_count == draft->copy_room) {
        size_t room = draft->copy_room != 0 ? draft->copy_room * 2 : 16;
        struct cw_draft_copy *copies = reallocarray(draft->copies, room, sizeof *copies);

        if (copies == NULL)
            return cw_err_nomem(err);
        draft->copies = copies;
        draft->copy_room = room;
    }
    copy = &draft->copies[draft->copy_count++];
    *copy = (struct cw_draft_copy){.product = strdup(c->product), .version = strdup(version)};
    memcpy(copy->sha256, sha256, sizeof copy->sha256);
    return copy->product != NULL && copy->version != NULL ? CW_OK : cw_err_nomem(err);
}

static int take_release(struct composing *c, const char *version, const char *target, const char *sha256,
                        struct cw_err *err)
{
    struct cw_bin_target own = {
        .path = {.at = target, .len = strlen(target)}, .sha256 = sha256, .length = (int64_t)c->text.len};
    struct cw_stage_head head;
    int rc = cw_stage_scan(&head, &c->text, c->product, version, take_file, c, err);

    if (rc == CW_OK)
        rc = cw_spool_add(c->spool, &own, err);
    if (rc == CW_OK)
        rc = note_copy(c->draft, c, version, sha256, err);
    c->added++;
    return rc == CW_OK
               ? cw_draft_report(c->draft, "releases",
                                 json_pack("{s:s, s:s, s:s, s:I, s:I}", "product", c->product, "version",
                                           version, "severity", head.severity, "artifacts",
                                           (json_int_t)head.artifacts, "bytes", (json_int_t)head.bytes),
                                 err)
               : rc;
}

static int compose_release(struct composing *c, const char *version, struct cw_err *err)
{
    char target[CW_PATH_MAX], path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct cw_stage_head head;
    bool published = false;
    int rc;

    c->elsewhere = cw_stage_is_elsewhere(c->input->stage, c->product, version);
    cw_buf_reset(&c->text);
    rc = cw_stage_read(&c->text, c->input->stage, c->product, version, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(&c->text), c->text.len, err);
    if (rc == CW_OK)
        rc = cw_tree_release_target(target, c->product, version, err);
    if (rc == CW_OK)
        rc = find_published(&published, c, version, target, sha256, err);
    if (rc == CW_OK)
        rc = cw_stage_release_path(path, c->product, version, c->elsewhere, err);
    if (rc == CW_OK && json_array_append_new(c->draft->staged, json_string(path)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = published ? cw_stage_scan(&head, &c->text, c->product, version, skip_file, NULL, err)
                       : take_release(c, version, target, sha256, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s@%s", c->product, version);
}

static int begin_product(struct composing *c, const char *key, struct cw_err *err)
{

    snprintf(c->product, sizeof c->product, "%.*s", (int)strcspn(key, "@"), key);
    c->role = cw_state_product(c->input->state, c->product);
    c->added = 0;
    if (cw_state_channel(c->input->state, c->product) != NULL)
        return cw_err_set(err, CW_E_VERIFY, "%s: a channel has that name; a product needs another", key);
    return cw_spool_new(&c->spool, c->input->plan_only ? -1 : c->input->stage->dir, err);
}

static int end_product(struct composing *c, struct cw_err *err)
{
    int rc = CW_OK;

    if (c->added > 0 && c->role == NULL)
        rc = delegate(c->draft, c->input, c->product, err);
    if (rc == CW_OK && c->added > 0)
        rc = cw_bins_place(c->draft, c->input, c->product, &c->spool, err);
    cw_spool_free(c->spool);
    c->spool = NULL;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", c->product);
}

static bool is_of(const char *key, const char *product)
{
    size_t len = strlen(product);

    return strncmp(key, product, len) == 0 && key[len] == '@';
}

/* Staged releases are sorted by name, so those of one product stand together. */
static int compose(struct composing *c, struct cw_err *err)
{
    const char *key;
    json_t *value;
    int rc = CW_OK;

    json_object_foreach (c->input->stage->releases, key, value) {
        if (c->spool != NULL && !is_of(key, c->product))
            rc = end_product(c, err);
        if (rc == CW_OK && c->spool == NULL)
            rc = begin_product(c, key, err);
        if (rc == CW_OK)
            rc = compose_release(c, strchr(key, '@') + 1, err);
        if (rc != CW_OK)
            return rc;
    }
    return c->spool != NULL ? end_product(c, err) : CW_OK;
}

int cw_draft_compose_releases(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    struct composing c = {.draft = draft,
                          .input = input,
                          .text = CW_BUF_INIT(CW_MANIFEST_MAX),
                          .looks = CW_LOOKS_INIT(input->state->tree)};
    int rc = compose(&c, err);

    cw_looks_clear(&c.looks);
    cw_spool_free(c.spool);
    cw_buf_clear(&c.text);
    return rc;
}
