/* SPDX-License-Identifier: ISC */
/*
 * Gates: what an accepted set still waits for. Evaluated by C, at planning and again at applying. Pure but
 * for the time zone database. Both functions change TZ for a moment: not while other threads run.
 *
 * {"not_before": "2030-01-01T00:00:00Z", "after_promotion": "7d", "rollout": ["0d canary-*", "7d *"],
 *  "window": "Sat 02:00-06:00 Europe/Berlin", "blackout": ["2026-12-20 to 2027-01-06 Europe/Berlin"],
 *  "approvals": [{"count": 2, "from": ["alice", "bob"]}]}
 * "scan": "ignore" stands among them too: it is no gate, but lets a set in that the scanner found not clean.
 * Or a list of such objects, which all must be open. A window is days ("Sat", "Mon-Fri", "Sat,Sun", "daily"),
 * a span of local time (over midnight when the end is before the start; it belongs to the day it starts on)
 * and an IANA zone. It is open while that zone's clocks on the wall show a time in it.
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

#define CW_GATES_MAX 64 /* objects in a list, and texts in a blackout: a rule for each product of a plant */

/* When, where and about what they are asked. */
struct cw_gate_context {
    int64_t now;
    bool clock_trusted; /* false (the clock is below the floor): every gate that depends on time is closed,
                           saying so */
    const char *site;   /* its name, for rollout */
    const char *set;    /* the hash of the channel manifest, for rollout */
    int64_t promoted;   /* when the newest of what changes was promoted */
    const json_t *approved; /* array of the persons whose approval counts now; NULL: nobody */
    const json_t *people; /* as cw_people_describe() has it; without "approvers" any name may be a person's */
    bool waived;          /* the glass is broken: gates of time are passed over */
};

/* Are the words and values right? CW_E_VERIFY with the word. NULL and an empty array count as no gates. */
int cw_gates_check(const json_t *gates, struct cw_err *err);
int cw_gates_evaluate(struct cw_gate_state *state, const json_t *gates, const struct cw_gate_context *context,
                      struct cw_err *err);

#endif
