/* SPDX-License-Identifier: ISC */
/*
 * base/str.h: numbers are taken strictly, words are matched and measured as its comments say.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void numbers_within_the_maximum(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(cw_str_to_u64("0", 0, &value));
    assert_int_equal(value, 0);
    assert_true(cw_str_to_u64("4294967296", UINT64_MAX, &value));
    assert_int_equal(value, 4294967296);
    assert_true(cw_str_to_u64("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(cw_str_to_u64("99", 99, &value));
}

static void other_numbers_are_refused(void **state)
{
    static const char *const wrong[] = {"", " 1", "1 ", "+1", "-1", "01", "1x", "0x1", "100", "1e1"};
    uint64_t value = 7;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(cw_str_to_u64(wrong[i], 99, &value));
    assert_false(cw_str_to_u64("18446744073709551616", UINT64_MAX, &value));
    assert_int_equal(value, 7);
}

static void ends_and_beginnings(void **state)
{
    (void)state;
    assert_true(cw_str_starts("targets/a", "targets/"));
    assert_false(cw_str_starts("target", "targets/"));
    assert_true(cw_str_ends("1.root.json", ".json"));
    assert_false(cw_str_ends("json", ".json"));
    assert_string_equal(cw_str_basename("a/b/c"), "c");
    assert_string_equal(cw_str_basename("c"), "c");
    assert_string_equal(cw_str_basename("a/"), "");
}

static void sizes_for_people(void **state)
{
    char text[16];

    (void)state;
    cw_str_bytes(0, text);
    assert_string_equal(text, "0 B");
    cw_str_bytes(1023, text);
    assert_string_equal(text, "1023 B");
    cw_str_bytes(3565158, text);
    assert_string_equal(text, "3.4 MiB");
    cw_str_bytes(UINT64_MAX, text);
    assert_string_equal(text, "16.0 EiB");
}

static void patterns_stay_within_a_folder(void **state)
{
    (void)state;
    assert_true(cw_str_glob("plc-*", "plc-7"));
    assert_true(cw_str_glob("*/*", "gateway/2.1.0"));
    assert_false(cw_str_glob("*", "gateway/2.1.0"));
    assert_false(cw_str_glob("plc-*", "gateway"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_within_the_maximum),    cmocka_unit_test(other_numbers_are_refused),
        cmocka_unit_test(ends_and_beginnings),           cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(patterns_stay_within_a_folder),
    };

    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
