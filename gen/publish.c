/* SPDX-License-Identifier: ISC */
/*
 * Writing a signed draft; see gen/publish.h.
 */
#include "gen/publish.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/commit.h"
#include "gen/bins.h"
#include "tree/layout.h"

/* Up to so many files are synced one by one; more share one syncfs, which pays for all that is unsynced. */
#define FEW 8

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

    if (count > FEW)
        return write_many(files, count, tree, err);
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = write_one(&files[i], tree, err);
    return rc;
}

/* ---- release manifests, as they are staged ---- */

static int copy_path(char path[CW_PATH_MAX], const struct cw_draft_copy *copy, struct cw_err *err)
{
    char target[CW_PATH_MAX];
    int rc = cw_tree_release_target(target, copy->product, copy->version, err);

    return rc == CW_OK ? cw_tree_target_path(path, target, copy->sha256, err) : rc;
}

/* Reads one again and makes sure that it is what was composed. */
static int copy_one(const struct cw_draft_copy *copy, const struct cw_stage *stage, struct cw_buf *text,
                    struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc;

    cw_buf_reset(text);
    rc = cw_stage_read(text, stage, copy->product, copy->version, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(text), text->len, err);
    if (rc == CW_OK && strcmp(sha256, copy->sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "was changed while it was published; run 'publish' again");
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "staged '%s@%s'", copy->product, copy->version);
}

/* Its bytes under its name in the tree; durable, or with the batch. */
static int write_copy(struct cw_batch *batch, const struct cw_draft_copy *copy, const struct cw_stage *stage,
                      int tree, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    CW_AUTO_OUT out = CW_OUT_INIT;
    char path[CW_PATH_MAX];
    int rc = copy_path(path, copy, err);

    if (rc == CW_OK)
        rc = copy_one(copy, stage, &text, err);
    if (rc == CW_OK && batch == NULL)
        return cw_file_replace(tree, path, text.data, text.len, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_open(&out, tree, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, text.data, text.len, err);
    return rc == CW_OK ? cw_batch_add(batch, &out, err) : rc;
}

/* One of very many: what is staged is durable, and done with when all is published, so it may as well stay where it lies. The lock
 * is ours since it was composed. */
static int link_copy(struct cw_batch *batch, const struct cw_draft_copy *copy, const struct cw_stage *stage,
                     int tree, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char path[CW_PATH_MAX], staged[CW_PATH_MAX];
    struct cw_err cause;
    int rc = copy_path(path, copy, err);

    if (rc == CW_OK)
        rc = cw_stage_release_path(staged, copy->product, copy->version,
                                   cw_stage_is_elsewhere(stage, copy->product, copy->version), err);
    if (rc != CW_OK)
        return rc;
    if (cw_out_open_link(&out, tree, path, stage->dir, staged, &cause) != CW_OK)
        return write_copy(batch, copy, stage, tree, err);
    return cw_batch_add(batch, &out, err);
}

static int write_copies(const struct cw_draft *draft, const struct cw_draft_input *input, int tree,
                        struct cw_progress *progress, struct cw_err *err)
{
    bool few = draft->copy_count <= FEW;
    CW_AUTO_BATCH batch;
    size_t i;
    int rc = CW_OK;

    cw_batch_init(&batch, tree);
    for (i = 0; i < draft->copy_count && rc == CW_OK; i++) {
        rc = few ? write_copy(NULL, &draft->copies[i], input->stage, tree, err)
                 : link_copy(&batch, &draft->copies[i], input->stage, tree, err);
        if (rc == CW_OK && cw_batch_is_full(&batch))
            rc = cw_batch_commit(&batch, err);
        cw_progress_add(progress, 0);
    }
    return rc == CW_OK ? cw_batch_commit(&batch, err) : rc;
}

/* ---- all of it ---- */

uint64_t cw_publish_size(const struct cw_draft *draft)
{
    uint64_t size = 0;
    size_t i;

    for (i = 0; i < draft->bins_count; i++)
        size +=
            draft->bins[i].spool != NULL ? 2 * cw_spool_size(draft->bins[i].spool) : 0; /* manifests, bins */
    return size;
}

static int note_folder(json_t *folders, const char *path, struct cw_err *err)
{
    const char *slash = strrchr(path, '/');
    json_t *folder = json_stringn(path, slash != NULL ? (size_t)(slash - path) : 0);

    return json_array_append_new(folders, folder) == 0 ? CW_OK : cw_err_nomem(err);
}

/* Where temporary files will lie, for whoever comes after a kill. Almost all metadata lies in one folder. */
static int note_folders(const struct cw_draft *draft, const struct cw_repo *repo, struct cw_err *err)
{
    json_auto_t *folders = json_pack("[s]", CW_TREE_METADATA);
    char path[CW_PATH_MAX];
    size_t i;
    int rc = folders != NULL ? CW_OK : cw_err_nomem(err);

    for (i = 0; i < draft->copy_count && rc == CW_OK; i++) {
        rc = copy_path(path, &draft->copies[i], err);
        if (rc == CW_OK)
            rc = note_folder(folders, path, err);
    }
    for (i = 0; i < draft->file_count && rc == CW_OK; i++) {
        if (draft->files[i].step == CW_STEP_MANIFESTS)
            rc = note_folder(folders, draft->files[i].path, err);
    }
    return rc == CW_OK ? cw_repo_note_folders(repo, folders, err) : rc;
}

static int write_files(const struct cw_draft *draft, enum cw_step step, int tree, struct cw_err *err)
{
    size_t from = 0, to;

    while (from < draft->file_count && draft->files[from].step < step)
        from++;
    for (to = from; to < draft->file_count && draft->files[to].step == step; to++)
        ;
    return write_step(draft->files + from, to - from, tree, err);
}

int cw_publish_write(const struct cw_draft *draft, const struct cw_draft_input *input,
                     struct cw_unlock *unlock, const struct cw_repo *repo, struct cw_progress *progress,
                     struct cw_err *err)
{
    enum cw_step step;
    size_t i;
    int rc = note_folders(draft, repo, err);

    for (i = 0; i < draft->bins_count; i++)
        progress->files_total += cw_draft_bins_made(&draft->bins[i]);
    if (rc == CW_OK)
        rc = write_copies(draft, input, repo->tree, progress, err);
    if (rc == CW_OK)
        rc = write_files(draft, CW_STEP_MANIFESTS, repo->tree, err);
    if (rc == CW_OK)
        rc = cw_bins_write(draft, input, unlock, repo->tree, progress, err);
    for (step = CW_STEP_ROLES; step <= CW_STEP_NEW_KEYS && rc == CW_OK; step++)
        rc = write_files(draft, step, repo->tree, err);
    return rc == CW_OK ? cw_repo_forget_folders(repo, err) : rc;
}

/* Not synced: what comes back after a power cut is found to be published by the next publish, and forgotten. */
int cw_publish_unstage(const struct cw_draft *draft, int dir, struct cw_err *err)
{
    json_t *path;
    size_t i;

    json_array_foreach (draft->staged, i, path) {
        if (unlinkat(dir, json_string_value(path), 0) != 0 && errno != ENOENT)
            return cw_err_errno(err, errno, "unable to remove '%s'", json_string_value(path));
    }
    return CW_OK;
}
