/* SPDX-License-Identifier: ISC */
/*
 * Making a signed draft public: its files in their order, each step durable before the next, timestamp.json
 * last. Killed at any moment, the tree is the old one or the new one to every reader, and publishing again
 * completes it.
 */
#ifndef CW_GEN_PUBLISH_H
#define CW_GEN_PUBLISH_H

#include "gen/draft.h"

/* dir is the repository's folder, tree the one within. */
int cw_publish_write(const struct cw_draft *draft, int tree, struct cw_err *err);
/* Removes what was staged and is published now. */
int cw_publish_unstage(const struct cw_draft *draft, int dir, struct cw_err *err);

#endif
