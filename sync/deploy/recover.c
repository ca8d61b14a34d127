/* SPDX-License-Identifier: ISC */
/*
 * The table of sync/deploy/recover.h as code. Every step here may already have been done by a run that was
 * interrupted too.
 */
#include "sync/deploy/recover.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/install.h"
#include "sync/deploy/store.h"
#include "sync/history.h"

#define UNDO_TRIES 2  /* what undoes must be done, but not for ever where it is what stops the machine */
#define AFTER_TRIES 1 /* what restarts the machine is not to do so for ever */

static int put_holds(int site, const struct cw_journal *journal, const char *by, int64_t now,
                     struct cw_err *err)
{
    json_auto_t *holds = NULL;
    json_t *target;
    size_t i;
    int rc;

    if (json_array_size(journal->holds) == 0)
        return CW_OK;
    rc = cw_holds_load(&holds, site, err);
    json_array_foreach (journal->holds, i, target) {
        if (rc == CW_OK)
            rc = cw_holds_put(holds, NULL, target, by, journal->reason, now, err);
    }
    return rc == CW_OK ? cw_holds_store(site, holds, err) : rc;
}

static int write_history(int site, const struct cw_journal *journal, const char *event, const char *outcome,
                         int64_t now, struct cw_err *err)
{
    json_auto_t *data = cw_json_pack("{s:I, s:I, s:s, s:s*, s:s*, s:O*}", "from", (json_int_t)journal->from,
                                     "to", (json_int_t)journal->to, "outcome", outcome, "plan",
                                     journal->plan[0] != '\0' ? journal->plan : NULL, "reason",
                                     journal->reason[0] != '\0' ? journal->reason : NULL, "holds",
                                     json_array_size(journal->holds) > 0 ? journal->holds : NULL);

    return data != NULL ? cw_history_append(site, now, event, data, err) : cw_err_nomem(err);
}

static int close_journal(int site, struct cw_journal *journal, struct cw_err *err)
{
    cw_journal_clear(journal);
    return cw_journal_store(site, journal, err);
}

/* The first thing that went wrong is the one to tell; the history has all. */
static void note_trouble(char trouble[CW_RECOVER_TEXT_MAX], const char *problem)
{
    if (trouble[0] == '\0')
        snprintf(trouble, CW_RECOVER_TEXT_MAX, "%s", problem);
}

/* Does what is left of a list of steps, each begun at most `tries` times, then closes the journal. */
static int do_steps(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                    struct cw_journal *journal, const json_t *steps, int64_t tries, struct cw_err *err)
{
    char problem[CW_STEP_TEXT_MAX];
    int rc = CW_OK;

    while (rc == CW_OK && journal->next < (int64_t)json_array_size(steps)) {
        const json_t *step = json_array_get(steps, (size_t)journal->next);

        if (journal->tries >= tries) {
            rc = cw_step_give_up(problem, run, step, err);
        } else {
            journal->tries++;
            rc = cw_journal_store(run->site->fd, journal, err);
            if (rc == CW_OK)
                rc = cw_step_do(problem, run, step, err);
        }
        if (rc != CW_OK)
            return rc;
        note_trouble(trouble, problem);
        journal->next++;
        journal->tries = 0;
    }
    return close_journal(run->site->fd, journal, err);
}

/* The older generation runs, and that is written down: what undoes the newer one follows. */
static int do_undo(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                   struct cw_journal *journal, struct cw_err *err)
{
    int rc = CW_OK;

    if (json_array_size(journal->undo) == 0)
        return close_journal(run->site->fd, journal, err);
    if (journal->state != CW_JOURNAL_UNDO) {
        journal->state = CW_JOURNAL_UNDO;
        journal->next = journal->tries = 0;
        rc = cw_journal_store(run->site->fd, journal, err);
    }
    return rc == CW_OK ? do_steps(trouble, run, journal, journal->undo, UNDO_TRIES, err) : rc;
}

static int do_after(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                    struct cw_journal *journal, struct cw_err *err)
{
    int rc = CW_OK;

    if (json_array_size(journal->after) == 0)
        return close_journal(run->site->fd, journal, err);
    if (journal->state != CW_JOURNAL_FINISH) {
        journal->state = CW_JOURNAL_FINISH;
        journal->next = journal->tries = 0;
        rc = cw_journal_store(run->site->fd, journal, err);
    }
    return rc == CW_OK ? do_steps(trouble, run, journal, journal->after, AFTER_TRIES, err) : rc;
}

