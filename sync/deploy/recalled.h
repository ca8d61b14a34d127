/* SPDX-License-Identifier: ISC */
/*
 * Releases of a generation that their publisher withdrew since. What each upstream's memory says of them counts, so that it holds for
 * every channel that the site ever followed. The planner's own word is sync/deploy/plan.h's: a withdrawn release is never in a set.
 */
#ifndef CW_SYNC_DEPLOY_RECALLED_H
#define CW_SYNC_DEPLOY_RECALLED_H

#include <jansson.h>

#include "cli/cli.h"
#include "sync/site.h"

/* *rows, owned by the caller: [{"product", "version", "upstream", "reason"}] of a generation's record (NULL: nothing is
 * installed). */
int cw_recalled_find(json_t **rows, const struct cw_site *site, const json_t *record, struct cw_err *err);
/* CW_E_HELD when `to` has a withdrawn release that `from`, the running one's record, does not run already. */
int cw_recalled_check(const struct cw_site *site, const json_t *from, const json_t *to, struct cw_err *err);
/* Says on standard error what of the running generation was withdrawn. Trouble in finding out is another command's to tell. */
void cw_recalled_warn(const struct cw_site *site, const struct cw_cli *cli);

#endif
