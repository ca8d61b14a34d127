/* SPDX-License-Identifier: ISC */
/*
 * Deltas: what turns one exact file into another (causeway-delta(5)). A control, a diff and an extra stream
 * over the two whole files, each one zstd frame. Nothing of a delta is trusted: whoever applies one judges
 * what came out by a signed hash, and takes the whole file if it is another.
 */
#ifndef CW_CODEC_DELTA_H
#define CW_CODEC_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/gzip.h"

/* What each of the three frames may ask of its reader: 8 MiB, so that reading takes about 25 MiB whatever the
 * files' size. */
#define CW_DELTA_WINDOW_LOG 23
/* No file is larger; far from where sums of two lengths overflow. */
#define CW_DELTA_FILE_MAX (UINT64_C(1) << 56)

/* Most bytes of a header. */
#define CW_DELTA_HEADER_BYTES ((uint64_t)4096)

/* The header of a delta, as it says. */
struct cw_delta_info {
    uint64_t from, to;             /* lengths of the two files */
    uint64_t control, diff, extra; /* lengths of the three frames, in this order */
    uint64_t begin;                /* where the first frame begins */
    /* Of gzip files the content is compared. What follows is 0 where that is not so. */
    bool inside_from, inside_to;
    uint64_t from_inside, to_inside; /* lengths of the contents */
    struct cw_gzip how;              /* how the new file is made of its content */
};

/* Reads the header at the start of fd (by pread). CW_E_VERIFY: not a delta, not whole, or of a format or with
 * features that this version does not know, which it names. */
int cw_delta_peek(struct cw_delta_info *info, int fd, struct cw_err *err);

/* Takes a piece of the new file. */
typedef cw_gzip_sink cw_delta_sink;

/* Gives the new file to sink, front to back, never more than `length` bytes: the length that was signed.
 * `from` is the old file, or where the delta is from inside it, what that holds (cw_gzip_read).
 * fd and from are read by pread only, at most 64 KiB beyond what is needed. CW_E_VERIFY for whatever is
 * wrong with the delta, and whatever it does not fit: then sink may have got a part. Foreign bytes: run it
 * in the jail (tree/patch.h does). */
int cw_delta_read(int fd, int from, uint64_t length, cw_delta_sink *sink, void *ctx, struct cw_err *err);

/* How a delta is made. */
struct cw_delta_effort {
    unsigned threads; /* 0: as many as there are processors; the delta is the same for any number */
    int level;        /* of zstd; 0: the one that was measured to be worth it */
    bool inside; /* look into gzip files, and refuse those that hide their content: see cw_delta_make() */
    bool piped;  /* out is a pipe, which cannot go back: see cw_delta_finish_piped() */
};

/* Writes to out (empty, seekable) the delta from one file to the other, both regular and mapped meanwhile:
 * they must not shrink. Tar archives are compared member by member, other files whole, so memory follows
 * the largest of these (about six times its length for each thread, at most some 400 MiB), and what zstd
 * needs (some 300 MiB). Not synced.
 *
 * With `inside`, of a gzip file the content is compared where zlib is found to make the same file of it again, which
 * takes memory for the contents of both (at most CW_DELTA_INSIDE_MAX each). CW_E_NOTFOUND: the new file hides its
 * content in a way that cannot be repeated, so that a delta would be of no use; the text says how. */
#define CW_DELTA_INSIDE_MAX (UINT64_C(1) << 30)
int cw_delta_make(int out, int from, int to, const struct cw_delta_effort *effort, struct cw_err *err);

/* A guess from samples: can it be compressed by more than it is? */
int cw_delta_compresses(bool *does, int fd, struct cw_err *err);
/* Would cw_delta_make() with `inside` see what the file holds? CW_E_NOTFOUND says why not. */
int cw_delta_look(int fd, struct cw_err *err);

/* fd is a file of all that a piped cw_delta_make() wrote: makes a delta of it. CW_E_VERIFY: it is not whole. */
int cw_delta_finish_piped(int fd, struct cw_err *err);

#endif
