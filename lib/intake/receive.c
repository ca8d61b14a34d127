/* SPDX-License-Identifier: ISC */
/*
 * The threads that receive from web servers, each with its own transfers and inbox: which source is asked for a file,
 * and what follows when that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/commit.h"
#include "intake/arrival.h"

#define PARALLEL 32 /* transfers of all threads together: enough to fill a line with a delay of 100 ms */
#define PARALLEL_LIMITED 4 /* where a rate is kept, so that each gets something of it */
#define FAILURES_MAX 3     /* files that a source fails to give before it is not asked any more */
#define AGAIN_MAX 2 /* times that a file which came in pieces and is wrong is asked for from its start */
#define VALIDATOR_FROM (UINT64_C(256) << 10) /* bytes of a part whose validator is kept for the next run */
#define URL_BYTES_MAX ((size_t)8192)
#define WAIT_MS 1000

static void end_arrival(struct cw_arrival *arrival)
{
    struct cw_receiver *receiver = arrival->receiver;

    cw_pieces_end(arrival);
    if (arrival->part.job->file.length >= CW_INTAKE_BIG) {
        pthread_mutex_lock(&receiver->intake->mutex);
        receiver->intake->receiving_big[receiver->inbox - 1]--;
        pthread_cond_broadcast(&receiver->intake->work);
        pthread_mutex_unlock(&receiver->intake->mutex);
    }
    cw_part_close(&arrival->part);
    arrival->busy = false;
    receiver->busy--;
}

void cw_arrival_fail(struct cw_arrival *arrival, const struct cw_err *err)
{
    cw_intake_fail(arrival->receiver->intake, err);
    end_arrival(arrival);
}

static int begin(struct cw_transfer *transfer, uint64_t offset, struct cw_err *err)
{
    struct cw_arrival *arrival = transfer->ctx;
    int rc;

    arrival->mixed = offset > 0;
    arrival->noted = false;
    if (offset > 0)
        return CW_OK;
    rc = cw_part_create(&arrival->part, arrival->receiver->inbox, err);
    arrival->broken = rc != CW_OK;
    return rc;
}

/* Few bytes, or all, are worth no file more. */
static void note_validator(struct cw_arrival *arrival)
{
    const struct cw_part *part = &arrival->part;

    if (arrival->noted || part->length < VALIDATOR_FROM || part->length == part->job->file.length ||
        arrival->transfer.validator[0] == '\0')
        return;
    cw_inbox_write_validator(part->intake, part->job, arrival->transfer.validator, arrival->transfer.url);
    arrival->noted = true;
}

static int take(struct cw_transfer *transfer, const void *data, size_t len, struct cw_err *err)
{
    struct cw_arrival *arrival = transfer->ctx;
    size_t own = cw_pieces_own(arrival, len);
    int rc = cw_part_add(&arrival->part, data, own, err);

    arrival->part.job->carried += len;
    arrival->broken = rc != CW_OK;
    if (rc == CW_OK)
        note_validator(arrival);
    return rc == CW_OK && arrival->cut ? cw_err_set(err, CW_E_TEMP, "the rest comes in pieces") : rc;
}

/* What the source did is remembered for those who ask it next; the file is asked for elsewhere. */
static void blame(struct cw_arrival *arrival, int rc, const struct cw_err *err)
{
    struct cw_intake *intake = arrival->receiver->intake;
    struct cw_intake_job *job = arrival->part.job;
    struct cw_intake_source *source = &intake->options.sources[arrival->source];

    job->tried |= UINT32_C(1) << arrival->source;
    if (rc == CW_E_NOTFOUND) {
        if (job->rc == CW_OK)
            job->rc = CW_E_NOTFOUND;
        return;
    }
    pthread_mutex_lock(&intake->mutex);
    if (source->failed == CW_OK) {
        source->failed = rc;
        memcpy(source->why, err->text, sizeof source->why);
    }
    if (rc != CW_E_TEMP || ++intake->failures[arrival->source] >= FAILURES_MAX)
        source->skipped = true;
    pthread_mutex_unlock(&intake->mutex);
    if (job->rc != CW_OK && job->rc != CW_E_NOTFOUND)
        return;
    job->rc = rc;
    job->err = malloc(sizeof *job->err);
    if (job->err != NULL)
        *job->err = *err;
}

static bool choose(struct cw_arrival *arrival)
{
    struct cw_intake *intake = arrival->receiver->intake;
    struct cw_intake_job *job = arrival->part.job;
    size_t i;
    bool found = false;

    pthread_mutex_lock(&intake->mutex);
    for (i = 0; i < intake->options.source_count && !found; i++) {
        found = !intake->options.sources[i].skipped && (job->tried & UINT32_C(1) << i) == 0;
        if (found)
            arrival->source = i;
    }
    pthread_mutex_unlock(&intake->mutex);
    return found;
}

