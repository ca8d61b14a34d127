/* SPDX-License-Identifier: ISC */
/*
 * Applying a delta: each instruction adds bytes of the diff stream to bytes of the old file, then takes bytes
 * of the extra stream, then moves within the old file. Every number is checked before it is used; memory is
 * flat.
 */
#include "codec/delta.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/delta_form.h"
#include "codec/delta_stream.h"

#define OUT_BLOCK ((size_t)128 * 1024) /* what is given to the sink at once */
#define OLD_BLOCK ((size_t)128 * 1024) /* what is read of the old file at once: most moves are short */
#define OLD_BEHIND ((size_t)16 * 1024) /* of it, what lies before the place: some moves go back */

static uint64_t number_at(const uint8_t *header, size_t at, size_t len)
{
    uint64_t n = 0;

    while (len > 0)
        n = n << 8 | header[at + --len];
    return n;
}

static int check_lengths(const struct cw_delta_info *info, uint64_t size, struct cw_err *err)
{
    const uint64_t all[] = {info->from, info->to, info->control, info->diff, info->extra};
    size_t i;

    for (i = 0; i < CW_COUNT(all); i++) {
        if (all[i] > CW_DELTA_FILE_MAX)
            return cw_err_set(err, CW_E_VERIFY, "the delta's header has a length beyond all bounds");
    }
    if (info->begin < CW_DELTA_HEADER || info->begin > CW_DELTA_HEADER_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the delta says that its header is %llu bytes long",
                          (unsigned long long)info->begin);
    if (info->begin + info->control + info->diff + info->extra != size)
        return cw_err_set(err, CW_E_VERIFY, "the delta is %llu bytes long, not %llu as it says itself",
                          (unsigned long long)size,
                          (unsigned long long)(info->begin + info->control + info->diff + info->extra));
    return CW_OK;
}

static int check_version(const uint8_t *header, struct cw_err *err)
{
    unsigned flags = (unsigned)number_at(header, CW_DELTA_AT_FLAGS, 2);

    if (memcmp(header, CW_DELTA_MAGIC, CW_DELTA_MAGIC_LEN) != 0)
        return cw_err_set(err, CW_E_VERIFY, "this is not a delta");
    if (header[CW_DELTA_AT_MAJOR] != CW_DELTA_MAJOR)
        return cw_err_set(err, CW_E_VERIFY, "the delta is of format %u.%u; this version reads %d.x",
                          header[CW_DELTA_AT_MAJOR], header[CW_DELTA_AT_MINOR], CW_DELTA_MAJOR);
    if ((flags & ~(unsigned)CW_DELTA_FLAGS) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "the delta uses features 0x%04x, which this version does not know", flags);
    return CW_OK;
}

/* A regular file's length. */
static int length_of(uint64_t *length, int fd, const char *what, struct cw_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return cw_err_errno(err, errno, "unable to look at %s", what);
    if (!S_ISREG(st.st_mode))
        return cw_err_set(err, CW_E_FAIL, "%s is not a regular file", what);
    *length = (uint64_t)st.st_size;
    return CW_OK;
}

