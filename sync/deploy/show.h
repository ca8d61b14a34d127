/* SPDX-License-Identifier: ISC */
/*
 * A plan in words, and as a file among the site's plans.
 */
#ifndef CW_SYNC_DEPLOY_SHOW_H
#define CW_SYNC_DEPLOY_SHOW_H

#include <jansson.h>

#include "cli/cli.h"
#include "sync/deploy/plan.h"

#define CW_PLAN_SHORT 12 /* digits of an id that are shown */

/* What, from, to, why, bytes, commands. Nothing with -q or --json. */
void cw_plan_show(const struct cw_cli *cli, const json_t *plan);
/* One line for each unit that may not be applied now. Nothing with -q or --json. */
void cw_plan_show_waiting(const struct cw_cli *cli, const json_t *plan);

/* plans/<id>.json, durable. */
int cw_plan_store(int site, const json_t *plan, struct cw_err *err);
/* Does a person's (shortened) id mean this plan? CW_E_FAIL when it means an earlier one, CW_E_NOTFOUND when
 * none. */
int cw_plan_is_meant(int site, const json_t *plan, const char *id, struct cw_err *err);

#endif
