/* SPDX-License-Identifier: ISC */
/*
 * The trusted half of reading an archive: creates what the frames say beneath one open folder, one step at a
 * time and never through a link. Every name is checked here, whatever the other half has seen.
 */
#include "codec/archive.h"

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
#include "fs/root.h"

#define FORBIDDEN_BITS (S_ISUID | S_ISGID | S_ISVTX)

struct taker {
    int dir; /* borrowed */
    cw_archive_read_fn *read;
    void *ctx;
    const struct cw_archive_limits *limits;
    uint64_t bytes, entries; /* so far */
    char *data;              /* CW_FRAME_DATA_MAX bytes */

    /* the member being written */
    int fd; /* -1: none that takes content */
    uint8_t type;
    bool sized;
    mode_t mode;
    uint64_t size, written;
    char name[CW_PATH_MAX], link[CW_PATH_MAX];
};

/* Exactly len bytes of the frames. */
static int get(struct taker *t, void *data, size_t len, struct cw_err *err)
{
    char *p = data;

    while (len > 0) {
        ssize_t n = t->read(t->ctx, p, len, err);

        if (n < 0)
            return err != NULL && err->code != CW_OK ? err->code : CW_E_FAIL;
        if (n == 0)
            return cw_err_set(err, CW_E_INCOMPLETE, "the archive's reader ended before the archive did");
        p += n;
        len -= (size_t)n;
    }
    return CW_OK;
}

/* A text of the frame; only CW_PATH_MAX - 1 bytes of printable UTF-8 are taken. */
static int get_text(char out[CW_PATH_MAX], struct taker *t, size_t len, const char *what, struct cw_err *err)
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

static int refuse(const struct taker *t, const char *why, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive %s", t->name, why);
}

static int fail(const struct taker *t, int errnum, struct cw_err *err)
{
    if (errnum == EEXIST)
        return refuse(t, "has a name that is there already", err);
    return cw_err_errno(err, errnum, "unable to write member '%s' of the archive", t->name);
}

/* Ends the member before: all of its content must have come. */
static int finish_member(struct taker *t, struct cw_err *err)
{
    int rc = CW_OK;

    if (t->fd < 0)
        return CW_OK;
    if (t->sized && t->written != t->size)
        rc = refuse(t, "has not the length that it says", err);
    else if (ftruncate(t->fd, (off_t)t->written) != 0) /* a hole at the end */
        rc = fail(t, errno, err);
    else if (t->type == CW_FRAME_FILE && fchmod(t->fd, t->mode) != 0)
        rc = fail(t, errno, err);
    if (close(t->fd) != 0 && rc == CW_OK)
        rc = fail(t, errno, err);
    t->fd = -1;
    return rc;
}

static int make_file(struct taker *t, int parent, const char *last, struct cw_err *err)
{
    t->fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return t->fd < 0 ? fail(t, errno, err) : CW_OK;
}

