/* SPDX-License-Identifier: ISC */
/*
 * Comparing two folders entry by entry: see sync/deploy/likeness.h.
 */
#include "sync/deploy/likeness.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "fs/walk.h"

#define BLOCK ((size_t)128 * 1024)

/* One comparison under way. */
struct compare {
    struct cw_likeness *likeness;
    int release, folder;
    char told[CW_PATH_MAX]; /* the folder that was told of last; empty: none */
    char *one, *two;        /* blocks */
};

static int tell(json_t *list, uint64_t *count, const char *path, const char *what, struct cw_err *err)
{
    char visible[CW_PATH_MAX];

    if (++*count > CW_LIKENESS_SHOWN_MAX)
        return CW_OK;
    cw_str_visible(visible, sizeof(visible), path);
    return json_array_append_new(list, json_sprintf("'%s' %s", visible, what)) == 0 ? CW_OK
                                                                                    : cw_err_nomem(err);
}

static bool is_beneath_told(const struct compare *c, const char *path)
{
    size_t len = strlen(c->told);

    return len > 0 && strncmp(path, c->told, len) == 0 && path[len] == '/';
}

static int differ(struct compare *c, const char *path, const struct stat *st, const char *what,
                  struct cw_err *err)
{
    if (S_ISDIR(st->st_mode))
        snprintf(c->told, sizeof(c->told), "%s", path);
    return tell(c->likeness->differences, &c->likeness->differing, path, what, err);
}

static ssize_t read_block(int fd, char *block)
{
    size_t have = 0;
    ssize_t n;

    while (have < BLOCK && (n = cw_fd_read(fd, block + have, BLOCK - have)) != 0) {
        if (n < 0)
            return n;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static int same_content(bool *same, struct compare *c, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int one = -1, two = -1;
    ssize_t n, m;
    int rc = cw_at_open_file(&one, c->release, path, err);

    if (rc == CW_OK)
        rc = cw_at_open_file(&two, c->folder, path, err);
    if (rc != CW_OK)
        return rc;
    do {
        n = read_block(one, c->one);
        m = n < 0 ? n : read_block(two, c->two);
        if (n < 0 || m < 0)
            return cw_err_errno(err, errno, "unable to read '%s'", path);
        *same = n == m && memcmp(c->one, c->two, (size_t)n) == 0;
    } while (*same && n > 0);
    return CW_OK;
}

static int read_link(char target[PATH_MAX], int dir, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    ssize_t len;
    int rc = cw_at_open_parent(&parent, &name, dir, path, false, err);

    if (rc != CW_OK)
        return rc;
    len = readlinkat(parent, name, target, PATH_MAX - 1);
    if (len < 0)
        return cw_err_errno(err, errno, "unable to read link '%s'", path);
    target[len] = '\0';
    return CW_OK;
}

static int same_link(bool *same, struct compare *c, const char *path, struct cw_err *err)
{
    char one[PATH_MAX], two[PATH_MAX] = "";
    int rc = read_link(one, c->release, path, err);

    if (rc == CW_OK)
        rc = read_link(two, c->folder, path, err);
    *same = rc == CW_OK && strcmp(one, two) == 0;
    return rc;
}

static const char *how_modes_differ(const struct stat *st, const struct stat *other)
{
    if (((st->st_mode & 0111) != 0) != ((other->st_mode & 0111) != 0))
        return (st->st_mode & 0111) != 0 ? "cannot be executed" : "can be executed, in the release it cannot";
    return ((st->st_mode ^ other->st_mode) & (S_ISUID | S_ISGID)) != 0 ? "has other set-id bits" : NULL;
}

/* *what: how they differ; NULL: they do not. */
static int look(const char **what, struct compare *c, const char *path, const struct stat *st,
                struct cw_err *err)
{
    struct stat other;
    bool same = true;
    int rc = cw_at_stat(&other, c->folder, path, err);

    *what = NULL;
    if (rc == CW_E_NOTFOUND || rc == CW_E_VERIFY) { /* the latter: beneath a link */
        cw_err_clear(err);
        *what = "is missing";
        return CW_OK;
    }
    if (rc != CW_OK)
        return rc;
    if ((st->st_mode & S_IFMT) != (other.st_mode & S_IFMT)) {
        *what = "is something else";
        return CW_OK;
    }
    if (S_ISREG(st->st_mode)) {
        same = st->st_size == other.st_size;
        rc = same ? same_content(&same, c, path, err) : CW_OK;
        *what = same ? how_modes_differ(st, &other) : "has other content";
    } else if (S_ISLNK(st->st_mode)) {
        rc = same_link(&same, c, path, err);
        *what = same ? NULL : "leads elsewhere";
    }
    return rc;
}

static int look_at_release(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct compare *c = ctx;
    const char *what;
    int rc;

    if (is_beneath_told(c, path))
        return CW_OK;
    rc = look(&what, c, path, st, err);
    if (rc != CW_OK)
        return rc;
    if (what != NULL)
        return differ(c, path, st, what, err);
    c->likeness->same += S_ISDIR(st->st_mode) ? 0 : 1;
    return CW_OK;
}

static int look_at_folder(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct compare *c = ctx;
    struct cw_likeness *likeness = c->likeness;
    bool there;
    int rc;

    if (is_beneath_told(c, path))
        return CW_OK;
    rc = cw_at_has(&there, c->release, path, err);
    if (rc != CW_OK || there)
        return rc;
    if (S_ISDIR(st->st_mode))
        snprintf(c->told, sizeof(c->told), "%s", path);
    return tell(likeness->additions, &likeness->more, path, S_ISDIR(st->st_mode) ? "and all in it" : "", err);
}

int cw_likeness_compare(struct cw_likeness *likeness, int release, int folder, struct cw_err *err)
{
    CW_AUTO_FREE char *one = malloc(BLOCK), *two = malloc(BLOCK);
    struct compare c = {.likeness = likeness, .release = release, .folder = folder, .one = one, .two = two};
    int rc;

    *likeness = (struct cw_likeness){.differences = json_array(), .additions = json_array()};
    if (one == NULL || two == NULL || likeness->differences == NULL || likeness->additions == NULL)
        return cw_err_nomem(err);
    rc = cw_walk(release, "", look_at_release, &c, err);
    c.told[0] = '\0';
    return rc == CW_OK ? cw_walk(folder, "", look_at_folder, &c, err) : rc;
}

void cw_likeness_clear(struct cw_likeness *likeness)
{
    json_decref(likeness->differences);
    json_decref(likeness->additions);
    *likeness = (struct cw_likeness){.same = 0};
}
