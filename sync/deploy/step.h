/* SPDX-License-Identifier: ISC */
/*
 * Steps: the actions of a plan in the order in which they are done, each with what it is about. A step is what the
 * journal keeps of work that must still be done after a power cut, and what a generation's record keeps of how it
 * is left again, so neither needs the plan or the policy.
 *
 * {"stage", "product", "version", "from" (absent: there was none), "artifact" (a delivery's: its path),
 *  "part" (which of its product's deliveries it is),
 *  "action": as sync/deploy/action.h has it (absent: there is nothing that could be done, which is a failure)}
 *
 * Stages, in their order:
 *   before     before anything changes. One that fails: nothing changes.
 *   stage      releases are in their folders, `current` is as it was. One that fails: it stays so.
 *   check      `current` has changed. One that fails: the generation before runs again, what was left is held.
 *   deliver    hands one artifact on, when all that is atomic is done; not atomic itself.
 *   delivered  what proves that; the two alternate. One of either that fails: as with check.
 *   after      the generation is committed. One that fails is told, logged, and changes nothing.
 *   undeliver  takes a delivery back. Only of deliveries that had begun, the last one first.
 *   undo       as soon as any step above but after had begun and the generation does not come to be committed, or
 *              is left by a rollback: for each release, the last one first, after `current` is back.
 */
#ifndef CW_SYNC_DEPLOY_STEP_H
#define CW_SYNC_DEPLOY_STEP_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/cli.h"
#include "sync/site.h"

/* Bytes of all steps of a plan as text: the journal holds them, and is a document of at most 1 MiB. */
#define CW_STEPS_BYTES_MAX ((size_t)512 * 1024)
#define CW_STEP_TEXT_MAX 512 /* of what came of one, in words */

/* Who does them. */
struct cw_step_run {
    const struct cw_site *site;
    const struct cw_cli *cli; /* NULL: what comes of them is in the history only */
    int64_t now, generation;
};

/* Appends a unit's steps of one stage: before, stage, check or after. */
int cw_steps_add(json_t *steps, const json_t *unit, const char *stage, struct cw_err *err);
/* The same for all units of the plan that are ready. */
int cw_steps_add_ready(json_t *steps, const json_t *plan, const char *stage, struct cw_err *err);
/* Appends deliver and delivered of a unit, alternating. */
int cw_steps_add_deliveries(json_t *steps, const json_t *unit, struct cw_err *err);
/* What undoes the plan's ready units; with deliveries, as if all had been made. The caller owns *steps. */
int cw_steps_undo(json_t **steps, const json_t *plan, bool deliveries, struct cw_err *err);
/* What takes the delivery of this step back; its owner is the caller; NULL: no memory. */
json_t *cw_step_undeliver(const json_t *plan, const json_t *step);

/* Can all steps of the plan's ready units be started, as far as can be told, and be written down? For before
 * anything begins. */
int cw_steps_check(const json_t *plan, struct cw_err *err);

/* Does one step, and writes it into the history. problem is empty when it passed, else what went wrong: "gateway
 * 1.1.0: check '/bin/x' exited with 3". Not CW_OK is trouble of our own. */
int cw_step_do(char problem[CW_STEP_TEXT_MAX], const struct cw_step_run *run, const json_t *step,
               struct cw_err *err);
/* Writes that a step was interrupted and is not done again, with the same problem. */
int cw_step_give_up(char problem[CW_STEP_TEXT_MAX], const struct cw_step_run *run, const json_t *step,
                    struct cw_err *err);

#endif
