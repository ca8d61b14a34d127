/* SPDX-License-Identifier: ISC */
/*
 * Points in time as seconds since 1970 (UTC) and their RFC 3339 text, as TUF metadata writes them.
 * Nothing else in lib/ reads the wall clock: whoever decides by time is given the time.
 */
#ifndef CW_BASE_CLOCK_H
#define CW_BASE_CLOCK_H

#include <stdint.h>

#include "base/err.h"

#define CW_TIME_TEXT 21 /* "2030-01-31T12:00:00Z" and NUL */

/* The wall clock. */
int64_t cw_clock_now(void);
/* Nanoseconds, milliseconds since some moment in the past, to measure how long something takes: nobody sets this clock. */
int64_t cw_clock_monotonic_ns(void);
int64_t cw_clock_monotonic_ms(void);

/* The time to write into what is published: SOURCE_DATE_EPOCH if set, else now
 * (https://reproducible-builds.org/specs/source-date-epoch/). A bad value is an error. */
int cw_clock_publish_time(int64_t *when, struct cw_err *err);

/* "YYYY-MM-DDTHH:MM:SSZ"; fractions and "+HH:MM" offsets are read too (RFC 3339 section 5.6). */
int cw_time_parse(int64_t *when, const char *text, struct cw_err *err);
void cw_time_format(int64_t when, char out[CW_TIME_TEXT]);

/* A length of time in seconds from "90s", "15m", "36h", "30d", "2w", "1y" (365 days); at most 100 years. */
int cw_duration_parse(int64_t *seconds, const char *text, struct cw_err *err);
/* The same in milliseconds, which may be written, too: "500ms". */
int cw_duration_parse_ms(int64_t *milliseconds, const char *text, struct cw_err *err);

#endif
