/* SPDX-License-Identifier: ISC */
/*
 * The metadata half of a tree's check, private to lib/tree: every file below metadata/ is judged; what the
 * newest ones say is kept for the half that looks at targets.
 */
#ifndef CW_TREE_CHECK_METADATA_H
#define CW_TREE_CHECK_METADATA_H

#include "tree/check.h"
#include "tree/kept.h"

struct cw_metadata_check {
    /* All that hold, by rising version; the caller's trusted one first where the tree lacks it. */
    struct cw_kept_metas roots;
    struct cw_kept_metas targets; /* every version of the top-level targets that holds */
    struct cw_kept_metas roles;   /* the newest of each role that the newest targets delegates to */
    const struct cw_tuf_meta *newest_targets; /* NULL: none that holds; points into targets */
};

/* Judges all files below metadata/. Findings go to check; a failure is want of memory or a folder that cannot
 * be read. */
int cw_metadata_check(struct cw_metadata_check *metadata, struct cw_tree_check *check, int dir,
                      struct cw_err *err);
void cw_metadata_check_clear(struct cw_metadata_check *metadata);

/* The newest metadata of a delegated role; NULL. */
const struct cw_tuf_meta *cw_metadata_check_role(const struct cw_metadata_check *metadata, const char *role);

#endif
