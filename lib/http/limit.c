/* SPDX-License-Identifier: ISC */
/*
 * One budget of bytes per second for all threads: each byte moves the moment from which on more may come.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "http/easy.h"

#define NS INT64_C(1000000000)
#define BURST_NS (NS / 4) /* of the rate that may come at once: else a short pause would be lost for good */

struct cw_http_limit {
    pthread_mutex_t mutex;
    uint64_t rate;
    int64_t due_ns; /* until then the budget is used up */
};

int cw_http_limit_new(struct cw_http_limit **limit, uint64_t bytes_per_second, struct cw_err *err)
{
    struct cw_http_limit *l;

    *limit = NULL;
    if (bytes_per_second < CW_HTTP_RATE_MIN)
        return cw_err_set(err, CW_E_USAGE,
                          "a rate of %llu bytes per second is less than the %d that it must be",
                          (unsigned long long)bytes_per_second, CW_HTTP_RATE_MIN);
    l = calloc(1, sizeof *l);
    if (l == NULL)
        return cw_err_nomem(err);
    pthread_mutex_init(&l->mutex, NULL);
    l->rate = bytes_per_second;
    *limit = l;
    return CW_OK;
}

void cw_http_limit_free(struct cw_http_limit *limit)
{
    if (limit == NULL)
        return;
    pthread_mutex_destroy(&limit->mutex);
    free(limit);
}

void cw_http_limit_take(struct cw_http_limit *limit, size_t bytes)
{
    struct timespec pause;
    int64_t now, wait;

    if (limit == NULL)
        return;
    pthread_mutex_lock(&limit->mutex);
    now = cw_clock_monotonic_ns();
    if (limit->due_ns < now - BURST_NS)
        limit->due_ns = now - BURST_NS;
    limit->due_ns += (int64_t)((double)bytes / (double)limit->rate * (double)NS);
    wait = limit->due_ns - now;
    pthread_mutex_unlock(&limit->mutex);
    if (wait <= 0)
        return;
    pause = (struct timespec){.tv_sec = wait / NS, .tv_nsec = wait % NS};
    (void)nanosleep(&pause, NULL); /* a signal that shortens it costs nothing but precision */
}
