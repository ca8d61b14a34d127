/* SPDX-License-Identifier: ISC */
/*
 * Reading and remaking gzip files by zlib; see codec/gzip.h.
 */
#include "codec/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

#define BLOCK ((size_t)64 * 1024)
#define HEAD_MIN ((size_t)10)
#define TAIL ((size_t)8) /* CRC and length */
#define MAX_BITS 15      /* of zlib's window; more is for its own header, less for none */
#define ONE_GO ((uint64_t)1 << 30)

enum { FLAG_CRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_KNOWN = 31 };
enum { XFL_BEST = 2, XFL_FAST = 4 };

bool cw_gzip_is(const uint8_t *data, uint64_t len)
{
    return len >= HEAD_MIN + TAIL && data[0] == 0x1f && data[1] == 0x8b && data[2] == Z_DEFLATED;
}

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t cw_gzip_length(const uint8_t *data, uint64_t len)
{
    return cw_gzip_is(data, len) ? number(data + len - 4) : 0;
}

/* Where a text that begins at `at` ends; 0: not within reach. */
static size_t behind_text(const uint8_t *data, size_t len, size_t at)
{
    const uint8_t *end = at < len ? memchr(data + at, '\0', len - at) : NULL;

    return end == NULL ? 0 : (size_t)(end - data) + 1;
}

/* The header's length; 0: it is none, or longer than can be kept. */
static size_t head_length(const uint8_t *data, uint64_t len)
{
    size_t most = len < CW_GZIP_HEAD_MAX ? (size_t)len : CW_GZIP_HEAD_MAX, at = HEAD_MIN;
    unsigned flags;

    if (!cw_gzip_is(data, len))
        return 0;
    flags = data[3];
    if ((flags & ~(unsigned)FLAGS_KNOWN) != 0)
        return 0;
    if ((flags & FLAG_EXTRA) != 0)
        at += 2 + data[HEAD_MIN] + 256U * data[HEAD_MIN + 1];
    if ((flags & FLAG_NAME) != 0)
        at = behind_text(data, most, at);
    if (at != 0 && (flags & FLAG_COMMENT) != 0)
        at = behind_text(data, most, at);
    if (at != 0 && (flags & FLAG_CRC) != 0)
        at += 2;
    return at <= most ? at : 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static int broken(int code, struct cw_err *err)
{
    return code == Z_MEM_ERROR ? cw_err_nomem(err) : cw_err_set(err, CW_E_VERIFY, "the gzip file is damaged");
}

static int inflate_all(z_stream *z, uint64_t out_len, uint64_t len, struct cw_err *err)
{
    uint64_t in_left = len, out_left = out_len;
    int code = Z_OK;

    while (code == Z_OK) {
        uInt in = (uInt)(in_left < ONE_GO ? in_left : ONE_GO),
             out = (uInt)(out_left < ONE_GO ? out_left : ONE_GO);

        z->avail_in = in;
        z->avail_out = out;
        code = inflate(z, Z_NO_FLUSH);
        if (code == Z_OK && z->avail_in == in && z->avail_out == out)
            code = Z_BUF_ERROR;
        in_left -= in - z->avail_in;
        out_left -= out - z->avail_out;
    }
    if (code != Z_STREAM_END)
        return broken(code, err);
    return in_left == 0 && out_left == 0
               ? CW_OK
               : cw_err_set(err, CW_E_VERIFY,
                            "the gzip file has several parts, or another length than it says");
}

int cw_gzip_inflate(uint8_t *out, uint64_t out_len, const uint8_t *data, uint64_t len, struct cw_err *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .next_out = out};
    int code = inflateInit2(&z, MAX_BITS + 16), rc;

    if (code != Z_OK)
        return broken(code, err);
    rc = inflate_all(&z, out_len, len, err);
    inflateEnd(&z);
    return rc;
}

static int read_block(ssize_t *n, int fd, uint8_t *block, uint64_t at, struct cw_err *err)
{
    do {
        *n = pread(fd, block, BLOCK, (off_t)at);
    } while (*n < 0 && errno == EINTR);
    return *n < 0 ? cw_err_errno(err, errno, "unable to read a gzip file") : CW_OK;
}

