/* SPDX-License-Identifier: ISC */
/*
 * What is published: the tree's metadata, from timestamp.json over snapshot down to every role, each
 * signature and hash checked on the way, so that nothing is built on a tree that was altered. There is no
 * other record of it.
 */
#ifndef CW_GEN_STATE_H
#define CW_GEN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gen/config.h"
#include "release/channel.h"
#include "release/manifest.h"
#include "tuf/meta.h"

/* One delegated role: a product's or a channel's. */
struct cw_state_role {
    const char *name; /* borrowed from the targets metadata */
    bool is_channel;
    struct cw_tuf_role keys;
    struct cw_tuf_meta meta;
};

struct cw_state {
    int tree; /* borrowed */
    struct cw_tuf_meta root, timestamp, snapshot, targets;
    struct cw_state_role *roles; /* in the order of the delegations */
    size_t role_count;
    int64_t published; /* when the timestamp says it was published */
};

/* Loads everything but targets. CW_E_VERIFY where the tree does not hold together. */
int cw_state_load(struct cw_state *state, int tree, struct cw_err *err);
void cw_state_clear(struct cw_state *state);
#define CW_AUTO_STATE __attribute__((cleanup(cw_state_clear))) struct cw_state

const struct cw_state_role *cw_state_role(const struct cw_state *state,
                                          const char *name); /* NULL: none of that name */
const struct cw_state_role *cw_state_product(const struct cw_state *state, const char *name);
const struct cw_state_role *cw_state_channel(const struct cw_state *state, const char *name);
/* Which life time of the configuration a role has. */
enum cw_life cw_state_life(const struct cw_state *state, const char *role);

/* Small targets, their hash checked. CW_E_NOTFOUND when nothing of that name is published. */
int cw_state_read_release(struct cw_manifest *manifest, const struct cw_state *state, const char *product,
                          const char *version, struct cw_err *err);
/* sha256 (may be NULL) gets the manifest's own. */
int cw_state_read_channel(struct cw_channel *channel, char sha256[CW_SHA256_TEXT],
                          const struct cw_state *state, const char *name, struct cw_err *err);

/* Calls fn for each metadata file in force, root first, with its expiry. */
int cw_state_each(const struct cw_state *state,
                  int (*fn)(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err),
                  void *ctx, struct cw_err *err);

#endif
