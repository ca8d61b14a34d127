/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen gc: lists and removes what no kept serial of a channel and no valid metadata needs. What is staged stays staged: this
 * publishes nothing but the roles that releases leave.
 */
#include "base/clock.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "codec/json.h"
#include "gen/ceremony.h"
#include "gen/commands.h"
#include "gen/gc.h"
#include "gen/lend.h"
#include "gen/publish.h"
#include "gen/rekey.h"
#include "gen/repo.h"

#define DAY INT64_C(86400)

static struct {
    struct cw_passphrase passphrase;
    struct cw_lend lend;
    uint64_t serials;
    int64_t seconds;
} given = {.passphrase = CW_PASSPHRASE_INIT, .lend = CW_LEND_INIT, .serials = 20, .seconds = 90 * DAY};

const struct cw_option cmd_gc_options[] = {
    {CW_OPTION_NUMBER, "keep-serials", &given.serials, "N", "keep the newest N serials of each channel (20)"},
    {CW_OPTION_DURATION, "keep-for", &given.seconds, "TIME",
     "and what was in force no longer ago than this (90d)"},
    CW_LEND_OPTIONS(given.lend),
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

struct collecting {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage, empty; /* empty: nothing that is staged is published here */
    struct cw_keys keys;
    struct cw_gc gc;
    struct cw_draft draft;
};

static int open_all(struct collecting *c, struct cw_err *err)
{
    int rc = cw_repo_open(&c->repo, c->cli, !c->cli->dry_run, err);

    if (rc == CW_OK)
        rc = cw_state_load(&c->state, c->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&c->stage, c->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_keys_load(&c->keys, c->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_lend(&given.lend, &c->keys, err);
    c->gc = (struct cw_gc){.state = &c->state,
                           .stage = &c->stage,
                           .retention = {.serials = given.serials, .seconds = given.seconds},
                           .wall = cw_clock_now()};
    c->empty = (struct cw_stage){.releases = json_object(),
                                 .promotions = json_object(),
                                 .withdrawals = json_object(),
                                 .dir = c->repo.dir,
                                 .home = c->repo.dir};
    if (rc == CW_OK &&
        (c->empty.releases == NULL || c->empty.promotions == NULL || c->empty.withdrawals == NULL))
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&c->gc.retention.now, err);
    if (rc == CW_OK && c->gc.retention.now < c->state.published)
        return cw_err_set(err, CW_E_EXPIRED,
                          "the time is before the last publish: set the clock (or SOURCE_DATE_EPOCH) right");
    return rc == CW_OK ? cw_gc_init(&c->gc, err) : rc;
}

/* Publishes the roles without what leaves. Afterwards the state is the new one. */
static int publish(struct collecting *c, struct cw_err *err)
{
    struct cw_draft_input input = {.state = &c->state,
                                   .stage = &c->empty,
                                   .config = &c->repo.config,
                                   .keys = &c->keys,
                                   .now = c->gc.retention.now,
                                   .composed = c->gc.retention.now,
                                   .renew_within = -1,
                                   .leaving = c->gc.leaving,
                                   .plan_only = c->cli->dry_run};
    struct cw_progress progress;
    CW_AUTO_UNLOCK *unlock = NULL;
    int rc = cw_draft_compose(&c->draft, &input, err);

    if (rc != CW_OK || c->cli->dry_run || cw_draft_is_empty(&c->draft))
        return rc;
    rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_draft_sign(&c->draft, &input, unlock, err);
    if (rc != CW_OK)
        return rc;
    cw_progress_start(&progress, c->cli, "publishing", cw_publish_size(&c->draft));
    rc = cw_publish_write(&c->draft, &input, unlock, &c->repo, &progress, err);
    cw_progress_end(&progress);
    if (rc != CW_OK)
        return rc;
    cw_state_clear(&c->state);
    return cw_state_load(&c->state, c->repo.tree, err);
}

static void say_files(const struct collecting *c)
{
    char size[16];
    json_t *row;
    size_t i;

    json_array_foreach (c->gc.releases, i, row) {
        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "bytes")), size);
        cw_cli_say(c->cli,
                   "%s %s leaves, %s: no kept serial has it; its files go once no valid snapshot names them",
                   cw_json_text_or_null(row, "product"), cw_json_text_or_null(row, "version"), size);
    }
    json_array_foreach (c->gc.files, i, row) {
        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "bytes")), size);
        cw_cli_say(c->cli, "tree/%s, %s: %s", cw_json_text_or_null(row, "path"), size,
                   cw_json_text_or_null(row, "why"));
    }
}

