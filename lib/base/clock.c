/* SPDX-License-Identifier: ISC */
/*
 * Time texts without the C library's locale, time zone or leap-year surprises.
 */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

#define YEAR_SECONDS (365 * INT64_C(86400))

int64_t cw_clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

int64_t cw_clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t cw_clock_monotonic_ms(void)
{
    return cw_clock_monotonic_ns() / 1000000;
}

int cw_clock_publish_time(int64_t *when, struct cw_err *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    uint64_t value;

    if (text == NULL) {
        *when = cw_clock_now();
        return CW_OK;
    }
    if (!cw_str_to_u64(text, UINT64_C(253402300799), &value))
        return cw_err_set(err, CW_E_FAIL, "SOURCE_DATE_EPOCH '%s' is not a number of seconds since 1970",
                          text);
    *when = (int64_t)value;
    return CW_OK;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar; years 0 to 9999. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Reads n digits at *p and moves past them. */
static bool digits(const char **p, int n, int low, int high, int *value)
{
    int v = 0;

    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        v = v * 10 + (**p - '0');
    }
    *value = v;
    return v >= low && v <= high;
}

static bool literal(const char **p, char c)
{
    return *(*p)++ == c;
}

static bool parse_zone(const char **p, int *offset)
{
    int hours, minutes, sign = **p == '-' ? -1 : 1;

    *offset = 0;
    if (**p == 'Z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return false;
    (*p)++;
    if (!digits(p, 2, 0, 23, &hours) || !literal(p, ':') || !digits(p, 2, 0, 59, &minutes))
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool parse_fraction(const char **p)
{
    const char *first;

    if (**p != '.')
        return true;
    for (first = ++*p; **p >= '0' && **p <= '9'; (*p)++)
        ;
    return *p > first;
}

int cw_time_parse(int64_t *when, const char *text, struct cw_err *err)
{
    const char *p = text;
    int year, month, day, hour, minute, second, offset;
    bool good = digits(&p, 4, 0, 9999, &year) && literal(&p, '-') && digits(&p, 2, 1, 12, &month) &&
                literal(&p, '-') && digits(&p, 2, 1, 31, &day) && literal(&p, 'T') &&
                digits(&p, 2, 0, 23, &hour) && literal(&p, ':') && digits(&p, 2, 0, 59, &minute) &&
                literal(&p, ':') && digits(&p, 2, 0, 60, &second) && parse_fraction(&p) &&
                parse_zone(&p, &offset) && *p == '\0';

    if (!good || day > days_in_month(year, month))
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a time like 2030-01-31T12:00:00Z", text);
    *when = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return CW_OK;
}

void cw_time_format(int64_t when, char out[CW_TIME_TEXT])
{
    time_t t = (time_t)when;
    struct tm tm;

    if (when < -62167219200 || when > INT64_C(253402300799) || gmtime_r(&t, &tm) == NULL)
        snprintf(out, CW_TIME_TEXT, "9999-12-31T23:59:59Z");
    else
        strftime(out, CW_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int cw_duration_parse(int64_t *seconds, const char *text, struct cw_err *err)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}, {'y', YEAR_SECONDS}};
    char number[12];
    size_t len = strlen(text), i;
    uint64_t n;

    if (len >= 2 && len <= sizeof number) {
        memcpy(number, text, len - 1);
        number[len - 1] = '\0';
        for (i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (units[i].unit != text[len - 1])
                continue;
            if (!cw_str_to_u64(number, (uint64_t)(100 * YEAR_SECONDS / units[i].seconds), &n))
                break;
            *seconds = (int64_t)n * units[i].seconds;
            return CW_OK;
        }
    }
    return cw_err_set(err, CW_E_FAIL, "'%s' is not a length of time like 90s, 15m, 36h, 30d, 2w or 1y", text);
}

int cw_duration_parse_ms(int64_t *milliseconds, const char *text, struct cw_err *err)
{
    char number[12];
    size_t len = strlen(text);
    uint64_t n;
    int rc;

    if (len < 3 || len - 2 >= sizeof number || strcmp(text + len - 2, "ms") != 0) {
        rc = cw_duration_parse(milliseconds, text, err);
        *milliseconds *= rc == CW_OK ? 1000 : 1;
        return rc;
    }
    memcpy(number, text, len - 2);
    number[len - 2] = '\0';
    if (!cw_str_to_u64(number, UINT32_MAX, &n))
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a length of time like 500ms, 2s or 1m", text);
    *milliseconds = (int64_t)n;
    return CW_OK;
}