/* No source is left: the file is missing, or the whole fails as its first source did. */
static void give_up(struct cw_arrival *arrival)
{
    struct cw_intake_job *job = arrival->part.job;
    struct cw_intake *intake = arrival->receiver->intake;
    struct cw_err err = {.code = CW_OK};

    if (job->rc == CW_E_NOTFOUND) {
        cw_inbox_discard(intake, job);
        cw_intake_give_up(intake, job);
        end_arrival(arrival);
        return;
    }
    if (job->rc == CW_OK) /* every source was given up because of other files, as is told already */
        (void)cw_err_set(&err, CW_E_TEMP, "'%s': no source is left to ask", job->file.path);
    else if (job->err != NULL)
        err = *job->err;
    else
        (void)cw_err_nomem(&err);
    cw_arrival_fail(arrival, &err);
}

static void ready(struct cw_arrival *arrival)
{
    struct cw_intake *intake = arrival->receiver->intake;

    if (arrival->part.job->file.length > VALIDATOR_FROM)
        cw_inbox_drop_validator(intake, arrival->part.job);
    cw_part_close(&arrival->part);
    cw_intake_ready(intake, arrival->part.job);
    end_arrival(arrival);
}

/* All bytes are there. Wrong ones that came in one piece are this source's; else it gets the chance to give the whole. */
void cw_arrival_judge(struct cw_arrival *arrival)
{
    struct cw_intake *intake = arrival->receiver->intake;
    struct cw_err err = {.code = CW_OK};
    int rc = cw_part_judge(&arrival->part, &err);

    if (rc == CW_OK) {
        pthread_mutex_lock(&intake->mutex);
        intake->options.sources[arrival->source].files++;
        pthread_mutex_unlock(&intake->mutex);
        ready(arrival);
        return;
    }
    if (rc != CW_E_VERIFY) {
        cw_arrival_fail(arrival, &err);
        return;
    }
    cw_part_close(&arrival->part);
    cw_inbox_discard(intake, arrival->part.job);
    if (!arrival->mixed || ++arrival->again > AGAIN_MAX)
        blame(arrival, rc, &err);
    arrival->mixed = false;
    cw_arrival_ask(arrival);
}

static void done(struct cw_transfer *transfer, int rc, const struct cw_err *err)
{
    struct cw_arrival *arrival = transfer->ctx;

    if (rc == CW_OK) {
        cw_arrival_judge(arrival);
    } else if (arrival->cut && !arrival->broken) {
        cw_pieces_go_on(arrival);
    } else if (arrival->broken || rc == CW_E_NOMEM) {
        cw_arrival_fail(arrival, err);
    } else {
        cw_pieces_end(arrival);
        blame(arrival, rc, err);
        cw_arrival_ask(arrival);
    }
}

void cw_arrival_ask(struct cw_arrival *arrival)
{
    static const struct cw_transfer_calls calls = {.begin = begin, .take = take, .done = done};
    const struct cw_intake_job *job = arrival->part.job;
    const struct cw_intake_source *source;
    struct cw_err err = {.code = CW_OK};
    int rc;

    if (!choose(arrival)) {
        give_up(arrival);
        return;
    }
    source = &arrival->receiver->intake->options.sources[arrival->source];
    cw_buf_reset(&arrival->url);
    rc = cw_http_join(&arrival->url, source->base, job->file.place != NULL ? job->file.place : job->file.path,
                      &err);
    if (rc != CW_OK) {
        cw_arrival_fail(arrival, &err);
        return;
    }
    arrival->mixed = arrival->part.length > 0;
    arrival->transfer.options = source->options;
    arrival->transfer.url = cw_buf_text(&arrival->url);
    arrival->transfer.length = job->file.length;
    arrival->transfer.have = arrival->part.length;
    arrival->transfer.until = 0;
    arrival->transfer.checked = true;
    cw_inbox_read_validator(arrival->transfer.validator, arrival->receiver->intake, job,
                            arrival->transfer.url);
    arrival->transfer.calls = &calls;
    arrival->transfer.ctx = arrival;
    cw_pieces_watch(arrival);
    cw_transfers_add(arrival->receiver->transfers, &arrival->transfer);
}

/* First what an earlier run left of it. */
static void start(struct cw_receiver *receiver, struct cw_intake_job *job)
{
    struct cw_arrival *arrival = receiver->arrivals;
    struct cw_err err = {.code = CW_OK};
    int rc = CW_OK;

    while (arrival->busy)
        arrival++;
    arrival->busy = true;
    arrival->broken = arrival->mixed = arrival->noted = arrival->whole = false;
    arrival->again = 0;
    arrival->part.job = job;
    receiver->busy++;
    if (job->inbox >= 0)
        rc = cw_part_take_up(&arrival->part, &err);
    if (rc == CW_OK && job->inbox >= 0 && arrival->part.length == job->file.length) {
        rc = cw_part_judge(&arrival->part, &err);
        if (rc == CW_OK) {
            ready(arrival);
            return;
        }
        cw_part_close(&arrival->part);
        cw_inbox_discard(receiver->intake, job);
        rc = rc == CW_E_VERIFY ? CW_OK : rc;
    }
    if (rc != CW_OK) {
        cw_arrival_fail(arrival, &err);
        return;
    }
    cw_arrival_ask(arrival);
}

