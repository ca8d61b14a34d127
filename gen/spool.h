/* SPDX-License-Identifier: ISC */
/*
 * Targets on their way into hash bins: taken in any order and given back in parts, each of which holds neighbouring bins whole.
 * What does not fit in a few megabytes waits in a file without a name, which the system removes with the process; so memory does
 * not grow with the number of targets and a killed run leaves nothing.
 */
#ifndef CW_GEN_SPOOL_H
#define CW_GEN_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "tuf/bin.h"

#define CW_SPOOL_BITS 6 /* no more than bins have, so that no bin lies in two parts */
#define CW_SPOOL_PARTS ((size_t)1 << CW_SPOOL_BITS)

struct cw_spool;

/* dir: the folder on whose filesystem the file may lie; borrowed. -1: what does not fit is dropped, for who only wants to know
 * how much there is and which bins it touches. */
int cw_spool_new(struct cw_spool **spool, int dir, struct cw_err *err);
void cw_spool_free(struct cw_spool *spool);

/* Copies it. */
int cw_spool_add(struct cw_spool *spool, const struct cw_bin_target *target, struct cw_err *err);

/* The bytes that all of it takes as text of a role. */
uint64_t cw_spool_size(const struct cw_spool *spool);
/* Is anything of it for this bin, of so many bits? */
bool cw_spool_touches(const struct cw_spool *spool, unsigned bits, size_t bin);

/* Sorted into the bins of one part: bins[i] gets the targets of bin (part << (bits - CW_SPOOL_BITS)) + i, unsorted. They borrow from
 * memory, which the caller clears after them. bins has 1 << (bits - CW_SPOOL_BITS) entries, which are empty or hold what was there
 * before. */
int cw_spool_part(struct cw_bin *bins, struct cw_buf *memory, const struct cw_spool *spool, unsigned bits,
                  size_t part, struct cw_err *err);
/* Calls fn for each target, for what stays small. */
int cw_spool_each(const struct cw_spool *spool,
                  int (*fn)(void *ctx, const struct cw_bin_target *target, struct cw_err *err), void *ctx,
                  struct cw_err *err);

#endif