int cw_recover_return(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, int root,
                      struct cw_journal *journal, const char *by, struct cw_err *err)
{
    int site = run->site->fd;
    int rc = cw_store_switch(root, journal->from, err); /* first of all: the plant runs on the old one */

    trouble[0] = '\0';
    if (rc == CW_OK)
        rc = put_holds(site, journal, by, run->now, err);
    if (rc == CW_OK)
        rc = cw_store_mark_failed(root, journal->to, journal->reason, err);
    if (rc == CW_OK)
        rc = write_history(site, journal, "rollback", by, run->now, err);
    return rc == CW_OK ? do_undo(trouble, run, journal, err) : rc;
}

int cw_recover_rollback(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, int root,
                        struct cw_journal *journal, struct cw_err *err)
{
    int site = run->site->fd;
    int rc = cw_store_switch(root, journal->to, err);

    trouble[0] = '\0';
    if (rc == CW_OK)
        rc = put_holds(site, journal, "rollback", run->now, err);
    if (rc == CW_OK)
        rc = write_history(site, journal, "rollback", "person", run->now, err);
    return rc == CW_OK ? do_undo(trouble, run, journal, err) : rc;
}

int cw_recover_commit(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                      struct cw_journal *journal, struct cw_err *err)
{
    int rc = write_history(run->site->fd, journal, "commit", "committed", run->now, err);

    trouble[0] = '\0';
    return rc == CW_OK ? do_after(trouble, run, journal, err) : rc;
}

/* Nothing of the new generation is wanted: the old one runs, or runs again. */
static int undo(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, int root,
                struct cw_journal *journal, int64_t current, struct cw_err *err)
{
    int rc = current == journal->to ? cw_store_switch(root, journal->from, err) : CW_OK;

    if (rc == CW_OK && journal->to > journal->from) /* a new one always has a higher number */
        rc = cw_store_drop(root, journal->to, err);
    if (rc == CW_OK)
        rc = write_history(run->site->fd, journal, "recover", "undone", run->now, err);
    return rc == CW_OK ? do_undo(trouble, run, journal, err) : rc;
}

static void say(char said[CW_RECOVER_TEXT_MAX], const struct cw_journal *journal, const char *text)
{
    bool undoes_from = journal->state == CW_JOURNAL_UNDO && journal->from > journal->to;
    int64_t number = undoes_from ? journal->from : journal->to;

    snprintf(said, CW_RECOVER_TEXT_MAX, "an earlier run was interrupted while %s generation %lld: %s",
             cw_journal_state_name(journal->state), (long long)number, text);
}

#define SAY_HELD                                                                                             \
    "the one before runs again, and what was left is held: 'causeway-sync status' shows by what, "           \
    "'causeway-sync unhold' lifts it"

static int act(char said[CW_RECOVER_TEXT_MAX], char trouble[CW_RECOVER_TEXT_MAX],
               const struct cw_step_run *run, int root, struct cw_journal *journal, struct cw_err *err)
{
    bool runs;
    int64_t current;
    int rc = cw_store_current(&current, root, err);

    if (rc != CW_OK)
        return rc;
    runs = current == journal->to;
    switch (journal->state) {
    case CW_JOURNAL_NONE:
        return CW_OK;
    case CW_JOURNAL_PREPARE:
    case CW_JOURNAL_STAGE:
        say(said, journal, "it was undone; nothing that runs had changed");
        return undo(trouble, run, root, journal, current, err);
    case CW_JOURNAL_SWITCH:
        if (runs && journal->checks == 0) {
            say(said, journal, "it runs");
            return cw_recover_commit(trouble, run, journal, err);
        }
        say(said, journal,
            runs ? "the one before runs again" : "it was undone; nothing that runs had changed");
        return undo(trouble, run, root, journal, current, err);
    case CW_JOURNAL_CHECK:
    case CW_JOURNAL_DELIVER:
        say(said, journal, SAY_HELD);
        snprintf(journal->reason, sizeof journal->reason, "interrupted during its %s",
                 journal->state == CW_JOURNAL_CHECK ? "check" : "delivery");
        return cw_recover_return(trouble, run, root, journal, "recovery", err);
    case CW_JOURNAL_PASSED:
        say(said, journal, "its checks had passed; it runs");
        return cw_recover_commit(trouble, run, journal, err);
    case CW_JOURNAL_RETURN:
        say(said, journal, SAY_HELD);
        return cw_recover_return(trouble, run, root, journal, "check", err);
    case CW_JOURNAL_ROLLBACK:
        say(said, journal, "it runs");
        return cw_recover_rollback(trouble, run, root, journal, err);
    case CW_JOURNAL_UNDO:
        say(said, journal, "what undoes it was done");
        return do_undo(trouble, run, journal, err);
    case CW_JOURNAL_FINISH:
        say(said, journal, "it runs, and what was to follow was done");
        return do_after(trouble, run, journal, err);
    }
    return CW_OK;
}

