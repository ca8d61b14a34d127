/* SPDX-License-Identifier: ISC */
/*
 * Which serials of a channel stay, as data, and the set of paths that stay.
 */
#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "closure/reach.h"

#define NOW 1000

static void serials(void **state)
{
    static const struct {
        const char *what;
        uint64_t keep, rank;
        int64_t seconds, superseded;
        bool kept;
    } cases[] = {
        {"the newest, always", 1, 0, 0, NOW, true},
        {"the newest, though nothing is asked to be kept", 0, 0, 0, 0, true},
        {"within the number", 3, 2, 0, 0, true},
        {"beyond the number and the time", 3, 3, 100, 900, false},
        {"beyond the number, within the time", 3, 3, 100, 901, true},
        {"superseded now, no time asked", 1, 1, 0, NOW, false},
        {"superseded now", 1, 1, 1, NOW, true},
        {"a time before 1970", 1, 9, 100, -5, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        const struct cw_retention retention = {
            .serials = cases[i].keep, .seconds = cases[i].seconds, .now = NOW};

        if (cw_retention_keeps(&retention, cases[i].rank, cases[i].superseded) != cases[i].kept)
            fail_msg("%s", cases[i].what);
    }
}

static void paths(void **state)
{
    struct cw_reach reach = {.keys = NULL};
    char path[64];
    struct cw_err err;
    int i;

    (void)state;
    assert_false(cw_reach_has(&reach, "targets/a"));
    for (i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "targets/%d", i * 7 % 1000);
        assert_cw_ok(cw_reach_add(&reach, path, &err), err);
    }
    for (i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "targets/%d", i);
        assert_true(cw_reach_has(&reach, path));
        snprintf(path, sizeof path, "targets/%d", 1000 + i);
        assert_false(cw_reach_has(&reach, path));
    }
    /* Asked, it still takes more. */
    assert_cw_ok(cw_reach_add(&reach, "targets/more", &err), err);
    assert_true(cw_reach_has(&reach, "targets/more"));
    assert_true(cw_reach_has(&reach, "targets/0"));
    cw_reach_clear(&reach);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serials),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
