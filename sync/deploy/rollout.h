/* SPDX-License-Identifier: ISC */
/*
 * Staged rollout: which sites take a set how long after its promotion. Pure: the same site and set always get
 * the same answer, without anybody keeping a list of who was drawn.
 */
#ifndef CW_SYNC_DEPLOY_ROLLOUT_H
#define CW_SYNC_DEPLOY_ROLLOUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CW_ROLLOUT_STAGES_MAX 64 /* a stage a day for two months */

/* Stages: a list of texts "<time after promotion> <who>": who is a list of patterns of site names, joined by
 * commas, or a share of all sites: "0d canary-*", "3d 20%", "7d *". CW_E_VERIFY. */
int cw_rollout_check(const json_t *stages, struct cw_err *err);
/* The earliest stage that the site is in: seconds after promotion. *in false: it is in none. A site that is
 * in the share of 20% is in every larger one for that set too. */
int cw_rollout_turn(bool *in, int64_t *after, const json_t *stages, const char *site, const char *set,
                    struct cw_err *err);

#endif
