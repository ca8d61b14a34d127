/* SPDX-License-Identifier: ISC */
/*
 * The install root: generations, and the link that says which of them runs.
 *
 *   releases/<product>/<version>/<platform>/        read-only once there
 *   releases/<product>/<version>/.<platform>.json   of which manifest it is
 *   generations/<n>/<product>                       a link to ../../releases/…
 *   generations/<n>/.generation.json                says the same, with what led to it
 *   generations/<n>/.failed                         its check failed: why; it is never rolled back to
 *   current -> generations/<n>                      the one atomic step
 *   data/<product>/                                 what products keep; never touched once made
 *
 * .generation.json: {"_type": "causeway-generation", "format": "1.0", "generation": n,
 *  "previous": n (0: none), "plan": id, "time",
 *  "sets": {upstream: {"channel", "serial", "sha256"}},
 *  "products": {product: {"version", "platform", "upstream", "manifest": sha256,
 *                         "requires": {product: range}, "independent": bool,
 *                         "delivers": [{"kind", "name"}] or null}},
 *  "undo": [what is done when it is left for the one before: steps, sync/deploy/step.h]}
 *
 * Generation 0 means: nothing is installed. The caller holds the site's lock for all that changes.
 */
#ifndef CW_SYNC_DEPLOY_STORE_H
#define CW_SYNC_DEPLOY_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "fs/root.h"

#define CW_GENERATION_TYPE "causeway-generation"
#define CW_GENERATION_MAX INT64_C(999999999) /* one a second for thirty years */

/* The running generation; 0: none. CW_E_VERIFY when `current` is not a link of ours. */
int cw_store_current(int64_t *generation, int root, struct cw_err *err);
/* The highest number that there is; 0: none. */
int cw_store_highest(int64_t *generation, int root, struct cw_err *err);
/* What it holds. CW_E_NOTFOUND when there is no such generation. The caller owns *doc. */
int cw_store_read(json_t **doc, int root, int64_t generation, struct cw_err *err);
/* Is every release there that it links to? CW_E_INCOMPLETE names the first that is not. */
int cw_store_is_whole(int root, const json_t *doc, struct cw_err *err);

/* Makes generations/<n> as doc says, durable before it has its name; and data/<product>/ for each of its
 * products. */
int cw_store_make(int root, const json_t *doc, struct cw_err *err);
/* Makes it the running one; 0 takes the link away. */
int cw_store_switch(int root, int64_t generation, struct cw_err *err);
/* Removes one that does not run. Nothing there is success. */
int cw_store_drop(int root, int64_t generation, struct cw_err *err);

int cw_store_mark_failed(int root, int64_t generation, const char *reason, struct cw_err *err);
int cw_store_has_failed(bool *failed, int root, int64_t generation, struct cw_err *err);

/* "releases/<product>/<version>/<platform>" into out. */
int cw_store_release_path(char out[CW_PATH_MAX], const char *product, const char *version,
                          const char *platform, struct cw_err *err);

#endif
