/* SPDX-License-Identifier: ISC */
/*
 * Gzip files (RFC 1952) from inside: what one holds, and how zlib makes the same file of it again. Only files of one
 * member, as all usual programs write them. What is found out here about a file is exact: it was made again, and was the
 * same.
 */
#ifndef CW_CODEC_GZIP_H
#define CW_CODEC_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_GZIP_HEAD_MAX 512 /* bytes; ten and a name are usual */

#define CW_GZIP_RATIO_MAX 1032 /* no byte of deflate makes more */

/* Takes a piece of what is made. */
typedef int cw_gzip_sink(void *ctx, const void *data, size_t len, struct cw_err *err);

/* How a gzip file is made of its content. */
struct cw_gzip {
    uint8_t level, mem_level; /* of zlib: 1 to 9; its other parameters are the usual ones */
    uint16_t head_len;
    uint8_t head[CW_GZIP_HEAD_MAX]; /* the member's header, byte for byte */
};

/* Does it begin like one? */
bool cw_gzip_is(const uint8_t *data, uint64_t len);
/* The content's length as the file says; 0 also for what is none, or has none. */
uint64_t cw_gzip_length(const uint8_t *data, uint64_t len);
/* Writes the content to out, which has room for exactly cw_gzip_length() bytes. CW_E_VERIFY: it is none of one
 * member, is damaged, or has another length. */
int cw_gzip_inflate(uint8_t *out, uint64_t out_len, const uint8_t *data, uint64_t len, struct cw_err *err);
/* Gives the content of an open file (read by pread) to sink. CW_E_VERIFY. */
int cw_gzip_read(int fd, cw_gzip_sink *sink, void *ctx, struct cw_err *err);

/* Finds how zlib makes it of its content, by making it. CW_E_NOTFOUND: no way is known. */
int cw_gzip_find(struct cw_gzip *how, const uint8_t *data, uint64_t len, const uint8_t *content,
                 uint64_t content_len, struct cw_err *err);

/* Makes one, piece by piece. Uses some 300 KiB. */
struct cw_gzip_writer;
int cw_gzip_writer_new(struct cw_gzip_writer **writer, const struct cw_gzip *how, cw_gzip_sink *sink,
                       void *ctx, struct cw_err *err);
int cw_gzip_write(struct cw_gzip_writer *writer, const void *data, size_t len, struct cw_err *err);
int cw_gzip_end(struct cw_gzip_writer *writer, struct cw_err *err);
void cw_gzip_writer_free(struct cw_gzip_writer *writer);

#endif
