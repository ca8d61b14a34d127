/* SPDX-License-Identifier: ISC */
/*
 * What is published: the tree's metadata, from timestamp.json over snapshot and targets down to the roles, each
 * signature and hash checked on the way, so that nothing is built on a tree that was altered. There is no
 * other record of it.
 *
 * The four top-level roles are loaded at once; a product's, a channel's or a bin's file when it is first asked for, so that a
 * command costs what it is about and not what the repository holds.
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
#include "tuf/bin.h"
#include "tuf/listing.h"
#include "tuf/meta.h"

/* One delegated role: a product's or a channel's. */
struct cw_state_role {
    const char *name; /* borrowed from the targets metadata */
    bool is_channel;
    struct cw_tuf_role keys;
    struct cw_tuf_meta loaded; /* for cw_state_meta() alone: doc is NULL until somebody asks */
};

struct cw_state {
    int tree; /* borrowed */
    struct cw_tuf_meta root, timestamp, targets;
    struct cw_listing snapshot;
    struct cw_buf snapshot_text; /* what it borrows from */
    struct cw_state_role *roles; /* in the order of the delegations */
    size_t role_count;
    int64_t published; /* when the timestamp says it was published */
};

/* Loads root, timestamp, snapshot and targets. CW_E_VERIFY where the tree does not hold together. */
int cw_state_load(struct cw_state *state, int tree, struct cw_err *err);
void cw_state_clear(struct cw_state *state);
#define CW_AUTO_STATE __attribute__((cleanup(cw_state_clear))) struct cw_state

const struct cw_state_role *cw_state_role(const struct cw_state *state,
                                          const char *name); /* NULL: none of that name */
const struct cw_state_role *cw_state_product(const struct cw_state *state, const char *name);
const struct cw_state_role *cw_state_channel(const struct cw_state *state, const char *name);
/* A role's metadata, loaded and verified at the first call; borrowed. A product's whose targets lie in bins has none of its own. */
int cw_state_meta(const struct cw_tuf_meta **meta, const struct cw_state *state,
                  const struct cw_state_role *role, struct cw_err *err);
/* Which life time of the configuration a role has. */
enum cw_life cw_state_life(const struct cw_state *state, const char *role);

/* What a role signs of a target, in its own file or in the bin where the target belongs. */
struct cw_state_target {
    char sha256[CW_SHA256_TEXT];
    int64_t length;
};
/* CW_E_NOTFOUND when the role signs no such target. */
int cw_state_target(struct cw_state_target *found, const struct cw_state *state,
                    const struct cw_state_role *role, const char *target, struct cw_err *err);

/* May this version of a product be published? Never false when it is; spares a look into a bin for each of many new releases. */
int cw_state_may_have(bool *maybe, const struct cw_state *state, const struct cw_state_role *role,
                      const char *version, struct cw_err *err);

/* A role whose targets lie in bins. */
struct cw_state_bins {
    struct cw_tuf_meta const *meta; /* the role's own; borrowed */
    const char *prefix;
    unsigned bits;
};
/* False in *split: its targets lie in its own file. */
int cw_state_bins(bool *split, struct cw_state_bins *bins, const struct cw_state *state,
                  const struct cw_state_role *role, struct cw_err *err);
/* One bin, verified. text holds what bin borrows from. */
int cw_state_read_bin(struct cw_bin *bin, struct cw_buf *text, const struct cw_state *state,
                      const struct cw_state_bins *bins, size_t number, struct cw_err *err);
/* A delegated role's or a bin's version, and its expiry as the head of its file says it: not verified, good for deciding what to
 * load. split (may be NULL): its targets lie in bins. */
int cw_state_peek(struct cw_tuf_meta *meta, bool *split, const struct cw_state *state, const char *role,
                  struct cw_err *err);
/* Is this the name of a bin of some product, whatever the case of its letters? */
bool cw_state_is_bin(const struct cw_state *state, const char *name);
/* Small targets, their hash checked. CW_E_NOTFOUND when nothing of that name is published. */
int cw_state_read_release(struct cw_manifest *manifest, const struct cw_state *state, const char *product,
                          const char *version, struct cw_err *err);
/* sha256 (may be NULL) gets the manifest's own. */
int cw_state_read_channel(struct cw_channel *channel, char sha256[CW_SHA256_TEXT],
                          const struct cw_state *state, const char *name, struct cw_err *err);

/* Calls fn for each metadata file in force but bins, root first. Of the snapshot and of delegated roles only version and expires are
 * in meta, of the latter as cw_state_peek() gives them. */
int cw_state_each(const struct cw_state *state,
                  int (*fn)(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err),
                  void *ctx, struct cw_err *err);

#endif
