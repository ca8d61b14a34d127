/* SPDX-License-Identifier: ISC */
/*
 * The layout of a delta, shared by its reader and its writer: see causeway-delta(5). All numbers of the
 * header are little-endian.
 */
#ifndef CW_CODEC_DELTA_FORM_H
#define CW_CODEC_DELTA_FORM_H

#include <stdint.h>

#include "codec/delta.h"

#define CW_DELTA_MAGIC "CWDELTA\n"
#define CW_DELTA_MAGIC_LEN ((size_t)8)
#define CW_DELTA_MAJOR 1
#define CW_DELTA_MINOR 0

/* Where the fields stand. A later minor version may append fields; a reader skips what it does not know. */
enum {
    CW_DELTA_AT_MAJOR = 8,  /* one byte */
    CW_DELTA_AT_MINOR = 9,  /* one byte */
    CW_DELTA_AT_FLAGS = 10, /* 2 bytes: what a reader must know to read it */
    CW_DELTA_AT_BEGIN = 12, /* 4 bytes: the header's length */
    CW_DELTA_AT_FROM = 16,  /* 8 bytes each from here on */
    CW_DELTA_AT_TO = 24,
    CW_DELTA_AT_CONTROL = 32,
    CW_DELTA_AT_DIFF = 40,
    CW_DELTA_AT_EXTRA = 48,
    CW_DELTA_HEADER = 56,
    /* With a flag: */
    CW_DELTA_AT_FROM_INSIDE = 56,
    CW_DELTA_AT_TO_INSIDE = 64,
    CW_DELTA_AT_LEVEL = 72,     /* one byte */
    CW_DELTA_AT_MEM_LEVEL = 73, /* one byte */
    CW_DELTA_AT_HEAD_LEN = 74,  /* 2 bytes */
    CW_DELTA_AT_HEAD = 76,      /* as many as that says */
};
enum { CW_DELTA_FLAG_FROM = 1, CW_DELTA_FLAG_TO = 2, CW_DELTA_FLAGS = 3 };
#define CW_DELTA_HEADER_MAX ((int)CW_DELTA_HEADER_BYTES) /* room for what later versions may append */

/* A number of the control stream: seven bits a byte, the lowest first, the top bit set on all but the
 * last. */
#define CW_DELTA_NUMBER_MAX 9 /* bytes: 63 bits */

/* Signed numbers as unsigned ones, small ones small: 0, -1, 1, -2, 2, ... */
static inline uint64_t cw_delta_fold(int64_t n)
{
    return n < 0 ? ~((uint64_t)n << 1) : (uint64_t)n << 1;
}

static inline int64_t cw_delta_unfold(uint64_t n)
{
    return (n & 1) != 0 ? -(int64_t)(n >> 1) - 1 : (int64_t)(n >> 1);
}

#endif
