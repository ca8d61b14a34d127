/* SPDX-License-Identifier: ISC */
/*
 * Making deltas for a tree: by its publisher, or by anybody who has the files. Each pair of files is compared in the
 * jail; what comes out is applied once, confined as a site does it, and kept only if it is well under the compressed
 * file. Deltas and the hints that list them lie in the tree, and are all the memory there is: what is there, and what
 * was of no use, is not made again.
 *
 * Order: each delta is durable before the hint that lists it. Killed at any moment, what was made stays, and the next
 * call goes on. The caller holds the tree's lock.
 */
#ifndef CW_TREE_DELTAS_H
#define CW_TREE_DELTAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* No site asks for deltas to smaller files. */
#define CW_DELTAS_FILE_MIN (UINT64_C(256) << 10)

enum cw_deltas_outcome {
    CW_DELTA_NONE,    /* not looked at */
    CW_DELTA_THERE,   /* it was there already */
    CW_DELTA_MADE,    /* it is there now; with plan_only: it would be tried */
    CW_DELTA_USELESS, /* not well under the compressed file */
    CW_DELTA_HIDDEN, /* one of the files hides its content by a compression that cannot be made again: see `why` */
    CW_DELTA_SMALL,  /* the new file is below CW_DELTAS_FILE_MIN */
    CW_DELTA_ABSENT, /* the tree does not have both files */
    CW_DELTA_FAILED, /* it could not be made: see `why` */
};

struct cw_deltas_pair {
    const char
        *from; /* tree path of the old file ("targets/<folder>/<sha256>.<file>"); NULL: the empty file, so
                         that the delta is the compressed new one */
    const char *to; /* tree path of the new file */
    /* Set by cw_deltas_make(): */
    enum cw_deltas_outcome outcome;
    uint64_t length;           /* of the delta, where there is one */
    char why[CW_ERR_TEXT_MAX]; /* for people; "" where there is nothing to say */
};

struct cw_deltas_options {
    unsigned threads; /* 0: all processors */
    bool plan_only;   /* makes nothing; only looks into the new files, and says what would be tried */
    bool count_only;  /* looks into no file either: what hides its content counts as tried */
    /* Called with bytes of files that were compared; may be NULL. */
    void (*progress)(void *ctx, uint64_t bytes);
    void *ctx;
};

/* Bytes that cw_deltas_make() will report by progress, at most. */
uint64_t cw_deltas_size(int tree, const struct cw_deltas_pair *pairs, size_t count);

/* Makes what is worth it of these pairs, and for each new file the compressed one if that is worth it, whether asked
 * for or not: it is what a delta is measured by. Two pairs may be the same. No single pair makes this fail, only what
 * ends all work: CW_E_SPACE, CW_E_NOMEM, a disk that cannot be written. What was made until then stays. */
int cw_deltas_make(int tree, struct cw_deltas_pair *pairs, size_t count,
                   const struct cw_deltas_options *options, struct cw_err *err);

#endif
