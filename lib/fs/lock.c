/* SPDX-License-Identifier: ISC */
/*
 * The lock of fs/lock.h.
 */
#include "fs/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int held_by_other(int fd, const char *name, struct cw_err *err)
{
    char pid[16] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return cw_err_set(err, CW_E_TEMP,
                      "'%s' is locked by another run (process %s); try again when it has ended", name,
                      pid[0] != '\0' ? pid : "unknown");
}

int cw_lock_take(int *fd, int dir, const char *name, struct cw_err *err)
{
    char pid[16];
    int rc, at = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    *fd = -1;
    if (at < 0 && (errno == EACCES || errno == EROFS))
        return cw_err_set(err, CW_E_FAIL,
                          "unable to write '%s': %s; run this as the user who owns the folder", name,
                          errno == EROFS ? "the medium is read-only" : "permission denied");
    if (at < 0)
        return cw_err_errno(err, errno, "unable to open lock '%s'", name);
    if (flock(at, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? held_by_other(at, name, err)
                                  : cw_err_errno(err, errno, "unable to lock '%s'", name);
        close(at);
        return rc;
    }
    snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* Only a courtesy to whoever is told to wait. */
    if (ftruncate(at, 0) == 0 && pwrite(at, pid, strlen(pid), 0) < 0)
        (void)0;
    *fd = at;
    return CW_OK;
}

int cw_lock_folder(int dir, const char *what, struct cw_err *err)
{
    if (flock(dir, LOCK_EX | LOCK_NB) == 0)
        return CW_OK;
    if (errno == EWOULDBLOCK)
        return cw_err_set(err, CW_E_TEMP, "folder '%s' is locked by another run; try again when it has ended",
                          what);
    return cw_err_errno(err, errno, "unable to lock folder '%s'", what);
}
