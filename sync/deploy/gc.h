/* SPDX-License-Identifier: ISC */
/*
 * What of the install root is needed no more. Kept are
 *   - the running generation and the one that a plain rollback goes to;
 *   - every generation all of whose products are in one of their `versions` newest versions that ran;
 *   - the generation with the highest number, by its record at least: a number is never given twice;
 *   - every release that a kept generation links to, unless that generation failed and does not run;
 *   - data/, always.
 * Each removal begins by one rename to a temporary name, so that a run that is killed leaves no half of a release
 * where apply would take it for a whole one; what it left, the next run sweeps.
 */
#ifndef CW_SYNC_DEPLOY_GC_H
#define CW_SYNC_DEPLOY_GC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Appends to `rows` {"what": "generation" or "release", "path", "bytes", "number"? (of a generation)} of what goes, generations first, and to
 * `used` (an object, or NULL) a member "product@version" for each that a kept generation links to. Nothing is
 * changed. */
int cw_gc_find(json_t *rows, json_t *used, int root, int64_t versions, struct cw_err *err);
/* Removes them. */
int cw_gc_remove(int root, const json_t *rows, struct cw_err *err);

#endif
