/* SPDX-License-Identifier: ISC */
/*
 * A plan in words.
 */
#ifndef CW_SYNC_DEPLOY_SHOW_H
#define CW_SYNC_DEPLOY_SHOW_H

#include <jansson.h>

#include "cli/cli.h"
#include "sync/deploy/plan.h"

#define CW_PLAN_SHORT 12 /* digits of an id that are shown */

/* What, from, to, why, bytes, commands. Nothing with -q or --json. */
void cw_plan_show(const struct cw_cli *cli, const json_t *plan);
/* Who approved it, a line each. Nothing with -q or --json. */
void cw_plan_show_approvals(const struct cw_cli *cli, const json_t *plan);
/* The same of one change's actions and deliveries, stage by stage. */
void cw_plan_show_actions(const struct cw_cli *cli, const json_t *change);
/* One line for each unit that may not be applied now. Nothing with -q or --json. */
void cw_plan_show_waiting(const struct cw_cli *cli, const json_t *plan);

#endif
