/* SPDX-License-Identifier: ISC */
/*
 * The trusted half of reading an archive: takes frames, of which it believes none, has the members made by
 * archive_place.c and writes their content.
 */
#include "codec/archive_taker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/archive_frame.h"

#define IN_BLOCK ((size_t)256 * 1024)
#define WINDOW ((size_t)256 * 1024)
#define TIME_MAX (INT64_C(1) << 33) /* what filesystems hold: beyond 2200 */
#define ATTRIBUTES_MAX ((size_t)256 * 1024)

/* More frames; only when all that came was looked at. */
static int fill(struct cw_taker *t, struct cw_err *err)
{
    ssize_t n = t->read(t->ctx, t->in, IN_BLOCK, err);

    if (n < 0)
        return err != NULL && err->code != CW_OK ? err->code : CW_E_FAIL;
    if (n == 0)
        return cw_err_set(err, CW_E_INCOMPLETE, "the archive's reader ended before the archive did");
    t->in_at = 0;
    t->in_end = (size_t)n;
    return CW_OK;
}

/* Exactly len bytes of the frames. */
static int get(struct cw_taker *t, void *data, size_t len, struct cw_err *err)
{
    char *p = data;

    while (len > 0) {
        size_t n = t->in_end - t->in_at < len ? t->in_end - t->in_at : len;
        int rc = n == 0 ? fill(t, err) : CW_OK;

        if (rc != CW_OK)
            return rc;
        memcpy(p, t->in + t->in_at, n);
        t->in_at += n;
        p += n;
        len -= n;
    }
    return CW_OK;
}

/* A text of the frame; only CW_PATH_MAX - 1 bytes of printable UTF-8 are taken. */
static int get_text(char out[CW_PATH_MAX], struct cw_taker *t, size_t len, const char *what,
                    struct cw_err *err)
{
    const char *p;
    int rc;

    if (len >= CW_PATH_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the archive has %s of %zu bytes; at most %d can be", what, len,
                          CW_PATH_MAX - 1);
    rc = get(t, out, len, err);
    if (rc != CW_OK)
        return rc;
    out[len] = '\0';
    for (p = out; *p != '\0'; p += cw_str_printable(p)) {
        if (cw_str_printable(p) == 0)
            break;
    }
    if (p != out + len)
        return cw_err_set(err, CW_E_VERIFY, "member %llu of the archive has %s that is not printable UTF-8",
                          (unsigned long long)t->entries, what);
    return CW_OK;
}

/* Ends the member before: all of its content must have come. */
static int finish_member(struct cw_taker *t, struct cw_err *err)
{
    int rc = CW_OK;

    if (t->fd < 0)
        return CW_OK;
    if (t->sized && t->written != t->size)
        rc = cw_taker_refuse(t, "has not the length that it says", err);
    else if (t->hole && ftruncate(t->fd, (off_t)t->written) != 0)
        rc = cw_taker_fail(t, errno, err);
    if (rc == CW_OK)
        rc = cw_taker_set_attributes(t, err);
    if (close(t->fd) != 0 && rc == CW_OK)
        rc = cw_taker_fail(t, errno, err);
    t->fd = -1;
    return rc;
}

/* Nobody may write what is installed; what else is allowed, the rules say. */
static mode_t mode_of(const struct cw_taker *t, const struct cw_frame *frame)
{
    if (frame->type == CW_FRAME_FOLDER)
        return frame->mode & 0777;
    if (t->rules->modes)
        return frame->mode & (0555 | S_ISUID | S_ISGID);
    return ((frame->mode & 0111) != 0 ? 0555 : 0444) | (frame->mode & (S_ISUID | S_ISGID));
}

static int check_frame(const struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    mode_t forbidden =
        t->rules->set_id && frame->type == CW_FRAME_FILE ? S_ISVTX : S_ISUID | S_ISGID | S_ISVTX;

    if ((frame->mode & forbidden) != 0)
        return cw_taker_refuse(t, "has a set-uid, set-gid or sticky bit", err);
    if (t->sized && t->size > t->rules->bytes - t->bytes)
        return cw_taker_refuse(t, "makes the content larger than allowed", err);
    return CW_OK;
}

