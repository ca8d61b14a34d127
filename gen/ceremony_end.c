/* SPDX-License-Identifier: ISC */
/*
 * Completing a ceremony: is what it was composed from still in force, and is what would be composed now what was signed?
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "gen/ceremony.h"
#include "tree/layout.h"
#include "tuf/bin.h"
#include "tuf/write.h"

/* What is published of a role: its version (0: nothing) and signed part. */
static int published(int64_t *version, const json_t **signed_, const struct cw_state *state, const char *role,
                     struct cw_err *err)
{
    const struct cw_state_role *known = cw_state_role(state, role);
    const struct cw_tuf_meta *meta = strcmp(role, "root") == 0      ? &state->root
                                     : strcmp(role, "targets") == 0 ? &state->targets
                                                                    : NULL;
    int rc = CW_OK;

    *version = 0;
    *signed_ = NULL;
    if (meta == NULL && known != NULL)
        rc = cw_state_meta(&meta, state, known, err);
    if (rc == CW_OK && meta != NULL) {
        *version = meta->version;
        *signed_ = meta->signed_;
    }
    return rc;
}

static int moved_on(const char *role, long long now, long long to, struct cw_err *err)
{
    return cw_err_set(
        err, CW_E_FAIL,
        "the repository moved on since the ceremony was opened: role '%s' is at version %lld, and the "
        "ceremony makes version %lld; give it up by 'publish --abandon', and publish again",
        role, now, to);
}

/* The roots and targets that it was composed from, where it does not replace them itself. */
static int check_base(const struct cw_ceremony *c, const struct cw_state *state, struct cw_err *err)
{
    const struct cw_folder *folder = &c->folder;
    bool root = false, targets = false;
    size_t i;

    for (i = 0; i < folder->count; i++) {
        root = root || strcmp(folder->roles[i].role, "root") == 0;
        targets = targets || strcmp(folder->roles[i].role, "targets") == 0;
    }
    if (!root && !json_equal(folder->root.signed_, state->root.signed_))
        return moved_on("root", (long long)state->root.version, (long long)folder->root.version, err);
    if (!targets && !json_equal(folder->targets.signed_, state->targets.signed_))
        return moved_on("targets", (long long)state->targets.version, (long long)folder->targets.version,
                        err);
    return CW_OK;
}

/* A bin's file in force; its signatures were looked at when the ceremony was opened, here counts whether it is the same. */
static int read_bin(struct cw_tuf_meta *meta, const struct cw_state *state, const char *bin,
                    struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    const struct cw_listed *said;
    char path[CW_PATH_MAX];
    int rc;

    if (cw_listing_find(&said, &state->snapshot, bin, NULL) != CW_OK)
        return CW_OK; /* there was none yet */
    rc = cw_tree_metadata_path(path, said->version, bin, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, state->tree, path, err);
    return rc == CW_OK ? cw_tuf_meta_parse(meta, CW_TUF_TARGETS, text.data, text.len, err) : rc;
}

static int compare(bool *done, const struct cw_folder_role *role, int64_t version, const json_t *signed_,
                   int64_t now, struct cw_err *err)
{
    *done = version == role->version && json_equal(signed_, role->meta.signed_);
    if (*done)
        return CW_OK;
    if (version != role->version - 1 || (version > 0 && !json_equal(signed_, role->before.signed_)))
        return moved_on(role->role, (long long)version, (long long)role->version, err);
    if (role->expires <= now)
        return cw_err_set(
            err, CW_E_EXPIRED,
            "role '%s' expired while it waited for signatures: give the ceremony up by 'publish "
            "--abandon', and publish again",
            role->role);
    return CW_OK;
}

