/* SPDX-License-Identifier: ISC */
/*
 * Making an archive's members beneath one open folder, one step at a time and never through a link. Every name
 * is checked here, whatever the other half has seen.
 */
#include "codec/archive_taker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/archive_frame.h"

int cw_taker_refuse(const struct cw_taker *t, const char *why, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive %s", t->name, why);
}

int cw_taker_fail(const struct cw_taker *t, int errnum, struct cw_err *err)
{
    if (errnum == EEXIST)
        return cw_taker_refuse(t, "has a name that is there already", err);
    if (errnum == ENAMETOOLONG)
        return cw_taker_refuse(t, "has a name that is longer than this filesystem takes", err);
    return cw_err_errno(err, errnum, "unable to write member '%s' of the archive", t->name);
}

/* The attributes that were kept until the content is there: writing would take capabilities away again. */
static int set_xattrs(const struct cw_taker *t, struct cw_err *err)
{
    const char *p = cw_buf_text(&t->xattrs), *end = p + t->xattrs.len;

    while (p < end) {
        const char *name = p, *value = name + strlen(name) + 1 + sizeof(uint64_t);
        uint64_t size;

        memcpy(&size, value - sizeof(size), sizeof(size));
        if (fsetxattr(t->fd, name, value, (size_t)size, 0) != 0)
            return cw_err_errno(err, errno, "unable to give member '%s' of the archive its attribute '%s'",
                                t->name, name);
        p = value + size;
    }
    return CW_OK;
}

/* Who a file, or (fd -1) a folder `last` in parent, belongs to. Takes set-uid bits and capabilities away. */
static int set_owner(const struct cw_taker *t, int fd, int parent, const char *last, const char *owner,
                     struct cw_err *err)
{
    uid_t user;
    gid_t group;
    int rc;

    if (t->rules->owner == NULL)
        return CW_OK;
    rc = t->rules->owner(t->rules->owner_ctx, owner, &user, &group, err);
    if (rc != CW_OK)
        return rc;
    rc = fd >= 0 ? fchown(fd, user, group) : fchownat(parent, last, user, group, AT_SYMLINK_NOFOLLOW);
    return rc == 0
               ? CW_OK
               : cw_err_errno(err, errno, "unable to change whose member '%s' of the archive is", t->name);
}

int cw_taker_set_attributes(const struct cw_taker *t, struct cw_err *err)
{
    const struct timespec times[2] = {{.tv_sec = t->mtime}, {.tv_sec = t->mtime}};
    int rc = set_owner(t, t->fd, -1, NULL, t->owner, err);

    if (rc == CW_OK && fchmod(t->fd, t->mode) != 0)
        return cw_taker_fail(t, errno, err);
    if (rc == CW_OK)
        rc = set_xattrs(t, err);
    if (rc == CW_OK && futimens(t->fd, times) != 0)
        return cw_taker_fail(t, errno, err);
    return rc;
}

static int make_file(struct cw_taker *t, int parent, const char *last, struct cw_err *err)
{
    t->fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return t->fd < 0 ? cw_taker_fail(t, errno, err) : CW_OK;
}

static int make_folder(struct cw_taker *t, int parent, const char *last, struct cw_err *err)
{
    struct stat st;
    int rc;

    /* Made for a member in it, or by an earlier archive: folders may meet. */
    if (mkdirat(parent, last, 0755) != 0 &&
        (errno != EEXIST || fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)))
        return cw_taker_fail(t, errno, err);
    rc = set_owner(t, -1, parent, last, t->owner, err);
    if (rc == CW_OK && t->rules->modes && fchmodat(parent, last, t->mode | S_IRWXU, 0) != 0)
        return cw_taker_fail(t, errno, err);
    return rc;
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

static int make_link(struct cw_taker *t, int parent, const char *last, struct cw_err *err)
{
    if (!cw_archive_link_stays(t->name, t->link))
        return cw_taker_refuse(t, "is a symbolic link that leads out", err);
    return symlinkat(t->link, parent, last) == 0 ? CW_OK : cw_taker_fail(t, errno, err);
}

/* A further name for an earlier regular member. In cpio archives the content may come with the last name,
 * hence the descriptor. */
