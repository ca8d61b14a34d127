/* SPDX-License-Identifier: ISC */
/*
 * An intake as its caller sees it: files in, threads at work, one answer.
 */
#include "intake/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/root.h"
#include "intake/parts.h"

#define TELL_NS 100000000L /* between two tellings of progress while all is waited for */

void cw_intake_queue_init(struct cw_intake_queue *queue)
{
    *queue = (struct cw_intake_queue){.tail = &queue->head};
}

void cw_intake_queue_add(struct cw_intake_queue *queue, struct cw_intake_job *job)
{
    job->next = NULL;
    *queue->tail = job;
    queue->tail = &job->next;
    queue->count++;
    queue->bytes += job->file.length;
}

struct cw_intake_job *cw_intake_queue_take(struct cw_intake_queue *queue)
{
    struct cw_intake_job *job = queue->head;

    if (job == NULL)
        return NULL;
    queue->head = job->next;
    if (queue->head == NULL)
        queue->tail = &queue->head;
    queue->count--;
    queue->bytes -= job->file.length;
    job->next = NULL;
    return job;
}

static void stop(struct cw_intake *intake)
{
    intake->stop = true;
    pthread_cond_broadcast(&intake->work);
    pthread_cond_broadcast(&intake->changed);
}

void cw_intake_fail(struct cw_intake *intake, const struct cw_err *err)
{
    pthread_mutex_lock(&intake->mutex);
    if (intake->err.code == CW_OK)
        intake->err = *err;
    stop(intake);
    pthread_mutex_unlock(&intake->mutex);
}

bool cw_intake_stopped(struct cw_intake *intake)
{
    bool stopped;

    pthread_mutex_lock(&intake->mutex);
    stopped = intake->stop;
    pthread_mutex_unlock(&intake->mutex);
    return stopped;
}

int cw_intake_failure(struct cw_intake *intake, struct cw_err *err)
{
    int rc;

    pthread_mutex_lock(&intake->mutex);
    rc = intake->err.code;
    if (rc != CW_OK && err != NULL)
        *err = intake->err;
    pthread_mutex_unlock(&intake->mutex);
    return rc;
}

bool cw_intake_batch_is_due(const struct cw_intake *intake)
{
    return intake->ready.count >= CW_INTAKE_BATCH_FILES || intake->ready.bytes >= CW_INTAKE_BATCH_BYTES;
}

static void leave_pending(struct cw_intake *intake)
{
    if (--intake->pending == 0)
        pthread_cond_broadcast(&intake->changed);
}

/* Whoever waits is told once that a batch is due: it stays so until it is taken. */
void cw_intake_ready(struct cw_intake *intake, struct cw_intake_job *job)
{
    bool was_due;

    job->rc = CW_OK; /* whoever did not have it, it is here */
    pthread_mutex_lock(&intake->mutex);
    was_due = cw_intake_batch_is_due(intake);
    cw_intake_queue_add(&intake->ready, job);
    if (!was_due && cw_intake_batch_is_due(intake))
        pthread_cond_broadcast(&intake->changed);
    leave_pending(intake);
    pthread_mutex_unlock(&intake->mutex);
}

void cw_intake_give_up(struct cw_intake *intake, struct cw_intake_job *job)
{
    (void)job;
    pthread_mutex_lock(&intake->mutex);
    leave_pending(intake);
    pthread_mutex_unlock(&intake->mutex);
}

void cw_intake_tell(struct cw_intake *intake)
{
    uint64_t bytes = atomic_load_explicit(&intake->came, memory_order_relaxed);
    uint64_t files = atomic_load_explicit(&intake->finished, memory_order_relaxed);

    if (intake->options.progress != NULL && (bytes != intake->told_bytes || files != intake->told_files))
        intake->options.progress(intake->options.ctx, bytes - intake->told_bytes, files - intake->told_files);
    intake->told_bytes = bytes;
    intake->told_files = files;
}

int cw_intake_open(struct cw_intake **intake, const struct cw_intake_options *options, struct cw_err *err)
{
    struct cw_intake *in = calloc(1, sizeof *in);
    size_t i;
    int rc, failed;

    *intake = NULL;
    if (in == NULL)
        return cw_err_nomem(err);
    in->options = *options;
    for (i = 0; i < CW_INTAKE_INBOXES; i++)
        in->inboxes[i] = -1;
    cw_intake_queue_init(&in->todo);
    cw_intake_queue_init(&in->big);
    cw_intake_queue_init(&in->ready);
    pthread_mutex_init(&in->mutex, NULL);
    pthread_cond_init(&in->work, NULL);
    pthread_cond_init(&in->changed, NULL);
    rc = cw_inbox_open(in, err);
    failed = rc == CW_OK ? pthread_create(&in->committer, NULL, cw_intake_commit, in) : 0;
    if (failed != 0)
        rc = cw_err_errno(err, failed, "unable to start a thread");
    in->has_committer = rc == CW_OK && failed == 0;
    if (rc == CW_OK && options->source_count > 0)
        rc = cw_intake_start_receivers(in, err);
    if (rc != CW_OK) {
        cw_intake_close(in);
        return rc;
    }
    *intake = in;
    return CW_OK;
}

