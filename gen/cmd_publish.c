/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen publish: signs what is staged, and what soon expires where asked to, and makes it public; or opens a ceremony for it
 * where keys are elsewhere, and completes the one that is open. Every key it needs is found and unlocked, and everything is composed
 * and checked in memory, before the first byte is written.
 */
#include <string.h>

#include "gen/commands.h"
#include "gen/publishing.h"
#include "tree/layout.h"

static struct {
    struct cw_passphrase passphrase;
    struct cw_lend lend;
    struct cw_cli_list renew;
    int64_t renew_within;
    uint64_t deltas; /* UINT64_MAX: as configured */
    bool abandon;
} given = {.passphrase = CW_PASSPHRASE_INIT, .lend = CW_LEND_INIT, .renew_within = -1, .deltas = UINT64_MAX};

const struct cw_option cmd_publish_options[] = {
    {CW_OPTION_DURATION, "renew-within", &given.renew_within, "TIME",
     "also sign anew what expires within this time, as far as its keys are here"},
    {CW_OPTION_LIST, "renew", &given.renew, "ROLE",
     "also sign this role anew, wherever its keys are; may be repeated"},
    {CW_OPTION_FLAG, "abandon", &given.abandon, NULL,
     "give up the ceremony that is open; what it was about is staged again"},
    {CW_OPTION_NUMBER, "deltas", &given.deltas, "N",
     "make deltas from so many earlier releases, also to what is published; 0: none"},
    CW_LEND_OPTIONS(given.lend),
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

static int open_all(struct cw_publishing *p, struct cw_err *err)
{
    int rc = cw_state_load(&p->state, p->repo.tree, err);

    if (rc == CW_OK)
        rc = cw_stage_load(&p->stage, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_publishing_open_keys(p, err);
    p->input.state = &p->state;
    p->input.stage = &p->stage;
    p->input.config = &p->repo.config;
    p->input.keys = &p->keys;
    p->input.composed = p->input.now;
    p->input.renew_within = given.renew_within;
    p->input.renew = p->renew;
    p->input.plan_only = p->cli->dry_run;
    p->deltas_all = given.deltas != UINT64_MAX;
    p->deltas_back = p->deltas_all ? given.deltas : p->repo.config.deltas;
    return rc;
}

/* ---- publishing ---- */

/* Deltas are made already while signatures are waited for. */
static int open_ceremony(struct cw_publishing *p, const struct cw_err *lacking, struct cw_err *err)
{
    int rc = cw_publishing_make_deltas(p, err);

    if (rc != CW_OK)
        return rc;
    if (p->cli->dry_run) {
        cw_cli_warn(p->cli, "a ceremony would be opened: %s", lacking->text);
        return cw_publishing_report(p, true, err);
    }
    rc = cw_ceremony_open(&p->draft, &p->input, p->renew, p->unlock, p->repo.dir, p->cli, err);
    if (rc == CW_OK)
        rc = cw_ceremony_load(&p->ceremony, p->repo.dir, p->cli, err);
    p->opened = true;
    if (rc == CW_OK)
        rc = cw_publishing_find_missing(p, err);
    return rc == CW_OK ? cw_publishing_report_waiting(p, err) : rc;
}

static int publish_staged(struct cw_publishing *p, struct cw_err *err)
{
    struct cw_err lacking = {.code = CW_OK};
    const char *role;
    int rc = cw_draft_compose(&p->draft, &p->input, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_draft_lacks(&role, &p->draft, &p->input, &lacking);
    if (rc == CW_E_NOTFOUND && given.renew_within < 0)
        return open_ceremony(p, &lacking, err);
    if (rc == CW_E_NOTFOUND) {
        cw_cli_warn(p->cli,
                    "what is staged waits for keys that are not here ('publish' without --renew-within opens "
                    "a ceremony): %s",
                    lacking.text);
        rc = cw_publishing_renew(p, err);
    } else if (rc != CW_OK) {
        *err = lacking;
    }
    return rc == CW_OK ? cw_publishing_draft(p, err) : rc;
}

static int abandon(const struct cw_publishing *p, struct cw_err *err)
{
    bool open, there;
    int rc = cw_ceremony_is_open(&open, p->repo.dir, err);

    if (rc != CW_OK || !open)
        return rc == CW_OK ? cw_err_set(err, CW_E_NOTFOUND, "no ceremony is open") : rc;
    rc = cw_at_has(&there, p->repo.tree, CW_TREE_TIMESTAMP, err);
    if (rc == CW_OK && !there)
        return cw_err_set(err, CW_E_FAIL,
                          "the first ceremony makes the repository: to begin again, remove the repository");
    if (rc != CW_OK || p->cli->dry_run)
        return rc;
    rc = cw_ceremony_abandon(p->repo.dir, err);
    if (rc == CW_OK)
        cw_cli_say(p->cli, "gave up the ceremony; what it was about is staged again");
    return rc;
}

static int list_renew(struct cw_publishing *p, struct cw_err *err)
{
    size_t i;

    p->renew = json_array();
    for (i = 0; i < given.renew.count; i++) {
        if (json_array_append_new(p->renew, json_string(given.renew.items[i])) != 0)
            return cw_err_nomem(err);
    }
    return p->renew != NULL ? CW_OK : cw_err_nomem(err);
}

static int publish(struct cw_publishing *p, struct cw_err *err)
{
    int rc = given.deltas != UINT64_MAX ? cw_config_check_deltas(given.deltas, err) : CW_OK;

    if (rc == CW_OK)
        rc = cw_repo_open(&p->repo, p->cli, !p->cli->dry_run, err);
    if (rc == CW_OK && given.abandon)
        return abandon(p, err);
    if (rc == CW_OK)
        rc = list_renew(p, err);
    if (rc == CW_OK)
        rc = cw_ceremony_load(&p->ceremony, p->repo.dir, p->cli, err);
    if (rc == CW_OK && cw_ceremony_is_first(&p->ceremony))
        return cw_publishing_first(p, err);
    if (rc == CW_OK)
        rc = open_all(p, err);
    if (rc != CW_OK)
        return rc;
    if (p->ceremony.dir >= 0)
        return cw_publishing_with_ceremony(p, err);
    if (p->folders[0] != NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s': no ceremony is open here", p->folders[0]);
    return publish_staged(p, err);
}

int cmd_publish(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct cw_publishing p = {.cli = cli,
                              .lend = &given.lend,
                              .passphrase = &given.passphrase,
                              .folders = argv + 1,
                              .repo = CW_REPO_INIT,
                              .ceremony = CW_CEREMONY_INIT};
    int rc = publish(&p, err);

    (void)argc;
    cw_deltas_plan_clear(&p.deltas);
    cw_draft_clear(&p.draft);
    cw_ceremony_clear(&p.ceremony);
    cw_unlock_free(p.unlock);
    cw_keys_clear(&p.keys);
    cw_stage_clear(&p.stage);
    cw_stage_clear(&p.aside);
    cw_state_clear(&p.state);
    cw_repo_close(&p.repo);
    json_decref(p.renew);
    json_decref(p.locked);
    json_decref(p.gathered);
    json_decref(p.missing);
    json_decref(p.rest);
    return rc;
}
