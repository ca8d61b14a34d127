/* SPDX-License-Identifier: ISC */
/*
 * The metadata half of a tree's check, private to lib/tree: every file below metadata/ is judged; the newest of each role is shown
 * to the half that looks at targets, one after the other: there may be thousands of hash bins.
 */
#ifndef CW_TREE_CHECK_METADATA_H
#define CW_TREE_CHECK_METADATA_H

#include "tree/check.h"
#include "tree/kept.h"

struct cw_metadata_check {
    /* All that hold, by rising version; the caller's trusted one first where the tree lacks it. */
    struct cw_kept_metas roots;
    struct cw_kept_metas targets; /* every version of the top-level targets that holds */
    /* Roles that delegate to hash bins: for each the newest version first, then older ones. */
    struct cw_kept_metas splits;
    const struct cw_tuf_meta *newest_targets; /* NULL: none that holds; points into targets */

    /* Called for the newest file of each delegated role and bin that holds. owner is the role to which targets delegates: itself, or the
     * one whose bin it is. */
    int (*each)(void *ctx, const char *role, const char *owner, const struct cw_tuf_meta *meta,
                struct cw_err *err);
    void *ctx;
};

/* Judges all files below metadata/. Findings go to check; a failure is want of memory or a folder that cannot
 * be read. */
int cw_metadata_check(struct cw_metadata_check *metadata, struct cw_tree_check *check, int dir,
                      struct cw_err *err);
void cw_metadata_check_clear(struct cw_metadata_check *metadata);

/* The newest of a role that delegates to bins; NULL: it does not. */
const struct cw_tuf_meta *cw_metadata_check_split(const struct cw_metadata_check *metadata, const char *role);

#endif
