/* SPDX-License-Identifier: ISC */
/*
 * Writing a signed draft; see gen/publish.h.
 */
#include "gen/publish.h"

#include <string.h>

#include "fs/commit.h"

/* Up to so many files are synced one by one; more share one syncfs, which pays for all that is unsynced. */
#define FEW 8

/* A run that was killed here leaves temporary files beside the final ones. */
static int sweep_folder_of(int tree, const char *path, struct cw_err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[CW_PATH_MAX] = "";

    if (slash != NULL)
        memcpy(folder, path, (size_t)(slash - path));
    return cw_sweep(tree, folder, err);
}

static int write_one(const struct cw_draft_file *file, int tree, struct cw_err *err)
{
    return cw_file_replace(tree, file->path, file->bytes.data, file->bytes.len, 0644, err);
}

static int write_many(const struct cw_draft_file *files, size_t count, int tree, struct cw_err *err)
{
    CW_AUTO_BATCH batch;
    size_t i;
    int rc = CW_OK;

    cw_batch_init(&batch, tree);
    for (i = 0; i < count && rc == CW_OK; i++) {
        CW_AUTO_OUT out = CW_OUT_INIT;

        rc = cw_out_open(&out, tree, files[i].path, 0644, err);
        if (rc == CW_OK)
            rc = cw_out_write(&out, files[i].bytes.data, files[i].bytes.len, err);
        if (rc == CW_OK)
            rc = cw_batch_add(&batch, &out, err);
    }
    return rc == CW_OK ? cw_batch_commit(&batch, err) : rc;
}

static int write_step(const struct cw_draft_file *files, size_t count, int tree, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < count && rc == CW_OK; i++)
        rc = sweep_folder_of(tree, files[i].path, err);
    if (rc != CW_OK)
        return rc;
    if (count > FEW)
        return write_many(files, count, tree, err);
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = write_one(&files[i], tree, err);
    return rc;
}

int cw_publish_write(const struct cw_draft *draft, int tree, struct cw_err *err)
{
    size_t from, to;
    int rc = CW_OK;

    for (from = 0; from < draft->file_count && rc == CW_OK; from = to) {
        for (to = from; to < draft->file_count && draft->files[to].step == draft->files[from].step; to++)
            ;
        rc = write_step(draft->files + from, to - from, tree, err);
    }
    return rc;
}

int cw_publish_unstage(const struct cw_draft *draft, int dir, struct cw_err *err)
{
    json_t *path;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (draft->staged, i, path) {
        rc = cw_remove(dir, json_string_value(path), err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}
