/* SPDX-License-Identifier: ISC */
/*
 * Versions and ranges: the precedence of semver.org section 11, and every operator at its edges.
 */
#include "unit.h"

#include "base/mem.h"
#include "release/semver.h"

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void order_is_that_of_the_specification(void **state)
{
    /* Each one precedes the next: the specification's own examples, then numbers no integer holds. */
    static const char *const rising[] = {"0.0.0-0",
                                         "0.0.0",
                                         "0.0.1",
                                         "0.1.0",
                                         "1.0.0-1",
                                         "1.0.0-1.1",
                                         "1.0.0-2",
                                         "1.0.0-10",
                                         "1.0.0--",
                                         "1.0.0-Z",
                                         "1.0.0-alpha",
                                         "1.0.0-alpha.1",
                                         "1.0.0-alpha.beta",
                                         "1.0.0-alpha0",
                                         "1.0.0-beta",
                                         "1.0.0-beta.2",
                                         "1.0.0-beta.11",
                                         "1.0.0-rc.1",
                                         "1.0.0",
                                         "1.0.1",
                                         "1.2.0",
                                         "1.10.0",
                                         "2.0.0",
                                         "2.1.0",
                                         "2.1.1",
                                         "10.0.0",
                                         "99999999999999999999.0.0",
                                         "100000000000000000000.0.0"};
    struct cw_err err;
    size_t i, j;

    (void)state;
    for (i = 0; i < CW_COUNT(rising); i++) {
        assert_cw_ok(cw_semver_check(rising[i], &err), err);
        for (j = 0; j < CW_COUNT(rising); j++) {
            if (sign(cw_semver_compare(rising[i], rising[j])) != (i > j) - (i < j))
                fail_msg("order of %s and %s", rising[i], rising[j]);
        }
    }
}

static void bad_versions_say_why(void **state)
{
    static const struct {
        const char *version, *why;
    } cases[] = {
        {"", "empty"},
        {"1", "three numbers"},
        {"1.2", "three numbers"},
        {"1.2.3.4", "more than three numbers"},
        {"01.2.3", "starts with 0"},
        {"1.02.3", "starts with 0"},
        {"1.2.3-", "empty pre-release"},
        {"1.2.3-a..b", "empty pre-release"},
        {"1.2.3-01", "starts with 0"},
        {"1.2.3-a_b", "letters, digits and '-'"},
        {"1.2.3+build", "build metadata"},
        {"v1.2.3", "three numbers"},
        {"1.2.x", "three numbers"},
        {"1..3", "three numbers"},
        {"1.2.3 ", "the character ' '"},
        {"-1.2.3", "starts with '-'"},
    };
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++)
        assert_cw_fails(CW_E_VERIFY, cases[i].why, cw_semver_check(cases[i].version, &err), err);
}

static void ranges_hold_at_their_edges(void **state)
{
    static const struct {
        const char *range, *in, *out;
    } cases[] = {
        {"1.4.2", "1.4.2", "1.4.3"},
        {"=1.4.2", "1.4.2", "1.4.2-rc.1"},
        {">1.4.2", "1.4.3", "1.4.2"},
        {">=1.4.2", "1.4.2", "1.4.2-rc.1"},
        {"<1.4.2", "1.4.2-rc.1", "1.4.2"},
        {"<=1.4.2", "1.4.2", "1.4.3-alpha"},
        {">=1.2.0 <2.0.0", "1.99.0", "2.0.0"},
        {">=1.2.0,<2.0.0", "1.2.0", "1.1.9"},
        {">=1.2.0, <2.0.0", "2.0.0-rc.1", "2.0.0"},
        {"^1.2.3", "1.9.0", "1.2.2"},
        {"^1.2.3", "1.2.3", "2.0.0"},
        {"^1.2.3", "1.2.4-rc.1", "2.0.0-rc.1"},
        {"^0.2.3", "0.2.9", "0.3.0"},
        {"^0.0.3", "0.0.3", "0.0.4"},
        {"^0.0.0", "0.0.0", "0.0.1"},
        {"^10.0.0", "10.5.0", "100.0.0"},
        {"~1.2.3", "1.2.9", "1.3.0"},
        {"~1.2.3", "1.2.3", "1.2.2"},
        {"~0.0.3", "0.0.9", "0.1.0"},
        {NULL, NULL, NULL},
    };
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; cases[i].in != NULL; i++) {
        assert_cw_ok(cw_semver_range_check(cases[i].range, &err), err);
        if (!cw_semver_in_range(cases[i].in, cases[i].range))
            fail_msg("%s should be in %s", cases[i].in, cases[i].range);
        if (cw_semver_in_range(cases[i].out, cases[i].range))
            fail_msg("%s should not be in %s", cases[i].out, cases[i].range);
    }
    assert_cw_ok(cw_semver_range_check("*", &err), err);
    assert_true(cw_semver_in_range("0.0.0-0", "*"));
}

static void bad_ranges_say_why(void **state)
{
    static const struct {
        const char *range, *why;
    } cases[] = {
        {"", "range is empty"},       {" , ", "range is empty"},
        {">=", "without a version"},  {">= 1.2.0", "without a version"},
        {"1.2", "three numbers"},     {"==1.2.3", "the character '='"},
        {"* !", "the character '!'"}, {"^", "without a version"},
        {">=1.0.0 || 2.0.0", "'|'"},
    };
    char text[CW_RANGE_MAX + 2];
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++)
        assert_cw_fails(CW_E_VERIFY, cases[i].why, cw_semver_range_check(cases[i].range, &err), err);
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_cw_fails(CW_E_VERIFY, "longer than", cw_semver_range_check(text, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_the_specification),
        cmocka_unit_test(bad_versions_say_why),
        cmocka_unit_test(ranges_hold_at_their_edges),
        cmocka_unit_test(bad_ranges_say_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
