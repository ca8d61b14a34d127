/* SPDX-License-Identifier: ISC */
/*
 * A few threads that do one kind of work on items of one size, for one owner who puts items in and takes
 * them back in the order in which he put them. At most `depth` items are under way, so memory is flat however
 * many pass through. Only `work` runs in other threads: it may touch its item, and what is not written
 * meanwhile.
 *
 *     while (more) {
 *         while ((item = cw_pool_next(pool)) == NULL)
 *             use(cw_pool_take(pool));
 *         fill(item);
 *         cw_pool_put(pool);
 *     }
 *     while ((item = cw_pool_take(pool)) != NULL)
 *         use(item);
 *
 * Not to be held across a fork: the child would have no threads.
 */
#ifndef CW_BASE_POOL_H
#define CW_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_POOL_THREADS_MAX 16 /* what one medium or memory bus can feed */

struct cw_pool;
typedef void cw_pool_work(void *item);

/* threads 0: as many as this process may use cores. Where none can be started, cw_pool_take() does the work. */
int cw_pool_new(struct cw_pool **pool, size_t threads, size_t depth, size_t item_size, cw_pool_work *work,
                struct cw_err *err);
/* Waits for what is being worked on, drops the rest. NULL is fine. */
void cw_pool_free(struct cw_pool *pool);
static inline void cw_pool_free_(struct cw_pool **pool)
{
    cw_pool_free(*pool);
}
#define CW_AUTO_POOL __attribute__((cleanup(cw_pool_free_))) struct cw_pool

/* The place for the next item, with what an earlier item left in it; NULL: `depth` are under way, take one. */
void *cw_pool_next(struct cw_pool *pool);
/* Gives the place that cw_pool_next() named to the threads. */
void cw_pool_put(struct cw_pool *pool);
/* The oldest item, once it is done; the owner's until the next cw_pool_next(). NULL: none is under way. */
void *cw_pool_take(struct cw_pool *pool);

/* For `work`, and a progress bar: so much more of something (bytes) is done. */
void cw_pool_tell(struct cw_pool *pool, uint64_t amount);
/* told is called in the owner's thread, at the end of cw_pool_take() and some ten times a second while that waits, with what the threads
 * told since. */
void cw_pool_on_told(struct cw_pool *pool, void (*told)(void *ctx, uint64_t amount), void *ctx);

/* How many cores this process may use: at least 1, at most CW_POOL_THREADS_MAX. */
size_t cw_pool_cores(void);

#endif
