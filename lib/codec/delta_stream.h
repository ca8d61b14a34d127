/* SPDX-License-Identifier: ISC */
/*
 * One of the three streams of a delta, read as it is needed. Part of delta_read.c.
 */
#ifndef CW_CODEC_DELTA_STREAM_H
#define CW_CODEC_DELTA_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <zstd.h>

#include "base/err.h"

struct cw_delta_stream {
    const char *name;
    ZSTD_DCtx *zstd;
    int fd;            /* borrowed */
    uint64_t at, left; /* where the rest of the frame lies, and how much of it was not read */
    uint8_t *in, *out; /* CW_DELTA_BLOCK bytes each: of the frame, and of what it holds */
    size_t in_at, in_len, out_at, out_len;
    bool begun, ended;
};

#define CW_DELTA_BLOCK ((size_t)64 * 1024)

/* The frame is `len` bytes of fd from `at` on. Clear it also after a failure. */
int cw_delta_stream_open(struct cw_delta_stream *s, const char *name, int fd, uint64_t at, uint64_t len,
                         struct cw_err *err);
void cw_delta_stream_clear(struct cw_delta_stream *s);

/* The next bytes, at least one and at most `want`, borrowed until the next call. */
int cw_delta_stream_some(const uint8_t **data, size_t *len, struct cw_delta_stream *s, uint64_t want,
                         struct cw_err *err);
/* A number of the control stream, below 2^63. */
int cw_delta_stream_number(uint64_t *n, struct cw_delta_stream *s, struct cw_err *err);
/* All was taken, and nothing is behind it. */
int cw_delta_stream_end(struct cw_delta_stream *s, struct cw_err *err);

#endif