/* What a header with a flag says besides. */
static int read_inside(struct cw_delta_info *info, const uint8_t *header, size_t len, struct cw_err *err)
{
    unsigned flags = (unsigned)number_at(header, CW_DELTA_AT_FLAGS, 2);
    struct cw_gzip *how = &info->how;

    if (flags == 0)
        return CW_OK;
    if (len < CW_DELTA_AT_HEAD || info->begin < CW_DELTA_AT_HEAD)
        return cw_err_set(err, CW_E_VERIFY, "the delta is shorter than its header");
    info->inside_from = (flags & CW_DELTA_FLAG_FROM) != 0;
    info->inside_to = (flags & CW_DELTA_FLAG_TO) != 0;
    info->from_inside = number_at(header, CW_DELTA_AT_FROM_INSIDE, 8);
    info->to_inside = number_at(header, CW_DELTA_AT_TO_INSIDE, 8);
    how->level = header[CW_DELTA_AT_LEVEL];
    how->mem_level = header[CW_DELTA_AT_MEM_LEVEL];
    how->head_len = (uint16_t)number_at(header, CW_DELTA_AT_HEAD_LEN, 2);
    if (how->head_len > sizeof how->head || CW_DELTA_AT_HEAD + (uint64_t)how->head_len > info->begin ||
        CW_DELTA_AT_HEAD + (size_t)how->head_len > len)
        return cw_err_set(err, CW_E_VERIFY, "the delta says that a gzip header is %u bytes long",
                          how->head_len);
    memcpy(how->head, header + CW_DELTA_AT_HEAD, how->head_len);
    if (info->inside_to && (how->level < 1 || how->level > 9 || how->mem_level < 1 || how->mem_level > 9))
        return cw_err_set(err, CW_E_VERIFY, "the delta asks for a compression that there is not");
    if ((info->inside_from ? info->from_inside / CW_GZIP_RATIO_MAX > info->from : info->from_inside != 0) ||
        (info->inside_to ? info->to_inside / CW_GZIP_RATIO_MAX > info->to : info->to_inside != 0))
        return cw_err_set(err, CW_E_VERIFY, "the delta says that a gzip file holds more than it can");
    return CW_OK;
}

