/* SPDX-License-Identifier: ISC */
/*
 * Hashing files side by side; see tree/hashing.h. Each thread reads by pieces that stay in its core's cache,
 * which is what lets hashing run at nearly the speed of SHA-256 alone.
 */
#include "tree/hashing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

#define DEPTH 128 /* files under way; enough that many small ones keep all cores busy beside a big one */

struct item {
    struct cw_hashing *hashing;
    struct cw_hashed file;
};

struct cw_hashing {
    struct cw_pool *pool;
    int dir;
    cw_hashing_done *done;
    void *ctx;
};

static void count_bytes(void *ctx, uint64_t bytes)
{
    struct cw_hashing *hashing = ctx;

    cw_pool_tell(hashing->pool, bytes);
}

static int hash_file(struct cw_hashed *file, struct cw_hashing *hashing)
{
    CW_AUTO_FD int fd = -1;
    struct stat st;
    int rc = cw_at_open_file(&fd, hashing->dir, file->path, &file->err);

    if (rc != CW_OK)
        return rc;
    if (fstat(fd, &st) != 0)
        return cw_err_errno(&file->err, errno, "unable to look at '%s'", file->path);
    file->size = (uint64_t)st.st_size;
    if (file->length >= 0 && file->size != (uint64_t)file->length)
        return CW_OK;
    return cw_sha256_fd_counted(file->sha256, &file->size, fd, file->path, count_bytes, hashing, &file->err);
}

static void work(void *item)
{
    struct item *it = item;

    it->file.rc = hash_file(&it->file, it->hashing);
}

int cw_hashing_new(struct cw_hashing **hashing, int dir, cw_hashing_done *done, void *ctx, struct cw_err *err)
{
    struct cw_hashing *h = calloc(1, sizeof *h);
    int rc;

    *hashing = NULL;
    if (h == NULL)
        return cw_err_nomem(err);
    h->dir = dir;
    h->done = done;
    h->ctx = ctx;
    rc = cw_pool_new(&h->pool, 0, DEPTH, sizeof(struct item), work, err);
    if (rc != CW_OK) {
        free(h);
        return rc;
    }
    *hashing = h;
    return CW_OK;
}

void cw_hashing_free(struct cw_hashing *hashing)
{
    if (hashing == NULL)
        return;
    cw_pool_free(hashing->pool);
    free(hashing);
}

void cw_hashing_on_read(struct cw_hashing *hashing, void (*read)(void *ctx, uint64_t bytes), void *ctx)
{
    cw_pool_on_told(hashing->pool, read, ctx);
}

static int take_one(bool *taken, struct cw_hashing *hashing, struct cw_err *err)
{
    const struct item *item = cw_pool_take(hashing->pool);

    *taken = item != NULL;
    return item != NULL ? hashing->done(hashing->ctx, &item->file, err) : CW_OK;
}

int cw_hashing_add(struct cw_hashing *hashing, const char *path, const char *expected, int64_t length,
                   bool known, struct cw_err *err)
{
    struct item *item;
    bool taken;
    int rc = CW_OK;

    while ((item = cw_pool_next(hashing->pool)) == NULL) {
        rc = take_one(&taken, hashing, err);
        if (rc != CW_OK)
            return rc;
    }
    item->hashing = hashing;
    item->file.length = length;
    item->file.known = known;
    item->file.size = 0;
    item->file.sha256[0] = '\0';
    snprintf(item->file.path, sizeof item->file.path, "%s", path);
    snprintf(item->file.expected, sizeof item->file.expected, "%s", expected);
    cw_pool_put(hashing->pool);
    return CW_OK;
}

int cw_hashing_finish(struct cw_hashing *hashing, struct cw_err *err)
{
    bool taken = true;
    int rc = CW_OK;

    while (taken && rc == CW_OK)
        rc = take_one(&taken, hashing, err);
    return rc;
}
