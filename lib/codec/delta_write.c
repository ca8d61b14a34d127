/* SPDX-License-Identifier: ISC */
/*
 * Writing a delta: the steps that were found, piece after piece, become instructions; these and the bytes
 * that they speak of become three zstd frames behind a header. Each stream is made by a walk of its own, so
 * that none needs to be kept.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"
#include "codec/delta.h"
#include "codec/delta_form.h"
#include "codec/delta_parts.h"
#include "fs/root.h"

#define BLOCK ((size_t)256 * 1024)
/* The last level that asks for no more memory when it is read. */
#define LEVEL 19

/* An instruction, with the places that it is about. */
struct instruction {
    uint64_t old, new, add, extra;
    int64_t seek; /* to where the next one begins */
};

/* --- one stream --------------------------------------------------------------------------------------- */

struct stream {
    ZSTD_CCtx *zstd;
    const struct cw_delta_files *files;
    int fd;               /* -1: the frame is only weighed */
    uint64_t raw, packed; /* bytes, so far */
    bool counting;        /* only raw is wanted */
    uint8_t *in, *out;    /* BLOCK bytes each */
    size_t in_len;
};

static int pack(struct stream *s, ZSTD_EndDirective how, struct cw_err *err)
{
    ZSTD_inBuffer in = {.src = s->in, .size = s->in_len};
    size_t left;

    s->in_len = 0;
    do {
        ZSTD_outBuffer out = {.dst = s->out, .size = BLOCK};
        int rc;

        left = ZSTD_compressStream2(s->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation
                       ? cw_err_nomem(err)
                       : cw_err_set(err, CW_E_FAIL, "unable to compress a delta: %s",
                                    ZSTD_getErrorName(left));
        rc = s->fd < 0 ? CW_OK : cw_fd_write_all(s->fd, s->out, out.pos, "the delta", err);
        if (rc != CW_OK)
            return rc;
        s->packed += out.pos;
    } while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return CW_OK;
}

/* The next bytes of the new file; with `old`, what they are more than those of the old one. */
static int put(struct stream *s, const uint8_t *new, const uint8_t *old, uint64_t len, struct cw_err *err)
{
    int rc = CW_OK;

    s->raw += len;
    while (rc == CW_OK && len > 0 && !s->counting) {
        size_t n = BLOCK - s->in_len < len ? BLOCK - s->in_len : (size_t)len, i;
        uint8_t *in = s->in + s->in_len;

        if (old == NULL) {
            memcpy(in, new, n);
        } else {
            for (i = 0; i < n; i++)
                in[i] = (uint8_t)(new[i] - old[i]);
            old += n;
        }
        new += n;
        len -= n;
        s->in_len += n;
        if (s->in_len == BLOCK)
            rc = pack(s, ZSTD_e_continue, err);
    }
    return rc;
}

static int put_number(struct stream *s, uint64_t n, struct cw_err *err)
{
    uint8_t bytes[CW_DELTA_NUMBER_MAX + 1];
    size_t len = 0;

    for (; n >= 0x80; n >>= 7)
        bytes[len++] = (uint8_t)(n | 0x80);
    bytes[len++] = (uint8_t)n;
    return put(s, bytes, NULL, len, err);
}

static int put_control(struct stream *s, const struct instruction *i, struct cw_err *err)
{
    int rc = put_number(s, i->add, err);

    if (rc == CW_OK)
        rc = put_number(s, i->extra, err);
    return rc == CW_OK ? put_number(s, cw_delta_fold(i->seek), err) : rc;
}

static int put_diff(struct stream *s, const struct instruction *i, struct cw_err *err)
{
    return i->add == 0 ? CW_OK : put(s, s->files->new + i->new, s->files->old + i->old, i->add, err);
}

static int put_extra(struct stream *s, const struct instruction *i, struct cw_err *err)
{
    return i->extra == 0 ? CW_OK : put(s, s->files->new + i->new + i->add, NULL, i->extra, err);
}

/* --- instructions --------------------------------------------------------------------------------------- */

typedef int put_fn(struct stream *s, const struct instruction *i, struct cw_err *err);

/* What goes on where the last instruction ended needs none of its own. */
static bool joins(const struct instruction *i, uint64_t old, uint64_t add)
{
    return add == 0 || (i->extra == 0 && i->old + i->add == old);
}

static int walk(struct stream *s, const struct cw_delta_plan *plan, put_fn *tell, struct cw_err *err)
{
    uint64_t new = plan->count == 0 ? 0 : plan->list[0].new_at;
    struct instruction last = {.new = new};
    size_t i, k;

    for (i = 0; i < plan->count; i++) {
        const struct cw_delta_piece *piece = &plan->list[i];

        for (k = 0; k < piece->steps.count; k++) {
            const struct cw_delta_step *step = &piece->steps.list[k];
            uint64_t old = piece->old_at + step->old;
            int rc = CW_OK;

            if (!joins(&last, old, step->add)) {
                last.seek = (int64_t)(old - (last.old + last.add));
                rc = last.add + last.extra > 0 || last.seek != 0 ? tell(s, &last, err) : CW_OK;
                last = (struct instruction){.old = old, .new = new};
            }
            if (rc != CW_OK)
                return rc;
            last.add += step->add;
            last.extra += step->extra;
            new += (uint64_t)step->add + step->extra;
        }
    }
    return last.add + last.extra > 0 ? tell(s, &last, err) : CW_OK;
}

/* --- the file ------------------------------------------------------------------------------------------- */

static bool set(ZSTD_CCtx *zstd, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, parameter, value));
}

