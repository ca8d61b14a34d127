/* SPDX-License-Identifier: ISC */
/*
 * The ordered walk of fs/walk.h. One folder's names are held in memory at a time per level.
 */
#include "fs/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/root.h"

struct walk {
    cw_walk_fn *visit;
    void *ctx;
    char path[CW_PATH_MAX];
};

struct names {
    char **items;
    size_t count, room;
};

static void names_clear(struct names *names)
{
    while (names->count > 0)
        free(names->items[--names->count]);
    free(names->items);
}

static int names_add(struct names *names, const char *name, struct cw_err *err)
{
    if (names->count == names->room) {
        size_t room = names->room != 0 ? names->room * 2 : 32;
        char **items = reallocarray(names->items, room, sizeof *items);

        if (items == NULL)
            return cw_err_nomem(err);
        names->items = items;
        names->room = room;
    }
    names->items[names->count] = strdup(name);
    if (names->items[names->count] == NULL)
        return cw_err_nomem(err);
    names->count++;
    return CW_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct names *names, int fd, const char *path, struct cw_err *err)
{
    int rc = CW_OK, copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    const char *name;

    if (stream == NULL) {
        rc = cw_err_errno(err, errno, "unable to read folder '%s'", path);
        if (copy >= 0)
            close(copy);
        return rc;
    }
    rewinddir(stream);
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL)
        rc = names_add(names, name, err);
    closedir(stream);
    if (names->count > 1)
        qsort(names->items, names->count, sizeof *names->items, compare);
    return rc;
}

static int walk_folder(struct walk *walk, int fd, int depth, struct cw_err *err);

static int walk_entry(struct walk *walk, int fd, const char *name, int depth, struct cw_err *err)
{
    CW_AUTO_FD int child = -1;
    struct stat st;
    int rc;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cw_err_errno(err, errno, "unable to look at '%s'", walk->path);
    rc = walk->visit(walk->ctx, walk->path, &st, err);
    if (rc != CW_OK || !S_ISDIR(st.st_mode))
        return rc;
    if (depth >= CW_WALK_DEPTH_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s': folders nested more than %d deep", walk->path,
                          CW_WALK_DEPTH_MAX);
    child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0)
        return cw_err_errno(err, errno, "unable to open folder '%s'", walk->path);
    return walk_folder(walk, child, depth + 1, err);
}

static int walk_folder(struct walk *walk, int fd, int depth, struct cw_err *err)
{
    struct names names = {0};
    size_t i, len = strlen(walk->path);
    int rc = read_names(&names, fd, walk->path, err);

    for (i = 0; i < names.count && rc == CW_OK; i++) {
        int n =
            snprintf(walk->path + len, sizeof walk->path - len, "%s%s", len > 0 ? "/" : "", names.items[i]);

        if (n < 0 || (size_t)n >= sizeof walk->path - len)
            rc = cw_err_set(err, CW_E_FAIL, "path too long beneath '%.200s'", walk->path);
        else
            rc = walk_entry(walk, fd, names.items[i], depth, err);
        walk->path[len] = '\0';
    }
    names_clear(&names);
    return rc;
}

int cw_walk(int dir, const char *path, cw_walk_fn *visit, void *ctx, struct cw_err *err)
{
    struct walk walk = {.visit = visit, .ctx = ctx};
    CW_AUTO_FD int fd = -1;
    int rc = cw_at_open_dir(&fd, dir, path, err);

    return rc == CW_OK ? walk_folder(&walk, fd, 0, err) : rc;
}