static int check_role(bool *done, struct cw_folder_role *role, const struct cw_folder *folder,
                      const struct cw_state *state, int64_t now, struct cw_err *err)
{
    struct cw_tuf_meta bin = {.type = CW_TUF_TARGETS};
    const json_t *signed_;
    int64_t version;
    int rc;

    if (role->bin_of == NULL) {
        rc = published(&version, &signed_, state, role->role, err);
        return rc == CW_OK ? compare(done, role, version, signed_, now, err) : rc;
    }
    rc = read_bin(&bin, state, role->role, err);
    if (rc == CW_OK)
        rc = cw_folder_open_role(role, folder, err);
    if (rc == CW_OK)
        rc = compare(done, role, bin.version, bin.signed_, now, err);
    cw_folder_rest_role(role);
    cw_tuf_meta_clear(&bin);
    return rc;
}

int cw_ceremony_check_state(bool *done, json_t **rest, struct cw_ceremony *c, const struct cw_state *state,
                            int64_t now, struct cw_err *err)
{
    struct cw_progress progress;
    size_t i;
    int rc = check_base(c, state, err);

    *rest = json_object();
    if (rc == CW_OK && *rest == NULL)
        rc = cw_err_nomem(err);
    cw_folder_begin(&c->folder, &progress, "comparing");
    for (i = 0; i < c->folder.count && rc == CW_OK; i++) {
        bool one = false;

        rc = check_role(&one, &c->folder.roles[i], &c->folder, state, now, err);
        if (rc == CW_OK && !one && json_object_set_new(*rest, c->folder.roles[i].role, json_true()) != 0)
            rc = cw_err_nomem(err);
    }
    cw_folder_end(&c->folder);
    *done = rc == CW_OK && json_object_size(*rest) == 0;
    return rc;
}

/* Everything but a root that changes keys became public before the run was killed. Snapshot and timestamp may have been renewed since
 * by the old keys alone, so both sign once more. */
static int compose_root_alone(struct cw_draft *draft, const struct cw_ceremony *c, struct cw_err *err)
{
    int rc = cw_draft_init(draft, err);

    if (rc != CW_OK)
        return rc;
    draft->root = cw_json_deep_copy(cw_folder_find(&c->folder, "root")->meta.signed_);
    draft->new_keys = draft->snapshot = draft->timestamp = true;
    return draft->root != NULL ? CW_OK : cw_err_nomem(err);
}

static int composed_otherwise(const char *role, struct cw_err *err)
{
    return cw_err_set(
        err, CW_E_FAIL,
        "role '%s' would be composed otherwise than it was signed: was 'causeway.json', a key or what was "
        "set aside changed since the ceremony was opened? undo that, or give it up by 'publish --abandon'",
        role);
}

static int check_body(const struct cw_ceremony *c, const char *role, const json_t *body, const json_t *rest,
                      struct cw_err *err)
{
    const struct cw_folder_role *signed_ = cw_folder_find(&c->folder, role);

    return signed_ != NULL && json_object_get(rest, role) != NULL && json_equal(signed_->meta.signed_, body)
               ? CW_OK
               : composed_otherwise(role, err);
}

static const struct cw_draft_bins *bins_of(const struct cw_draft *draft, const char *product)
{
    size_t i;

    for (i = 0; i < draft->bins_count; i++) {
        if (strcmp(draft->bins[i].product, product) == 0)
            return &draft->bins[i];
    }
    return NULL;
}

/* The draft makes those bins that were signed and no others. What is in them is compared when they are made. */
static int check_bins(const struct cw_folder *folder, size_t first, const struct cw_draft *draft,
                      const json_t *rest, struct cw_err *err)
{
    const struct cw_draft_bins *bins = bins_of(draft, folder->roles[first].bin_of);
    size_t i, number, made = bins != NULL ? cw_draft_bins_made(bins) : 0, run = cw_folder_run(folder, first);

    for (i = first; i < first + run; i++) {
        if (json_object_get(rest, folder->roles[i].role) == NULL)
            continue; /* public already */
        if (bins == NULL || !cw_bin_number(&number, bins->prefix, bins->bits, folder->roles[i].role) ||
            !cw_draft_bins_touch(bins, number))
            return composed_otherwise(folder->roles[i].role, err);
        made--;
    }
    return made == 0 ? CW_OK : composed_otherwise(folder->roles[first].bin_of, err);
}

