/* SPDX-License-Identifier: ISC */
/*
 * Opening paths that came from data: always beneath a folder that is already open, never through a
 * symbolic link, never upward. "path" in this module is relative, its parts joined by single '/', none of
 * them "." or ".."; anything else is refused with CW_E_VERIFY before the disk is touched.
 */
#ifndef CW_FS_ROOT_H
#define CW_FS_ROOT_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_PATH_MAX 1024 /* bytes of one path with its NUL; TUF target paths are far shorter */

/* Opens a folder that the user named (any path, links followed). The caller closes *fd. */
int cw_dir_open(int *fd, const char *path, struct cw_err *err);
/* Opens the folder that holds a file which the user named, and gives the file's name in it (borrowed from path). */
int cw_dir_open_parent(int *fd, const char **name, const char *path, struct cw_err *err);
/* Opens a folder as above, creating it and its parents (mode 0755) first. */
int cw_dir_create(int *fd, const char *path, struct cw_err *err);

/* True for a path of the form described above, shorter than CW_PATH_MAX. */
bool cw_path_is_relative(const char *path);

/* Opens the folder `path` beneath dir ("" is dir itself). */
int cw_at_open_dir(int *fd, int dir, const char *path, struct cw_err *err);
/* Makes the folder `path` and its parents beneath dir where missing, each one durable in its parent, and
 * opens it. */
int cw_at_make_dir(int *fd, int dir, const char *path, struct cw_err *err);

/* Opens the folder that holds `path`, and gives the last part of it (borrowed from path). With make, missing
 * folders are made. */
int cw_at_open_parent(int *fd, const char **name, int dir, const char *path, bool make, struct cw_err *err);

/* Opens a regular file for reading; anything else that has the name (a link, a pipe, a device) is
 * CW_E_VERIFY. CW_E_NOTFOUND when there is none. */
int cw_at_open_file(int *fd, int dir, const char *path, struct cw_err *err);

/* Appends the whole of a regular file to buf (whose max bounds it). */
int cw_at_read_file(struct cw_buf *buf, int dir, const char *path, struct cw_err *err);

/* Like lstat; CW_E_NOTFOUND when there is nothing. */
int cw_at_stat(struct stat *st, int dir, const char *path, struct cw_err *err);
/* The same for many files, mostly those of one folder in turn: that of the last one is kept open, and taken to stay missing where it
 * was. */
struct cw_looks {
    int dir;                /* borrowed */
    int folder;             /* -1: missing */
    char path[CW_PATH_MAX]; /* of the folder; "/": none yet */
};
#define CW_LOOKS_INIT(dir_)                                                                                  \
    {                                                                                                        \
        .dir = (dir_), .folder = -1, .path = "/"                                                             \
    }
int cw_looks_stat(struct stat *st, struct cw_looks *looks, const char *path, struct cw_err *err);
void cw_looks_clear(struct cw_looks *looks);
/* Is there anything of that name? A disk that cannot tell is an error, and never the same as "no". */
int cw_at_has(bool *there, int dir, const char *path, struct cw_err *err);

/* Opens the folder `path` beneath dir ("" is dir itself) for cw_dir_next(). CW_E_NOTFOUND when there is
 * none. */
int cw_at_open_list(DIR **stream, int dir, const char *path, struct cw_err *err);
static inline void cw_list_close_(DIR **stream)
{
    if (*stream != NULL)
        closedir(*stream);
}
#define CW_AUTO_LIST __attribute__((cleanup(cw_list_close_)))

/* The next entry of an open folder, without "." and ".."; *name is NULL at the end, else good until the next
 * call. `what` is for the error's text. */
int cw_dir_next(const char **name, DIR *stream, const char *what, struct cw_err *err);

/* Reads exactly like read(2) but goes on after EINTR; -1 with errno on failure. */
ssize_t cw_fd_read(int fd, void *data, size_t len);
/* Writes all of it. */
int cw_fd_write_all(int fd, const void *data, size_t len, const char *what, struct cw_err *err);
/* Appends all that is left of fd to buf. */
int cw_fd_read_all(struct cw_buf *buf, int fd, const char *what, struct cw_err *err);
/* Appends all of what a person names, who may mean a link or a pipe. CW_E_NOTFOUND when there is none. */
int cw_path_read_all(struct cw_buf *buf, const char *path, struct cw_err *err);

#endif
