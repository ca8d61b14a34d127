/* SPDX-License-Identifier: ISC */
/*
 * The numbers of generations: each is given once, so that a line of the history names one generation for good, also
 * when that was taken back, was removed by gc, or lay in an install root that is lost.
 *
 * last-generation.json: {"_type": "causeway-last-generation", "format": "1.0", "number": n}, durable before the number
 * is used; a crash leaves a number that nothing has.
 */
#ifndef CW_SYNC_DEPLOY_NUMBER_H
#define CW_SYNC_DEPLOY_NUMBER_H

#include <stdint.h>

#include "base/err.h"

#define CW_NUMBER_FILE "last-generation.json"

/* Gives out the next number: above all that were, above `current` and above all in the install root. The caller holds
 * the site's lock. */
int cw_number_next(int64_t *number, int site, int root, int64_t current, struct cw_err *err);
/* Makes the next number one above what the history names: for a site that is made again from a backup. *highest gets
 * the highest that it names; 0: none. */
int cw_number_from_history(int64_t *highest, int site, struct cw_err *err);

#endif
