/* SPDX-License-Identifier: ISC */
/*
 * Gates: what an accepted set still waits for. Evaluated by C, at planning and again at applying. Pure but
 * for the time zone database. Both functions change TZ for a moment: not while other threads run.
 *
 * {"window": "Sat 02:00-06:00 Europe/Berlin", "not_before": "2030-01-01T00:00:00Z"}
 * A window is days ("Sat", "Mon-Fri", "Sat,Sun", "daily"), a span of local time (over midnight when the end
 * is before the start; it belongs to the day it starts on) and an IANA zone. It is open while that zone's
 * clocks on the wall show a time in it.
 */
#ifndef CW_SYNC_DEPLOY_GATE_H
#define CW_SYNC_DEPLOY_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CW_GATE_WAITS_MAX 256

struct cw_gate_state {
    bool open;
    char waits[CW_GATE_WAITS_MAX]; /* when closed: "opens Sat 2026-11-28 02:00 Europe/Berlin"; several joined
                                      by "; " */
};

/* Are the words and values right? CW_E_VERIFY with the word. NULL and an empty array count as no gates. */
int cw_gates_check(const json_t *gates, struct cw_err *err);
/* clock_trusted false (the clock is below the floor): every gate that depends on time is closed, saying
 * so. */
int cw_gates_evaluate(struct cw_gate_state *state, const json_t *gates, int64_t now, bool clock_trusted,
                      struct cw_err *err);

#endif
