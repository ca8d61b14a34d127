/* SPDX-License-Identifier: ISC */
/*
 * Walking down a path one part at a time with O_NOFOLLOW: works on every kernel and in every container,
 * where openat2(2) may be missing or filtered.
 */
#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define READ_BLOCK ((size_t)64 * 1024)

int cw_dir_open(int *fd, const char *path, struct cw_err *err)
{
    *fd = open(path, DIR_FLAGS);
    if (*fd < 0)
        return cw_err_errno(err, errno, "unable to open folder '%s'", path);
    return CW_OK;
}

static int sync_and_step(int *at, const char *part, const char *path, bool make, struct cw_err *err)
{
    int next;

    if (make && mkdirat(*at, part, 0755) == 0) {
        if (fsync(*at) != 0)
            return cw_err_errno(err, errno, "unable to sync the folder of '%s'", path);
    } else if (make && errno != EEXIST) {
        return cw_err_errno(err, errno, "unable to make folder '%s'", path);
    }
    next = openat(*at, part, DIR_FLAGS | O_NOFOLLOW);
    if (next < 0 && (errno == ELOOP || errno == ENOTDIR))
        return cw_err_set(err, CW_E_VERIFY, "'%s': '%s' is not a folder", path, part);
    if (next < 0)
        return cw_err_errno(err, errno, "unable to open folder '%s'", path);
    close(*at);
    *at = next;
    return CW_OK;
}

/* Copies the part of path that starts at *p and moves *p past it and its '/'. */
static void next_part(const char **p, char part[CW_PATH_MAX])
{
    const char *end = strchrnul(*p, '/');
    size_t len = (size_t)(end - *p);

    memcpy(part, *p, len);
    part[len] = '\0';
    *p = *end == '/' ? end + 1 : end;
}

static int descend(int *fd, int dir, const char *path, bool make, struct cw_err *err)
{
    char part[CW_PATH_MAX];
    const char *p = path;
    int rc, at = fcntl(dir, F_DUPFD_CLOEXEC, 0);

    *fd = -1;
    if (at < 0)
        return cw_err_errno(err, errno, "unable to open folder '%s'", path);
    while (*p != '\0') {
        next_part(&p, part);
        rc = sync_and_step(&at, part, path, make, err);
        if (rc != CW_OK) {
            close(at);
            return rc;
        }
    }
    *fd = at;
    return CW_OK;
}

bool cw_path_is_relative(const char *path)
{
    const char *p = path, *end;

    if (path[0] == '\0' || strlen(path) >= CW_PATH_MAX)
        return false;
    for (;; p = end + 1) {
        size_t len;

        end = strchrnul(p, '/');
        len = (size_t)(end - p);
        if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        if (*end == '\0')
            return true;
    }
}

static int check_path(const char *path, struct cw_err *err)
{
    if (cw_path_is_relative(path))
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "'%s' is not a plain relative path", path);
}

int cw_dir_open_parent(int *fd, const char **name, const char *path, struct cw_err *err)
{
    CW_AUTO_FREE char *folder = NULL;

    *name = cw_str_basename(path);
    folder = *name == path ? strdup(".") : strndup(path, (size_t)(*name - path));
    return folder != NULL ? cw_dir_open(fd, folder, err) : cw_err_nomem(err);
}

int cw_dir_create(int *fd, const char *path, struct cw_err *err)
{
    char part[CW_PATH_MAX];
    const char *p = path;
    int at;

    if (strlen(path) >= CW_PATH_MAX)
        return cw_err_errno(err, ENAMETOOLONG, "unable to make folder '%s'", path);
    at = open(path[0] == '/' ? "/" : ".", DIR_FLAGS);
    if (at < 0)
        return cw_err_errno(err, errno, "unable to make folder '%s'", path);
    while (*p != '\0') {
        int next, made;

        next_part(&p, part);
        if (part[0] == '\0')
            continue;
        made = mkdirat(at, part, 0755) == 0 ? 0 : errno;
        if (made == 0)
            (void)fsync(at); /* a folder of the user's own: the best that can be done */
        next = openat(at, part, DIR_FLAGS);
        if (next < 0) {
            int saved = errno == ENOENT && made != 0 ? made : errno; /* why it is not there */

            close(at);
            return cw_err_errno(err, saved, "unable to make folder '%s'", path);
        }
        close(at);
        at = next;
    }
    *fd = at;
    return CW_OK;
}

int cw_at_open_dir(int *fd, int dir, const char *path, struct cw_err *err)
{
    *fd = -1;
    if (path[0] != '\0' && check_path(path, err) != CW_OK)
        return CW_E_VERIFY;
    return descend(fd, dir, path, false, err);
}

int cw_at_make_dir(int *fd, int dir, const char *path, struct cw_err *err)
{
    *fd = -1;
    if (path[0] != '\0' && check_path(path, err) != CW_OK)
        return CW_E_VERIFY;
    return descend(fd, dir, path, true, err);
}

int cw_at_open_parent(int *fd, const char **name, int dir, const char *path, bool make, struct cw_err *err)
{
    char folder[CW_PATH_MAX];
    const char *slash = strrchr(path, '/');

    *fd = -1;
    if (check_path(path, err) != CW_OK)
        return CW_E_VERIFY;
    folder[0] = '\0';
    *name = path;
    if (slash != NULL) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        *name = slash + 1;
    }
    return descend(fd, dir, folder, make, err);
}

