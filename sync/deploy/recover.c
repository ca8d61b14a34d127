/* SPDX-License-Identifier: ISC */
/*
 * The table of sync/deploy/recover.h as code. Every step here may already have been done by a run that was
 * interrupted too.
 */
#include "sync/deploy/recover.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fs/commit.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/install.h"
#include "sync/deploy/store.h"
#include "sync/history.h"

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
    json_auto_t *data = json_pack("{s:I, s:I, s:s, s:s*, s:s*, s:O*}", "from", (json_int_t)journal->from,
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

int cw_recover_return(const struct cw_site *site, int root, struct cw_journal *journal, const char *by,
                      int64_t now, struct cw_err *err)
{
    int rc = cw_store_switch(root, journal->from, err); /* first of all: the plant runs on the old one */

    if (rc == CW_OK)
        rc = put_holds(site->fd, journal, by, now, err);
    if (rc == CW_OK)
        rc = cw_store_mark_failed(root, journal->to, journal->reason, err);
    if (rc == CW_OK)
        rc = write_history(site->fd, journal, "rollback", by, now, err);
    return rc == CW_OK ? close_journal(site->fd, journal, err) : rc;
}

int cw_recover_rollback(const struct cw_site *site, int root, struct cw_journal *journal, int64_t now,
                        struct cw_err *err)
{
    int rc = cw_store_switch(root, journal->to, err);

    if (rc == CW_OK)
        rc = put_holds(site->fd, journal, "rollback", now, err);
    if (rc == CW_OK)
        rc = write_history(site->fd, journal, "rollback", "person", now, err);
    return rc == CW_OK ? close_journal(site->fd, journal, err) : rc;
}

int cw_recover_commit(const struct cw_site *site, struct cw_journal *journal, int64_t now, struct cw_err *err)
{
    int rc = write_history(site->fd, journal, "commit", "committed", now, err);

    return rc == CW_OK ? close_journal(site->fd, journal, err) : rc;
}

/* Nothing of the new generation is wanted: the old one runs, or runs again. */
static int undo(const struct cw_site *site, int root, struct cw_journal *journal, int64_t current,
                int64_t now, struct cw_err *err)
{
    int rc = current == journal->to ? cw_store_switch(root, journal->from, err) : CW_OK;

    if (rc == CW_OK && journal->to > journal->from) /* a new one always has a higher number */
        rc = cw_store_drop(root, journal->to, err);
    if (rc == CW_OK)
        rc = write_history(site->fd, journal, "recover", "undone", now, err);
    return rc == CW_OK ? close_journal(site->fd, journal, err) : rc;
}

static void say(char said[CW_RECOVER_TEXT_MAX], const struct cw_journal *journal, const char *text)
{
    snprintf(said, CW_RECOVER_TEXT_MAX, "an earlier run was interrupted while %s generation %lld: %s",
             cw_journal_state_name(journal->state), (long long)journal->to, text);
}

static int act(char said[CW_RECOVER_TEXT_MAX], const struct cw_site *site, int root,
               struct cw_journal *journal, int64_t now, struct cw_err *err)
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
    case CW_JOURNAL_STAGE:
        say(said, journal, "it was undone; nothing that runs had changed");
        return undo(site, root, journal, current, now, err);
    case CW_JOURNAL_SWITCH:
        if (runs && journal->checks == 0) {
            say(said, journal, "it runs");
            return cw_recover_commit(site, journal, now, err);
        }
        say(said, journal,
            runs ? "the one before runs again" : "it was undone; nothing that runs had changed");
        return undo(site, root, journal, current, now, err);
    case CW_JOURNAL_CHECK:
        say(said, journal,
            "the one before runs again, and what was left is held: 'causeway-sync status' shows by what, "
            "'causeway-sync unhold' lifts it");
        snprintf(journal->reason, sizeof journal->reason, "interrupted during its check");
        return cw_recover_return(site, root, journal, "recovery", now, err);
    case CW_JOURNAL_PASSED:
        say(said, journal, "its checks had passed; it runs");
        return cw_recover_commit(site, journal, now, err);
    case CW_JOURNAL_RETURN:
        say(said, journal,
            "the one before runs again, and what was left is held: 'causeway-sync status' shows by what, "
            "'causeway-sync unhold' lifts it");
        return cw_recover_return(site, root, journal, "check", now, err);
    case CW_JOURNAL_ROLLBACK:
        say(said, journal, "it runs");
        return cw_recover_rollback(site, root, journal, now, err);
    }
    return CW_OK;
}

int cw_recover(char said[CW_RECOVER_TEXT_MAX], const struct cw_site *site, int64_t now, struct cw_err *err)
{
    CW_AUTO_JOURNAL journal;
    CW_AUTO_FD int root = -1;
    int rc = cw_journal_load(&journal, site->fd, err);

    said[0] = '\0';
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
    rc = cw_dir_open(&root, site->install_root, err);
    if (rc == CW_OK)
        rc = act(said, site, root, &journal, now, err);
    if (rc == CW_OK)
        rc = cw_install_sweep(root, err);
    if (rc != CW_OK)
        said[0] = '\0';
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "unable to recover from an interrupted run");
}

int cw_recover_open(struct cw_site *site, const struct cw_cli *cli, int64_t now, struct cw_err *err)
{
    int64_t rolled_back;

    return cw_recover_open_rollback(site, &rolled_back, cli, now, err);
}

int cw_recover_open_rollback(struct cw_site *site, int64_t *rolled_back, const struct cw_cli *cli,
                             int64_t now, struct cw_err *err)
{
    CW_AUTO_JOURNAL journal = {.state = CW_JOURNAL_NONE};
    char said[CW_RECOVER_TEXT_MAX];
    int rc = cw_site_open(site, cli, true, err);

    if (rc == CW_OK)
        rc = cw_journal_load(&journal, site->fd, err);
    *rolled_back = journal.state == CW_JOURNAL_ROLLBACK ? journal.to : 0;
    if (rc == CW_OK)
        rc = cw_recover(said, site, now, err);
    if (rc == CW_OK && said[0] != '\0')
        cw_cli_warn(cli, "%s", said);
    return rc;
}
