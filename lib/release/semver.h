/* SPDX-License-Identifier: ISC */
/*
 * Semantic versions (https://semver.org/spec/v2.0.0.html) and ranges of them.
 */
#ifndef CW_RELEASE_SEMVER_H
#define CW_RELEASE_SEMVER_H

#include <stdbool.h>

#include "base/err.h"

#define CW_RANGE_MAX 512 /* bytes of a range: dozens of conditions, where two are usual */

/* A well-formed version that is also a portable name: no build metadata ('+'), so that equal precedence means
 * equal text. Numbers may have any number of digits. */
int cw_semver_check(const char *version, struct cw_err *err);
/* Precedence: negative, 0, positive. Both well-formed. */
int cw_semver_compare(const char *a, const char *b);

/* Ranges as in "requires": conditions joined by spaces or commas, all of which must hold: ">=1.2.0 <2.0.0",
 * "=1.4.2", "1.4.2", "^1.2.0", "~1.2.3", "*". A pre-release satisfies a comparison by precedence alone, so
 * 2.0.0-rc.1 is in "<2.0.0"; but '^' and '~' also hold the leading numbers, so it is not in "^1.2.0". */
int cw_semver_range_check(const char *range, struct cw_err *err);
bool cw_semver_in_range(const char *version, const char *range); /* both well-formed */

#endif
