/* SPDX-License-Identifier: ISC */
/*
 * Durable replacement of files, links and folders: see fs/commit.h for the order of steps.
 */
#include "fs/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define TMP_TRIES 16
#define FOLDERS_MAX 4 /* synced one by one; more cost more than one syncfs */

static int tmp_name(char tmp[32], struct cw_err *err)
{
    unsigned char random[8];
    size_t i;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return cw_err_errno(err, errno, "unable to get random bytes");
    memcpy(tmp, CW_TMP_PREFIX, sizeof CW_TMP_PREFIX);
    for (i = 0; i < sizeof random; i++)
        snprintf(tmp + sizeof CW_TMP_PREFIX - 1 + 2 * i, 3, "%02x", random[i]);
    return CW_OK;
}

int cw_out_open(struct cw_out *out, int dir, const char *path, mode_t mode, struct cw_err *err)
{
    const char *name;
    int rc, tries;

    *out = (struct cw_out)CW_OUT_INIT;
    rc = cw_at_open_parent(&out->parent, &name, dir, path, true, err);
    if (rc != CW_OK)
        return rc;
    snprintf(out->path, sizeof out->path, "%s", path);
    out->name = out->path + (name - path);
    for (tries = 0; tries < TMP_TRIES && out->fd < 0; tries++) {
        rc = tmp_name(out->tmp, err);
        if (rc != CW_OK)
            break;
        out->fd = openat(out->parent, out->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (out->fd < 0 && errno != EEXIST)
            break;
    }
    if (out->fd < 0) {
        rc = rc != CW_OK ? rc : cw_err_errno(err, errno, "unable to write '%s'", path);
        close(out->parent);
        out->parent = -1;
    }
    return rc;
}

int cw_out_open_unnamed(struct cw_out *out, int dir, const char *path, mode_t mode, struct cw_err *err)
{
    const char *name;
    int rc;

    *out = (struct cw_out)CW_OUT_INIT;
    rc = cw_at_open_parent(&out->parent, &name, dir, path, true, err);
    if (rc != CW_OK)
        return rc;
    out->fd = openat(out->parent, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
    if (out->fd < 0) {
        int cause = errno;

        close(out->parent);
        out->parent = -1;
        if (cause == EOPNOTSUPP || cause == EISDIR || cause == EINVAL || cause == ENOENT)
            return cw_out_open(out, dir, path, mode, err);
        return cw_err_errno(err, cause, "unable to write '%s'", path);
    }
    snprintf(out->path, sizeof out->path, "%s", path);
    out->name = out->path + (name - path);
    return CW_OK;
}

int cw_out_adopt(struct cw_out *out, int dir, const char *path, const char *tmp, struct cw_err *err)
{
    const char *name;
    int rc;

    *out = (struct cw_out)CW_OUT_INIT;
    if (strlen(tmp) >= sizeof out->tmp || strchr(tmp, '/') != NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s' is no temporary name", tmp);
    rc = cw_at_open_parent(&out->parent, &name, dir, path, false, err);
    if (rc != CW_OK)
        return rc;
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(out->tmp, sizeof out->tmp, "%s", tmp);
    out->name = out->path + (name - path);
    out->fd = openat(out->parent, tmp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (out->fd < 0) {
        rc = cw_err_errno(err, errno, "unable to open '%s' beside '%s'", tmp, path);
        close(out->parent);
        out->parent = -1;
    }
    return rc;
}

int cw_out_open_link(struct cw_out *out, int dir, const char *path, int from_dir, const char *from,
                     struct cw_err *err)
{
    const char *name;
    int rc;

    *out = (struct cw_out)CW_OUT_INIT;
    rc = cw_at_open_parent(&out->parent, &name, dir, path, true, err);
    if (rc != CW_OK)
        return rc;
    snprintf(out->path, sizeof out->path, "%s", path);
    out->name = out->path + (name - path);
    out->linked = true;
    rc = tmp_name(out->tmp, err);
    if (rc == CW_OK && linkat(from_dir, from, out->parent, out->tmp, 0) != 0) {
        rc = cw_err_errno(err, errno, "unable to link '%s' to '%s'", path, from);
        out->tmp[0] = '\0';
    }
    if (rc != CW_OK)
        cw_out_discard(out);
    return rc;
}

int cw_out_write(struct cw_out *out, const void *data, size_t len, struct cw_err *err)
{
    return cw_fd_write_all(out->fd, data, len, out->path, err);
}

int cw_out_set_name(struct cw_out *out, const char *name, struct cw_err *err)
{
    size_t folder = (size_t)(out->name - out->path);

    if (strchr(name, '/') != NULL || strlen(name) >= sizeof out->path - folder)
        return cw_err_set(err, CW_E_VERIFY, "'%s' cannot be the name of a file", name);
    memcpy(out->path + folder, name, strlen(name) + 1);
    return CW_OK;
}

/* A file without a name gets its own if that is free, else a temporary one to be renamed over it: a link
 * never replaces. */
static int give_name(struct cw_out *out, struct cw_err *err)
{
    char self[32];
    int rc;

    snprintf(self, sizeof self, "/proc/self/fd/%d", out->fd);
    if (linkat(AT_FDCWD, self, out->parent, out->name, AT_SYMLINK_FOLLOW) == 0)
        return CW_OK;
    if (errno != EEXIST)
        return cw_err_errno(err, errno, "unable to put '%s' in place", out->path);
    rc = tmp_name(out->tmp, err);
    if (rc == CW_OK && linkat(AT_FDCWD, self, out->parent, out->tmp, AT_SYMLINK_FOLLOW) != 0) {
        rc = cw_err_errno(err, errno, "unable to put '%s' in place", out->path);
        out->tmp[0] = '\0';
    }
    return rc;
}

static int rename_over(int folder, const char *tmp, const char *path, bool linked, struct cw_err *err)
{
    if (renameat(folder, tmp, folder, cw_str_basename(path)) != 0)
        return cw_err_errno(err, errno, "unable to put '%s' in place", path);
    /* Where both are names of one file, which an earlier run put there, rename(2) does nothing. */
    if (linked && unlinkat(folder, tmp, 0) != 0 && errno != ENOENT)
        return cw_err_errno(err, errno, "unable to remove '%s' beside '%s'", tmp, path);
    return CW_OK;
}

static int rename_into_place(struct cw_out *out, struct cw_err *err)
{
    int rc = out->tmp[0] == '\0' ? give_name(out, err) : CW_OK;

    if (rc != CW_OK || out->tmp[0] == '\0')
        return rc;
    return rename_over(out->parent, out->tmp, out->path, out->linked, err);
}

static void forget(struct cw_out *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->parent >= 0)
        close(out->parent);
    *out = (struct cw_out)CW_OUT_INIT;
}

int cw_out_commit(struct cw_out *out, struct cw_err *err)
{
    int rc;

    if (fsync(out->fd) != 0) {
        rc = cw_err_errno(err, errno, "unable to sync '%s'", out->path);
        cw_out_discard(out);
        return rc;
    }
    rc = rename_into_place(out, err);
    if (rc != CW_OK) {
        cw_out_discard(out);
        return rc;
    }
    if (fsync(out->parent) != 0)
        rc = cw_err_errno(err, errno, "unable to sync the folder of '%s'", out->path);
    forget(out);
    return rc;
}

void cw_out_discard(struct cw_out *out)
{
    if (out->parent >= 0 && out->tmp[0] != '\0')
        (void)unlinkat(out->parent, out->tmp, 0);
    forget(out);
}

void cw_batch_init(struct cw_batch *batch, int dir)
{
    *batch = (struct cw_batch){.dir = dir};
}

/* The folder's descriptor is the batch's from here on. One that files went to not long ago is not held twice. */
static int add_folder(int *parent, struct cw_batch *batch, struct cw_err *err)
{
    size_t i, count = batch->folder_count;
    struct stat st;

    if (fstat(*parent, &st) != 0)
        return cw_err_errno(err, errno, "unable to look at a folder");
    for (i = count; i > 0 && i + FOLDERS_MAX > count; i--) {
        const struct cw_batch_folder *folder = &batch->folders[i - 1];

        if (folder->ino == st.st_ino && folder->dev == st.st_dev) {
            close(*parent);
            *parent = folder->fd;
            return CW_OK;
        }
    }
    if (count == batch->folder_room) {
        size_t room = count != 0 ? count * 2 : FOLDERS_MAX;
        struct cw_batch_folder *folders = reallocarray(batch->folders, room, sizeof *folders);

        if (folders == NULL)
            return cw_err_nomem(err);
        batch->folders = folders;
        batch->folder_room = room;
    }
    batch->folders[batch->folder_count++] =
        (struct cw_batch_folder){.fd = *parent, .dev = st.st_dev, .ino = st.st_ino};
    return CW_OK;
}

static int make_room(struct cw_batch *batch, struct cw_err *err)
{
    size_t room = batch->room != 0 ? batch->room * 2 : 16;
    struct cw_batch_file *files;

    if (batch->count < batch->room)
        return CW_OK;
    files = reallocarray(batch->files, room, sizeof *files);
    if (files == NULL)
        return cw_err_nomem(err);
    batch->files = files;
    batch->room = room;
    return CW_OK;
}

int cw_batch_add(struct cw_batch *batch, struct cw_out *out, struct cw_err *err)
{
    struct cw_batch_file *file;
    char *path = strdup(out->path);
    int rc = path != NULL ? make_room(batch, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = add_folder(&out->parent, batch, err);
    if (rc != CW_OK) {
        free(path);
        return rc;
    }
    file = &batch->files[batch->count++];
    *file = (struct cw_batch_file){.folder = out->parent, .path = path, .linked = out->linked};
    memcpy(file->tmp, out->tmp, sizeof file->tmp);
    if (out->fd >= 0)
        close(out->fd);
    *out = (struct cw_out)CW_OUT_INIT;
    return CW_OK;
}

bool cw_batch_is_full(const struct cw_batch *batch)
{
    return batch->count >= CW_BATCH_FILES || batch->folder_count >= CW_BATCH_FOLDERS;
}

/* Where they are few, each is synced by itself, and not all that others have written. */
static int sync_folders(const struct cw_batch *batch, struct cw_err *err)
{
    size_t i;

    if (batch->folder_count > FOLDERS_MAX)
        return cw_sync_all(batch->dir, err);
    for (i = 0; i < batch->folder_count; i++) {
        if (fsync(batch->folders[i].fd) != 0)
            return cw_err_errno(err, errno, "unable to sync a folder");
    }
    return CW_OK;
}

int cw_batch_commit(struct cw_batch *batch, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    if (batch->count > 0)
        rc = cw_sync_all(batch->dir, err);
    for (i = 0; i < batch->count && rc == CW_OK; i++) {
        struct cw_batch_file *file = &batch->files[i];

        rc = rename_over(file->folder, file->tmp, file->path, file->linked, err);
        if (rc == CW_OK)
            file->tmp[0] = '\0'; /* nothing is left to be removed */
    }
    if (rc == CW_OK)
        rc = sync_folders(batch, err);
    cw_batch_clear(batch);
    return rc;
}

void cw_batch_clear(struct cw_batch *batch)
{
    size_t i;

    for (i = 0; i < batch->count; i++) {
        if (batch->files[i].tmp[0] != '\0')
            (void)unlinkat(batch->files[i].folder, batch->files[i].tmp, 0);
        free(batch->files[i].path);
    }
    for (i = 0; i < batch->folder_count; i++)
        close(batch->folders[i].fd);
    free(batch->files);
    free(batch->folders);
    cw_batch_init(batch, batch->dir);
}

int cw_file_replace(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    int rc = cw_out_open(&out, dir, path, mode, err);

    if (rc == CW_OK)
        rc = cw_out_write(&out, data, len, err);
    return rc == CW_OK ? cw_out_commit(&out, err) : rc;
}

int cw_link_replace(int dir, const char *path, const char *target, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    char tmp[32];
    int rc = cw_at_open_parent(&parent, &name, dir, path, true, err);

    if (rc == CW_OK)
        rc = tmp_name(tmp, err);
    if (rc != CW_OK)
        return rc;
    if (symlinkat(target, parent, tmp) != 0)
        return cw_err_errno(err, errno, "unable to link '%s'", path);
    if (fsync(parent) != 0 || renameat(parent, tmp, parent, name) != 0) {
        rc = cw_err_errno(err, errno, "unable to put link '%s' in place", path);
        (void)unlinkat(parent, tmp, 0);
        return rc;
    }
    if (fsync(parent) != 0)
        return cw_err_errno(err, errno, "unable to sync the folder of '%s'", path);
    return CW_OK;
}

int cw_file_append(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    CW_AUTO_FD int fd = -1;
    const char *name;
    int rc = cw_at_open_parent(&parent, &name, dir, path, true, err);

    if (rc != CW_OK)
        return rc;
    fd = openat(parent, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    rc = cw_fd_write_all(fd, data, len, path, err);
    if (rc != CW_OK)
        return rc;
    if (fsync(fd) != 0 || fsync(parent) != 0)
        return cw_err_errno(err, errno, "unable to sync '%s'", path);
    return CW_OK;
}
