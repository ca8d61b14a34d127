/* SPDX-License-Identifier: ISC */
/*
 * A thread that fetches what was expected, first come, first served. A file is the thread's while it is under way, and
 * everybody's with the mutex held else.
 */
#include "http/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/transfer.h"

#define PARALLEL 16
#define PARALLEL_LIMITED 4 /* where a rate is kept, so that each gets something of it */
#define WAIT_MS 1000
#define URL_BYTES_MAX ((size_t)8192)

enum state { FREE, ASKED, UNDER_WAY, HERE, ABSENT, FAILED };

struct file {
    struct cw_ahead *ahead;
    enum state state;
    struct cw_buf url, bytes;
    struct cw_transfer transfer;
    struct cw_err err; /* why it is absent */
};

struct cw_ahead {
    struct cw_http_options options;
    struct cw_transfers *transfers;
    struct file
        files[CW_AHEAD_FILES]; /* a ring: they are expected and taken in one order, for the most part */
    size_t next_free, next_asked;
    size_t under_way, parallel;
    size_t bytes; /* of all files */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t asked, came;
    bool stop;
};

static void drop_bytes(struct file *file)
{
    pthread_mutex_lock(&file->ahead->mutex);
    file->ahead->bytes -= file->bytes.len;
    cw_buf_reset(&file->bytes);
    pthread_mutex_unlock(&file->ahead->mutex);
}

/* The mutex is held. */
static void let_go(struct file *file)
{
    file->ahead->bytes -= file->bytes.len;
    cw_buf_clear(&file->bytes);
    file->state = FREE;
}

static int begin(struct cw_transfer *transfer, uint64_t offset, struct cw_err *err)
{
    struct file *file = transfer->ctx;

    (void)err;
    if (offset == 0)
        drop_bytes(file);
    return CW_OK;
}

static int take(struct cw_transfer *transfer, const void *data, size_t len, struct cw_err *err)
{
    struct file *file = transfer->ctx;
    struct cw_ahead *ahead = file->ahead;
    bool room;

    pthread_mutex_lock(&ahead->mutex);
    room = len <= CW_AHEAD_BYTES - ahead->bytes;
    if (room) {
        ahead->bytes -= file->bytes.len;
        cw_buf_add(&file->bytes, data, len);
        ahead->bytes += file->bytes.len;
    }
    pthread_mutex_unlock(&ahead->mutex);
    if (!room)
        return cw_err_set(err, CW_E_TEMP, "there is no room for it ahead of its time");
    return cw_buf_check(&file->bytes, "response", err);
}

/* Whoever a server sends elsewhere may find nothing there, and the file where he is sent the next time. */
static bool is_absent(const struct cw_transfer *transfer, int rc)
{
    return rc == CW_E_NOTFOUND && transfer->run.redirects == 0;
}

static void done(struct cw_transfer *transfer, int rc, const struct cw_err *err)
{
    struct file *file = transfer->ctx;
    struct cw_ahead *ahead = file->ahead;

    pthread_mutex_lock(&ahead->mutex);
    file->state = rc == CW_OK ? HERE : is_absent(transfer, rc) ? ABSENT : FAILED;
    if (file->state == ABSENT) /* what went wrong else is told to who asks again */
        file->err = *err;
    ahead->under_way--;
    pthread_cond_signal(&ahead->came);
    pthread_mutex_unlock(&ahead->mutex);
}

static void ask(struct file *file)
{
    static const struct cw_transfer_calls calls = {.begin = begin, .take = take, .done = done};
    struct cw_ahead *ahead = file->ahead;

    file->transfer = (struct cw_transfer){.options = &ahead->options,
                                          .url = cw_buf_text(&file->url),
                                          .length = file->bytes.max,
                                          .at_most = true,
                                          .calls = &calls,
                                          .ctx = file};
    cw_transfers_add(ahead->transfers, &file->transfer);
}

/* Waits for the next one unless others are under way. NULL: there is none now, or all ends. */
static struct file *next_file(struct cw_ahead *ahead)
{
    struct file *file;

    pthread_mutex_lock(&ahead->mutex);
    while ((file = &ahead->files[ahead->next_asked])->state != ASKED && ahead->under_way == 0 && !ahead->stop)
        pthread_cond_wait(&ahead->asked, &ahead->mutex);
    if (file->state != ASKED || ahead->under_way == ahead->parallel || ahead->stop)
        file = NULL;
    if (file != NULL) {
        file->state = UNDER_WAY;
        ahead->under_way++;
        ahead->next_asked = (ahead->next_asked + 1) % CW_AHEAD_FILES;
    }
    pthread_mutex_unlock(&ahead->mutex);
    return file;
}

/* Nothing comes any more, and nobody is to wait for it. */
static void end(struct cw_ahead *ahead)
{
    size_t i;

    pthread_mutex_lock(&ahead->mutex);
    ahead->stop = true;
    for (i = 0; i < CW_AHEAD_FILES; i++) {
        if (ahead->files[i].state == ASKED || ahead->files[i].state == UNDER_WAY)
            ahead->files[i].state = FAILED;
    }
    pthread_cond_signal(&ahead->came);
    pthread_mutex_unlock(&ahead->mutex);
}

static bool is_over(struct cw_ahead *ahead)
{
    bool over;

    pthread_mutex_lock(&ahead->mutex);
    over = ahead->stop;
    pthread_mutex_unlock(&ahead->mutex);
    return over;
}

