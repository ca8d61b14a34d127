/* SPDX-License-Identifier: ISC */
/*
 * What promote, its --rollback and withdraw share: the repository opened for changing what is staged for channels, and the words
 * about a channel and its present set. Nothing is signed here.
 */
#ifndef CW_GEN_MOVING_H
#define CW_GEN_MOVING_H

#include "gen/draft.h"
#include "gen/repo.h"
#include "release/name.h"

struct cw_moving {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage;
    struct cw_keys keys;
    json_t *withdrawn; /* {product: {version: reason}}: by any channel, published or staged; owned */
};

#define CW_MOVING_INIT(program)                                                                              \
    {                                                                                                        \
        .cli = (program), .repo = CW_REPO_INIT                                                               \
    }

/* Locks the repository unless it is a dry run. moving was initialised; cw_moving_close() follows in any case. */
int cw_moving_open(struct cw_moving *moving, struct cw_err *err);
void cw_moving_close(struct cw_moving *moving);
struct cw_draft_input cw_moving_input(const struct cw_moving *moving); /* for composing only */

/* CW_E_NOTFOUND names the channels that there are. */
int cw_moving_check_channel(const struct cw_moving *moving, const char *channel, struct cw_err *err);
/* product or version NULL: not given. CW_E_USAGE. */
int cw_moving_check_words(const char *product, const char *version, struct cw_err *err);
/* Is it published or staged? CW_E_NOTFOUND. */
int cw_moving_check_release(const struct cw_moving *moving, const char *product, const char *version,
                            struct cw_err *err);
/* CW_E_HELD with the reason when any channel withdrew it. */
int cw_moving_check_withdrawn(const struct cw_moving *moving, const char *product, const char *version,
                              struct cw_err *err);
/* The version that the channel's published set has; "" when it has none. */
int cw_moving_current(char version[CW_NAME_MAX + 1], const struct cw_moving *moving, const char *channel,
                      const char *product, struct cw_err *err);

/* What is staged for a product in a channel: a version, JSON null (it leaves), or NULL: nothing. Borrowed. */
const json_t *cw_moving_staged(const struct cw_moving *moving, const char *channel, const char *product);
/* Stages a version (steals it; JSON null: the product leaves), or with NULL takes back what is staged. In memory. */
int cw_moving_stage(struct cw_moving *moving, const char *channel, const char *product, json_t *version,
                    struct cw_err *err);
/* Makes the channel's staged changes durable, unless it is a dry run. */
int cw_moving_store(const struct cw_moving *moving, const char *channel, struct cw_err *err);
/* Would the next publish take it? Warns if not. */
int cw_moving_foresee(const struct cw_moving *moving, struct cw_err *err);

#endif
