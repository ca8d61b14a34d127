/* SPDX-License-Identifier: ISC */
/*
 * Where a product's targets go. While its role stays under CW_BINS_SPLIT_AT they lie in its own file. The publish that would pass it
 * splits the role once and for good: its file then only hands out succinct hash bins (TAP 15), signed by the product's own keys,
 * and a publish writes the bins that it touches.
 *
 * The snapshot lists bins by version alone, without length and hash: with them thousands of bins would push it over the 1 MB that
 * other clients take for granted. The version is enough for what a snapshot is for, no mixing and no going back; who could sign
 * another bin of the same version holds the product's key, with which he could as well sign the next version.
 *
 * What survives a crash: bins are new files under versions of their own, which nothing names until the snapshot does, and that is
 * written when all of them are durable. Killed before, the tree is the old one with some files that the next publish writes anew.
 */
#ifndef CW_GEN_BINS_H
#define CW_GEN_BINS_H

#include "cli/cli.h"
#include "gen/draft.h"

/* Bytes of a role's file: some three thousand targets. A client takes 5 MB, but fetches all of it with every release, and each publish
 * reads, signs and writes all of it: from here on that costs more than the thousands of lines that bins are in the snapshot. */
#define CW_BINS_SPLIT_AT ((size_t)500000)
/* Bytes of a snapshot: the strictest client takes 2 MB, and every publish writes it. */
#define CW_BINS_SNAPSHOT_MAX ((size_t)1000000)

/* Puts a product's new targets into its role or its bins, splitting it where it is time. Takes *spool over where it is kept. The
 * product's delegation is in the draft or published. */
int cw_bins_place(struct cw_draft *draft, const struct cw_draft_input *input, const char *product,
                  struct cw_spool **spool, struct cw_err *err);
struct cw_bins_due {
    uint64_t count;
    int64_t first; /* the earliest of their expiries */
};
/* Plans to sign anew those bins of a product that expire before `before`. draft NULL: only counts them. */
int cw_bins_renew(struct cw_bins_due *due, struct cw_draft *draft, const struct cw_draft_input *input,
                  const struct cw_state_role *role, int64_t before, struct cw_err *err);

/* Plans to sign anew those bins that have some of these targets (target path → true), without them. */
int cw_bins_leave(struct cw_draft *draft, const struct cw_state_bins *there, const char *product,
                  json_t *targets, struct cw_err *err);

/* Lists the draft's bins in the next snapshot. */
int cw_bins_list(struct cw_listing *snapshot, const struct cw_draft *draft, const struct cw_state *state,
                 struct cw_err *err);
/* Signs and writes them, durable. */
int cw_bins_write(const struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  int tree, struct cw_progress *progress, struct cw_err *err);
/* Lays those whose keys are not all here unsigned into the folder of a ceremony that is made as `path` beneath dir (gen/folder.h), with
 * what is in force of them, not durable, and appends their rows. */
int cw_bins_carry(json_t *rows, const struct cw_draft *draft, const struct cw_draft_input *input, int dir,
                  const char *path, struct cw_progress *progress, struct cw_err *err);

#endif
