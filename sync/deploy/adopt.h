/* SPDX-License-Identifier: ISC */
/*
 * Adopting what was installed by hand: a folder that is, to the last byte, what a signed release would be becomes the
 * installed release without anything being run, so that the next update knows what it comes from and can go back to it.
 *
 * The release is staged from the mirror like any other, and compared with the folder (sync/deploy/likeness.h); `current`
 * gets the staged one, and the folder is only read. From there on it is an apply (sync/deploy/apply.h) of that product
 * alone, without actions, so what a crash leaves is finished or undone as ever. It is a person's act, like a rollback: it
 * changes nothing that runs, and the policy is not asked.
 */
#ifndef CW_SYNC_DEPLOY_ADOPT_H
#define CW_SYNC_DEPLOY_ADOPT_H

#include "sync/deploy/likeness.h"
#include "sync/deploy/world.h"

struct cw_adopted {
    int64_t generation;
    bool was_there; /* installed already: nothing was done, and the rest is empty */
    json_t *change; /* what was taken for installed (sync/deploy/plan.h); owned */
    struct cw_likeness likeness;
};

/* plan: the present one, of this world. CW_E_VERIFY: the folder is something else, and adopted->likeness says how;
 * CW_E_NOTFOUND: no upstream has such a product for this site; CW_E_HELD: it was withdrawn; CW_E_FAIL: another version is
 * installed, or a part of it is handed on to something that cannot be compared. To be cleared in any case. */
int cw_adopt(struct cw_adopted *adopted, const struct cw_world *world, const json_t *plan,
             const char *product, const char *folder, const struct cw_cli *cli, struct cw_err *err);
void cw_adopted_clear(struct cw_adopted *adopted);
#define CW_AUTO_ADOPTED __attribute__((cleanup(cw_adopted_clear))) struct cw_adopted

#endif
