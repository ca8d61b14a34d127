/* SPDX-License-Identifier: ISC */
/*
 * Windows by what the clock on the wall shows: whether one is open is asked of the local time of a moment,
 * never computed from dates, so that days of 23 and 25 hours need no thought. The next opening is found by
 * asking minute for minute.
 */
#include "sync/deploy/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define DAY_MINUTES 1440
#define ALL_DAYS 0x7fU
/* a weekly window that falls into a skipped hour opens the week after */
#define SEARCH_MINUTES (15 * DAY_MINUTES)
#define WRITTEN_LIKE "write it like \"Sat 02:00-06:00 Europe/Berlin\""

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* TZ while it is another's: put back by zone_leave(). */
struct zone {
    char *before; /* NULL: was not set */
    bool entered;
};

static void zone_leave(struct zone *zone)
{
    if (!zone->entered)
        return;
    if (zone->before != NULL)
        setenv("TZ", zone->before, 1);
    else
        unsetenv("TZ");
    tzset();
    free(zone->before);
    zone->entered = false;
}
#define AUTO_ZONE __attribute__((cleanup(zone_leave))) struct zone

/* UTC needs no database. */
static bool is_utc(const char *name)
{
    return strcmp(name, "UTC") == 0;
}

static int zone_enter(struct zone *zone, const char *name, struct cw_err *err)
{
    const char *before = getenv("TZ");
    char value[CW_ZONE_MAX + 1];

    *zone = (struct zone){0};
    if (before != NULL) {
        zone->before = strdup(before);
        if (zone->before == NULL)
            return cw_err_nomem(err);
    }
    snprintf(value, sizeof(value), ":%s", name);
    if (setenv("TZ", is_utc(name) ? "UTC0" : value, 1) != 0) {
        free(zone->before);
        return cw_err_nomem(err);
    }
    zone->entered = true;
    tzset();
    return CW_OK;
}

/* glibc takes an unknown zone for UTC without a word, so the file is looked at first. */
static bool zone_is_known(const char *name)
{
    const char *folder = getenv("TZDIR");
    CW_AUTO_FREE char *path = NULL;
    CW_AUTO_FD int fd = -1;
    char magic[4];

    if (is_utc(name))
        return true;
    if (name[0] == '/' || strstr(name, "..") != NULL)
        return false;
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") != strlen(name))
        return false;
    path = cw_str_format("%s/%s", folder != NULL && folder[0] != '\0' ? folder : ZONEINFO, name);
    if (path == NULL)
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
           memcmp(magic, "TZif", 4) == 0;
}

static int parse_day(const char *text, size_t len)
{
    int i;

    for (i = 0; i < 7; i++) {
        if (len == 3 && strncasecmp(text, day_names[i], 3) == 0)
            return i;
    }
    return -1;
}

/* "Sat", "Mon-Fri", "Fri-Mon", lists of them, "daily". */
static int parse_days(unsigned *days, const char *text, struct cw_err *err)
{
    const char *p = text;

    *days = strcasecmp(text, "daily") == 0 ? ALL_DAYS : 0;
    while (*days != ALL_DAYS) {
        size_t len = strcspn(p, ",");
        const char *dash = memchr(p, '-', len);
        int first = parse_day(p, dash == NULL ? len : (size_t)(dash - p));
        int last = dash == NULL ? first : parse_day(dash + 1, len - (size_t)(dash + 1 - p));

        if (first < 0 || last < 0)
            return cw_err_set(
                err, CW_E_VERIFY,
                "'%.*s' is not a day: Mon, Tue, Wed, Thu, Fri, Sat, Sun, a span like Mon-Fri, or daily",
                (int)len, p);
        for (;; first = (first + 1) % 7) {
            *days |= 1U << first;
            if (first == last)
                break;
        }
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    return CW_OK;
}

static bool digits(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
}

/* "HH:MM" up to "24:00". */
static bool parse_minute(int *minute, const char *p)
{
    if (!digits(p) || p[2] != ':' || !digits(p + 3))
        return false;
    *minute = ((p[0] - '0') * 10 + p[1] - '0') * 60 + (p[3] - '0') * 10 + p[4] - '0';
    return p[3] <= '5' && *minute <= DAY_MINUTES;
}

static int parse_span(struct cw_window *window, const char *text, struct cw_err *err)
{
    if (strlen(text) != 11 || text[5] != '-' || !parse_minute(&window->start, text) ||
        !parse_minute(&window->end, text + 6) || window->start == DAY_MINUTES)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a span of time from 00:00 to 24:00: " WRITTEN_LIKE,
                          text);
    if (window->start == window->end)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is never: for a whole day write 00:00-24:00", text);
    return CW_OK;
}

static int set_zone(char out[CW_ZONE_MAX], const char *zone, struct cw_err *err)
{
    if (strlen(zone) >= CW_ZONE_MAX || !zone_is_known(zone))
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' is not a time zone that this machine knows: see /usr/share/zoneinfo (package "
                          "tzdata), or use UTC",
                          zone);
    snprintf(out, CW_ZONE_MAX, "%s", zone);
    return CW_OK;
}

int cw_window_parse(struct cw_window *window, const char *text, struct cw_err *err)
{
    CW_AUTO_FREE char *copy = strdup(text);
    char *rest = NULL, *days, *span, *zone;
    int rc;

    if (copy == NULL)
        return cw_err_nomem(err);
    days = strtok_r(copy, " ", &rest);
    span = strtok_r(NULL, " ", &rest);
    zone = strtok_r(NULL, " ", &rest);
    if (zone == NULL || strtok_r(NULL, " ", &rest) != NULL)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not days, a span of time and a time zone: " WRITTEN_LIKE,
                          text);
    rc = parse_days(&window->days, days, err);
    if (rc == CW_OK)
        rc = parse_span(window, span, err);
    if (rc != CW_OK)
        return rc;
    return set_zone(window->zone, zone, err);
}