static int check_signed(const struct cw_ceremony *c, size_t first, const struct cw_draft *draft,
                        const json_t *rest, struct cw_err *err)
{
    const char *role = c->folder.roles[first].role;
    const json_t *body = strcmp(role, "root") == 0 ? draft->root : json_object_get(draft->roles, role);

    if (c->folder.roles[first].bin_of != NULL)
        return check_bins(&c->folder, first, draft, rest, err);
    return json_object_get(rest, role) == NULL || body != NULL ? CW_OK : composed_otherwise(role, err);
}

static int check_draft(const struct cw_ceremony *c, const struct cw_draft *draft, const json_t *rest,
                       struct cw_err *err)
{
    const char *role;
    json_t *body;
    size_t i;
    int rc = CW_OK;

    json_object_foreach (draft->roles, role, body) {
        rc = check_body(c, role, body, rest, err);
        if (rc != CW_OK)
            return rc;
    }
    if (draft->root != NULL)
        rc = check_body(c, "root", draft->root, rest, err);
    for (i = 0; i < c->folder.count && rc == CW_OK; i += cw_folder_run(&c->folder, i))
        rc = check_signed(c, i, draft, rest, err);
    return rc;
}

/* Of the roles that were to be signed anew, those that are not public yet. */
static int rest_of_renew(json_t **renew, const struct cw_ceremony *c, const json_t *rest, struct cw_err *err)
{
    const json_t *role;
    size_t i;

    *renew = json_array();
    json_array_foreach (json_object_get(c->folder.doc, "renew"), i, role) {
        if (json_object_get(rest, json_string_value(role)) != NULL &&
            json_array_append(*renew, (json_t *)role) != 0)
            return cw_err_nomem(err);
    }
    return *renew != NULL ? CW_OK : cw_err_nomem(err);
}

/* The products that it splits into hash bins. */
static int find_splits(json_t **splits, const struct cw_ceremony *c, struct cw_err *err)
{
    size_t i;

    *splits = json_object();
    for (i = 0; i < c->folder.count; i++) {
        const struct cw_folder_role *role = &c->folder.roles[i];

        if (role->bin_of == NULL && strcmp(role->role, "root") != 0 && cw_tuf_delegation_bins(&role->meta) &&
            json_object_set(*splits, role->role, (json_t *)role->meta.signed_) != 0)
            return cw_err_nomem(err);
    }
    return *splits != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_ceremony_compose(struct cw_draft *draft, struct cw_draft_input *input, struct cw_stage *stage,
                        const struct cw_ceremony *c, const json_t *rest, int repo_dir, struct cw_err *err)
{
    json_auto_t *renew = NULL;
    json_auto_t *splits = NULL;
    int rc = cw_stage_load(stage, c->dir, err);

    stage->home = repo_dir;
    input->stage = stage;
    input->renew_within = -1;
    if (rc == CW_OK)
        rc = cw_time_parse(&input->composed, json_string_value(json_object_get(c->folder.doc, "composed")),
                           err);
    if (rc != CW_OK)
        return rc;
    if (json_object_size(rest) < c->folder.count && json_object_size(rest) == 1 &&
        json_object_get(rest, "root") != NULL)
        return compose_root_alone(draft, c, err);
    rc = rest_of_renew(&renew, c, rest, err);
    if (rc == CW_OK)
        rc = find_splits(&splits, c, err);
    input->renew = renew;
    input->splits = splits;
    if (rc == CW_OK)
        rc = cw_draft_compose(draft, input, err);
    input->renew = input->splits = NULL;
    return rc == CW_OK ? check_draft(c, draft, rest, err) : rc;
}

int cw_ceremony_signatures(json_t **signatures, const struct cw_ceremony *c, struct cw_err *err)
{
    size_t i;

    *signatures = json_object();
    for (i = 0; i < c->folder.count; i++) {
        if (json_object_set(*signatures, c->folder.roles[i].role, c->folder.roles[i].signatures) != 0)
            return cw_err_nomem(err);
    }
    return *signatures != NULL ? CW_OK : cw_err_nomem(err);
}