/* One block of the file; *code is zlib's answer. */
static int read_some(int *code, z_stream *z, uint8_t *out, cw_gzip_sink *sink, void *ctx, struct cw_err *err)
{
    int rc = CW_OK;

    while (rc == CW_OK && *code == Z_OK && z->avail_in > 0) {
        z->next_out = out;
        z->avail_out = BLOCK;
        *code = inflate(z, Z_NO_FLUSH);
        if (*code == Z_BUF_ERROR)
            *code = Z_OK;
        if (z->avail_out < BLOCK)
            rc = sink(ctx, out, BLOCK - z->avail_out, err);
    }
    return rc;
}

static int read_all(z_stream *z, uint8_t *in, uint8_t *out, int fd, cw_gzip_sink *sink, void *ctx,
                    struct cw_err *err)
{
    uint64_t at = 0;
    int code = Z_OK, rc = CW_OK;
    ssize_t n;

    while (rc == CW_OK && (rc = read_block(&n, fd, in, at, err)) == CW_OK && n > 0) {
        if (code == Z_STREAM_END)
            return cw_err_set(err, CW_E_VERIFY, "the gzip file has several parts");
        at += (uint64_t)n;
        z->next_in = in;
        z->avail_in = (uInt)n;
        rc = read_some(&code, z, out, sink, ctx, err);
        if (rc == CW_OK && (code != Z_OK && code != Z_STREAM_END))
            return broken(code, err);
        if (rc == CW_OK && z->avail_in > 0)
            return cw_err_set(err, CW_E_VERIFY, "the gzip file has several parts");
    }
    if (rc == CW_OK && code != Z_STREAM_END)
        return cw_err_set(err, CW_E_VERIFY, "the gzip file is cut");
    return rc;
}

int cw_gzip_read(int fd, cw_gzip_sink *sink, void *ctx, struct cw_err *err)
{
    CW_AUTO_FREE uint8_t *in = malloc(BLOCK), *out = malloc(BLOCK);
    z_stream z = {.next_in = NULL};
    int code, rc;

    if (in == NULL || out == NULL)
        return cw_err_nomem(err);
    code = inflateInit2(&z, MAX_BITS + 16);
    if (code != Z_OK)
        return broken(code, err);
    rc = read_all(&z, in, out, fd, sink, ctx, err);
    inflateEnd(&z);
    return rc;
}

/* --- writing ----------------------------------------------------------------------------------------- */

struct cw_gzip_writer {
    z_stream z;
    cw_gzip_sink *sink;
    void *ctx;
    uLong crc;
    uint32_t length; /* modulo 2^32, as the file says it */
    uint8_t out[BLOCK];
};

int cw_gzip_writer_new(struct cw_gzip_writer **writer, const struct cw_gzip *how, cw_gzip_sink *sink,
                       void *ctx, struct cw_err *err)
{
    struct cw_gzip_writer *w = calloc(1, sizeof *w);
    int code;

    *writer = NULL;
    if (w == NULL)
        return cw_err_nomem(err);
    w->sink = sink;
    w->ctx = ctx;
    w->crc = crc32(0, NULL, 0);
    code = deflateInit2(&w->z, how->level, Z_DEFLATED, -MAX_BITS, how->mem_level, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) {
        free(w);
        return code == Z_MEM_ERROR
                   ? cw_err_nomem(err)
                   : cw_err_set(err, CW_E_VERIFY, "zlib does not know level %u with %u of memory", how->level,
                                how->mem_level);
    }
    *writer = w;
    return how->head_len == 0 ? CW_OK : sink(ctx, how->head, how->head_len, err);
}

void cw_gzip_writer_free(struct cw_gzip_writer *writer)
{
    if (writer != NULL)
        deflateEnd(&writer->z);
    free(writer);
}

