/* SPDX-License-Identifier: ISC */
/*
 * The scanner that site.lua names, and its verdicts. What a pull brought lies in the mirror, verified but not applied;
 * each artifact of a mirror's set is shown to the scanner there once, and what it said is kept by the artifact's
 * sha256. So the verdict is about those very bytes, whichever upstream they come from, and the policy, which gets it,
 * stays pure. A plan holds what is not found clean (sync/deploy/plan.h) unless the policy says otherwise.
 *
 * scans.json: {"_type": "causeway-scans", "format": "1.0", "scans": {sha256: {"verdict": "clean|bad|failed", "time",
 *  "scanner": its command, "config": sha256 of all that site.lua says of it, "said": its first line}}}
 * A verdict of a scanner that was set up otherwise counts for nothing.
 * "failed": the scanner ended in a way that is neither; it is asked again by the next pull. Replaced in one step, now
 * and then during a scan and at its end: killed, some files are scanned again.
 */
#ifndef CW_SYNC_SCAN_H
#define CW_SYNC_SCAN_H

#include <jansson.h>
#include <stdbool.h>

#include "sync/site.h"

#define CW_SCANS_FILE "scans.json"
#define CW_SCANS_MAX ((size_t)16 << 20) /* bytes: some 60,000 artifacts */

struct cw_scan_result {
    uint64_t scanned, known; /* by this run; before */
    uint64_t bad, failed;    /* of all: how many are so now */
};

/* The verdicts; an empty object when there are none, NULL when the site has no scanner. The caller owns it. */
int cw_scans_load(json_t **scans, const struct cw_site *site, struct cw_err *err);

/* Shows the scanner what has no verdict of it yet (all: everything once more), says what came of it, warns of what is bad,
 * writes it into the history. The site is locked and has a scanner. CW_E_TEMP when it was asked to stop. */
int cw_scan_run(struct cw_scan_result *result, const struct cw_site *site, bool all, int64_t now,
                const struct cw_cli *cli, struct cw_err *err);

/* The worst verdict on a change's artifacts: "clean", "bad", "failed" or "missing" (not scanned yet); NULL without a
 * scanner (scans NULL). which (may be NULL) gets the artifact it is about, said what the scanner said of it; both
 * borrowed, NULL when there is nothing to say. Pure. */
const char *cw_scan_verdict(const json_t *scans, const json_t *artifacts, const char **which,
                            const char **said);
bool cw_scan_is_verdict(const char *text);
/* The worse of two; either may be NULL. */
const char *cw_scan_worse(const char *a, const char *b);
/* Does a set with that verdict wait, with these gates of the policy? */
bool cw_scan_holds(const char *verdict, const json_t *gates);

#endif
