/* SPDX-License-Identifier: ISC */
/*
 * Threads that work on items for one owner: every item is worked on once and comes back in order, however
 * long each takes, and with no thread at all.
 */
#include "unit.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/pool.h"

struct job {
    unsigned number, square;
};

static void square(void *item)
{
    struct job *job = item;

    if (job->number % 7 == 0)
        usleep(200); /* later ones overtake it */
    job->square = job->number * job->number;
}

static void pass(struct cw_pool *pool, unsigned count)
{
    const struct job *done;
    struct job *job;
    unsigned put, taken = 0;

    for (put = 0; put < count; put++) {
        while ((job = cw_pool_next(pool)) == NULL) {
            done = cw_pool_take(pool);
            assert_int_equal(done->number, taken);
            assert_int_equal(done->square, taken * taken);
            taken++;
        }
        job->number = put;
        cw_pool_put(pool);
    }
    while ((done = cw_pool_take(pool)) != NULL) {
        assert_int_equal(done->square, taken * taken);
        taken++;
    }
    assert_int_equal(taken, count);
}

static void items_come_back_in_order(void **state)
{
    size_t threads;

    (void)state;
    for (threads = 0; threads <= 5; threads++) {
        CW_AUTO_POOL *pool = NULL;
        struct cw_err err;

        assert_cw_ok(cw_pool_new(&pool, threads, 5, sizeof(struct job), square, &err), err);
        pass(pool, 1000);
        pass(pool, 3); /* it may go on after it was emptied */
        assert_null(cw_pool_take(pool));
    }
}

static void a_pool_is_left_with_work_in_it(void **state)
{
    CW_AUTO_POOL *pool = NULL;
    struct cw_err err;
    unsigned i;

    (void)state;
    assert_cw_ok(cw_pool_new(&pool, 2, 50, sizeof(struct job), square, &err), err);
    for (i = 0; i < 50; i++) {
        ((struct job *)cw_pool_next(pool))->number = i;
        cw_pool_put(pool);
    }
    assert_null(cw_pool_next(pool));
}

struct slow_job {
    struct cw_pool *pool;
};

static void work_slowly(void *item)
{
    struct cw_pool *pool = ((struct slow_job *)item)->pool;
    unsigned i;

    for (i = 0; i < 4; i++) {
        cw_pool_tell(pool, 10);
        usleep(150 * 1000);
    }
    cw_pool_tell(pool, 2);
}

struct told {
    unsigned times;
    uint64_t amount;
};

static void note(void *ctx, uint64_t amount)
{
    struct told *told = ctx;

    assert_true(amount > 0);
    told->times++;
    told->amount += amount;
}

static void who_waits_is_told_how_far_the_work_is(void **state)
{
    CW_AUTO_POOL *pool = NULL;
    struct told told = {0, 0};
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_pool_new(&pool, 1, 1, sizeof(struct slow_job), work_slowly, &err), err);
    cw_pool_on_told(pool, note, &told);
    ((struct slow_job *)cw_pool_next(pool))->pool = pool;
    cw_pool_put(pool);
    assert_non_null(cw_pool_take(pool));
    assert_true(told.times > 1);
    assert_int_equal(told.amount, 42);
}

/* As root the limit does not count; then this is the first test once more. */
static void without_threads_the_owner_works(void **state)
{
    const struct rlimit none = {0, 0};
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NPROC, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &(struct rlimit){none.rlim_cur, before.rlim_max}), 0);
    items_come_back_in_order(state);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_back_in_order),
        cmocka_unit_test(a_pool_is_left_with_work_in_it),
        cmocka_unit_test(who_waits_is_told_how_far_the_work_is),
        cmocka_unit_test(without_threads_the_owner_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
