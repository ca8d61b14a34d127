/* SPDX-License-Identifier: ISC */
/*
 * A look at a tree's deltas. Nobody signs them and nobody has to believe them, so nothing here is ever bad or missing: what
 * is of no use is reported as an orphan.
 */
#ifndef CW_TREE_CHECK_DELTAS_H
#define CW_TREE_CHECK_DELTAS_H

#include "tree/check.h"

/* Looks at headers, lengths and lists; what a delta makes is not tried. In a partial tree the files that deltas lead to may be
 * absent: that is what they are carried for. */
int cw_check_deltas(struct cw_tree_check *check, int dir, struct cw_err *err);

#endif
