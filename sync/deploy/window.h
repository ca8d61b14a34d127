/* SPDX-License-Identifier: ISC */
/*
 * A maintenance window in a site's own time: "Mon-Fri 22:00-04:00 Europe/Berlin", and the days on which
 * none opens.
 */
#ifndef CW_SYNC_DEPLOY_WINDOW_H
#define CW_SYNC_DEPLOY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CW_ZONE_MAX 64      /* bytes of a zone's name with NUL; the longest of IANA's has 32 */
#define CW_OPENING_TEXT 112 /* "Sat 2026-11-28 02:00 <zone>" and NUL */

struct cw_window {
    unsigned days;  /* bit 0: Sunday, as tm_wday counts */
    int start, end; /* minutes of the local day; end may be 1440; end < start: over midnight */
    char zone[CW_ZONE_MAX];
};

/* CW_E_VERIFY says what is wrong and how it is written right; the zone must be one that this machine
 * knows. */
int cw_window_parse(struct cw_window *window, const char *text, struct cw_err *err);
/* Is it open at `when`? If not, *opens is the next moment it is (a fortnight is searched; -1: not within
 * it). */
int cw_window_at(bool *open, int64_t *opens, const struct cw_window *window, int64_t when,
                 struct cw_err *err);
/* A moment in a zone, for people. */
int cw_zone_format(char out[CW_OPENING_TEXT], const char *zone, int64_t when, struct cw_err *err);

/* Days on which nothing is changed: "2026-12-24 Europe/Berlin", "2026-12-20 to 2027-01-06 Europe/Berlin", and without
 * the years, as in "12-20 to 01-06 Europe/Berlin", those of every year. */
struct cw_blackout {
    int first,
        last; /* as 20261224, or 1224 for every year, then last may be before first; the last day is one of them */
    char zone[CW_ZONE_MAX];
};

/* CW_E_VERIFY as above. */
int cw_blackout_parse(struct cw_blackout *blackout, const char *text, struct cw_err *err);
/* Is `when` within? If so, *ends is the first moment after. */
int cw_blackout_at(bool *within, int64_t *ends, const struct cw_blackout *blackout, int64_t when,
                   struct cw_err *err);

#endif