static int start_member(struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc;

    if (++t->entries > t->rules->entries)
        return cw_err_set(err, CW_E_VERIFY, "the archive has more than the allowed %llu members",
                          (unsigned long long)t->rules->entries);
    t->type = frame->type;
    t->sized = frame->type == CW_FRAME_FILE && frame->sized != 0;
    t->hole = false;
    t->size = frame->size;
    t->written = 0;
    t->mode = mode_of(t, frame);
    t->mtime = frame->mtime < 0 ? 0 : frame->mtime > TIME_MAX ? TIME_MAX : frame->mtime;
    cw_buf_clear(&t->xattrs);
    t->xattr_count = 0;
    rc = get_text(t->name, t, frame->name_len, "a name", err);
    if (rc == CW_OK)
        rc = get_text(t->owner, t, frame->owner_len, "an owner's name", err);
    if (rc == CW_OK)
        rc = get_text(t->link, t, frame->link_len, "a link's target", err);
    if (rc == CW_OK)
        rc = check_frame(t, frame, err);
    return rc == CW_OK ? cw_taker_make(t, err) : rc;
}

static int take_xattr(struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    CW_AUTO_FREE char *value = NULL;
    char name[CW_PATH_MAX];
    int rc = get_text(name, t, frame->name_len, "an attribute's name", err);

    if (rc != CW_OK)
        return rc;
    if (t->fd < 0 || t->type != CW_FRAME_FILE)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave an attribute to no file");
    if (!cw_frame_keeps_xattr(t->rules->xattrs, name) || ++t->xattr_count > CW_ARCHIVE_XATTRS_MAX ||
        frame->size > CW_FRAME_XATTR_MAX)
        return cw_taker_refuse(t, "has an extended attribute that is not allowed", err);
    value = malloc((size_t)frame->size + 1);
    if (value == NULL)
        return cw_err_nomem(err);
    rc = get(t, value, (size_t)frame->size, err);
    if (rc != CW_OK)
        return rc;
    cw_buf_add(&t->xattrs, name, strlen(name) + 1);
    cw_buf_add(&t->xattrs, &frame->size, sizeof(frame->size));
    cw_buf_add(&t->xattrs, value, (size_t)frame->size);
    return cw_buf_check(&t->xattrs, "the attributes of a member of the archive", err);
}

