/* SPDX-License-Identifier: ISC */
/*
 * Files of metadata on their way to the disk; see gen/bins_put.h. Where a file fails, what is wrong is told for the oldest first.
 */
#include "gen/bins_put.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/str.h"
#include "fs/commit.h"
#include "tree/layout.h"

#define DEPTH 32 /* files under way */
#define FEW 64   /* up to so many, starting threads costs more than they save */

struct file {
    int folder;
    char path[CW_PATH_MAX]; /* in the tree */
    struct cw_buf text;
    struct cw_out out;
    int rc;
    struct cw_err err;
};

struct cw_bins_put {
    int folder;
    struct cw_batch batch;
    struct cw_pool *pool; /* NULL: the owner writes */
};

static void write_file(void *item)
{
    struct file *file = item;

    file->rc = cw_out_open(&file->out, file->folder, cw_str_basename(file->path), 0644, &file->err);
    if (file->rc == CW_OK)
        file->rc = cw_out_write(&file->out, file->text.data, file->text.len, &file->err);
    if (file->rc != CW_OK)
        cw_err_prefix(&file->err, "tree/" CW_TREE_METADATA);
}

static void forget(struct file *file)
{
    cw_out_discard(&file->out);
    cw_buf_clear(&file->text);
}

int cw_bins_put_new(struct cw_bins_put **put, int tree, size_t expected, struct cw_err *err)
{
    struct cw_bins_put *p = calloc(1, sizeof *p);
    int rc;

    *put = p;
    if (p == NULL)
        return cw_err_nomem(err);
    p->folder = -1;
    cw_batch_init(&p->batch, tree);
    rc = cw_at_make_dir(&p->folder, tree, CW_TREE_METADATA, err);
    return rc == CW_OK && expected > FEW
               ? cw_pool_new(&p->pool, 0, DEPTH, sizeof(struct file), write_file, err)
               : rc;
}

void cw_bins_put_free(struct cw_bins_put *put)
{
    struct file *file;

    if (put == NULL)
        return;
    while (put->pool != NULL && (file = cw_pool_take(put->pool)) != NULL)
        forget(file);
    cw_pool_free(put->pool);
    cw_batch_clear(&put->batch);
    if (put->folder >= 0)
        close(put->folder);
    free(put);
}

/* It is written, or could not be. */
static int end_file(struct cw_bins_put *put, struct file *file, struct cw_err *err)
{
    int rc = file->rc;

    if (rc != CW_OK)
        *err = file->err;
    if (rc == CW_OK)
        rc = cw_batch_add(&put->batch, &file->out, err);
    forget(file);
    return rc == CW_OK && cw_batch_is_full(&put->batch) ? cw_batch_commit(&put->batch, err) : rc;
}

static int make_place(struct file **place, struct cw_bins_put *put, struct cw_err *err)
{
    int rc = CW_OK;

    while (rc == CW_OK && (*place = cw_pool_next(put->pool)) == NULL)
        rc = end_file(put, cw_pool_take(put->pool), err);
    return rc;
}

int cw_bins_put_file(struct cw_bins_put *put, int64_t version, const char *role, struct cw_buf *text,
                     struct cw_err *err)
{
    struct file own, *file = &own;
    int rc = put->pool != NULL ? make_place(&file, put, err) : CW_OK;

    if (rc != CW_OK)
        return rc;
    *file = (struct file){.folder = put->folder, .text = *text, .out = CW_OUT_INIT};
    cw_buf_init(text, text->max);
    rc = cw_tree_metadata_path(file->path, version, role, err);
    if (rc != CW_OK) {
        forget(file);
        return rc;
    }
    if (put->pool != NULL) {
        cw_pool_put(put->pool);
        return CW_OK;
    }
    write_file(file);
    return end_file(put, file, err);
}

int cw_bins_put_finish(struct cw_bins_put *put, struct cw_err *err)
{
    struct file *file;
    int rc = CW_OK;

    while (rc == CW_OK && put->pool != NULL && (file = cw_pool_take(put->pool)) != NULL)
        rc = end_file(put, file, err);
    return rc == CW_OK ? cw_batch_commit(&put->batch, err) : rc;
}