static int make_folder(struct taker *t, int parent, const char *last, struct cw_err *err)
{
    struct stat st;

    if (mkdirat(parent, last, 0755) == 0)
        return CW_OK;
    /* Made for a member in it, or by an earlier archive: folders may meet. */
    if (errno == EEXIST && fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return CW_OK;
    return fail(t, errno, err);
}

static unsigned depth_of(const char *path)
{
    unsigned depth = 0;

    for (; *path != '\0'; path++)
        depth += *path == '/';
    return depth;
}

/* Does a link at `name` stay inside, whatever other such links it passes? Its ".." must come first and be no
 * more than the folders it lies in, which are real ones; behind a name, ".." might start from wherever
 * another link leads. */
bool cw_archive_link_stays(const char *name, const char *target)
{
    unsigned ups = 0, depth = depth_of(name);
    bool named = false;

    if (target[0] == '/' || target[0] == '\0')
        return false;
    while (*target != '\0') {
        size_t len = strcspn(target, "/");

        if (len == 2 && target[0] == '.' && target[1] == '.') {
            if (named || ++ups > depth)
                return false;
        } else if (len > 0 && !(len == 1 && target[0] == '.')) {
            named = true;
        }
        target += len;
        target += *target == '/';
    }
    return true;
}

static int make_link(struct taker *t, int parent, const char *last, struct cw_err *err)
{
    if (!cw_archive_link_stays(t->name, t->link))
        return refuse(t, "is a symbolic link that leads out", err);
    return symlinkat(t->link, parent, last) == 0 ? CW_OK : fail(t, errno, err);
}

/* A further name for an earlier regular member. In cpio archives the content may come with the last name,
 * hence the descriptor. */
static int make_hard(struct taker *t, int parent, const char *last, struct cw_err *err)
{
    CW_AUTO_FD int folder = -1;
    const char *target;
    struct stat st;
    int rc;

    if (!cw_path_is_relative(t->link))
        return refuse(t, "is a hard link that leads out", err);
    rc = cw_at_open_parent(&folder, &target, t->dir, t->link, false, err);
    if (rc != CW_OK || fstatat(folder, target, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return refuse(t, "is a hard link to something that is no earlier file of the archive", err);
    if (linkat(folder, target, parent, last, 0) != 0)
        return fail(t, errno, err);
    return CW_OK;
}

static int make_member(struct taker *t, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *last;
    int rc;

    if (!cw_path_is_relative(t->name))
        return refuse(t, "has a path that leads out: absolute, or with '..' or an empty part", err);
    rc = cw_at_open_parent(&parent, &last, t->dir, t->name, true, err);
    if (rc == CW_E_VERIFY)
        return refuse(t, "lies beneath a link or a file", err);
    if (rc != CW_OK)
        return rc;
    switch (t->type) {
    case CW_FRAME_FILE:
        return make_file(t, parent, last, err);
    case CW_FRAME_FOLDER:
        return make_folder(t, parent, last, err);
    case CW_FRAME_LINK:
        return make_link(t, parent, last, err);
    default:
        return make_hard(t, parent, last, err);
    }
}

static int start_member(struct taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc;

    if (++t->entries > t->limits->entries)
        return cw_err_set(err, CW_E_VERIFY, "the archive has more than the allowed %llu members",
                          (unsigned long long)t->limits->entries);
    t->type = frame->type;
    t->sized = frame->type == CW_FRAME_FILE && frame->sized != 0;
    t->size = frame->size;
    t->written = 0;
    t->mode = (frame->mode & 0755) | 0444;
    rc = get_text(t->name, t, frame->name_len, "a name", err);
    if (rc == CW_OK)
        rc = get_text(t->link, t, frame->link_len, "a link's target", err);
    if (rc != CW_OK)
        return rc;
    if ((frame->mode & FORBIDDEN_BITS) != 0)
        return refuse(t, "has a set-uid, set-gid or sticky bit", err);
    if (t->sized && t->size > t->limits->bytes - t->bytes)
        return refuse(t, "makes the content larger than allowed", err);
    return make_member(t, err);
}

/* Content for a hard link replaces that of the file it names. */
static int open_hard(struct taker *t, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *last;
    int rc = cw_at_open_parent(&parent, &last, t->dir, t->name, false, err);

    if (rc != CW_OK)
        return rc;
    t->fd = openat(parent, last, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    return t->fd < 0 ? fail(t, errno, err) : CW_OK;
}

static int take_content(struct taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc = CW_OK;

    if (t->fd < 0 && t->type == CW_FRAME_HARD)
        rc = open_hard(t, err);
    if (rc != CW_OK)
        return rc;
    if (t->fd < 0)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave content to no file");
    if (frame->size > t->limits->bytes - t->bytes)
        return refuse(t, "makes the content larger than allowed", err);
    t->bytes += frame->size;
    t->written += frame->size;
    if (frame->type == CW_FRAME_ZEROS)
        return lseek(t->fd, (off_t)frame->size, SEEK_CUR) < 0 ? fail(t, errno, err) : CW_OK;
    if (frame->size > CW_FRAME_DATA_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave a frame that is too large");
    rc = get(t, t->data, (size_t)frame->size, err);
    return rc != CW_OK ? rc : cw_fd_write_all(t->fd, t->data, (size_t)frame->size, t->name, err);
}

static int take_refusal(struct taker *t, const struct cw_frame *frame, struct cw_err *err)
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

static int take_frame(struct taker *t, const struct cw_frame *frame, struct cw_err *err)
{
    int rc;

    switch (frame->type) {
    case CW_FRAME_DATA:
    case CW_FRAME_ZEROS:
        return take_content(t, frame, err);
    case CW_FRAME_FILE:
    case CW_FRAME_FOLDER:
    case CW_FRAME_LINK:
    case CW_FRAME_HARD:
        rc = finish_member(t, err);
        return rc != CW_OK ? rc : start_member(t, frame, err);
    case CW_FRAME_REFUSED:
        return take_refusal(t, frame, err);
    case CW_FRAME_END:
        return finish_member(t, err);
    default:
        return cw_err_set(err, CW_E_VERIFY, "the archive's reader gave a frame of no known kind");
    }
}

int cw_archive_take(int dir, cw_archive_read_fn *read, void *ctx, const struct cw_archive_limits *limits,
                    struct cw_err *err)
{
    CW_AUTO_FREE char *data = malloc(CW_FRAME_DATA_MAX);
    CW_AUTO_FREE struct taker *t = calloc(1, sizeof(*t));
    struct cw_frame frame = {.type = 0};
    int rc = CW_OK;

    if (data == NULL || t == NULL)
        return cw_err_nomem(err);
    t->dir = dir;
    t->read = read;
    t->ctx = ctx;
    t->limits = limits;
    t->data = data;
    t->fd = -1;
    while (rc == CW_OK && frame.type != CW_FRAME_END) {
        rc = get(t, &frame, sizeof(frame), err);
        if (rc == CW_OK)
            rc = take_frame(t, &frame, err);
    }
    if (t->fd >= 0)
        close(t->fd);
    return rc;
}
