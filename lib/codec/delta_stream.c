/* SPDX-License-Identifier: ISC */
/*
 * A stream of a delta is one zstd frame of known length. It is decoded in small pieces and only as far as it
 * is asked for, so that a frame which would expand without end costs nothing.
 */
#include "codec/delta_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd_errors.h>

#include "codec/delta.h"
#include "codec/delta_form.h"

/* Of a frame as RFC 8878 has it. Others that the library may know (older formats, frames to be skipped)
 * are not deltas, and their decoders see no foreign byte. */
static const uint8_t frame_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

int cw_delta_stream_open(struct cw_delta_stream *s, const char *name, int fd, uint64_t at, uint64_t len,
                         struct cw_err *err)
{
    *s = (struct cw_delta_stream){.name = name, .fd = fd, .at = at, .left = len};
    s->zstd = ZSTD_createDCtx();
    s->in = malloc(CW_DELTA_BLOCK);
    s->out = malloc(CW_DELTA_BLOCK);
    if (s->zstd == NULL || s->in == NULL || s->out == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, CW_DELTA_WINDOW_LOG)))
        return cw_err_nomem(err);
    return CW_OK;
}

void cw_delta_stream_clear(struct cw_delta_stream *s)
{
    ZSTD_freeDCtx(s->zstd);
    free(s->in);
    free(s->out);
    *s = (struct cw_delta_stream){.fd = -1};
}

static int too_short(const struct cw_delta_stream *s, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "the delta's %s stream ends too early", s->name);
}

static int check_magic(struct cw_delta_stream *s, struct cw_err *err)
{
    s->begun = true;
    if (s->in_len < sizeof(frame_magic) || memcmp(s->in, frame_magic, sizeof(frame_magic)) != 0)
        return cw_err_set(err, CW_E_VERIFY, "the delta's %s stream is no zstd frame", s->name);
    return CW_OK;
}

static int read_more(struct cw_delta_stream *s, struct cw_err *err)
{
    size_t want = s->left < CW_DELTA_BLOCK ? (size_t)s->left : CW_DELTA_BLOCK, got = 0;

    if (want == 0)
        return too_short(s, err);
    while (got < want) {
        ssize_t n = pread(s->fd, s->in + got, want - got, (off_t)(s->at + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read the delta's %s stream", s->name);
        if (n == 0)
            return too_short(s, err);
        got += (size_t)n;
    }
    s->at += got;
    s->left -= got;
    s->in_at = 0;
    s->in_len = got;
    return s->begun ? CW_OK : check_magic(s, err);
}

static int broken(const struct cw_delta_stream *s, size_t code, struct cw_err *err)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return cw_err_nomem(err);
    case ZSTD_error_frameParameter_windowTooLarge:
        return cw_err_set(err, CW_E_VERIFY,
                          "the delta's %s stream asks for more than the allowed %d MiB of memory", s->name,
                          1 << (CW_DELTA_WINDOW_LOG - 20));
    default:
        return cw_err_set(err, CW_E_VERIFY, "the delta's %s stream is damaged: %s", s->name,
                          ZSTD_getErrorName(code));
    }
}

/* Decodes until there is something, or the frame has ended. */
static int fill(struct cw_delta_stream *s, struct cw_err *err)
{
    s->out_at = s->out_len = 0;
    while (s->out_len == 0 && !s->ended) {
        ZSTD_outBuffer out = {.dst = s->out, .size = CW_DELTA_BLOCK};
        ZSTD_inBuffer in;
        size_t hint;
        int rc = s->in_at == s->in_len && (!s->begun || s->left > 0) ? read_more(s, err) : CW_OK;

        if (rc != CW_OK)
            return rc;
        in = (ZSTD_inBuffer){.src = s->in, .size = s->in_len, .pos = s->in_at};
        hint = ZSTD_decompressStream(s->zstd, &out, &in);
        if (ZSTD_isError(hint))
            return broken(s, hint, err);
        s->ended = hint == 0;
        s->out_len = out.pos;
        /* All was given, nothing came of it, and it wants more. */
        if (!s->ended && out.pos == 0 && in.pos == in.size && s->left == 0)
            return too_short(s, err);
        s->in_at = in.pos;
    }
    if (s->ended && (s->in_at < s->in_len || s->left > 0))
        return cw_err_set(err, CW_E_VERIFY, "the delta has bytes behind its %s stream", s->name);
    return CW_OK;
}

int cw_delta_stream_some(const uint8_t **data, size_t *len, struct cw_delta_stream *s, uint64_t want,
                         struct cw_err *err)
{
    if (s->out_at == s->out_len) {
        int rc = fill(s, err);

        if (rc != CW_OK)
            return rc;
        if (s->out_len == 0)
            return too_short(s, err);
    }
    *data = s->out + s->out_at;
    *len = s->out_len - s->out_at;
    if (*len > want)
        *len = (size_t)want;
    s->out_at += *len;
    return CW_OK;
}

int cw_delta_stream_number(uint64_t *n, struct cw_delta_stream *s, struct cw_err *err)
{
    unsigned shift;

    *n = 0;
    for (shift = 0; shift < 7 * CW_DELTA_NUMBER_MAX; shift += 7) {
        const uint8_t *byte = NULL;
        size_t one;
        int rc = cw_delta_stream_some(&byte, &one, s, 1, err);

        if (rc != CW_OK)
            return rc;
        *n |= (uint64_t)(*byte & 0x7f) << shift;
        if (*byte < 0x80)
            return CW_OK;
    }
    return cw_err_set(err, CW_E_VERIFY, "the delta's %s stream has a number that is too large", s->name);
}

int cw_delta_stream_end(struct cw_delta_stream *s, struct cw_err *err)
{
    int rc = s->out_at == s->out_len && !s->ended ? fill(s, err) : CW_OK;

    if (rc == CW_OK && s->out_at < s->out_len)
        return cw_err_set(err, CW_E_VERIFY, "the delta's %s stream goes on behind the file's end", s->name);
    return rc;
}