static void *fetch(void *ctx)
{
    struct cw_ahead *ahead = ctx;
    struct cw_err unused;
    struct file *file;
    int rc = CW_OK;

    while (rc == CW_OK && !is_over(ahead)) {
        while ((file = next_file(ahead)) != NULL)
            ask(file);
        if (cw_transfers_count(ahead->transfers) > 0)
            rc = cw_transfers_run(ahead->transfers, WAIT_MS, &unused);
    }
    end(ahead);
    return NULL;
}

static void release(struct cw_ahead *ahead)
{
    size_t i;

    cw_transfers_free(ahead->transfers);
    for (i = 0; i < CW_AHEAD_FILES; i++) {
        cw_buf_clear(&ahead->files[i].url);
        cw_buf_clear(&ahead->files[i].bytes);
    }
    pthread_cond_destroy(&ahead->asked);
    pthread_cond_destroy(&ahead->came);
    pthread_mutex_destroy(&ahead->mutex);
    free(ahead);
}

int cw_ahead_new(struct cw_ahead **ahead, const struct cw_http_options *options, struct cw_err *err)
{
    struct cw_ahead *a = calloc(1, sizeof *a);
    size_t i;
    int rc, failed;

    *ahead = NULL;
    if (a == NULL)
        return cw_err_nomem(err);
    a->options = *options;
    a->options.tries = 1; /* pauses are for who asks again */
    a->parallel = options->limit != NULL ? PARALLEL_LIMITED : PARALLEL;
    for (i = 0; i < CW_AHEAD_FILES; i++) {
        a->files[i].ahead = a;
        cw_buf_init(&a->files[i].url, URL_BYTES_MAX);
        cw_buf_init(&a->files[i].bytes, 0);
    }
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->asked, NULL);
    pthread_cond_init(&a->came, NULL);
    rc = cw_transfers_new(&a->transfers, (unsigned)a->parallel, err);
    failed = rc == CW_OK ? pthread_create(&a->thread, NULL, fetch, a) : 0;
    if (failed != 0)
        rc = cw_err_errno(err, failed, "unable to start a thread");
    if (rc != CW_OK)
        release(a);
    else
        *ahead = a;
    return rc;
}

void cw_ahead_free(struct cw_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->stop = true;
    pthread_cond_signal(&ahead->asked);
    pthread_mutex_unlock(&ahead->mutex);
    cw_transfers_wake(ahead->transfers);
    pthread_join(ahead->thread, NULL);
    release(ahead);
}

static struct file *find(struct cw_ahead *ahead, const char *url)
{
    size_t i;

    for (i = 0; i < CW_AHEAD_FILES; i++) { /* from the oldest on */
        struct file *file = &ahead->files[(ahead->next_free + i) % CW_AHEAD_FILES];

        if (file->state != FREE && strcmp(cw_buf_text(&file->url), url) == 0)
            return file;
    }
    return NULL;
}

void cw_ahead_expect(struct cw_ahead *ahead, const char *url, size_t max)
{
    struct file *file;

    pthread_mutex_lock(&ahead->mutex);
    file = &ahead->files[ahead->next_free];
    if (file->state == HERE || file->state == ABSENT || file->state == FAILED)
        let_go(file); /* the oldest, for which nobody came */
    if (!ahead->stop && file->state == FREE && strlen(url) < URL_BYTES_MAX && find(ahead, url) == NULL) {
        cw_buf_reset(&file->url);
        cw_buf_adds(&file->url, url);
        file->bytes.max = max;
        file->state = ASKED;
        ahead->next_free = (ahead->next_free + 1) % CW_AHEAD_FILES;
        pthread_cond_signal(&ahead->asked);
        if (ahead->under_way > 0 && ahead->under_way < ahead->parallel)
            cw_transfers_wake(ahead->transfers);
    }
    pthread_mutex_unlock(&ahead->mutex);
}

/* The mutex is held. Not ours any more afterwards, whatever became of it. */
static bool take_out(struct file *file, struct cw_buf *buf)
{
    bool came = file->state == HERE && file->bytes.len <= buf->max - buf->len;

    if (came)
        cw_buf_add(buf, cw_buf_text(&file->bytes), file->bytes.len);
    let_go(file);
    return came && buf->failed == 0;
}

bool cw_ahead_take(struct cw_ahead *ahead, const char *url, struct cw_buf *buf, int *rc, struct cw_err *err)
{
    struct file *file;
    bool answered;

    pthread_mutex_lock(&ahead->mutex);
    file = find(ahead, url);
    while (file != NULL && (file->state == ASKED || file->state == UNDER_WAY))
        pthread_cond_wait(&ahead->came, &ahead->mutex);
    answered = file != NULL && file->state == ABSENT;
    *rc = answered ? CW_E_NOTFOUND : CW_OK;
    if (answered)
        *err = file->err;
    if (file != NULL && take_out(file, buf))
        answered = true;
    pthread_mutex_unlock(&ahead->mutex);
    return answered;
}

bool cw_ahead_take_if_here(struct cw_ahead *ahead, const char *url, struct cw_buf *buf)
{
    struct file *file;
    bool came;

    pthread_mutex_lock(&ahead->mutex);
    file = find(ahead, url);
    came = file != NULL && file->state == HERE && take_out(file, buf);
    pthread_mutex_unlock(&ahead->mutex);
    return came;
}
