/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen publish: signs what is staged, and what soon expires where asked to, and makes it public.
 * Every key it needs is found and unlocked, and everything is composed and checked in memory, before the
 * first byte is written.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/passphrase.h"
#include "gen/commands.h"
#include "gen/lend.h"
#include "gen/publish.h"
#include "gen/repo.h"
#include "gen/report.h"

static struct {
    struct cw_passphrase passphrase;
    struct cw_lend lend;
    int64_t renew_within;
} given = {.passphrase = CW_PASSPHRASE_INIT, .lend = CW_LEND_INIT, .renew_within = -1};

const struct cw_option cmd_publish_options[] = {
    {CW_OPTION_DURATION, "renew-within", &given.renew_within, "TIME",
     "also sign anew what expires within this time"},
    CW_LEND_OPTIONS(given.lend),
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

struct publishing {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage;
    struct cw_keys keys;
    struct cw_draft_input input;
    struct cw_draft draft;
};

/* What stays expired would make every site refuse the tree, new or not. */
static int warn_expired(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    const struct publishing *p = ctx;
    const struct cw_draft *draft = &p->draft;
    char when[CW_TIME_TEXT];
    bool anew = json_object_get(draft->roles, role) != NULL ||
                (draft->root != NULL && strcmp(role, "root") == 0) ||
                (draft->snapshot && strcmp(role, "snapshot") == 0) ||
                (draft->timestamp && strcmp(role, "timestamp") == 0);

    (void)err;
    if (anew || meta->expires > p->input.now)
        return CW_OK;
    cw_time_format(meta->expires, when);
    cw_cli_warn(p->cli, "role '%s' expired at %s: sites refuse the tree until '%s publish --renew-within 7d'",
                role, when, p->cli->program->name);
    return CW_OK;
}

static int open_all(struct publishing *p, struct cw_err *err)
{
    int rc = cw_repo_open(&p->repo, p->cli, !p->cli->dry_run, err);

    if (rc == CW_OK)
        rc = cw_state_load(&p->state, p->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&p->stage, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_keys_load(&p->keys, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_lend(&given.lend, &p->keys, err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&p->input.now, err);
    p->input.state = &p->state;
    p->input.stage = &p->stage;
    p->input.config = &p->repo.config;
    p->input.keys = &p->keys;
    p->input.renew_within = given.renew_within;
    p->input.plan_only = p->cli->dry_run;
    return rc;
}

static int write_all(struct publishing *p, struct cw_err *err)
{
    struct cw_progress progress;
    CW_AUTO_UNLOCK *unlock = NULL;
    int rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);

    if (rc == CW_OK)
        rc = cw_draft_sign(&p->draft, &p->input, unlock, err);
    if (rc != CW_OK)
        return rc;
    cw_progress_start(&progress, p->cli, "publishing", cw_publish_size(&p->draft));
    rc = cw_publish_write(&p->draft, &p->input, unlock, &p->repo, &progress, err);
    cw_progress_end(&progress);
    return rc;
}

static int report(const struct publishing *p, struct cw_err *err)
{
    bool empty = cw_draft_is_empty(&p->draft);
    json_auto_t *doc = json_deep_copy(p->draft.report);
    char now[CW_TIME_TEXT];

    cw_time_format(p->input.now, now);
    if (doc == NULL ||
        json_object_set_new(doc, "published", empty || p->cli->dry_run ? json_null() : json_string(now)) !=
            0 ||
        json_object_set_new(doc, "dry_run", json_boolean(p->cli->dry_run)) != 0)
        return cw_err_nomem(err);
    cw_report_say(p->draft.report, p->cli);
    if (empty)
        cw_cli_say(p->cli, "nothing to publish");
    else
        cw_cli_say(p->cli, "%s at %s", p->cli->dry_run ? "would be published" : "published", now);
    return cw_cli_json(p->cli, doc, err);
}

/* Asked to renew, and no key for any of it is here. */
static int check_renewed(const struct publishing *p, struct cw_err *err)
{
    const json_t *lacking = json_object_get(p->draft.report, "not_renewed");

    if (!cw_draft_is_empty(&p->draft) || json_array_size(lacking) == 0)
        return CW_OK;
    return cw_err_set(err, CW_E_FAIL, "nothing could be renewed: %s",
                      json_string_value(json_object_get(json_array_get(lacking, 0), "reason")));
}

static int publish(struct publishing *p, struct cw_err *err)
{
    int rc = open_all(p, err);

    if (rc == CW_OK)
        rc = cw_draft_compose(&p->draft, &p->input, err);
    if (rc == CW_OK)
        rc = check_renewed(p, err);
    if (rc == CW_OK && !p->cli->dry_run && !cw_draft_is_empty(&p->draft))
        rc = write_all(p, err);
    if (rc == CW_OK && !p->cli->dry_run)
        rc = cw_publish_unstage(&p->draft, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_state_each(&p->state, warn_expired, p, err);
    return rc == CW_OK ? report(p, err) : rc;
}

int cmd_publish(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct publishing p = {.cli = cli, .repo = CW_REPO_INIT};
    int rc = publish(&p, err);

    (void)argc;
    (void)argv;
    cw_draft_clear(&p.draft);
    cw_keys_clear(&p.keys);
    cw_stage_clear(&p.stage);
    cw_state_clear(&p.state);
    cw_repo_close(&p.repo);
    return rc;
}
