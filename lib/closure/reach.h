/* SPDX-License-Identifier: ISC */
/*
 * What a publisher's tree must keep: the rule for a channel's serials, and a set of tree paths that may be as large as a million.
 * gc asks it; no I/O.
 */
#ifndef CW_CLOSURE_REACH_H
#define CW_CLOSURE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A serial is kept for its rank, or because it was in force not long ago. */
struct cw_retention {
    uint64_t serials; /* the newest so many of each channel; at least 1 */
    int64_t seconds;  /* and what was superseded no longer ago than this */
    int64_t now;
};

/* rank 0 is the newest. superseded is when its successor says that it was published: a signed time, which a crash or a copy of the
 * disk does not change. */
bool cw_retention_keeps(const struct cw_retention *retention, uint64_t rank, int64_t superseded);

/* Paths by the beginning of their sha256: eight bytes each. Two that agree in it only keep one file too many. */
struct cw_reach {
    uint64_t *keys;
    size_t count, room;
    bool sorted;
};

int cw_reach_add(struct cw_reach *reach, const char *path, struct cw_err *err);
bool cw_reach_has(struct cw_reach *reach, const char *path); /* sorts at the first question */
void cw_reach_clear(struct cw_reach *reach);                 /* harmless on a zeroed struct */

#endif