static int report(const struct collecting *c, struct cw_err *err)
{
    size_t count = json_array_size(c->gc.files);
    json_auto_t *doc = json_pack("{s:O, s:O, s:I, s:b}", "releases", c->gc.releases, "files", c->gc.files,
                                 "bytes", (json_int_t)c->gc.bytes, "dry_run", c->cli->dry_run);
    char size[16];

    if (doc == NULL)
        return cw_err_nomem(err);
    cw_str_bytes(c->gc.bytes, size);
    say_files(c);
    if (count == 0 && json_array_size(c->gc.releases) == 0)
        cw_cli_say(c->cli, "nothing to remove");
    else
        cw_cli_say(c->cli, "%s: %zu file%s, %s", c->cli->dry_run ? "would be removed" : "removed", count,
                   cw_str_plural(count), size);
    return cw_cli_json(c->cli, doc, err);
}

/* Composing would take them in. */
static int check_keys(const struct collecting *c, struct cw_err *err)
{
    json_auto_t *changes = NULL;
    int rc = cw_rekey_load(&changes, c->repo.dir, err);

    if (rc == CW_OK && json_object_size(json_object_get(changes, "roles")) > 0)
        return cw_err_set(err, CW_E_FAIL, "changes of keys are staged: run '%s publish' first",
                          c->cli->program->name);
    return rc;
}

/* What it has set aside is not published, and what is in the tree for it must stay. */
static int check_ceremony(const struct collecting *c, struct cw_err *err)
{
    bool open;
    int rc = cw_ceremony_is_open(&open, c->repo.dir, err);

    if (rc == CW_OK && open)
        return cw_err_set(
            err, CW_E_FAIL,
            "a ceremony is open in '%s': complete it first, or give it up by 'publish --abandon'",
            CW_CEREMONY_FOLDER);
    return rc;
}

static int find(struct collecting *c, struct cw_err *err)
{
    struct cw_progress progress;
    int rc;

    cw_progress_start(&progress, c->cli, "looking", cw_gc_size(&c->gc));
    c->gc.progress = &progress;
    rc = cw_gc_find(&c->gc, err);
    c->gc.progress = NULL;
    cw_progress_end(&progress);
    return rc;
}

static int collect(struct collecting *c, struct cw_err *err)
{
    int rc = open_all(c, err);

    if (rc == CW_OK)
        rc = check_ceremony(c, err);
    if (rc == CW_OK)
        rc = cw_gc_judge(&c->gc, err);
    if (rc == CW_OK && json_object_size(c->gc.leaving) > 0)
        rc = check_keys(c, err);
    if (rc == CW_OK && json_object_size(c->gc.leaving) > 0)
        rc = publish(c, err);
    if (rc == CW_OK)
        rc = find(c, err);
    if (rc == CW_OK && !c->cli->dry_run)
        rc = cw_gc_remove(&c->gc, err);
    return rc == CW_OK ? report(c, err) : rc;
}

int cmd_gc(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct collecting c = {.cli = cli, .repo = CW_REPO_INIT};
    int rc = collect(&c, err);

    (void)argc;
    (void)argv;
    cw_draft_clear(&c.draft);
    cw_gc_clear(&c.gc);
    cw_keys_clear(&c.keys);
    cw_stage_clear(&c.stage);
    cw_stage_clear(&c.empty);
    cw_state_clear(&c.state);
    cw_repo_close(&c.repo);
    return rc;
}
