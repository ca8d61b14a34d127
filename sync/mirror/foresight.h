/* SPDX-License-Identifier: ISC */
/*
 * Roles that will soon be wanted: got from the source and verified by a few threads while their owner looks at those that
 * came before. It is a help and no more: what it does not have is to be got and verified as if it had never been asked, and
 * what is wrong with it is told then. Not to be held across a fork.
 */
#ifndef CW_SYNC_MIRROR_FORESIGHT_H
#define CW_SYNC_MIRROR_FORESIGHT_H

#include "sync/mirror/source.h"
#include "tree/set.h"

struct cw_foresight;

struct cw_foreseen { /* a role's file that came */
    char path[CW_PATH_MAX];
    struct cw_buf bytes;
    struct cw_tuf_ahead ahead;
};

/* The source is borrowed. */
int cw_foresight_new(struct cw_foresight **foresight, struct cw_source *source, struct cw_err *err);
/* Ends the threads. NULL is harmless. */
void cw_foresight_free(struct cw_foresight *foresight);

/* The file of that role, of at most max bytes, will be wanted, after those that were expected before. */
void cw_foresight_expect(struct cw_foresight *foresight, const char *path, size_t max,
                         const struct cw_tuf_role *role);
/* Borrowed until the next call; waits while it is being verified. NULL: it is not there. */
struct cw_foreseen *cw_foresight_take(struct cw_foresight *foresight, const char *path);

#endif
