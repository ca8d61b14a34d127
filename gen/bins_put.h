/* SPDX-License-Identifier: ISC */
/*
 * Putting many files of metadata into a tree: threads write them while their owner makes the next ones, and all become durable
 * together. For gen/bins_write.c.
 */
#ifndef CW_GEN_BINS_PUT_H
#define CW_GEN_BINS_PUT_H

#include <stdint.h>

#include "base/buf.h"

struct cw_bins_put;

/* expected: how many files will come; few are written by the owner. `tree` is borrowed. */
int cw_bins_put_new(struct cw_bins_put **put, int tree, size_t expected, struct cw_err *err);
/* Takes the text over, and gives an empty one that may have room already. What fails may be told by a later call. */
int cw_bins_put_file(struct cw_bins_put *put, int64_t version, const char *role, struct cw_buf *text,
                     struct cw_err *err);
/* Makes durable what was put. Must have succeeded before anything refers to it. */
int cw_bins_put_finish(struct cw_bins_put *put, struct cw_err *err);
/* Removes what is not durable. NULL is fine. */
void cw_bins_put_free(struct cw_bins_put *put);
static inline void cw_bins_put_free_(struct cw_bins_put **put)
{
    cw_bins_put_free(*put);
}
#define CW_AUTO_BINS_PUT __attribute__((cleanup(cw_bins_put_free_))) struct cw_bins_put

#endif