int cw_at_open_file(int *fd, int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    struct stat st;
    int rc, at;

    *fd = -1;
    rc = cw_at_open_parent(&parent, &name, dir, path, false, err);
    if (rc != CW_OK)
        return rc;
    at = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (at < 0 && errno == ELOOP)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is a symbolic link, not a regular file", path);
    if (at < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    if (fstat(at, &st) != 0)
        rc = cw_err_errno(err, errno, "unable to look at '%s'", path);
    else if (!S_ISREG(st.st_mode))
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is not a regular file", path);
    if (rc != CW_OK) {
        close(at);
        return rc;
    }
    *fd = at;
    return CW_OK;
}

int cw_at_read_file(struct cw_buf *buf, int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    int rc = cw_at_open_file(&fd, dir, path, err);

    return rc != CW_OK ? rc : cw_fd_read_all(buf, fd, path, err);
}

int cw_at_stat(struct stat *st, int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    int rc = cw_at_open_parent(&parent, &name, dir, path, false, err);

    if (rc != CW_OK)
        return rc;
    if (fstatat(parent, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return cw_err_errno(err, errno, "unable to look at '%s'", path);
    return CW_OK;
}

void cw_looks_clear(struct cw_looks *looks)
{
    if (looks->folder >= 0)
        close(looks->folder);
    looks->folder = -1;
    snprintf(looks->path, sizeof looks->path, "/");
}

int cw_looks_stat(struct stat *st, struct cw_looks *looks, const char *path, struct cw_err *err)
{
    const char *name = cw_str_basename(path);
    size_t len = (size_t)(name - path);
    int rc = check_path(path, err);

    if (rc != CW_OK)
        return rc;
    if (strncmp(looks->path, path, len) != 0 || looks->path[len] != '\0') {
        cw_looks_clear(looks);
        rc = cw_at_open_parent(&looks->folder, &name, looks->dir, path, false, err);
        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return rc;
        snprintf(looks->path, sizeof looks->path, "%.*s", (int)len, path);
    }
    if (looks->folder < 0)
        return cw_err_errno(err, ENOENT, "unable to look at '%s'", path);
    if (fstatat(looks->folder, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return cw_err_errno(err, errno, "unable to look at '%s'", path);
    return CW_OK;
}

int cw_at_has(bool *there, int dir, const char *path, struct cw_err *err)
{
    struct stat st;
    struct cw_err own;
    int rc = cw_at_stat(&st, dir, path, &own);

    *there = rc == CW_OK;
    if (rc == CW_OK || rc == CW_E_NOTFOUND)
        return CW_OK;
    if (err != NULL)
        *err = own;
    return rc;
}

int cw_at_open_list(DIR **stream, int dir, const char *path, struct cw_err *err)
{
    int fd, rc = cw_at_open_dir(&fd, dir, path, err);

    *stream = NULL;
    if (rc != CW_OK)
        return rc;
    *stream = fdopendir(fd);
    if (*stream == NULL) {
        rc = cw_err_errno(err, errno, "unable to read folder '%s'", path);
        close(fd);
        return rc;
    }
    rewinddir(*stream); /* dir itself may have been read before by a copy of this descriptor */
    return CW_OK;
}

int cw_dir_next(const char **name, DIR *stream, const char *what, struct cw_err *err)
{
    struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(stream);
    } while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    *name = entry != NULL ? entry->d_name : NULL;
    if (entry == NULL && errno != 0)
        return cw_err_errno(err, errno, "unable to read folder '%s'", what);
    return CW_OK;
}

ssize_t cw_fd_read(int fd, void *data, size_t len)
{
    ssize_t n;

    do {
        n = read(fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

int cw_fd_write_all(int fd, const void *data, size_t len, const char *what, struct cw_err *err)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to write '%s'", what);
        p += n;
        len -= (size_t)n;
    }
    return CW_OK;
}

/* Bytes that are left of a regular file; 0: not known. */
static size_t bytes_left(int fd)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    struct stat st;

    return at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > at
               ? (size_t)(st.st_size - at)
               : 0;
}

int cw_fd_read_all(struct cw_buf *buf, int fd, const char *what, struct cw_err *err)
{
    size_t block = bytes_left(fd);
    ssize_t n;

    /* What is too large is so before a byte of it was read. */
    if (block > buf->max - buf->len) {
        (void)cw_buf_reserve(buf, block);
        return cw_buf_check(buf, what, err);
    }
    /* One byte is tried where all should have come: it needs no room. */
    do {
        size_t left = buf->max - buf->len;
        char probe, *at = &probe;

        block = block < left ? block : left;
        if (block > 0 && (at = cw_buf_reserve(buf, block)) == NULL)
            break;
        n = cw_fd_read(fd, at, block > 0 ? block : 1);
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s'", what);
        if (block == 0)
            cw_buf_add(buf, &probe, (size_t)n);
        else {
            at[n] = '\0';
            buf->len += (size_t)n;
        }
        block = block == 0 ? READ_BLOCK : 0;
    } while (n > 0);
    return cw_buf_check(buf, what, err);
}

int cw_path_read_all(struct cw_buf *buf, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    return cw_fd_read_all(buf, fd, path, err);
}
