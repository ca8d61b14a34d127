/* SPDX-License-Identifier: ISC */
/*
 * A delegated role's file that is parsed and whose signatures are checked before its turn, for who has thousands of them and
 * more than one processor. What it is worth in the end the update says when it is given: cw_tuf_update_give_ahead().
 */
#ifndef CW_TUF_AHEAD_H
#define CW_TUF_AHEAD_H

#include "tuf/meta.h"

struct cw_tuf_held;

struct cw_tuf_ahead {
    struct cw_tuf_role role;  /* whose keys are to have signed it; keys and keyids are references */
    struct cw_tuf_held *held; /* what was found right; NULL: nothing */
};

/* For the update's thread, while the update has the role's delegator. */
void cw_tuf_ahead_init(struct cw_tuf_ahead *ahead, const struct cw_tuf_role *role);
/* For any one thread, meanwhile: is that a targets file, signed by enough of the role's keys? What is wrong with it is told to
 * who gives the bytes. */
void cw_tuf_ahead_verify(struct cw_tuf_ahead *ahead, const void *bytes, size_t len);
/* For the update's thread. Harmless on a zeroed struct. */
void cw_tuf_ahead_clear(struct cw_tuf_ahead *ahead);

#endif
