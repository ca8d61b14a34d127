/* SPDX-License-Identifier: ISC */
/*
 * What the caller reads is copied into blocks, which a thread hashes and writes while the next are filled.
 */
#include <stdlib.h>
#include <string.h>

#include "intake/parts.h"

#define BLOCK ((size_t)256 * 1024)
#define BLOCKS 16 /* 4 MiB between the caller and the disk */

enum kind { BEGIN, DATA, END, DROP };

struct record { /* in a block, before its data */
    struct cw_intake_job *job;
    size_t len;
    enum kind kind;
};

struct block {
    struct block *next;
    size_t used;
    _Alignas(max_align_t) char bytes[BLOCK];
};

struct cw_intake_feed {
    struct cw_intake *intake;
    struct block *blocks;
    struct block *idle, *full, **full_tail; /* under the intake's mutex */
    struct block *filling;                  /* the caller's */
    bool waiting, over;                     /* the writer waits for a block; no more will come */
    struct cw_part part;                    /* the writer's */
};

struct giving {
    struct cw_intake_feed *feed;
    struct cw_intake_job *job;
};

static size_t align(size_t n)
{
    return (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

static int write_record(struct cw_intake_feed *feed, const struct record *record, const char *data,
                        struct cw_err *err)
{
    struct cw_intake *intake = feed->intake;
    int rc = CW_OK;

    switch (record->kind) {
    case BEGIN:
        feed->part.job = record->job;
        return cw_part_create(&feed->part, CW_INTAKE_FED, err);
    case DATA:
        record->job->carried += record->len;
        return cw_part_add(&feed->part, data, record->len, err);
    case END:
        rc = cw_part_judge(&feed->part, err);
        cw_part_close(&feed->part);
        if (rc == CW_OK)
            cw_intake_ready(intake, record->job);
        else
            cw_inbox_discard(intake, record->job);
        return rc;
    case DROP:
        break;
    }
    cw_part_close(&feed->part);
    cw_inbox_discard(intake, record->job);
    cw_intake_give_up(intake, record->job);
    return rc;
}

static int write_block(struct cw_intake_feed *feed, const struct block *block, struct cw_err *err)
{
    size_t at = 0;
    int rc = CW_OK;

    while (at < block->used && rc == CW_OK) {
        struct record record;

        memcpy(&record, block->bytes + at, sizeof record);
        at += align(sizeof record);
        rc = write_record(feed, &record, block->bytes + at, err);
        at += align(record.len);
    }
    return rc;
}

static struct block *next_full(struct cw_intake_feed *feed)
{
    struct cw_intake *intake = feed->intake;
    struct block *block;

    pthread_mutex_lock(&intake->mutex);
    feed->waiting = true;
    while (feed->full == NULL && !feed->over)
        pthread_cond_wait(&intake->changed, &intake->mutex);
    feed->waiting = false;
    block = feed->full;
    if (block != NULL && (feed->full = block->next) == NULL)
        feed->full_tail = &feed->full;
    pthread_mutex_unlock(&intake->mutex);
    return block;
}

static void *run_writer(void *ctx)
{
    struct cw_intake_feed *feed = ctx;
    struct cw_intake *intake = feed->intake;
    struct cw_err err = {.code = CW_OK};
    struct block *block;

    while ((block = next_full(feed)) != NULL) {
        if (!cw_intake_stopped(intake) && write_block(feed, block, &err) != CW_OK)
            cw_intake_fail(intake, &err);
        pthread_mutex_lock(&intake->mutex);
        block->used = 0;
        block->next = feed->idle;
        feed->idle = block;
        pthread_cond_broadcast(&intake->changed);
        pthread_mutex_unlock(&intake->mutex);
    }
    cw_part_clear(&feed->part);
    return NULL;
}

static int feed_open(struct cw_intake *intake, struct cw_err *err)
{
    struct cw_intake_feed *feed = calloc(1, sizeof *feed);
    int failed;
    size_t i;

    if (feed == NULL)
        return cw_err_nomem(err);
    feed->intake = intake;
    feed->full_tail = &feed->full;
    feed->blocks = malloc(BLOCKS * sizeof *feed->blocks);
    if (feed->blocks == NULL) {
        free(feed);
        return cw_err_nomem(err);
    }
    for (i = 0; i < BLOCKS; i++) {
        feed->blocks[i].used = 0;
        feed->blocks[i].next = feed->idle;
        feed->idle = &feed->blocks[i];
    }
    cw_part_init(&feed->part, intake);
    failed = pthread_create(&intake->writer, NULL, run_writer, feed);
    if (failed != 0) {
        free(feed->blocks);
        free(feed);
        return cw_err_errno(err, failed, "unable to start a thread");
    }
    intake->feed = feed;
    return CW_OK;
}

/* Hands the block over; with `lazily`, only if the writer has nothing else to do. */
static void hand_over(struct cw_intake_feed *feed, bool lazily)
{
    struct cw_intake *intake = feed->intake;
    struct block *block = feed->filling;

    if (block == NULL || block->used == 0)
        return;
    pthread_mutex_lock(&intake->mutex);
    if (!lazily || (feed->waiting && feed->full == NULL)) {
        block->next = NULL;
        *feed->full_tail = block;
        feed->full_tail = &block->next;
        feed->filling = NULL;
        pthread_cond_broadcast(&intake->changed);
    }
    pthread_mutex_unlock(&intake->mutex);
}

/* A block with room for a record and something. */
static struct block *find_room(struct cw_intake_feed *feed)
{
    struct cw_intake *intake = feed->intake;

    if (feed->filling != NULL &&
        BLOCK - feed->filling->used > align(sizeof(struct record)) + sizeof(max_align_t))
        return feed->filling;
    hand_over(feed, false);
    pthread_mutex_lock(&intake->mutex);
    while (feed->idle == NULL)
        pthread_cond_wait(&intake->changed, &intake->mutex);
    feed->filling = feed->idle;
    feed->idle = feed->filling->next;
    pthread_mutex_unlock(&intake->mutex);
    return feed->filling;
}

/* Gives how much of the data went into the block. */
static size_t put(struct cw_intake_feed *feed, struct cw_intake_job *job, enum kind kind, const char *data,
                  size_t len)
{
    struct block *block = find_room(feed);
    size_t room =
        (BLOCK - block->used - align(sizeof(struct record))) / sizeof(max_align_t) * sizeof(max_align_t);
    struct record record = {.job = job, .kind = kind, .len = len < room ? len : room};

    memcpy(block->bytes + block->used, &record, sizeof record);
    block->used += align(sizeof record);
    if (record.len > 0)
        memcpy(block->bytes + block->used, data, record.len);
    block->used += align(record.len);
    return record.len;
}

static int sink(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct giving *giving = ctx;
    struct cw_intake *intake = giving->feed->intake;
    const char *bytes = data;

    while (len > 0) {
        size_t taken = put(giving->feed, giving->job, DATA, bytes, len);

        bytes += taken;
        len -= taken;
    }
    hand_over(giving->feed, true);
    if (!cw_intake_stopped(intake))
        return CW_OK;
    return cw_intake_failure(intake, err);
}

/* What an earlier run left is as good as what would be fed, if all of it is there. */
static int adopt(bool *adopted, struct cw_intake *intake, struct cw_intake_job *job, struct cw_err *err)
{
    struct cw_part part;
    int rc = CW_OK;

    *adopted = false;
    if (job->inbox < 0)
        return CW_OK;
    cw_part_init(&part, intake);
    part.job = job;
    rc = cw_part_take_up(&part, err);
    if (rc == CW_OK && job->inbox >= 0) {
        rc = cw_part_judge(&part, err);
        *adopted = rc == CW_OK;
        rc = rc == CW_E_VERIFY ? CW_OK : rc;
    }
    cw_part_clear(&part);
    if (*adopted)
        cw_intake_ready(intake, job);
    return rc;
}

int cw_intake_feed(struct cw_intake *intake, const struct cw_intake_file *file, cw_intake_giver *give,
                   void *ctx, struct cw_err *err)
{
    struct cw_intake_job *job;
    struct giving giving;
    bool adopted;
    int rc = intake->feed == NULL ? feed_open(intake, err) : CW_OK;

    if (rc == CW_OK)
        rc = cw_intake_job_new(&job, intake, file, err);
    if (rc == CW_OK)
        rc = adopt(&adopted, intake, job, err);
    if (rc != CW_OK || adopted)
        return rc;
    giving = (struct giving){.feed = intake->feed, .job = job};
    (void)put(intake->feed, job, BEGIN, NULL, 0);
    rc = give(ctx, sink, &giving, err);
    (void)put(intake->feed, job, rc == CW_OK ? END : DROP, NULL, 0);
    hand_over(intake->feed, true);
    cw_intake_tell(intake);
    return rc;
}

void cw_intake_feed_end(struct cw_intake *intake)
{
    struct cw_intake_feed *feed = intake->feed;

    if (feed == NULL)
        return;
    hand_over(feed, false);
    pthread_mutex_lock(&intake->mutex);
    feed->over = true;
    pthread_cond_broadcast(&intake->changed);
    pthread_mutex_unlock(&intake->mutex);
    pthread_join(intake->writer, NULL);
    free(feed->blocks);
    free(feed);
    intake->feed = NULL;
}