/* Big ones are spread evenly, for each keeps its thread busy with hashing. */
static struct cw_intake_job *take_job(struct cw_receiver *receiver)
{
    struct cw_intake *intake = receiver->intake;
    size_t *mine = &intake->receiving_big[receiver->inbox - 1], i;
    bool least = true;

    for (i = 0; i < intake->receiver_count; i++)
        least = least && *mine <= intake->receiving_big[i];
    if (intake->big.count == 0 || !least)
        return cw_intake_queue_take(&intake->todo);
    (*mine)++;
    return cw_intake_queue_take(&intake->big);
}

/* The next file, if there is room for one; waits while there is nothing else to do. *over: nothing will come any more. */
static struct cw_intake_job *next_job(struct cw_receiver *receiver, bool *over)
{
    struct cw_intake *intake = receiver->intake;
    struct cw_intake_job *job = NULL;

    pthread_mutex_lock(&intake->mutex);
    while (receiver->busy == 0 && !intake->stop && !intake->closing &&
           intake->todo.count + intake->big.count == 0)
        pthread_cond_wait(&intake->work, &intake->mutex);
    if (!intake->stop && receiver->busy < receiver->count)
        job = take_job(receiver);
    *over = intake->stop || (job == NULL && receiver->busy == 0 && intake->closing &&
                             intake->todo.count + intake->big.count == 0);
    pthread_mutex_unlock(&intake->mutex);
    return job;
}

static int set_up(struct cw_receiver *receiver, struct cw_err *err)
{
    size_t i;
    int rc = cw_transfers_new(&receiver->transfers, (unsigned)receiver->count, err);

    receiver->arrivals = calloc(receiver->count, sizeof *receiver->arrivals);
    if (rc == CW_OK && receiver->arrivals == NULL)
        rc = cw_err_nomem(err);
    for (i = 0; rc == CW_OK && i < receiver->count; i++) {
        receiver->arrivals[i].receiver = receiver;
        cw_part_init(&receiver->arrivals[i].part, receiver->intake);
        cw_buf_init(&receiver->arrivals[i].url, URL_BYTES_MAX);
    }
    return rc;
}

static void tear_down(struct cw_receiver *receiver)
{
    size_t i;

    for (i = 0; receiver->arrivals != NULL && i < receiver->count; i++)
        cw_pieces_end(&receiver->arrivals[i]);
    cw_transfers_free(receiver->transfers);
    for (i = 0; receiver->arrivals != NULL && i < receiver->count; i++) {
        cw_part_clear(&receiver->arrivals[i].part);
        cw_buf_clear(&receiver->arrivals[i].url);
    }
    free(receiver->arrivals);
    free(receiver);
}

void *cw_intake_receive(void *ctx)
{
    struct cw_receiver *receiver = ctx;
    struct cw_err err = {.code = CW_OK};
    struct cw_intake_job *job;
    bool over = false;
    int rc = set_up(receiver, &err);

    while (rc == CW_OK) {
        cw_pieces_help(receiver,
                       receiver->count / 2); /* large files take longest: the others have the rest */
        while ((job = next_job(receiver, &over)) != NULL)
            start(receiver, job);
        if (over)
            break;
        cw_pieces_help(receiver, receiver->count);
        if (receiver->busy > 0)
            rc = cw_transfers_run(receiver->transfers, WAIT_MS, &err);
    }
    if (rc != CW_OK)
        cw_intake_fail(receiver->intake, &err);
    tear_down(receiver);
    return NULL;
}

/* As many threads as there are processors, within what pays. */
static size_t thread_count(const struct cw_intake *intake, size_t *parallel)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = processors < 2                       ? 2
                     : processors > CW_INTAKE_THREADS_MAX ? CW_INTAKE_THREADS_MAX
                                                          : (size_t)processors;

    *parallel = PARALLEL / threads;
    if (intake->options.sources[0].options->limit == NULL)
        return threads;
    *parallel = PARALLEL_LIMITED;
    return 1;
}

int cw_intake_start_receivers(struct cw_intake *intake, struct cw_err *err)
{
    size_t parallel, threads = thread_count(intake, &parallel);
    struct cw_transfers *first;
    int rc = cw_transfers_new(&first, 1, err); /* libcurl wants to be started by one thread alone */

    cw_transfers_free(first);
    while (rc == CW_OK && intake->receiver_count < threads) {
        struct cw_receiver *receiver = calloc(1, sizeof *receiver);
        int failed;

        if (receiver == NULL)
            return cw_err_nomem(err);
        receiver->intake = intake;
        receiver->inbox = 1 + (int)intake->receiver_count;
        receiver->count = parallel;
        failed =
            pthread_create(&intake->receivers[intake->receiver_count], NULL, cw_intake_receive, receiver);
        if (failed != 0) {
            free(receiver);
            return cw_err_errno(err, failed, "unable to start a thread");
        }
        intake->receiver_count++;
    }
    return rc;
}
