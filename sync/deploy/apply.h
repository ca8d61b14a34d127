/* SPDX-License-Identifier: ISC */
/*
 * Carrying a plan out: stage, switch, check, commit, or back. The caller holds the lock, has recovered, and
 * composed the plan from the world as it is now. sync/deploy/recover.h has what is on disk at each point.
 */
#ifndef CW_SYNC_DEPLOY_APPLY_H
#define CW_SYNC_DEPLOY_APPLY_H

#include "sync/deploy/world.h"

/* What is special about an apply that is none of the usual. */
struct cw_apply_way {
    const char *event; /* its name in the history */
    /* Called when all is staged and nothing was switched: root is the install root, data what the history's entry says
     * more. Not CW_OK: all stays as it was. */
    int (*staged)(void *ctx, int root, json_t *data, struct cw_err *err);
    void *ctx;
};

/* Applies the plan's ready units as generation *number; way NULL: as usual. CW_E_ROLLED_BACK: a check failed, the old generation
 * runs again, what failed is held. Any other failure leaves the old generation running too. */
int cw_apply(int64_t *number, const struct cw_world *world, const json_t *plan,
             const struct cw_apply_way *way, const struct cw_cli *cli, struct cw_err *err);

/* Goes back to an older generation; 0: the one before. What is left is held. *number gets the one that runs
 * then. */
int cw_rollback(int64_t *number, const struct cw_site *site, int64_t to, const char *reason, int64_t now,
                struct cw_err *err);

#endif
