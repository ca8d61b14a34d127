/* SPDX-License-Identifier: ISC */
/*
 * Making a signed draft public: its files in their order, each step durable before the next, timestamp.json
 * last. Killed at any moment, the tree is the old one or the new one to every reader, and publishing again
 * completes it.
 */
#ifndef CW_GEN_PUBLISH_H
#define CW_GEN_PUBLISH_H

#include "gen/draft.h"
#include "gen/repo.h"

/* dir is the repository's folder, tree the one within. Bins are signed here, for which unlock serves. */
int cw_publish_write(const struct cw_draft *draft, const struct cw_draft_input *input,
                     struct cw_unlock *unlock, const struct cw_repo *repo, struct cw_progress *progress,
                     struct cw_err *err);
/* About how many bytes it writes of what there may be much of; for a progress bar. */
uint64_t cw_publish_size(const struct cw_draft *draft);
/* Removes what was staged and is published now. */
int cw_publish_unstage(const struct cw_draft *draft, int dir, struct cw_err *err);

#endif
