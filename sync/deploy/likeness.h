/* SPDX-License-Identifier: ISC */
/*
 * Is a folder that somebody made what a release is? Names, kinds, content, where links lead, and what can be executed or
 * has set-id bits; not owners, times and who may read or write, in which a hand-made copy differs from a staged one.
 */
#ifndef CW_SYNC_DEPLOY_LIKENESS_H
#define CW_SYNC_DEPLOY_LIKENESS_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define CW_LIKENESS_SHOWN_MAX 16 /* differences that are told one by one; the others are counted */

struct cw_likeness {
    uint64_t same;      /* files and links of the release that are in the folder as they should be */
    uint64_t differing; /* of the release's entries: missing, or other ones */
    uint64_t more; /* entries of the folder that the release does not have; of a whole folder only itself */
    json_t *differences, *additions; /* of both the first ones, as texts for people; owned */
};

/* Compares the release's folder with another one. What is told of a folder that is missing is not told again of what lies
 * in it. An error is only what keeps from comparing. */
int cw_likeness_compare(struct cw_likeness *likeness, int release, int folder, struct cw_err *err);
void cw_likeness_clear(struct cw_likeness *likeness);
#define CW_AUTO_LIKENESS __attribute__((cleanup(cw_likeness_clear))) struct cw_likeness

#endif
