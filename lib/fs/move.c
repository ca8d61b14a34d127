/* SPDX-License-Identifier: ISC */
/*
 * What fs/commit.h has for files that are there already: moving them, many at once, removing and sweeping.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"

#define TREE_DEPTH_MAX 128 /* folders in folders that cw_remove_tree() follows */

int cw_move_new(int dir, const char *from, const char *to, struct cw_err *err)
{
    CW_AUTO_FD int source = -1;
    CW_AUTO_FD int target = -1;
    const char *old, *new;
    int rc = cw_at_open_parent(&source, &old, dir, from, false, err);

    if (rc == CW_OK)
        rc = cw_at_open_parent(&target, &new, dir, to, true, err);
    if (rc == CW_OK)
        rc = cw_sync_all(source, err);
    if (rc != CW_OK)
        return rc;
    if (renameat2(source, old, target, new, RENAME_NOREPLACE) != 0)
        return cw_err_errno(err, errno, "unable to move '%s' to '%s'", from, to);
    if (fsync(target) != 0 || fsync(source) != 0)
        return cw_err_errno(err, errno, "unable to sync the folder of '%s'", to);
    return CW_OK;
}

int cw_place_synced(int from_dir, const char *from, int to_dir, const char *to, struct cw_err *err)
{
    if (renameat(from_dir, from, to_dir, to) != 0)
        return cw_err_errno(err, errno, "unable to put '%s' in place", to);
    return CW_OK;
}

int cw_file_write(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    CW_AUTO_FD int fd = -1;
    const char *name;
    int rc = cw_at_open_parent(&parent, &name, dir, path, true, err);

    if (rc != CW_OK)
        return rc;
    fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return cw_err_errno(err, errno, "unable to write '%s'", path);
    return cw_fd_write_all(fd, data, len, path, err);
}

/* One pass over the folder; *moved is false when nothing was left. */
static int move_pass(bool *moved, int dir, const char *from, int target, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int rc = cw_at_open_list(&stream, dir, from, err);

    *moved = false;
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, from, err)) == CW_OK && name != NULL) {
        if (renameat(dirfd(stream), name, target, name) != 0)
            return cw_err_errno(err, errno, "unable to move '%s/%s'", from, name);
        *moved = true;
    }
    return rc;
}

/* A folder that changes while it is listed may hide a name from that listing, so it is listed until it is empty. */
int cw_move_files(int dir, const char *from, const char *to, struct cw_err *err)
{
    CW_AUTO_FD int target = -1;
    bool moved = true;
    int rc = cw_at_has(&moved, dir, from, err);

    if (rc != CW_OK || !moved)
        return rc;
    rc = cw_at_make_dir(&target, dir, to, err);
    if (rc == CW_OK)
        rc = cw_sync_all(target, err);
    while (rc == CW_OK && moved)
        rc = move_pass(&moved, dir, from, target, err);
    if (rc == CW_OK)
        rc = cw_sync_all(target, err);
    return rc == CW_OK ? cw_remove_tree(dir, from, err) : rc;
}

int cw_remove(int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    int rc = cw_at_open_parent(&parent, &name, dir, path, false, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    if (unlinkat(parent, name, 0) != 0)
        return errno == ENOENT ? CW_OK : cw_err_errno(err, errno, "unable to remove '%s'", path);
    if (fsync(parent) != 0)
        return cw_err_errno(err, errno, "unable to sync the folder of '%s'", path);
    return CW_OK;
}

static int remove_entry(int parent, const char *name, int depth, struct cw_err *err);

static int remove_content(int fd, const char *path, int depth, struct cw_err *err)
{
    DIR *stream = fdopendir(fd);
    const char *name;
    int rc = CW_OK;

    if (stream == NULL) {
        rc = cw_err_errno(err, errno, "unable to read folder '%s'", path);
        close(fd);
        return rc;
    }
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL)
        rc = remove_entry(dirfd(stream), name, depth, err);
    closedir(stream);
    return rc;
}

static int remove_entry(int parent, const char *name, int depth, struct cw_err *err)
{
    int rc, fd;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return CW_OK;
    if (errno != EISDIR && errno != EPERM)
        return cw_err_errno(err, errno, "unable to remove '%s'", name);
    if (depth >= TREE_DEPTH_MAX)
        return cw_err_set(err, CW_E_FAIL, "unable to remove '%s': folders nested more than %d deep", name,
                          TREE_DEPTH_MAX);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cw_err_errno(err, errno, "unable to remove '%s'", name);
    (void)fchmod(fd, 0700); /* committed releases are read-only */
    rc = remove_content(fd, name, depth + 1, err);
    if (rc == CW_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        rc = cw_err_errno(err, errno, "unable to remove folder '%s'", name);
    return rc;
}

int cw_remove_tree(int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    int rc = cw_at_open_parent(&parent, &name, dir, path, false, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    return remove_entry(parent, name, 0, err);
}

int cw_sweep(int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int rc = cw_at_open_list(&stream, dir, path, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL) {
        if (cw_str_starts(name, CW_TMP_PREFIX))
            rc = remove_entry(dirfd(stream), name, 0, err);
    }
    return rc;
}

int cw_sync_all(int dir, struct cw_err *err)
{
    if (syncfs(dir) != 0)
        return cw_err_errno(err, errno, "unable to sync the filesystem");
    return CW_OK;
}