int cw_delta_peek(struct cw_delta_info *info, int fd, struct cw_err *err)
{
    uint8_t header[CW_DELTA_AT_HEAD + CW_GZIP_HEAD_MAX];
    uint64_t size;
    ssize_t n;
    int rc = length_of(&size, fd, "the delta", err);

    if (rc != CW_OK)
        return rc;
    do {
        n = pread(fd, header, sizeof(header), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to read the delta");
    if (n < CW_DELTA_HEADER)
        return cw_err_set(err, CW_E_VERIFY, "the delta is shorter than its header");
    rc = check_version(header, err);
    if (rc != CW_OK)
        return rc;
    *info = (struct cw_delta_info){
        .begin = number_at(header, CW_DELTA_AT_BEGIN, 4),
        .from = number_at(header, CW_DELTA_AT_FROM, 8),
        .to = number_at(header, CW_DELTA_AT_TO, 8),
        .control = number_at(header, CW_DELTA_AT_CONTROL, 8),
        .diff = number_at(header, CW_DELTA_AT_DIFF, 8),
        .extra = number_at(header, CW_DELTA_AT_EXTRA, 8),
    };
    rc = check_lengths(info, size, err);
    return rc == CW_OK ? read_inside(info, header, (size_t)n, err) : rc;
}

struct reader {
    struct cw_delta_info info;
    uint64_t from_len, to_len; /* of the files, or of what they hold */
    struct cw_delta_stream control, diff, extra;
    struct cw_gzip_writer *gzip; /* NULL: the new file is what the streams make */
    cw_delta_sink *sink;
    void *ctx;
    uint64_t given; /* bytes that the sink got */
    uint64_t done;  /* bytes of the new file, so far */
    uint8_t *out;   /* OUT_BLOCK bytes, of which out_len wait for the sink */
    size_t out_len;
    int from;
    uint64_t at;  /* the place in the old file: 0 .. from_len */
    uint8_t *old; /* OLD_BLOCK bytes: old_len of the old file from old_at on */
    uint64_t old_at;
    size_t old_len;
};

/* Never more than was signed, whatever is made. */
static int give(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct reader *r = ctx;

    if (len > r->info.to - r->given)
        return cw_err_set(err, CW_E_VERIFY, "the delta makes more than the %llu bytes it says",
                          (unsigned long long)r->info.to);
    r->given += len;
    return r->sink(r->ctx, data, len, err);
}

static int flush(struct reader *r, struct cw_err *err)
{
    size_t len = r->out_len;

    r->out_len = 0;
    if (len == 0)
        return CW_OK;
    return r->gzip != NULL ? cw_gzip_write(r->gzip, r->out, len, err) : give(r, r->out, len, err);
}

static int end(struct reader *r, struct cw_err *err)
{
    int rc = flush(r, err);

    if (rc == CW_OK && r->gzip != NULL)
        rc = cw_gzip_end(r->gzip, err);
    if (rc == CW_OK && r->given != r->info.to)
        return cw_err_set(err, CW_E_VERIFY, "the delta makes %llu bytes, not %llu as it says",
                          (unsigned long long)r->given, (unsigned long long)r->info.to);
    return rc;
}

/* Reads the part of the old file that begins (a little before) where it is needed. */
static int read_old(struct reader *r, struct cw_err *err)
{
    r->old_at = r->at < OLD_BEHIND ? 0 : r->at - OLD_BEHIND;
    r->old_len = 0;
    while (r->old_len < OLD_BLOCK && r->old_at + r->old_len < r->from_len) {
        ssize_t n =
            pread(r->from, r->old + r->old_len, OLD_BLOCK - r->old_len, (off_t)(r->old_at + r->old_len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read the file that the delta starts from");
        if (n == 0)
            return cw_err_set(err, CW_E_VERIFY, "the file that the delta starts from has become shorter");
        r->old_len += (size_t)n;
    }
    return CW_OK;
}

/* The next bytes of the old file, at least one; the caller has checked that there is one. */
static int some_old(const uint8_t **data, size_t *len, struct reader *r, struct cw_err *err)
{
    if (r->at < r->old_at || r->at >= r->old_at + r->old_len) {
        int rc = read_old(r, err);

        if (rc != CW_OK)
            return rc;
    }
    *data = r->old + (r->at - r->old_at);
    *len = r->old_len - (size_t)(r->at - r->old_at);
    return CW_OK;
}

/* Byte by byte and modulo 256, eight at a time. */
static void add_bytes(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t len)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);

    for (; len >= 8; len -= 8, out += 8, a += 8, b += 8) {
        uint64_t x, y;

        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        x = ((x & low) + (y & low)) ^ ((x ^ y) & ~low);
        memcpy(out, &x, 8);
    }
    while (len-- > 0)
        *out++ = (uint8_t)(*a++ + *b++);
}

/* One step of adding or taking: as much as lies ready on all sides, at most `left` bytes. */
static int step(size_t *done, struct reader *r, uint64_t left, bool add, struct cw_err *err)
{
    const uint8_t *data, *old = NULL;
    size_t len = OUT_BLOCK, n;
    int rc = r->out_len == OUT_BLOCK ? flush(r, err) : CW_OK;

    if (rc == CW_OK && add)
        rc = some_old(&old, &len, r, err);
    if (rc != CW_OK)
        return rc;
    if (len > OUT_BLOCK - r->out_len)
        len = OUT_BLOCK - r->out_len;
    rc = cw_delta_stream_some(&data, &n, add ? &r->diff : &r->extra, left < len ? left : len, err);
    if (rc != CW_OK)
        return rc;
    if (add) {
        add_bytes(r->out + r->out_len, data, old, n);
        r->at += n;
    } else {
        memcpy(r->out + r->out_len, data, n);
    }
    r->out_len += n;
    *done = n;
    return CW_OK;
}

static int copy(struct reader *r, uint64_t len, bool add, struct cw_err *err)
{
    size_t n;
    int rc = CW_OK;

    for (; rc == CW_OK && len > 0; len -= rc == CW_OK ? n : 0)
        rc = step(&n, r, len, add, err);
    return rc;
}

struct instruction {
    uint64_t add, extra;
    int64_t seek;
};

static int read_instruction(struct instruction *i, struct reader *r, struct cw_err *err)
{
    uint64_t seek = 0;
    int rc = cw_delta_stream_number(&i->add, &r->control, err);

    if (rc == CW_OK)
        rc = cw_delta_stream_number(&i->extra, &r->control, err);
    if (rc == CW_OK)
        rc = cw_delta_stream_number(&seek, &r->control, err);
    i->seek = cw_delta_unfold(seek);
    return rc;
}

/* Each number is below 2^63 and each place below 2^56, so no sum overflows before it is refused. */
static int check_instruction(const struct instruction *i, const struct reader *r, bool first,
                             struct cw_err *err)
{
    uint64_t left = r->to_len - r->done;

    /* Each one brings the end nearer, or there might be no end; but the first may only say where to begin. */
    if (i->add == 0 && i->extra == 0 && !first)
        return cw_err_set(err, CW_E_VERIFY, "the delta has an instruction that does nothing");
    if (i->add > left || i->extra > left - i->add)
        return cw_err_set(err, CW_E_VERIFY, "the delta makes more than the %llu bytes it says",
                          (unsigned long long)r->to_len);
    if (i->add > r->from_len - r->at)
        return cw_err_set(err, CW_E_VERIFY, "the delta reads behind the end of the file it starts from");
    if (i->seek < 0 ? (uint64_t)-i->seek > r->at + i->add : (uint64_t)i->seek > r->from_len - r->at - i->add)
        return cw_err_set(err, CW_E_VERIFY, "the delta moves out of the file it starts from");
    return CW_OK;
}

static int decode(struct reader *r, struct cw_err *err)
{
    struct instruction i;
    bool first = true;
    int rc = CW_OK;

    for (; rc == CW_OK && r->done < r->to_len; first = false) {
        rc = read_instruction(&i, r, err);
        if (rc == CW_OK)
            rc = check_instruction(&i, r, first, err);
        if (rc == CW_OK)
            rc = copy(r, i.add, true, err);
        if (rc == CW_OK)
            rc = copy(r, i.extra, false, err);
        if (rc != CW_OK)
            return rc;
        r->done += i.add + i.extra;
        r->at = (uint64_t)((int64_t)r->at + i.seek);
    }
    rc = cw_delta_stream_end(&r->control, err);
    if (rc == CW_OK)
        rc = cw_delta_stream_end(&r->diff, err);
    if (rc == CW_OK)
        rc = cw_delta_stream_end(&r->extra, err);
    return rc == CW_OK ? end(r, err) : rc;
}

static int open_reader(struct reader *r, int fd, uint64_t length, struct cw_err *err)
{
    uint64_t at, size;
    int rc = cw_delta_peek(&r->info, fd, err);

    if (rc == CW_OK)
        rc = length_of(&size, r->from, "the file that the delta starts from", err);
    if (rc != CW_OK)
        return rc;
    if (r->info.to != length)
        return cw_err_set(err, CW_E_VERIFY, "the delta makes %llu bytes where the file has %llu",
                          (unsigned long long)r->info.to, (unsigned long long)length);
    r->from_len = r->info.inside_from ? r->info.from_inside : r->info.from;
    r->to_len = r->info.inside_to ? r->info.to_inside : r->info.to;
    if (r->from_len != size)
        return cw_err_set(err, CW_E_VERIFY, "the delta starts from %llu bytes, not from the %llu there are",
                          (unsigned long long)r->from_len, (unsigned long long)size);
    if (r->info.inside_to)
        rc = cw_gzip_writer_new(&r->gzip, &r->info.how, give, r, err);
    if (rc != CW_OK)
        return rc;
    r->out = malloc(OUT_BLOCK);
    r->old = malloc(OLD_BLOCK);
    if (r->out == NULL || r->old == NULL)
        return cw_err_nomem(err);
    at = r->info.begin;
    rc = cw_delta_stream_open(&r->control, "control", fd, at, r->info.control, err);
    at += r->info.control;
    if (rc == CW_OK)
        rc = cw_delta_stream_open(&r->diff, "diff", fd, at, r->info.diff, err);
    at += r->info.diff;
    return rc == CW_OK ? cw_delta_stream_open(&r->extra, "extra", fd, at, r->info.extra, err) : rc;
}

int cw_delta_read(int fd, int from, uint64_t length, cw_delta_sink *sink, void *ctx, struct cw_err *err)
{
    struct reader r = {.sink = sink, .ctx = ctx, .from = from};
    int rc = open_reader(&r, fd, length, err);

    if (rc == CW_OK)
        rc = decode(&r, err);
    cw_delta_stream_clear(&r.control);
    cw_delta_stream_clear(&r.diff);
    cw_delta_stream_clear(&r.extra);
    cw_gzip_writer_free(r.gzip);
    free(r.out);
    free(r.old);
    return rc;
}
