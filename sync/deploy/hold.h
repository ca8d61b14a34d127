/* SPDX-License-Identifier: ISC */
/*
 * Holds: what must not be applied until a person says otherwise. Put by a person (a product, or one version
 * of it) and by a failed check or a rollback (the set that was left: one channel manifest of one upstream).
 *
 * holds.json: {"_type": "causeway-holds", "format": "1.0", "next": n,
 *  "holds": [{"id": n, "since": time, "by": "person|check|rollback|recovery", "reason": text, and either
 *             "product" with an optional "version", or "upstream", "channel", "serial", "sha256"}]}
 *
 * All but load and store are pure.
 */
#ifndef CW_SYNC_DEPLOY_HOLD_H
#define CW_SYNC_DEPLOY_HOLD_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define CW_HOLDS_FILE "holds.json"
#define CW_HOLDS_MAX 256        /* a person has to read them */
#define CW_HOLD_REASON_MAX 1024 /* bytes of a reason, with NUL */

/* The site's holds; an empty document when there is no file yet. The caller owns *holds. */
int cw_holds_load(json_t **holds, int site, struct cw_err *err);
/* Makes them durable. */
int cw_holds_store(int site, const json_t *holds, struct cw_err *err);

/* A hold's target: owned by the caller; NULL when out of memory. version may be NULL: every version. */
json_t *cw_hold_on_product(const char *product, const char *version);
json_t *cw_hold_on_set(const char *upstream, const char *channel, int64_t serial, const char *sha256);

/* Adds a hold on `target` (as the two above make it). One that is there already keeps its id and gets the new
 * reason. id may be NULL. */
int cw_holds_put(json_t *holds, int64_t *id, const json_t *target, const char *by, const char *reason,
                 int64_t now, struct cw_err *err);
/* Lifts the holds that `which` names: an id, or a product (all its holds). `lifted` (an array) gets them.
 * CW_E_NOTFOUND when there is none. */
int cw_holds_lift(json_t *holds, const char *which, json_t *lifted, struct cw_err *err);
/* Lifts all. */
int cw_holds_lift_all(json_t *holds, json_t *lifted, struct cw_err *err);

/* The first hold on this product in this version, or on this set; NULL: none. Borrowed. */
const json_t *cw_holds_on_product(const json_t *holds, const char *product, const char *version);
const json_t *cw_holds_on_set(const json_t *holds, const char *upstream, const char *sha256);

/* "gateway 2.1.0", "acme/stable serial 7": for people. */
void cw_hold_describe(char out[512], const json_t *hold);

#endif
