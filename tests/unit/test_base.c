/* SPDX-License-Identifier: ISC */
/*
 * The lowest layer: error texts that grow and are cut, buffers that end where they say, times, lengths of
 * time, words.
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/str.h"

static void errors_gather_context(void **state)
{
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_err_errno(&err, ENOSPC, "unable to write '%s'", "a"), CW_E_SPACE);
    assert_int_equal(cw_err_prefix(&err, "gateway %s", "2.1.0"), CW_E_SPACE);
    assert_string_equal(err.text, "gateway 2.1.0: unable to write 'a': No space left on device");
    assert_int_equal(cw_err_set(NULL, CW_E_TEMP, "nobody listens"), CW_E_TEMP);
}

static void long_error_is_cut_visibly(void **state)
{
    char text[2 * CW_ERR_TEXT_MAX];
    struct cw_err err;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cw_err_set(&err, CW_E_FAIL, "%s", text);
    assert_int_equal(strlen(err.text), CW_ERR_TEXT_MAX - 1);
    assert_true(cw_str_ends(err.text, "..."));
    cw_err_prefix(&err, "more");
    assert_true(cw_str_starts(err.text, "more: xxx"));
    assert_true(cw_str_ends(err.text, "..."));
}

static void exit_codes_are_the_documented_ones(void **state)
{
    static const struct {
        int code, exit;
    } rows[] = {{CW_OK, 0},        {CW_E_FAIL, 1},        {CW_E_USAGE, 2},    {CW_E_VERIFY, 3},
                {CW_E_EXPIRED, 4}, {CW_E_TEMP, 5},        {CW_E_HELD, 6},     {CW_E_INCOMPLETE, 7},
                {CW_E_SPACE, 8},   {CW_E_ROLLED_BACK, 9}, {CW_E_NOTFOUND, 1}, {CW_E_NOMEM, 1}};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(rows); i++)
        assert_int_equal(cw_err_exit_code(rows[i].code), rows[i].exit);
}

static void buffer_stops_at_its_maximum(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(10);
    struct cw_err err;

    (void)state;
    assert_string_equal(cw_buf_text(&buf), "");
    cw_buf_adds(&buf, "12345");
    cw_buf_addf(&buf, "%d", 67890);
    assert_cw_ok(cw_buf_check(&buf, "it", &err), err);
    assert_string_equal(buf.data, "1234567890");
    cw_buf_addc(&buf, 'x');
    cw_buf_addc(&buf, 'y');
    assert_cw_fails(CW_E_FAIL, "note is larger than the 10 bytes", cw_buf_check(&buf, "note", &err), err);
    assert_string_equal(buf.data, "1234567890");
    assert_null(cw_buf_take(&buf));
}

static void buffer_takes_numbers(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(100);

    (void)state;
    cw_buf_addu(&buf, 0);
    cw_buf_addc(&buf, ' ');
    cw_buf_addu(&buf, 1090);
    cw_buf_addc(&buf, ' ');
    cw_buf_addu(&buf, UINT64_MAX);
    assert_string_equal(cw_buf_text(&buf), "0 1090 18446744073709551615");
}

static void buffer_hands_its_memory_over(void **state)
{
    struct cw_buf buf = CW_BUF_INIT(1000);
    char *text;

    (void)state;
    cw_buf_add(&buf, "a\0b", 3);
    text = cw_buf_take(&buf);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(buf.len, 0);
    free(text);
}

static void times_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int64_t when;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T21:17:00Z", 1795382220},
        {"2000-02-29T23:59:59Z", 951868799},
        {"2038-01-19T03:14:08Z", INT64_C(2147483648)},
        {"2021-12-18T13:28:12.99008-06:00", 1639855692},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
    };
    char text[CW_TIME_TEXT];
    struct cw_err err;
    int64_t when;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(rows); i++) {
        assert_cw_ok(cw_time_parse(&when, rows[i].text, &err), err);
        assert_int_equal(when, rows[i].when);
        cw_time_format(when, text);
        if (strlen(rows[i].text) == CW_TIME_TEXT - 1)
            assert_string_equal(text, rows[i].text);
    }
}

static void bad_times_are_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "2026-11-22",
                                       "2026-11-22T21:17:00",
                                       "2026-13-01T00:00:00Z",
                                       "2026-02-29T00:00:00Z",
                                       "2026-11-22 21:17:00Z",
                                       "2026-11-22T24:00:00Z",
                                       "2026-11-22T21:17:00.Z",
                                       "2026-11-22T21:17:00Zx",
                                       "2026-11-22T21:17:00+2:00",
                                       "+026-11-22T21:17:00Z"};
    struct cw_err err;
    int64_t when;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(rows); i++)
        assert_cw_fails(CW_E_FAIL, "is not a time like", cw_time_parse(&when, rows[i], &err), err);
}

static void lengths_of_time(void **state)
{
    static const char *const bad[] = {"", "d", "7", "7 d", "-7d", "07d", "7x", "101y", "99999999999d", "7dd"};
    struct cw_err err;
    int64_t seconds;
    size_t i;

    (void)state;
    assert_cw_ok(cw_duration_parse(&seconds, "90s", &err), err);
    assert_int_equal(seconds, 90);
    assert_cw_ok(cw_duration_parse(&seconds, "7d", &err), err);
    assert_int_equal(seconds, 7 * 86400);
    assert_cw_ok(cw_duration_parse_ms(&seconds, "500ms", &err), err);
    assert_int_equal(seconds, 500);
    assert_cw_ok(cw_duration_parse_ms(&seconds, "2m", &err), err);
    assert_int_equal(seconds, 120000);
    assert_cw_fails(CW_E_FAIL, "length of time", cw_duration_parse_ms(&seconds, "ms", &err), err);
    assert_cw_fails(CW_E_FAIL, "length of time", cw_duration_parse_ms(&seconds, "1.5ms", &err), err);
    assert_cw_ok(cw_duration_parse(&seconds, "100y", &err), err);
    for (i = 0; i < CW_COUNT(bad); i++)
        assert_cw_fails(CW_E_FAIL, "length of time", cw_duration_parse(&seconds, bad[i], &err), err);
}

static void publish_time_follows_source_date_epoch(void **state)
{
    struct cw_err err;
    int64_t when;

    (void)state;
    setenv("SOURCE_DATE_EPOCH", "86400", 1);
    assert_cw_ok(cw_clock_publish_time(&when, &err), err);
    assert_int_equal(when, 86400);
    setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
    assert_cw_fails(CW_E_FAIL, "'yesterday'", cw_clock_publish_time(&when, &err), err);
    unsetenv("SOURCE_DATE_EPOCH");
}

static void numbers_have_one_form(void **state)
{
    static const char *const bad[] = {"", "01", "+1", "-1", " 1", "1 ", "1x", "18446744073709551616"};
    uint64_t value = 7;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(bad); i++)
        assert_false(cw_str_to_u64(bad[i], UINT64_MAX, &value));
    assert_int_equal(value, 7);
    assert_true(cw_str_to_u64("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(cw_str_to_u64("11", 10, &value));
    assert_true(cw_str_to_u64("0", 0, &value));
}

static void nearest_word_is_suggested(void **state)
{
    static const char *const words[] = {"channel", "products", "platforms", NULL};

    (void)state;
    assert_string_equal(cw_str_nearest("chanel", words), "channel");
    assert_string_equal(cw_str_nearest("product", words), "products");
    assert_null(cw_str_nearest("grace", words));
    assert_null(cw_str_nearest("", words));
}

static void globs_never_cross_a_slash(void **state)
{
    (void)state;
    assert_true(cw_str_glob("gateway/*/*", "gateway/1.0.0/a.tar"));
    assert_false(cw_str_glob("gateway/*", "gateway/1.0.0/a.tar"));
    assert_false(cw_str_glob("*", "a/b"));
    assert_true(cw_str_glob("plc-?", "plc-7"));
}

