/* SPDX-License-Identifier: ISC */
/*
 * The roles that could have signed a metadata file of a tree, and what their signatures prove; private to
 * lib/tree. A tree keeps files that were signed under earlier roots and delegations, so there may be several.
 */
#ifndef CW_TREE_SIGNERS_H
#define CW_TREE_SIGNERS_H

#include "base/buf.h"
#include "tuf/meta.h"

struct cw_signers {
    struct cw_tuf_role *roles; /* at most one for each root or targets version */
    size_t count;
};

/* One of the roles' thresholds is met. */
int cw_signers_check_threshold(const struct cw_tuf_meta *meta, const struct cw_signers *signers,
                               struct cw_err *err);
/* Every signature in the file by a key of one of the roles is good, and the text is exactly what Causeway writes: no byte of a file
 * that holds in this way can have changed, but in signatures by keys that none of the roles names, which count for nothing. Such
 * are there while keys are replaced: by the keys of a root that is yet to come. */
int cw_signers_check_every_byte(const struct cw_tuf_meta *meta, const struct cw_buf *text,
                                const struct cw_signers *signers, struct cw_err *err);

/* The first of the roles whose threshold this file meets, and the keyids in it whose signatures hold, as an array
 * that the caller owns. CW_E_VERIFY: there is none. */
int cw_signers_met(const struct cw_tuf_role **role, json_t **signed_by, const struct cw_tuf_meta *meta,
                   const struct cw_signers *signers, struct cw_err *err);

#endif
