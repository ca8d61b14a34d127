/* SPDX-License-Identifier: ISC */
/*
 * The site's log, history.jsonl: one JSON object a line, each with the sha256 of the line before, so that a
 * change in the middle shows; and its end signed by the site, so that one at the end does (sync/head.h).
 *
 * {"seq": n, "time": "…Z", "event": "pull", "data": {…}, "prev": sha256 of the previous line without its
 * newline ("" for the first)}
 *
 * Events: init, identity, pull, grace, clock, plan, apply, adopt, action (one command or request, with its stage), commit,
 * rollback, recover, hold, unhold, refuse, export, receipt, scan, backup, restore,
 * approve, break-glass, revoke, approval (an envelope as it was used), volume.
 */
#ifndef CW_SYNC_HISTORY_H
#define CW_SYNC_HISTORY_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "crypt/hash.h"

#define CW_HISTORY_FILE "history.jsonl"
#define CW_HISTORY_LINE_MAX ((size_t)64 * 1024)

/* Appends one durable entry, and signs it as the new end; the caller holds the site's lock. A last line that a power
 * cut tore is dropped first. data (may be NULL) stays the caller's. A failure may leave the entry there: the log is
 * written before what it speaks of. */
int cw_history_append(int site, int64_t now, const char *event, const json_t *data, struct cw_err *err);
/* The newest entry's number and the hash of its line, which the next one will name; the caller holds the site's lock.
 * seq 0 and "": there is none yet. */
int cw_history_head(int64_t *seq, char sha256[CW_SHA256_TEXT], int site, struct cw_err *err);
/* Calls fn for each entry, oldest first. CW_E_VERIFY naming the line where the chain does not hold. */
int cw_history_each(int site, int (*fn)(void *ctx, const json_t *entry, struct cw_err *err), void *ctx,
                    struct cw_err *err);

/* Calls fn for each entry of one of these events (NULL-terminated), oldest first, without looking at the chain: what it
 * costs is reading the file. */
int cw_history_find(int site, const char *const *events,
                    int (*fn)(void *ctx, const json_t *entry, struct cw_err *err), void *ctx,
                    struct cw_err *err);

struct cw_history_proof {
    int64_t entries, signed_entries; /* the second is one less where a crash came between */
    char signed_at[24];
};
/* Does the chain hold from the first line to the end that the site signed? CW_E_VERIFY says what does not: a line
 * that was changed, lines that were cut off or added. */
int cw_history_verify(struct cw_history_proof *proof, int site, struct cw_err *err);

#endif
