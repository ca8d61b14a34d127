/* SPDX-License-Identifier: ISC */
/*
 * What a staged release manifest brings, read in one pass over its text: `add` wrote and checked it, so it only has to be the same
 * still. Releases with a thousand files come by the thousand.
 */
#ifndef CW_GEN_STAGE_SCAN_H
#define CW_GEN_STAGE_SCAN_H

#include "base/buf.h"
#include "tuf/bin.h"

struct cw_stage_head {
    char severity[16];
    uint64_t artifacts, bytes; /* without the SBOM */
};

/* Calls fn for each artifact and the SBOM; what it gets borrows from text. CW_E_VERIFY when the text is not what `add` stages for
 * this product and version. */
int cw_stage_scan(struct cw_stage_head *head, const struct cw_buf *text, const char *product,
                  const char *version,
                  int (*fn)(void *ctx, const struct cw_bin_target *target, struct cw_err *err), void *ctx,
                  struct cw_err *err);

#endif