int cw_intake_job_new(struct cw_intake_job **job, struct cw_intake *intake, const struct cw_intake_file *file,
                      struct cw_err *err)
{
    struct cw_intake_job *j = calloc(1, sizeof *j);
    char place[CW_SHA256_TEXT];
    int rc = j != NULL ? cw_sha256(place, file->path, strlen(file->path), err) : cw_err_nomem(err);

    if (rc != CW_OK) {
        free(j);
        return rc;
    }
    snprintf(j->place, sizeof j->place, "%.*s", CW_INTAKE_PLACE_DIGITS, place);
    j->file = *file;
    j->inbox = -1;
    j->next_of_all = intake->all;
    intake->all = j;
    cw_inbox_claim(intake, j);
    pthread_mutex_lock(&intake->mutex);
    intake->pending++;
    pthread_mutex_unlock(&intake->mutex);
    *job = j;
    return CW_OK;
}

int cw_intake_add(struct cw_intake *intake, const struct cw_intake_file *file, struct cw_err *err)
{
    struct cw_intake_job *job;
    int rc = cw_intake_failure(intake, err);

    if (rc == CW_OK)
        rc = cw_intake_job_new(&job, intake, file, err);
    if (rc != CW_OK)
        return rc;
    pthread_mutex_lock(&intake->mutex);
    cw_intake_queue_add(file->length >= CW_INTAKE_BIG ? &intake->big : &intake->todo, job);
    pthread_cond_broadcast(&intake->work);
    pthread_mutex_unlock(&intake->mutex);
    cw_intake_tell(intake);
    return CW_OK;
}

static void wait_for_all(struct cw_intake *intake)
{
    struct timespec until;

    pthread_mutex_lock(&intake->mutex);
    while (!intake->committed) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TELL_NS;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&intake->changed, &intake->mutex, &until);
        pthread_mutex_unlock(&intake->mutex);
        cw_intake_tell(intake);
        pthread_mutex_lock(&intake->mutex);
    }
    pthread_mutex_unlock(&intake->mutex);
}

static void end_threads(struct cw_intake *intake, bool at_once)
{
    size_t i;

    pthread_mutex_lock(&intake->mutex);
    if (at_once)
        stop(intake);
    pthread_mutex_unlock(&intake->mutex);
    cw_intake_feed_end(intake);
    pthread_mutex_lock(&intake->mutex);
    intake->closing = true;
    pthread_cond_broadcast(&intake->work);
    pthread_cond_broadcast(&intake->changed);
    pthread_mutex_unlock(&intake->mutex);
    if (intake->has_committer && !at_once)
        wait_for_all(intake);
    for (i = 0; i < intake->receiver_count; i++)
        pthread_join(intake->receivers[i], NULL);
    if (intake->has_committer)
        pthread_join(intake->committer, NULL);
    intake->receiver_count = 0;
    intake->has_committer = false;
}

int cw_intake_finish(struct cw_intake *intake, struct cw_intake_result *result, struct cw_err *err)
{
    struct cw_intake_job *job;

    cw_inbox_sweep(intake);
    end_threads(intake, false);
    *result = intake->result;
    if (intake->err.code != CW_OK) {
        *err = intake->err;
        return err->code;
    }
    for (job = intake->all; job != NULL; job = job->next_of_all) {
        if (job->rc == CW_E_NOTFOUND && intake->options.missing != NULL)
            intake->options.missing(intake->options.ctx, &job->file);
    }
    cw_inbox_remove(intake);
    return CW_OK;
}

void cw_intake_close(struct cw_intake *intake)
{
    if (intake == NULL)
        return;
    end_threads(intake, true);
    while (intake->all != NULL) {
        struct cw_intake_job *job = intake->all;

        intake->all = job->next_of_all;
        free(job->err);
        free(job);
    }
    cw_inbox_close(intake);
    pthread_cond_destroy(&intake->work);
    pthread_cond_destroy(&intake->changed);
    pthread_mutex_destroy(&intake->mutex);
    free(intake);
}