/* Told beforehand how much comes, zstd asks of the reader only the memory that this needs. */
static int begin_frame(struct stream *s, unsigned threads, int level, struct cw_err *err)
{
    uint64_t raw = s->raw;

    s->raw = s->packed = 0;
    s->counting = false;
    ZSTD_CCtx_reset(s->zstd, ZSTD_reset_session_and_parameters);
    if (!set(s->zstd, ZSTD_c_compressionLevel, level) ||
        !set(s->zstd, ZSTD_c_windowLog, CW_DELTA_WINDOW_LOG) ||
        ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(s->zstd, raw)))
        return cw_err_set(err, CW_E_FAIL, "unable to compress a delta at zstd's level %d", level);
    /* With one thread too, so that the same comes out of any number. A libzstd without threads goes
     * without. */
    (void)set(s->zstd, ZSTD_c_nbWorkers, (int)threads);
    return CW_OK;
}

static int write_stream(uint64_t *packed, struct stream *s, const struct cw_delta_plan *plan, put_fn *tell,
                        unsigned threads, int level, struct cw_err *err)
{
    int rc;

    s->raw = 0;
    s->counting = true;
    rc = walk(s, plan, tell, err);
    if (rc == CW_OK)
        rc = begin_frame(s, threads, level, err);
    if (rc == CW_OK)
        rc = walk(s, plan, tell, err);
    if (rc == CW_OK)
        rc = pack(s, ZSTD_e_end, err);
    *packed = s->packed;
    return rc;
}

static void put_field(uint8_t *header, size_t at, size_t len, uint64_t n)
{
    for (; len > 0; len--, n >>= 8)
        header[at++] = (uint8_t)n;
}

static size_t header_length(const struct cw_delta_info *info)
{
    return info->inside_from || info->inside_to ? CW_DELTA_AT_HEAD + (size_t)info->how.head_len
                                                : CW_DELTA_HEADER;
}

static void fill_header(uint8_t *header, const struct cw_delta_info *info)
{
    unsigned flags = (info->inside_from ? CW_DELTA_FLAG_FROM : 0) | (info->inside_to ? CW_DELTA_FLAG_TO : 0);

    memcpy(header, CW_DELTA_MAGIC, CW_DELTA_MAGIC_LEN);
    header[CW_DELTA_AT_MAJOR] = CW_DELTA_MAJOR;
    header[CW_DELTA_AT_MINOR] = CW_DELTA_MINOR;
    put_field(header, CW_DELTA_AT_FLAGS, 2, flags);
    put_field(header, CW_DELTA_AT_BEGIN, 4, header_length(info));
    put_field(header, CW_DELTA_AT_FROM, 8, info->from);
    put_field(header, CW_DELTA_AT_TO, 8, info->to);
    put_field(header, CW_DELTA_AT_CONTROL, 8, info->control);
    put_field(header, CW_DELTA_AT_DIFF, 8, info->diff);
    put_field(header, CW_DELTA_AT_EXTRA, 8, info->extra);
    if (flags == 0)
        return;
    put_field(header, CW_DELTA_AT_FROM_INSIDE, 8, info->from_inside);
    put_field(header, CW_DELTA_AT_TO_INSIDE, 8, info->to_inside);
    header[CW_DELTA_AT_LEVEL] = info->how.level;
    header[CW_DELTA_AT_MEM_LEVEL] = info->how.mem_level;
    put_field(header, CW_DELTA_AT_HEAD_LEN, 2, info->how.head_len);
    memcpy(header + CW_DELTA_AT_HEAD, info->how.head, info->how.head_len);
}

