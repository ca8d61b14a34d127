/* SPDX-License-Identifier: ISC */
/*
 * Steps that all ways of publishing share; see gen/publishing.h.
 */
#include "gen/publishing.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "gen/publish.h"
#include "gen/report.h"

int cw_publishing_open_keys(struct cw_publishing *p, struct cw_err *err)
{
    int rc = cw_keys_load(&p->keys, p->repo.dir, err);

    if (rc == CW_OK)
        rc = cw_lend(p->lend, &p->keys, err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&p->input.now, err);
    return rc == CW_OK ? cw_unlock_new(&p->unlock, cw_passphrase_ask, p->passphrase, err) : rc;
}

int cw_publishing_make_deltas(struct cw_publishing *p, struct cw_err *err)
{
    int rc = cw_deltas_plan_init(&p->deltas, err);

    if (rc == CW_OK)
        rc = cw_deltas_plan_fill(&p->deltas, &p->draft, &p->input, p->deltas_back, p->deltas_all, err);
    if (rc == CW_OK)
        cw_deltas_plan_run(&p->deltas, &p->repo, p->cli);
    return rc;
}

int cw_publishing_write(struct cw_publishing *p, struct cw_err *err)
{
    struct cw_progress progress;
    int rc = cw_draft_sign(&p->draft, &p->input, p->unlock, err);

    if (rc != CW_OK)
        return rc;
    cw_progress_start(&progress, p->cli, "publishing", cw_publish_size(&p->draft));
    rc = cw_publish_write(&p->draft, &p->input, p->unlock, &p->repo, &progress, err);
    cw_progress_end(&progress);
    return rc;
}

/* ---- what it did ---- */

int cw_publishing_find_missing(struct cw_publishing *p, struct cw_err *err)
{
    json_decref(p->missing);
    p->missing = NULL;
    return cw_folder_missing(&p->missing, &p->ceremony.folder, err);
}

static json_t *ceremony_doc(const struct cw_publishing *p)
{
    if (p->missing == NULL)
        return NULL;
    return json_pack("{s:s, s:b, s:O}", "folder", CW_CEREMONY_FOLDER, "opened", p->opened, "missing",
                     p->missing);
}

int cw_publishing_report(const struct cw_publishing *p, bool published, struct cw_err *err)
{
    json_auto_t *doc = cw_json_deep_copy(p->draft.report);
    json_t *ceremony = ceremony_doc(p);
    char now[CW_TIME_TEXT];

    cw_time_format(p->input.now, now);
    if (doc == NULL ||
        json_object_set_new(doc, "published",
                            published && !p->cli->dry_run ? json_string(now) : json_null()) != 0 ||
        json_object_set_new(doc, "deltas", cw_deltas_plan_report(&p->deltas)) != 0 ||
        json_object_set_new(doc, "dry_run", json_boolean(p->cli->dry_run)) != 0 ||
        (ceremony != NULL && json_object_set_new(doc, "ceremony", ceremony) != 0))
        return cw_err_nomem(err);
    cw_report_say(p->draft.report, &p->keys, p->cli);
    cw_deltas_plan_say(&p->deltas, p->cli);
    if (published)
        cw_cli_say(p->cli, "%s at %s", p->cli->dry_run ? "would be published" : "published", now);
    else if (p->missing == NULL)
        cw_cli_say(p->cli, "nothing to publish");
    cw_folder_say_missing(p->missing, p->cli);
    return cw_cli_json(p->cli, doc, err);
}

int cw_publishing_report_waiting(const struct cw_publishing *p, struct cw_err *err)
{
    int rc = cw_publishing_report(p, false, err);

    if (rc != CW_OK || p->cli->dry_run)
        return rc;
    return cw_err_set(
        err, CW_E_INCOMPLETE,
        "not published yet: %s lacks signatures; carry '%s' to those who sign ('%s sign FOLDER --key FILE'), "
        "or bring a missing key into 'keys/' for this, then run 'publish' again with what they bring back",
        p->opened ? "a ceremony was opened, and" : "the ceremony", CW_CEREMONY_FOLDER, p->cli->program->name);
}

/* ---- a draft that needs no key from elsewhere ---- */

int cw_publishing_renew(struct cw_publishing *p, struct cw_err *err)
{
    cw_draft_clear(&p->draft);
    p->input.renew_only = true;
    return cw_draft_compose(&p->draft, &p->input, err);
}

/* What stays expired makes every site refuse the tree, new or not. */
static int warn_expired(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    struct cw_publishing *p = ctx;
    const struct cw_draft *draft = &p->draft;
    char when[CW_TIME_TEXT];
    bool anew = json_object_get(draft->roles, role) != NULL ||
                (draft->root != NULL && strcmp(role, "root") == 0) ||
                (draft->snapshot && strcmp(role, "snapshot") == 0) ||
                (draft->timestamp && strcmp(role, "timestamp") == 0);

    (void)err;
    if (anew || meta->expires > p->input.now)
        return CW_OK;
    p->expired = true;
    cw_time_format(meta->expires, when);
    cw_cli_warn(p->cli, "role '%s' expired at %s: sites refuse the tree until '%s publish --renew-within 7d'",
                role, when, p->cli->program->name);
    return CW_OK;
}

/* What a job that renews has to tell apart: all is well or somebody is warned, nothing could be done, and sites refuse the tree. */
static int judge_renewal(const struct cw_publishing *p, bool empty, struct cw_err *err)
{
    const json_t *lacking = json_array_get(json_object_get(p->draft.report, "not_renewed"), 0);

    if (p->expired)
        return cw_err_set(err, CW_E_EXPIRED,
                          "sites refuse the tree: a role is expired, and its keys are not here to renew it");
    if (!empty || lacking == NULL)
        return CW_OK;
    return cw_err_set(err, CW_E_INCOMPLETE, "nothing could be renewed: %s, which expires at %s: %s",
                      json_string_value(json_object_get(lacking, "role")),
                      json_string_value(json_object_get(lacking, "expires")),
                      json_string_value(json_object_get(lacking, "reason")));
}

int cw_publishing_draft(struct cw_publishing *p, struct cw_err *err)
{
    bool empty = cw_draft_is_empty(&p->draft);
    int rc = cw_publishing_make_deltas(p, err);

    if (rc == CW_OK && !p->cli->dry_run && !empty)
        rc = cw_publishing_write(p, err);
    if (rc == CW_OK && !p->cli->dry_run && !p->input.renew_only)
        rc = cw_publish_unstage(&p->draft, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_state_each(&p->state, warn_expired, p, err);
    if (rc == CW_OK)
        rc = cw_publishing_report(p, !empty, err);
    return rc == CW_OK && p->input.renew_within >= 0 ? judge_renewal(p, empty, err) : rc;
}