static int recover(char said[CW_RECOVER_TEXT_MAX], char trouble[CW_RECOVER_TEXT_MAX], struct cw_step_run *run,
                   struct cw_err *err)
{
    const struct cw_site *site = run->site;
    CW_AUTO_JOURNAL journal;
    CW_AUTO_FD int root = -1;
    int rc = cw_journal_load(&journal, site->fd, err);

    said[0] = trouble[0] = '\0';
    if (rc == CW_OK)
        rc = cw_sweep(site->fd, "", err);
    if (rc == CW_OK)
        rc = cw_sweep(site->fd, "plans", err);
    if (rc != CW_OK || journal.state == CW_JOURNAL_NONE)
        return rc;
    if (site->install_root == NULL)
        return cw_err_set(err, CW_E_FAIL,
                          "%s: an apply was interrupted, but site.lua names no install root any more",
                          CW_JOURNAL_FILE);
    run->generation = journal.to > journal.from ? journal.to : journal.from;
    rc = cw_dir_open(&root, site->install_root, err);
    if (rc == CW_OK)
        rc = act(said, trouble, run, root, &journal, err);
    if (rc == CW_OK)
        rc = cw_install_sweep(root, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "unable to recover from an interrupted run");
}

int cw_recover(char said[CW_RECOVER_TEXT_MAX], const struct cw_site *site, int64_t now, struct cw_err *err)
{
    struct cw_step_run run = {.site = site, .now = now};
    char trouble[CW_RECOVER_TEXT_MAX];
    size_t len;
    int rc = recover(said, trouble, &run, err);

    len = strlen(said);
    if (rc != CW_OK)
        said[0] = '\0';
    else if (trouble[0] != '\0')
        snprintf(said + len, CW_RECOVER_TEXT_MAX - len, "; but %s", trouble);
    return rc;
}

int cw_recover_take_back(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, struct cw_err *err)
{
    struct cw_step_run own = *run;
    char said[CW_RECOVER_TEXT_MAX];

    return recover(said, trouble, &own, err);
}

int cw_recover_open(struct cw_site *site, const struct cw_cli *cli, int64_t now, struct cw_err *err)
{
    int64_t rolled_back;

    return cw_recover_open_rollback(site, &rolled_back, cli, now, err);
}

/* Also one that came as far as undoing: an apply that is undone would have led to a newer one. */
static bool is_rollback(const struct cw_journal *journal)
{
    return journal->state == CW_JOURNAL_ROLLBACK ||
           (journal->state == CW_JOURNAL_UNDO && journal->to < journal->from);
}

int cw_recover_open_rollback(struct cw_site *site, int64_t *rolled_back, const struct cw_cli *cli,
                             int64_t now, struct cw_err *err)
{
    CW_AUTO_JOURNAL journal = {.state = CW_JOURNAL_NONE};
    char said[CW_RECOVER_TEXT_MAX];
    int rc = cw_site_open(site, cli, true, err);

    if (rc == CW_OK)
        rc = cw_journal_load(&journal, site->fd, err);
    *rolled_back = is_rollback(&journal) ? journal.to : 0;
    if (rc == CW_OK)
        rc = cw_recover(said, site, now, err);
    if (rc == CW_OK && said[0] != '\0')
        cw_cli_warn(cli, "%s", said);
    return rc;
}