static int write_header(int fd, const struct cw_delta_info *info, bool last, struct cw_err *err)
{
    uint8_t header[CW_DELTA_HEADER_MAX] = {0};
    size_t len = header_length(info);
    ssize_t n;

    fill_header(header, info);
    if (last)
        return cw_fd_write_all(fd, header, len, "the delta", err);
    do {
        n = pwrite(fd, header, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len)
        return cw_err_errno(err, n < 0 ? errno : ENOSPC, "unable to write the delta");
    return CW_OK;
}

/* Room for the header; in a pipe it says how much. */
static int leave_room(int fd, size_t len, bool last, struct cw_err *err)
{
    uint8_t room[CW_DELTA_HEADER_MAX] = {0};

    put_field(room, CW_DELTA_AT_BEGIN, 4, len);
    if (last)
        return cw_fd_write_all(fd, room, len, "the delta", err);
    return lseek(fd, (off_t)len, SEEK_SET) < 0 ? cw_err_errno(err, errno, "unable to write the delta")
                                               : CW_OK;
}

static int write_streams(struct stream *s, const struct cw_delta_plan *plan, unsigned threads,
                         const struct cw_delta_effort *effort, struct cw_err *err)
{
    struct cw_delta_info info = s->files->info;
    int level = effort->level == 0 ? LEVEL : effort->level,
        rc = leave_room(s->fd, header_length(&info), effort->piped, err);

    if (rc == CW_OK)
        rc = write_stream(&info.control, s, plan, put_control, threads, level, err);
    if (rc == CW_OK)
        rc = write_stream(&info.diff, s, plan, put_diff, threads, level, err);
    if (rc == CW_OK)
        rc = write_stream(&info.extra, s, plan, put_extra, threads, level, err);
    return rc == CW_OK ? write_header(s->fd, &info, effort->piped, err) : rc;
}

int cw_delta_write(int out, const struct cw_delta_plan *plan, const struct cw_delta_files *files,
                   unsigned threads, const struct cw_delta_effort *effort, struct cw_err *err)
{
    struct stream s = {
        .zstd = ZSTD_createCCtx(), .files = files, .fd = out, .in = malloc(BLOCK), .out = malloc(BLOCK)};
    int rc = s.zstd == NULL || s.in == NULL || s.out == NULL ? cw_err_nomem(err)
                                                             : write_streams(&s, plan, threads, effort, err);

    ZSTD_freeCCtx(s.zstd);
    free(s.in);
    free(s.out);
    return rc;
}

int cw_delta_weigh(uint64_t *bytes, const struct cw_delta_piece *piece, const struct cw_delta_files *files,
                   int level, struct cw_err *err)
{
    static put_fn *const tells[] = {put_control, put_diff, put_extra};
    const struct cw_delta_plan plan = {.list = (struct cw_delta_piece *)(uintptr_t)piece, .count = 1};
    struct stream s = {
        .zstd = ZSTD_createCCtx(), .files = files, .fd = -1, .in = malloc(BLOCK), .out = malloc(BLOCK)};
    int rc = s.zstd == NULL || s.in == NULL || s.out == NULL ? cw_err_nomem(err) : CW_OK;
    size_t i;

    *bytes = 0;
    for (i = 0; rc == CW_OK && i < CW_COUNT(tells); i++) {
        uint64_t packed;

        rc = write_stream(&packed, &s, &plan, tells[i], 0, level, err);
        *bytes += packed;
    }
    ZSTD_freeCCtx(s.zstd);
    free(s.in);
    free(s.out);
    return rc;
}

int cw_delta_finish_piped(int fd, struct cw_err *err)
{
    uint8_t header[CW_DELTA_HEADER_MAX];
    struct stat st;
    size_t len = 0, i;

    if (fstat(fd, &st) != 0)
        return cw_err_errno(err, errno, "unable to look at the delta");
    if (st.st_size >= CW_DELTA_HEADER && pread(fd, header, CW_DELTA_HEADER, 0) == CW_DELTA_HEADER) {
        for (i = 4; i > 0; i--)
            len = len << 8 | header[CW_DELTA_AT_BEGIN + i - 1];
    }
    if (len < CW_DELTA_HEADER || len > sizeof(header) || (uint64_t)st.st_size < 2 * len)
        return cw_err_set(err, CW_E_VERIFY, "the delta was not written whole");
    if (pread(fd, header, len, st.st_size - (off_t)len) != (ssize_t)len ||
        pwrite(fd, header, len, 0) != (ssize_t)len || ftruncate(fd, st.st_size - (off_t)len) != 0)
        return cw_err_errno(err, errno, "unable to write the delta");
    return CW_OK;
}