static int make_hard(struct cw_taker *t, int parent, const char *last, struct cw_err *err)
{
    CW_AUTO_FD int folder = -1;
    const char *target;
    struct stat st;
    int rc;

    if (!cw_path_is_relative(t->link))
        return cw_taker_refuse(t, "is a hard link that leads out", err);
    rc = cw_at_open_parent(&folder, &target, t->dir, t->link, false, err);
    if (rc != CW_OK || fstatat(folder, target, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return cw_taker_refuse(t, "is a hard link to something that is no earlier file of the archive", err);
    if (linkat(folder, target, parent, last, 0) != 0)
        return cw_taker_fail(t, errno, err);
    return CW_OK;
}

/* One step down from *at, making the folder where there is none. */
static int step_down(struct cw_taker *t, int *at, const char *part, struct cw_err *err)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int next = openat(*at, part, flags), rc = CW_OK;

    if (next < 0 && errno == ENOENT) {
        if (mkdirat(*at, part, 0755) != 0)
            return cw_taker_fail(t, errno, err);
        rc = set_owner(t, -1, *at, part, "", err);
        if (rc == CW_OK)
            next = openat(*at, part, flags);
    }
    if (rc != CW_OK)
        return rc;
    if (next < 0 && (errno == ELOOP || errno == ENOTDIR))
        return cw_taker_refuse(t, "lies beneath a link or a file", err);
    if (next < 0)
        return cw_taker_fail(t, errno, err);
    close(*at);
    *at = next;
    return CW_OK;
}

/* Opens the folder that the member lies in as t->folder. Not synced one by one, as fs/root.h does it: the whole
 * of what is extracted becomes durable at once. */
static int open_folder(struct cw_taker *t, size_t len, struct cw_err *err)
{
    char *p, *next;
    int at, rc = CW_OK;

    if (t->folder >= 0 && strncmp(t->folder_path, t->name, len) == 0 && t->folder_path[len] == '\0')
        return CW_OK;
    if (t->folder >= 0)
        close(t->folder);
    t->folder = -1;
    memcpy(t->folder_path, t->name, len);
    t->folder_path[len] = '\0';
    at = fcntl(t->dir, F_DUPFD_CLOEXEC, 0);
    if (at < 0)
        return cw_taker_fail(t, errno, err);
    for (p = t->folder_path; rc == CW_OK && *p != '\0'; p = next) {
        size_t part = strcspn(p, "/");
        char slash = p[part];

        p[part] = '\0';
        rc = step_down(t, &at, p, err);
        p[part] = slash;
        next = p + part + (slash != '\0');
    }
    if (rc == CW_OK)
        t->folder = at;
    else
        close(at);
    return rc;
}

int cw_taker_make(struct cw_taker *t, struct cw_err *err)
{
    const char *last = cw_str_basename(t->name);
    int rc;

    if (!cw_path_is_relative(t->name))
        return cw_taker_refuse(t, "has a path that leads out: absolute, or with '..' or an empty part", err);
    if (depth_of(t->name) >= CW_ARCHIVE_DEPTH_MAX)
        return cw_taker_refuse(t, "lies in more folders, one in the other, than allowed", err);
    rc = open_folder(t, last == t->name ? 0 : (size_t)(last - t->name) - 1, err);
    if (rc != CW_OK)
        return rc;
    switch (t->type) {
    case CW_FRAME_FILE:
        return make_file(t, t->folder, last, err);
    case CW_FRAME_FOLDER:
        return make_folder(t, t->folder, last, err);
    case CW_FRAME_LINK:
        rc = make_link(t, t->folder, last, err);
        return rc == CW_OK ? set_owner(t, -1, t->folder, last, t->owner, err) : rc;
    default:
        return make_hard(t, t->folder, last, err);
    }
}

/* Content for a hard link replaces that of the file it names. That is one: make_hard() links to nothing else, and
 * nobody else is in the folder yet. */
int cw_taker_open_hard(struct cw_taker *t, struct cw_err *err)
{
    const char *last = cw_str_basename(t->name);

    if (fchmodat(t->folder, last, 0600, 0) == 0) /* it may be there for reading only already */
        t->fd = openat(t->folder, last, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    return t->fd < 0 ? cw_taker_fail(t, errno, err) : CW_OK;
}