static void sizes_for_people(void **state)
{
    char text[16];

    (void)state;
    cw_str_bytes(512, text);
    assert_string_equal(text, "512 B");
    cw_str_bytes(3 * 1024 * 1024 + 400 * 1024, text);
    assert_string_equal(text, "3.4 MiB");
    cw_str_bytes(UINT64_MAX, text);
    assert_string_equal(text, "16.0 EiB");
}

static void sizes_of_people(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } cases[] = {
        {"1", 1},
        {"700M", UINT64_C(700000000)},
        {"700MB", UINT64_C(700000000)},
        {"4GiB", UINT64_C(4) << 30},
        {"4Gi", UINT64_C(4) << 30},
        {"1K", 1000},
        {"1KiB", 1024},
        {"2T", UINT64_C(2000000000000)},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", 0},
        {"18446744074G", 0},
        {"16777216TiB", 0},
        {"16777215TiB", UINT64_MAX - (UINT64_C(1) << 40) + 1},
        {"0", 0},
        {"0G", 0},
        {"", 0},
        {"G", 0},
        {"-1", 0},
        {"+1", 0},
        {" 1", 0},
        {"1 G", 0},
        {"1g", 0},
        {"1GB ", 0},
        {"1GG", 0},
        {"1iB", 0},
        {"1B", 0},
        {"1.5G", 0},
        {"00000000000000000000000001", 0},
        {"0x10", 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        uint64_t bytes = 0;

        if (cw_str_to_size(cases[i].text, &bytes) != (cases[i].bytes != 0) || bytes != cases[i].bytes)
            fail_msg("'%s' is taken for %llu", cases[i].text, (unsigned long long)bytes);
    }
}

static bool int_comes_before(const void *item, const void *key)
{
    return *(const int *)item < *(const int *)key;
}

static void the_lower_bound_is_the_first_that_is_not_before(void **state)
{
    static const int list[] = {1, 3, 3, 3, 7};
    static const struct {
        int key;
        size_t place, of_three;
    } rows[] = {{0, 0, 0}, {1, 0, 0}, {2, 1, 1}, {3, 1, 1}, {4, 4, 3}, {7, 4, 3}, {8, 5, 3}};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(rows); i++) {
        assert_int_equal(cw_lower_bound(&rows[i].key, list, 5, sizeof *list, int_comes_before),
                         rows[i].place);
        assert_int_equal(cw_lower_bound(&rows[i].key, list, 3, sizeof *list, int_comes_before),
                         rows[i].of_three);
        assert_int_equal(cw_lower_bound(&rows[i].key, list, 0, sizeof *list, int_comes_before), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_gather_context),
        cmocka_unit_test(long_error_is_cut_visibly),
        cmocka_unit_test(exit_codes_are_the_documented_ones),
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(buffer_takes_numbers),
        cmocka_unit_test(buffer_hands_its_memory_over),
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(lengths_of_time),
        cmocka_unit_test(publish_time_follows_source_date_epoch),
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(nearest_word_is_suggested),
        cmocka_unit_test(globs_never_cross_a_slash),
        cmocka_unit_test(sizes_for_people),
        cmocka_unit_test(the_lower_bound_is_the_first_that_is_not_before),
        cmocka_unit_test(sizes_of_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
