/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen publish: signs what is staged, and what soon expires where asked to, and makes it public; or opens a ceremony for it
 * where keys are elsewhere, and completes the one that is open. Every key it needs is found and unlocked, and everything is composed
 * and checked in memory, before the first byte is written.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "gen/ceremony.h"
#include "gen/commands.h"
#include "gen/deltas.h"
#include "gen/first.h"
#include "gen/lend.h"
#include "gen/publish.h"
#include "gen/repo.h"
#include "gen/report.h"
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

struct publishing {
    const struct cw_cli *cli;
    char **folders; /* copies of the ceremony's folder that came back; NULL-terminated */
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage, aside; /* aside: what the ceremony has */
    struct cw_keys keys;
    struct cw_unlock *unlock;
    struct cw_draft_input input;
    struct cw_draft draft;
    struct cw_deltas_plan deltas;
    struct cw_ceremony ceremony;
    json_t *renew, *locked, *gathered, *missing, *rest;
    bool opened; /* a ceremony, by this run */
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

static int open_keys(struct publishing *p, struct cw_err *err)
{
    int rc = cw_keys_load(&p->keys, p->repo.dir, err);

    if (rc == CW_OK)
        rc = cw_lend(&given.lend, &p->keys, err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&p->input.now, err);
    return rc == CW_OK ? cw_unlock_new(&p->unlock, cw_passphrase_ask, &given.passphrase, err) : rc;
}

static int open_all(struct publishing *p, struct cw_err *err)
{
    int rc = cw_state_load(&p->state, p->repo.tree, err);

    if (rc == CW_OK)
        rc = cw_stage_load(&p->stage, p->repo.dir, err);
    if (rc == CW_OK)
        rc = open_keys(p, err);
    p->input.state = &p->state;
    p->input.stage = &p->stage;
    p->input.config = &p->repo.config;
    p->input.keys = &p->keys;
    p->input.composed = p->input.now;
    p->input.renew_within = given.renew_within;
    p->input.renew = p->renew;
    p->input.plan_only = p->cli->dry_run;
    return rc;
}

/* Before anything else becomes public, and before a key is unlocked for it. */
static int make_deltas(struct publishing *p, struct cw_err *err)
{
    bool asked = given.deltas != UINT64_MAX;
    int rc = cw_deltas_plan_init(&p->deltas, err);

    if (rc == CW_OK)
        rc = cw_deltas_plan_fill(&p->deltas, &p->draft, &p->input,
                                 asked ? given.deltas : p->repo.config.deltas, asked, err);
    if (rc == CW_OK)
        cw_deltas_plan_run(&p->deltas, &p->repo, p->cli);
    return rc;
}

static int write_all(struct publishing *p, struct cw_err *err)
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

static json_t *ceremony_doc(const struct publishing *p)
{
    if (p->missing == NULL)
        return NULL;
    return json_pack("{s:s, s:b, s:O}", "folder", CW_CEREMONY_FOLDER, "opened", p->opened, "missing",
                     p->missing);
}

static int report(const struct publishing *p, bool published, struct cw_err *err)
{
    json_auto_t *doc = json_deep_copy(p->draft.report);
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
    cw_report_say(p->draft.report, p->cli);
    cw_deltas_plan_say(&p->deltas, p->cli);
    if (published)
        cw_cli_say(p->cli, "%s at %s", p->cli->dry_run ? "would be published" : "published", now);
    else if (p->missing == NULL)
        cw_cli_say(p->cli, "nothing to publish");
    cw_folder_say_missing(p->missing, p->cli);
    return cw_cli_json(p->cli, doc, err);
}

/* The ceremony lacks signatures, and nothing else was published. */
static int report_waiting(const struct publishing *p, struct cw_err *err)
{
    int rc = report(p, false, err);

    if (rc != CW_OK || p->cli->dry_run)
        return rc;
    return cw_err_set(
        err, CW_E_INCOMPLETE,
        "not published yet: %s lacks signatures; carry '%s' to those who sign ('%s sign FOLDER --key FILE'), "
        "or bring a missing key into 'keys/' for this, then run 'publish' again with what they bring back",
        p->opened ? "a ceremony was opened, and" : "the ceremony", CW_CEREMONY_FOLDER, p->cli->program->name);
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

/* ---- publishing ---- */

/* Only what soon expires, with the keys that are here: what is staged waits for others. */
static int compose_renewal(struct publishing *p, struct cw_err *err)
{
    cw_draft_clear(&p->draft);
    p->input.renew_only = true;
    return cw_draft_compose(&p->draft, &p->input, err);
}

/* The draft is composed, and every key it needs is here. */
static int publish_draft(struct publishing *p, struct cw_err *err)
{
    bool empty = cw_draft_is_empty(&p->draft);
    int rc = make_deltas(p, err);

    if (rc == CW_OK && !p->cli->dry_run && !empty)
        rc = write_all(p, err);
    if (rc == CW_OK && !p->cli->dry_run && !p->input.renew_only)
        rc = cw_publish_unstage(&p->draft, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_state_each(&p->state, warn_expired, p, err);
    return rc == CW_OK ? report(p, !empty, err) : rc;
}

static int find_missing(struct publishing *p, struct cw_err *err)
{
    json_decref(p->missing);
    p->missing = NULL;
    return cw_folder_missing(&p->missing, &p->ceremony.folder, err);
}

/* Deltas are made already while signatures are waited for. */
static int open_ceremony(struct publishing *p, const struct cw_err *lacking, struct cw_err *err)
{
    int rc = make_deltas(p, err);

    if (rc != CW_OK)
        return rc;
    if (p->cli->dry_run) {
        cw_cli_warn(p->cli, "a ceremony would be opened: %s", lacking->text);
        return report(p, true, err);
    }
    rc = cw_ceremony_open(&p->draft, &p->input, p->renew, p->unlock, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_ceremony_load(&p->ceremony, p->repo.dir, err);
    p->opened = true;
    if (rc == CW_OK)
        rc = find_missing(p, err);
    return rc == CW_OK ? report_waiting(p, err) : rc;
}

static int publish_staged(struct publishing *p, struct cw_err *err)
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
        rc = compose_renewal(p, err);
    } else if (rc != CW_OK) {
        *err = lacking;
    }
    if (rc == CW_OK)
        rc = check_renewed(p, err);
    return rc == CW_OK ? publish_draft(p, err) : rc;
}

/* ---- with a ceremony ---- */

static int unite(struct publishing *p, struct cw_err *err)
{
    char **folder;
    size_t count;
    int rc = CW_OK;

    for (folder = p->folders; *folder != NULL && rc == CW_OK; folder++) {
        rc = cw_ceremony_unite(&count, &p->ceremony, *folder, err);
        if (rc == CW_OK)
            cw_cli_say(p->cli, "'%s': %zu new signature%s", *folder, count, cw_str_plural(count));
    }
    return rc;
}

static int complete(struct publishing *p, struct cw_err *err)
{
    bool done = false;
    int rc = cw_ceremony_check_state(&done, &p->rest, &p->ceremony, &p->state, p->input.now, err);

    json_decref(p->missing);
    p->missing = NULL;
    if (rc == CW_OK && !done)
        rc = cw_ceremony_compose(&p->draft, &p->input, &p->aside, &p->ceremony, p->rest, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_ceremony_signatures(&p->gathered, &p->ceremony, err);
    p->input.gathered = p->gathered;
    if (rc == CW_OK && !done)
        rc = write_all(p, err);
    if (rc == CW_OK)
        rc = cw_ceremony_close(&p->ceremony, p->repo.dir, err);
    if (rc == CW_OK)
        cw_cli_say(p->cli, "the ceremony is complete");
    if (rc == CW_OK && done) /* by a run that was killed */
        rc = cw_draft_init(&p->draft, err);
    return rc == CW_OK ? report(p, true, err) : rc;
}

static int lock_roles(struct publishing *p, struct cw_err *err)
{
    size_t i;

    p->locked = json_object();
    for (i = 0; i < p->ceremony.folder.count; i++) {
        if (json_object_set_new(p->locked, p->ceremony.folder.roles[i].role, json_true()) != 0)
            return cw_err_nomem(err);
    }
    p->input.locked = p->locked;
    return p->locked != NULL ? CW_OK : cw_err_nomem(err);
}

/* Something was staged since that it is not about. */
static int publish_beside(struct publishing *p, struct cw_err *err)
{
    const char *role;
    int rc = cw_draft_compose(&p->draft, &p->input, err);

    if (rc != CW_OK || cw_draft_is_empty(&p->draft))
        return rc == CW_OK ? report_waiting(p, err) : rc;
    rc = cw_ceremony_check_free(&p->ceremony, &p->draft, err);
    if (rc == CW_OK)
        rc = cw_draft_lacks(&role, &p->draft, &p->input, err);
    if (rc == CW_E_NOTFOUND) {
        err->code = rc = CW_E_FAIL;
        cw_err_prefix(err, "a ceremony is open, and there can be one only");
    }
    if (rc == CW_OK)
        cw_cli_warn(p->cli, "this is published beside the ceremony that is open in '%s'", CW_CEREMONY_FOLDER);
    return rc == CW_OK ? publish_draft(p, err) : rc;
}

static int publish_with(struct publishing *p, struct cw_err *err)
{
    int rc = lock_roles(p, err);

    if (rc == CW_OK && !p->cli->dry_run)
        rc = unite(p, err);
    if (rc == CW_OK && given.renew_within >= 0) {
        rc = find_missing(p, err);
        if (rc == CW_OK)
            rc = compose_renewal(p, err);
        return rc == CW_OK ? publish_draft(p, err) : rc;
    }
    if (rc == CW_OK && !p->cli->dry_run)
        rc = cw_folder_sign_here(&p->ceremony.folder, &p->keys, p->unlock, err);
    if (rc == CW_OK)
        rc = find_missing(p, err);
    if (rc != CW_OK)
        return rc;
    if (json_array_size(p->missing) == 0 && !p->cli->dry_run)
        return complete(p, err);
    return publish_beside(p, err);
}

/* ---- the first ceremony of a repository ---- */

static int check_first(const struct publishing *p, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < p->ceremony.folder.count; i++) {
        const struct cw_folder_role *role = &p->ceremony.folder.roles[i];

        if (role->meta.expires <= p->input.now)
            return cw_err_set(
                err, CW_E_EXPIRED,
                "role '%s' expired while it waited for signatures: begin again, by 'init' in another folder",
                role->role);
    }
    return CW_OK;
}

static int write_first(const struct publishing *p, char fingerprint[CW_SHA256_TEXT], struct cw_err *err)
{
    json_auto_t *envelopes = json_object();
    size_t i;
    int rc = check_first(p, err);

    for (i = 0; i < p->ceremony.folder.count && rc == CW_OK; i++) {
        const struct cw_folder_role *role = &p->ceremony.folder.roles[i];

        if (json_object_set(envelopes, role->role, role->meta.doc) != 0)
            rc = cw_err_nomem(err);
    }
    return rc == CW_OK ? cw_first_publish(envelopes, &p->repo.config, &p->keys, p->unlock, p->input.now,
                                          p->repo.tree, fingerprint, err)
                       : rc;
}

/* Killed when the timestamp was there, only the closing is left. */
static int complete_first(struct publishing *p, struct cw_err *err)
{
    CW_AUTO_FD int root = -1;
    char fingerprint[CW_SHA256_TEXT];
    bool there;
    int rc = cw_at_has(&there, p->repo.tree, CW_TREE_TIMESTAMP, err);

    if (rc == CW_OK && !there)
        rc = write_first(p, fingerprint, err);
    if (rc == CW_OK)
        rc = cw_at_open_file(&root, p->repo.tree, CW_TREE_METADATA "/1.root.json", err);
    if (rc == CW_OK)
        rc = cw_sha256_fd(fingerprint, NULL, root, "1.root.json", err);
    if (rc == CW_OK)
        rc = cw_ceremony_close(&p->ceremony, p->repo.dir, err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(p->cli, "the ceremony is complete\n\nroot:        %s/%s/1.root.json\nfingerprint: %s",
               CW_REPO_TREE, CW_TREE_METADATA, fingerprint);
    cw_cli_say(p->cli, "give sites both, the fingerprint by another way than the file\n");
    json_decref(p->missing);
    p->missing = NULL;
    return report(p, true, err);
}

static int publish_first(struct publishing *p, struct cw_err *err)
{
    int rc = open_keys(p, err);

    if (rc == CW_OK)
        rc = cw_draft_init(&p->draft, err);
    if (rc == CW_OK && !p->cli->dry_run)
        rc = unite(p, err);
    if (rc == CW_OK && !p->cli->dry_run)
        rc = cw_folder_sign_here(&p->ceremony.folder, &p->keys, p->unlock, err);
    if (rc == CW_OK)
        rc = find_missing(p, err);
    if (rc != CW_OK)
        return rc;
    if (json_array_size(p->missing) > 0 || p->cli->dry_run)
        return report_waiting(p, err);
    return complete_first(p, err);
}

static int abandon(const struct publishing *p, struct cw_err *err)
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

static int list_renew(struct publishing *p, struct cw_err *err)
{
    size_t i;

    p->renew = json_array();
    for (i = 0; i < given.renew.count; i++) {
        if (json_array_append_new(p->renew, json_string(given.renew.items[i])) != 0)
            return cw_err_nomem(err);
    }
    return p->renew != NULL ? CW_OK : cw_err_nomem(err);
}

static int publish(struct publishing *p, struct cw_err *err)
{
    int rc = given.deltas != UINT64_MAX ? cw_config_check_deltas(given.deltas, err) : CW_OK;

    if (rc == CW_OK)
        rc = cw_repo_open(&p->repo, p->cli, !p->cli->dry_run, err);
    if (rc == CW_OK && given.abandon)
        return abandon(p, err);
    if (rc == CW_OK)
        rc = list_renew(p, err);
    if (rc == CW_OK)
        rc = cw_ceremony_load(&p->ceremony, p->repo.dir, err);
    if (rc == CW_OK && cw_ceremony_is_first(&p->ceremony))
        return publish_first(p, err);
    if (rc == CW_OK)
        rc = open_all(p, err);
    if (rc != CW_OK)
        return rc;
    if (p->ceremony.dir >= 0)
        return publish_with(p, err);
    if (p->folders[0] != NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s': no ceremony is open here", p->folders[0]);
    return publish_staged(p, err);
}

int cmd_publish(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct publishing p = {
        .cli = cli, .folders = argv + 1, .repo = CW_REPO_INIT, .ceremony = CW_CEREMONY_INIT};
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
