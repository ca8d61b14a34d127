/* SPDX-License-Identifier: ISC */
/*
 * From "apply" to the new generation: what the commands apply and update share.
 */
#ifndef CW_SYNC_DEPLOY_RUN_H
#define CW_SYNC_DEPLOY_RUN_H

#include "sync/deploy/world.h"

/* Composes the present plan, stores it, shows it, and applies what of it may be applied. The site is open,
 * locked and recovered. which: the plan that the person means, by its id, perhaps shortened, or by its file; NULL: the present one. timer:
 * a plan of which nothing may be applied now is no failure, only said; else CW_E_HELD with the reason. result
 * gets {"applied": bool, "generation": n, "plan": document}; the caller owns it. */
int cw_deploy_run(json_t **result, const struct cw_site *site, const char *which, bool timer, int64_t now,
                  const struct cw_cli *cli, struct cw_err *err);

/* Says on standard error that the clock is wrong, where it is. */
void cw_deploy_warn_clock(const struct cw_world *world, const struct cw_cli *cli);

#endif