static int deflate_some(struct cw_gzip_writer *w, int flush, struct cw_err *err)
{
    int rc = CW_OK, code;

    do {
        w->z.next_out = w->out;
        w->z.avail_out = BLOCK;
        code = deflate(&w->z, flush);
        if (code == Z_STREAM_ERROR)
            return cw_err_set(err, CW_E_FAIL, "zlib fails");
        if (w->z.avail_out < BLOCK)
            rc = w->sink(w->ctx, w->out, BLOCK - w->z.avail_out, err);
    } while (rc == CW_OK && w->z.avail_out == 0 && code != Z_STREAM_END);
    return rc;
}

int cw_gzip_write(struct cw_gzip_writer *w, const void *data, size_t len, struct cw_err *err)
{
    const uint8_t *at = data;
    int rc = CW_OK;

    while (rc == CW_OK && len > 0) {
        uInt n = (uInt)(len < ONE_GO ? len : ONE_GO);

        w->crc = crc32(w->crc, at, n);
        w->length += n;
        w->z.next_in = (Bytef *)(uintptr_t)at;
        w->z.avail_in = n;
        rc = deflate_some(w, Z_NO_FLUSH, err);
        at += n;
        len -= n;
    }
    return rc;
}

int cw_gzip_end(struct cw_gzip_writer *w, struct cw_err *err)
{
    uint8_t tail[TAIL];
    size_t i;
    int rc;

    w->z.next_in = NULL;
    w->z.avail_in = 0;
    rc = deflate_some(w, Z_FINISH, err);
    for (i = 0; i < 4; i++) {
        tail[i] = (uint8_t)(w->crc >> 8 * i);
        tail[4 + i] = (uint8_t)(w->length >> 8 * i);
    }
    return rc == CW_OK ? w->sink(w->ctx, tail, sizeof tail, err) : rc;
}

/* --- finding how --------------------------------------------------------------------------------------- */

struct compared {
    const uint8_t *data;
    uint64_t len, at;
};

/* CW_E_NOTFOUND: it is not the same. */
static int compare(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct compared *c = ctx;

    if (len > c->len - c->at || memcmp(c->data + c->at, data, len) != 0)
        return cw_err_set(err, CW_E_NOTFOUND, "zlib makes another file");
    c->at += len;
    return CW_OK;
}

static int try(const struct cw_gzip *how, const uint8_t *data, uint64_t len, const uint8_t *content,
               uint64_t content_len, struct cw_err *err)
{
    struct compared c = {.data = data, .len = len};
    struct cw_gzip_writer *writer;
    uint64_t at = 0;
    int rc = cw_gzip_writer_new(&writer, how, compare, &c, err);

    /* In pieces, so that the first difference ends it. */
    while (rc == CW_OK && at < content_len) {
        size_t n = content_len - at < BLOCK ? (size_t)(content_len - at) : BLOCK;

        rc = cw_gzip_write(writer, content + at, n, err);
        at += n;
    }
    if (rc == CW_OK)
        rc = cw_gzip_end(writer, err);
    cw_gzip_writer_free(writer);
    if (rc == CW_OK && c.at != len)
        rc = cw_err_set(err, CW_E_NOTFOUND, "zlib makes a shorter file");
    return rc;
}

int cw_gzip_find(struct cw_gzip *how, const uint8_t *data, uint64_t len, const uint8_t *content,
                 uint64_t content_len, struct cw_err *err)
{
    /* The likely ones first: a header tells of the best and the fastest. */
    static const uint8_t usual[] = {6, 9, 1, 5, 4, 7, 8, 3, 2}, best[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    const uint8_t *levels;
    size_t head = head_length(data, len), i;
    int rc = CW_E_NOTFOUND;

    *how = (struct cw_gzip){.head_len = (uint16_t)head};
    if (head == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "its gzip header is of no usual form");
    memcpy(how->head, data, head);
    levels = data[8] == XFL_BEST ? best : usual;
    for (i = 0; i < 2 * sizeof usual && rc == CW_E_NOTFOUND; i++) {
        how->level = levels[i / 2];
        how->mem_level = i % 2 == 0 ? 8 : 9;
        rc = try(how, data, len, content, content_len, err);
    }
    return rc != CW_E_NOTFOUND
               ? rc
               : cw_err_set(err, rc, "it is compressed with gzip, but not in a way that zlib can repeat");
}
