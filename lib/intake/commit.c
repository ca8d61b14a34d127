/* SPDX-License-Identifier: ISC */
/*
 * The thread that puts whole files under their names: all data of a batch durable before its first rename. The names
 * of one batch become durable with the sync of the next one, those of the last at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "intake/parts.h"

#define FEW 8     /* files of a batch that are synced one by one: cheaper than all that others have written */
#define FOLDERS 8 /* the same of folders */

struct commit {
    struct cw_intake *intake;
    char folder[CW_PATH_MAX]; /* whose descriptor is in fd */
    int fd;
    int unsynced[FOLDERS]; /* folders with names that are not durable */
    char names[FOLDERS][CW_PATH_MAX];
    size_t count;
    bool many; /* more than that: all is synced */
};

static void forget_folders(struct commit *commit)
{
    while (commit->count > 0)
        close(commit->unsynced[--commit->count]);
    commit->many = false;
}

static int sync_one(const struct cw_intake *intake, const struct cw_intake_job *job, struct cw_err *err)
{
    char name[CW_INTAKE_NAME_MAX];
    CW_AUTO_FD int fd = -1;

    cw_inbox_part_name(name, job);
    fd = openat(intake->inboxes[job->inbox], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return cw_err_errno(err, errno, "unable to sync '%s'", job->file.path);
    return CW_OK;
}

static int sync_data(struct commit *commit, const struct cw_intake_queue *batch, struct cw_err *err)
{
    struct cw_intake_job *job;
    int rc = CW_OK;

    if (batch->count > FEW) {
        rc = cw_sync_all(commit->intake->options.dir, err);
        if (rc == CW_OK)
            forget_folders(commit);
        return rc;
    }
    for (job = batch->head; job != NULL && rc == CW_OK; job = job->next)
        rc = sync_one(commit->intake, job, err);
    return rc;
}

/* The folder of a path, open in commit->fd. */
static int enter_folder(struct commit *commit, const char *path, const char **name, struct cw_err *err)
{
    size_t len = (size_t)(cw_str_basename(path) - path);
    int rc;

    *name = path + len;
    if (commit->fd >= 0 && strlen(commit->folder) == len && strncmp(commit->folder, path, len) == 0)
        return CW_OK;
    if (commit->fd >= 0)
        close(commit->fd);
    commit->fd = -1;
    rc = cw_at_open_parent(&commit->fd, name, commit->intake->options.dir, path, true, err);
    snprintf(commit->folder, sizeof commit->folder, "%.*s", (int)len, path);
    return rc;
}

static void note_folder(struct commit *commit)
{
    size_t i;
    int fd;

    for (i = 0; i < commit->count; i++) {
        if (strcmp(commit->names[i], commit->folder) == 0)
            return;
    }
    fd = commit->count < FOLDERS && !commit->many ? fcntl(commit->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0) {
        commit->many = true;
        return;
    }
    commit->unsynced[commit->count] = fd;
    memcpy(commit->names[commit->count++], commit->folder, sizeof commit->folder);
}

static int place(struct commit *commit, const struct cw_intake_job *job, struct cw_err *err)
{
    struct cw_intake *intake = commit->intake;
    char part[CW_INTAKE_NAME_MAX];
    const char *name;
    int rc = enter_folder(commit, job->file.path, &name, err);

    if (rc != CW_OK)
        return rc;
    cw_inbox_part_name(part, job);
    rc = cw_place_synced(intake->inboxes[job->inbox], part, commit->fd, name, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", job->file.path);
    note_folder(commit);
    pthread_mutex_lock(&intake->mutex);
    intake->result.files++;
    intake->result.bytes += job->file.length;
    intake->result.carried += job->carried;
    pthread_mutex_unlock(&intake->mutex);
    atomic_fetch_add_explicit(&intake->finished, 1, memory_order_relaxed);
    return CW_OK;
}

static int commit_batch(struct commit *commit, const struct cw_intake_queue *batch, struct cw_err *err)
{
    struct cw_intake_job *job;
    int rc = sync_data(commit, batch, err);

    for (job = batch->head; job != NULL && rc == CW_OK; job = job->next)
        rc = place(commit, job, err);
    return rc;
}

static int sync_folders(struct commit *commit, struct cw_err *err)
{
    size_t i;

    if (commit->many)
        return cw_sync_all(commit->intake->options.dir, err);
    for (i = 0; i < commit->count; i++) {
        if (fsync(commit->unsynced[i]) != 0)
            return cw_err_errno(err, errno, "unable to sync a folder");
    }
    return CW_OK;
}

/* Waits until there is a batch, or the rest. All that is there by then is taken: one sync is as good for many as for a few.
 * False: nothing comes any more. */
static bool next_batch(struct cw_intake *intake, struct cw_intake_queue *batch)
{
    struct cw_intake_job *job;

    cw_intake_queue_init(batch);
    pthread_mutex_lock(&intake->mutex);
    while (!cw_intake_batch_is_due(intake) && !(intake->closing && (intake->pending == 0 || intake->stop)))
        pthread_cond_wait(&intake->changed, &intake->mutex);
    while ((job = cw_intake_queue_take(&intake->ready)) != NULL)
        cw_intake_queue_add(batch, job);
    pthread_mutex_unlock(&intake->mutex);
    return batch->count > 0;
}

void *cw_intake_commit(void *ctx)
{
    struct cw_intake *intake = ctx;
    struct commit commit = {.intake = intake, .fd = -1};
    struct cw_err err = {.code = CW_OK};
    struct cw_intake_queue batch;
    int rc = CW_OK;

    while (rc == CW_OK && next_batch(intake, &batch))
        rc = commit_batch(&commit, &batch, &err);
    if (rc == CW_OK)
        rc = sync_folders(&commit, &err);
    if (rc != CW_OK)
        cw_intake_fail(intake, &err);
    forget_folders(&commit);
    if (commit.fd >= 0)
        close(commit.fd);
    pthread_mutex_lock(&intake->mutex);
    intake->committed = true;
    pthread_cond_broadcast(&intake->changed);
    pthread_mutex_unlock(&intake->mutex);
    return NULL;
}