static int take_data(struct cw_taker *t, size_t len, struct cw_err *err)
{
    int rc = CW_OK;

    if (len > CW_FRAME_DATA_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave a frame that is too large");
    while (rc == CW_OK && len > 0) {
        size_t n = t->in_end - t->in_at < len ? t->in_end - t->in_at : len;

        if (n == 0) {
            rc = fill(t, err);
            continue;
        }
        rc = cw_fd_write_all(t->fd, t->in + t->in_at, n, t->name, err);
        t->in_at += n;
        len -= n;
    }
    return rc;
}

/* Has the window begin at `offset` of the archive. */
static int move_window(struct cw_taker *t, uint64_t offset, struct cw_err *err)
{
    ssize_t n;

    do {
        n = pread(t->archive, t->window, WINDOW, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to read the archive");
    if (n == 0)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader names content beyond the archive's end");
    t->window_at = offset;
    t->window_len = (size_t)n;
    return CW_OK;
}

static int take_copy(struct cw_taker *t, uint64_t offset, uint64_t len, struct cw_err *err)
{
    int rc = CW_OK;

    if (t->archive < 0 || offset > INT64_MAX || len > INT64_MAX - offset)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader names content that cannot be");
    while (rc == CW_OK && len > 0) {
        uint64_t skip = offset - t->window_at; /* huge, where the offset lies before the window */
        size_t n;

        if (skip >= t->window_len) {
            rc = move_window(t, offset, err);
            continue;
        }
        n = t->window_len - (size_t)skip < len ? t->window_len - (size_t)skip : (size_t)len;
        rc = cw_fd_write_all(t->fd, t->window + skip, n, t->name, err);
        offset += n;
        len -= n;
    }
    return rc;
}

static int take_content(struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc = CW_OK;

    if (t->fd < 0 && t->type == CW_FRAME_HARD)
        rc = cw_taker_open_hard(t, err);
    if (rc != CW_OK)
        return rc;
    if (t->fd < 0)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave content to no file");
    if (frame->size > t->rules->bytes - t->bytes)
        return cw_taker_refuse(t, "makes the content larger than allowed", err);
    t->bytes += frame->size;
    t->written += frame->size;
    t->hole = frame->type == CW_FRAME_ZEROS;
    if (frame->type == CW_FRAME_ZEROS)
        return lseek(t->fd, (off_t)frame->size, SEEK_CUR) < 0 ? cw_taker_fail(t, errno, err) : CW_OK;
    return frame->type == CW_FRAME_COPY ? take_copy(t, frame->offset, frame->size, err)
                                        : take_data(t, (size_t)frame->size, err);
}

static int take_refusal(struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    char text[CW_ERR_TEXT_MAX], *p;
    size_t len = frame->name_len < sizeof(text) ? frame->name_len : sizeof(text) - 1;
    int rc = get(t, text, len, err);

    if (rc != CW_OK)
        return rc;
    text[len] = '\0';
    for (p = text; *p != '\0';) {
        size_t n = cw_str_printable(p);

        if (n == 0)
            *p = ' ';
        p += n == 0 ? 1 : n;
    }
    return cw_err_set(err, CW_E_VERIFY, "%s", text);
}

static int take_frame(struct cw_taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc;

    switch (frame->type) {
    case CW_FRAME_DATA:
    case CW_FRAME_COPY:
    case CW_FRAME_ZEROS:
        return take_content(t, frame, err);
    case CW_FRAME_FILE:
    case CW_FRAME_FOLDER:
    case CW_FRAME_LINK:
    case CW_FRAME_HARD:
        rc = finish_member(t, err);
        return rc != CW_OK ? rc : start_member(t, frame, err);
    case CW_FRAME_XATTR:
        return take_xattr(t, frame, err);
    case CW_FRAME_REFUSED:
        return take_refusal(t, frame, err);
    case CW_FRAME_END:
        return finish_member(t, err);
    default:
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave a frame of no known kind");
    }
}

static int take_all(struct cw_taker *t, struct cw_err *err)
{
    struct cw_frame frame = {.type = 0};
    int rc = CW_OK;

    t->in = malloc(IN_BLOCK);
    t->window = malloc(WINDOW);
    if (t->in == NULL || t->window == NULL)
        return cw_err_nomem(err);
    while (rc == CW_OK && frame.type != CW_FRAME_END) {
        rc = get(t, &frame, sizeof(frame), err);
        if (rc == CW_OK)
            rc = take_frame(t, &frame, err);
    }
    return rc;
}

int cw_archive_take(int dir, int archive, cw_archive_read_fn *read, void *ctx,
                    const struct cw_archive_rules *rules, struct cw_err *err)
{
    CW_AUTO_FREE struct cw_taker *t = calloc(1, sizeof(*t));
    int rc;

    if (t == NULL)
        return cw_err_nomem(err);
    *t = (struct cw_taker){.dir = dir,
                           .archive = archive,
                           .read = read,
                           .ctx = ctx,
                           .rules = rules,
                           .folder = -1,
                           .fd = -1,
                           .xattrs = CW_BUF_INIT(ATTRIBUTES_MAX)};
    rc = take_all(t, err);
    if (t->fd >= 0)
        close(t->fd);
    if (t->folder >= 0)
        close(t->folder);
    cw_buf_clear(&t->xattrs);
    free(t->in);
    free(t->window);
    return rc;
}
