/* SPDX-License-Identifier: ISC */
/*
 * Finishing or undoing what was interrupted: by a power cut, by kill -9, by a full disk. Every command that
 * changes what is installed does this first, under the lock. What is there at each point of an interrupted
 * apply, and what becomes of it:
 *
 *   journal      `current`   on disk                                         then
 *   staging      old         temporary folders, perhaps whole new releases   undone; whole releases are kept
 *   switching    old         the new generation, never run                   undone: it is removed
 *   switching    new         it runs, but no check of it had begun           (1)
 *   checking     new         it runs; its checks may have hung the machine   the old one back, a hold is put
 *   passed       new         all checks passed, only the log lacks that      committed
 *   returning    new or old  a check failed                                  the old one back, a hold is put
 *   rolling back either      a person chose an older generation              rolled back
 *
 * (1) With no checks to run: committed. Else the old one is brought back without a hold: apply tries again.
 *
 * Each of these may be interrupted and done again.
 */
#ifndef CW_SYNC_DEPLOY_RECOVER_H
#define CW_SYNC_DEPLOY_RECOVER_H

#include "sync/deploy/journal.h"
#include "sync/site.h"

#define CW_RECOVER_TEXT_MAX 512

/* Acts on the journal. said is empty when nothing was under way, else what was done, for people. */
int cw_recover(char said[CW_RECOVER_TEXT_MAX], const struct cw_site *site, int64_t now, struct cw_err *err);

/* Brings journal->from back, puts its holds, marks journal->to as failed, and closes the journal: what apply
 * does when a check fails. */
int cw_recover_return(const struct cw_site *site, int root, struct cw_journal *journal, const char *by,
                      int64_t now, struct cw_err *err);
/* Goes to journal->to, puts its holds, and closes the journal: what rollback does. */
int cw_recover_rollback(const struct cw_site *site, int root, struct cw_journal *journal, int64_t now,
                        struct cw_err *err);
/* Writes down that journal->to is good, and closes the journal. */
int cw_recover_commit(const struct cw_site *site, struct cw_journal *journal, int64_t now,
                      struct cw_err *err);

/* Opens the site, locked, for a command that changes what is installed; what had to be recovered is said on
 * standard error. */
int cw_recover_open(struct cw_site *site, const struct cw_cli *cli, int64_t now, struct cw_err *err);
/* The same; *rolled_back gets the generation that an interrupted rollback went to, 0: there was none. */
int cw_recover_open_rollback(struct cw_site *site, int64_t *rolled_back, const struct cw_cli *cli,
                             int64_t now, struct cw_err *err);

#endif
