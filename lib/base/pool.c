/* SPDX-License-Identifier: ISC */
/*
 * A ring of items between one owner and some threads; see pool.h. Three counters say where each item is: put
 * by the owner, begun by a thread, taken back. `done` stands in each place, since later items may be done
 * first.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS (100 * 1000000L)

struct cw_pool {
    pthread_t threads[CW_POOL_THREADS_MAX];
    size_t thread_count;
    cw_pool_work *work;
    void (*told)(void *ctx, uint64_t amount);
    void *ctx;
    _Atomic uint64_t untold; /* by `work`, not passed on yet */
    size_t depth, item_size;
    unsigned char *items;
    bool *done; /* by place */

    pthread_mutex_t mutex; /* for what follows, and for done */
    pthread_cond_t is_put, is_done;
    uint64_t put, begun, taken;
    bool ending;
};

size_t cw_pool_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    if (count < 1)
        return 1;
    return count < CW_POOL_THREADS_MAX ? (size_t)count : CW_POOL_THREADS_MAX;
}

static void *item_at(const struct cw_pool *pool, uint64_t index)
{
    return pool->items + (size_t)(index % pool->depth) * pool->item_size;
}

/* Does the next item that nobody has begun. The mutex is held before and after, not meanwhile. */
static void work_one(struct cw_pool *pool)
{
    uint64_t index = pool->begun++;

    pthread_mutex_unlock(&pool->mutex);
    pool->work(item_at(pool, index));
    pthread_mutex_lock(&pool->mutex);
    pool->done[index % pool->depth] = true;
    pthread_cond_signal(&pool->is_done);
}

static void *serve(void *arg)
{
    struct cw_pool *pool = arg;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->ending) {
        if (pool->begun < pool->put)
            work_one(pool);
        else
            pthread_cond_wait(&pool->is_put, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals are the owner's to handle. */
static void start_threads(struct cw_pool *pool, size_t count)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->thread_count < count &&
           pthread_create(&pool->threads[pool->thread_count], NULL, serve, pool) == 0)
        pool->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int cw_pool_new(struct cw_pool **pool, size_t threads, size_t depth, size_t item_size, cw_pool_work *work,
                struct cw_err *err)
{
    struct cw_pool *p = calloc(1, sizeof *p);

    *pool = NULL;
    if (p == NULL)
        return cw_err_nomem(err);
    p->work = work;
    p->depth = depth;
    p->item_size = item_size;
    p->items = calloc(depth, item_size);
    p->done = calloc(depth, sizeof *p->done);
    if (p->items == NULL || p->done == NULL) {
        free(p->items);
        free(p->done);
        free(p);
        return cw_err_nomem(err);
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->is_put, NULL);
    pthread_cond_init(&p->is_done, NULL);
    if (threads == 0)
        threads = cw_pool_cores();
    start_threads(p, threads < CW_POOL_THREADS_MAX ? threads : CW_POOL_THREADS_MAX);
    *pool = p;
    return CW_OK;
}

void cw_pool_free(struct cw_pool *pool)
{
    size_t i;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->is_put);
    pthread_mutex_unlock(&pool->mutex);
    for (i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->is_done);
    pthread_cond_destroy(&pool->is_put);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->items);
    free(pool->done);
    free(pool);
}

void cw_pool_tell(struct cw_pool *pool, uint64_t amount)
{
    atomic_fetch_add_explicit(&pool->untold, amount, memory_order_relaxed);
}

void cw_pool_on_told(struct cw_pool *pool, void (*told)(void *ctx, uint64_t amount), void *ctx)
{
    pool->told = told;
    pool->ctx = ctx;
}

static void pass_on(struct cw_pool *pool)
{
    uint64_t amount = atomic_exchange_explicit(&pool->untold, 0, memory_order_relaxed);

    if (pool->told != NULL && amount > 0)
        pool->told(pool->ctx, amount);
}

/* put and taken are written by the owner alone, who may therefore read them without the mutex. */
void *cw_pool_next(struct cw_pool *pool)
{
    return pool->put - pool->taken < pool->depth ? item_at(pool, pool->put) : NULL;
}

void cw_pool_put(struct cw_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->done[pool->put % pool->depth] = false;
    pool->put++;
    pthread_cond_signal(&pool->is_put);
    pthread_mutex_unlock(&pool->mutex);
}

/* The mutex is held before and after. */
static void wait_a_little(struct cw_pool *pool)
{
    struct timespec until;

    if (pool->told == NULL) {
        pthread_cond_wait(&pool->is_done, &pool->mutex);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_NS;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&pool->is_done, &pool->mutex, &until);
    pthread_mutex_unlock(&pool->mutex);
    pass_on(pool);
    pthread_mutex_lock(&pool->mutex);
}

void *cw_pool_take(struct cw_pool *pool)
{
    void *item;

    if (pool->taken == pool->put)
        return NULL;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->done[pool->taken % pool->depth]) {
        if (pool->thread_count == 0)
            work_one(pool);
        else
            wait_a_little(pool);
    }
    item = item_at(pool, pool->taken++);
    pthread_mutex_unlock(&pool->mutex);
    pass_on(pool);
    return item;
}
