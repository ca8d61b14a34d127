/* SPDX-License-Identifier: ISC */
/*
 * Which deltas a publication is worth: from the releases that each channel had before to those that it gets. Unsigned
 * hints: what comes of them, and whether anything does, changes no signature and stops no publish. They are made before a key is
 * unlocked to sign the publication; where one is unlocked already, its memory is empty in the confined children that make them.
 */
#ifndef CW_GEN_DELTAS_H
#define CW_GEN_DELTAS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gen/draft.h"
#include "gen/repo.h"
#include "tree/deltas.h"

struct cw_deltas_plan {
    struct cw_deltas_pair *pairs; /* owned, with their paths; in the order of channels and products */
    size_t count, room;
    json_t *seen; /* "<from> <to>" → true; owned */
};

int cw_deltas_plan_init(struct cw_deltas_plan *plan, struct cw_err *err);
void cw_deltas_plan_clear(struct cw_deltas_plan *plan); /* harmless on a zeroed struct */
#define CW_AUTO_DELTAS_PLAN __attribute__((cleanup(cw_deltas_plan_clear))) struct cw_deltas_plan

/* For every release that a channel gets with this draft: pairs of its files and those of the `back` releases that the channel had
 * before, and the files alone. `all`: for every release that a channel has, too. back 0: nothing. */
int cw_deltas_plan_fill(struct cw_deltas_plan *plan, const struct cw_draft *draft,
                        const struct cw_draft_input *input, uint64_t back, bool all, struct cw_err *err);
/* Makes them, or with the dry run only looks what would be made. Whatever fails is a warning. */
void cw_deltas_plan_run(struct cw_deltas_plan *plan, const struct cw_repo *repo, const struct cw_cli *cli);
/* How many it would try, and how many are there, without a look into any file: one that hides its content is only found out by a dry
 * run. The compressed form of a file counts as one. */
struct cw_deltas_count {
    size_t tried, there;
};
int cw_deltas_plan_count(struct cw_deltas_count *count, struct cw_deltas_plan *plan, int tree,
                         struct cw_err *err);
void cw_deltas_count_say(const struct cw_deltas_count *count, const struct cw_cli *cli); /* nothing of none */
/* What was, or would be, made of each: [{"path", "from"?, "outcome", "bytes"?, "reason"?}], a new reference, NULL without memory. */
json_t *cw_deltas_plan_report(const struct cw_deltas_plan *plan);
/* The same in words: a line for all, and one for each file that no delta helps. */
void cw_deltas_plan_say(const struct cw_deltas_plan *plan, const struct cw_cli *cli);

#endif