/* In the window's zone. */
static bool shows(const struct cw_window *window, int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    int minute;

    if (localtime_r(&t, &tm) == NULL)
        return false;
    minute = tm.tm_hour * 60 + tm.tm_min;
    if (window->start < window->end)
        return (window->days >> tm.tm_wday & 1U) != 0 && minute >= window->start && minute < window->end;
    if (minute >= window->start)
        return (window->days >> tm.tm_wday & 1U) != 0;
    return minute < window->end && (window->days >> ((tm.tm_wday + 6) % 7) & 1U) != 0; /* began yesterday */
}

int cw_window_at(bool *open, int64_t *opens, const struct cw_window *window, int64_t when, struct cw_err *err)
{
    AUTO_ZONE zone;
    int64_t minute = when - ((when % 60) + 60) % 60;
    int i, rc = zone_enter(&zone, window->zone, err);

    *opens = -1;
    if (rc != CW_OK)
        return rc;
    *open = shows(window, when);
    for (i = 1; !*open && *opens < 0 && i <= SEARCH_MINUTES; i++) {
        if (shows(window, minute + i * 60))
            *opens = minute + i * 60;
    }
    return CW_OK;
}

int cw_zone_format(char out[CW_OPENING_TEXT], const char *name, int64_t when, struct cw_err *err)
{
    AUTO_ZONE zone;
    time_t t = (time_t)when;
    struct tm tm;
    int rc = zone_enter(&zone, name, err);

    if (rc != CW_OK)
        return rc;
    if (localtime_r(&t, &tm) == NULL)
        return cw_err_set(err, CW_E_FAIL, "%lld is no time that can be written as a date", (long long)when);
    snprintf(out, CW_OPENING_TEXT, "%s %04d-%02d-%02d %02d:%02d %s", day_names[tm.tm_wday], tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, name);
    return CW_OK;
}

/* "2026-12-24", a day that there is, or "12-24", one that there is in some year. */
static bool parse_date(int *date, const char *text)
{
    bool yearly = strlen(text) == 5;
    char whole[CW_TIME_TEXT];
    int64_t when;

    if (!yearly && strlen(text) != 10)
        return false;
    snprintf(whole, sizeof(whole), "%s%sT00:00:00Z", yearly ? "2000-" : "", text);
    if (cw_time_parse(&when, whole, NULL) != CW_OK)
        return false;
    *date = 0;
    for (const char *p = text; *p != '\0'; p++)
        *date = *p == '-' ? *date : *date * 10 + *p - '0';
    return true;
}

static bool is_yearly(int date)
{
    return date < 10000;
}

int cw_blackout_parse(struct cw_blackout *blackout, const char *text, struct cw_err *err)
{
    CW_AUTO_FREE char *copy = strdup(text);
    char *rest = NULL, *words[5] = {NULL};
    size_t n = 0;

    if (copy == NULL)
        return cw_err_nomem(err);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL && n < CW_COUNT(words);
         word = strtok_r(NULL, " ", &rest))
        words[n++] = word;
    if ((n != 2 && (n != 4 || strcmp(words[1], "to") != 0)) || !parse_date(&blackout->first, words[0]) ||
        !parse_date(&blackout->last, words[n - 2]) || is_yearly(blackout->first) != is_yearly(blackout->last))
        return cw_err_set(
            err, CW_E_VERIFY,
            "'%s' is not a day or a span of days and a time zone: write it like \"2026-12-24 "
            "Europe/Berlin\", \"2026-12-20 to 2027-01-06 Europe/Berlin\" or, for every year, \"12-20 to "
            "01-06 Europe/Berlin\"",
            text);
    if (blackout->last < blackout->first && !is_yearly(blackout->first))
        return cw_err_set(err, CW_E_VERIFY, "'%s' ends before it begins", text);
    return set_zone(blackout->zone, words[n - 1], err);
}

/* Both as 20261224; a span of every year is moved to the one that `today` may be in. */
static bool days_around(int *last, const struct cw_blackout *blackout, int today)
{
    int year = today / 10000 * 10000, first = blackout->first;

    *last = blackout->last;
    if (is_yearly(first)) {
        bool over_new_year = *last < first, begun = today - year >= first;

        *last += over_new_year && begun ? year + 10000 : year;
        first += over_new_year && !begun ? year - 10000 : year;
    }
    return today >= first && today <= *last;
}

int cw_blackout_at(bool *within, int64_t *ends, const struct cw_blackout *blackout, int64_t when,
                   struct cw_err *err)
{
    AUTO_ZONE zone;
    time_t t = (time_t)when;
    struct tm tm;
    int rc = zone_enter(&zone, blackout->zone, err);
    int last;

    *within = false;
    if (rc != CW_OK || localtime_r(&t, &tm) == NULL)
        return rc;
    *within = days_around(&last, blackout, (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
    if (last % 10000 == 229) /* of every year, also where there is none */
        last = last / 10000 * 10000 + 300;
    tm = (struct tm){.tm_year = last / 10000 - 1900,
                     .tm_mon = last / 100 % 100 - 1,
                     .tm_mday = last % 100 + 1,
                     .tm_isdst = -1};
    *ends = (int64_t)mktime(&tm);
    return CW_OK;
}
