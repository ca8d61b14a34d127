/* SPDX-License-Identifier: ISC */
/*
 * Finishing or undoing what was interrupted: by a power cut, by kill -9, by a full disk. Every command that
 * changes what is installed does this first, under the lock. What is there at each point of an interrupted
 * apply, and what becomes of it:
 *
 *   journal      `current`   on disk                                         then
 *   preparing    old         nothing; "before" steps may have begun          undone
 *   staging      old         temporary folders, perhaps whole new releases   undone; whole releases are kept
 *   switching    old         the new generation, never run                   undone: it is removed
 *   switching    new         it runs, but no check of it had begun           (1)
 *   checking     new         it runs; its checks may have hung the machine   the old one back, a hold is put
 *   delivering   new         it passed; some artifacts were handed on        the old one back, a hold is put
 *   passed       new         all is done, only the log lacks that            committed
 *   finishing    new         committed; "after" steps are left               they are done (2)
 *   returning    new or old  a check or a delivery failed                    the old one back, a hold is put
 *   rolling back either      a person chose an older generation              rolled back
 *   undoing      old         all is written down; steps of undo are left     they are done (3)
 *
 * (1) With nothing that must pass: committed. Else the old one is brought back without a hold: apply tries again.
 * (2) But the one that was interrupted is not begun again (it may be what restarts the machine): it counts as failed.
 * (3) The one that was interrupted is begun again, once; interrupted twice, it counts as failed.
 *
 * "undone" and "the old one back" are followed by what undoes the steps that may have begun: deliveries that had begun
 * are taken back, then each release's undo runs (the journal's "undo"; state undoing). Which of the deliveries reached
 * its device is not guessed: the one that was under way is taken back too. A step of undo that fails is told and
 * logged, and keeps no other from being done.
 *
 * Each of these may be interrupted and done again.
 */
#ifndef CW_SYNC_DEPLOY_RECOVER_H
#define CW_SYNC_DEPLOY_RECOVER_H

#include "sync/deploy/journal.h"
#include "sync/deploy/step.h"
#include "sync/site.h"

#define CW_RECOVER_TEXT_MAX 1024

/* Acts on the journal. said is empty when nothing was under way, else what was done, for people. */
int cw_recover(char said[CW_RECOVER_TEXT_MAX], const struct cw_site *site, int64_t now, struct cw_err *err);

/* The same for a run of apply that has to be given up before the switch; run->cli is told of steps, and `trouble`
 * (empty: none) what of undo failed. */
int cw_recover_take_back(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                         struct cw_err *err);

/* Brings journal->from back, puts its holds, marks journal->to as failed, undoes, and closes the journal: what
 * apply does when a check or a delivery fails. by: as holds have it. */
int cw_recover_return(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, int root,
                      struct cw_journal *journal, const char *by, struct cw_err *err);
/* Goes to journal->to, puts its holds, undoes, and closes the journal: what rollback does. */
int cw_recover_rollback(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run, int root,
                        struct cw_journal *journal, struct cw_err *err);
/* Writes down that journal->to is good, does its after steps, and closes the journal. */
int cw_recover_commit(char trouble[CW_RECOVER_TEXT_MAX], const struct cw_step_run *run,
                      struct cw_journal *journal, struct cw_err *err);

/* Opens the site, locked, for a command that changes what is installed; what had to be recovered is said on
 * standard error. */
int cw_recover_open(struct cw_site *site, const struct cw_cli *cli, int64_t now, struct cw_err *err);
/* The same; *rolled_back gets the generation that an interrupted rollback went to, 0: there was none. */
int cw_recover_open_rollback(struct cw_site *site, int64_t *rolled_back, const struct cw_cli *cli,
                             int64_t now, struct cw_err *err);

#endif
