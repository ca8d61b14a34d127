/* SPDX-License-Identifier: ISC */
/*
 * A channel's whole set as a verified thing: the channel manifest, every wanted release manifest that it
 * pins, and what lies in them; each fact accepted only where TUF and the pinned manifests agree. Pure but for
 * a reader, so the same code serves pull, verify, plan, export and the publisher's own verify.
 */
#ifndef CW_TREE_SET_H
#define CW_TREE_SET_H

#include <stdbool.h>

#include "release/channel.h"
#include "release/manifest.h"
#include "tuf/update.h"

/* How a set gets the bytes of small targets (channel and release manifests), already length-limited; hashes
 * are checked by the set. path is a tree path ("targets/…"). tree/read.h has one over a folder. */
#define CW_SET_AHEAD 64
struct cw_set_source {
    /* runs the update's wants until DONE or error */
    int (*drive)(void *ctx, struct cw_tuf_update *update, struct cw_err *err);
    /* appends the file's bytes to buf */
    int (*read)(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *err);
    /* that target will be searched soon (CW_SET_AHEAD more at most come before it): what that takes may be fetched
     * meanwhile. NULL: not of interest */
    void (*expect)(void *ctx, struct cw_tuf_update *update, const char *target);
    /* that file of the tree, of at most max bytes, will be read soon (as many more may come before it). NULL: the same */
    void (*expect_file)(void *ctx, const char *tree_path, size_t max);
    void *ctx;
};

struct cw_set_file { /* one file of the tree that the set needs */
    char *target;    /* target path; owned */
    char *sha256;    /* owned */
    uint64_t length;
    const struct cw_artifact *artifact; /* NULL: a manifest, an SBOM or an attestation */
    const struct cw_manifest *manifest; /* the release it belongs to; NULL for the channel manifest */
};

struct cw_set {
    struct cw_channel channel;
    char sha256[CW_SHA256_TEXT];  /* of the channel manifest */
    struct cw_manifest *releases; /* one for each wanted product, in the order of channel.pins; light ones */
    size_t release_count;
    /* All that a mirror of this set holds below targets/, no target twice; the channel manifest is the
     * first. */
    struct cw_set_file *files;
    size_t file_count;
};

/* Which part of a channel a site wants. NULL lists: everything. */
struct cw_set_wanted {
    const char *const *products;  /* NULL-terminated globs */
    const char *const *platforms; /* NULL-terminated names; artifacts of platform "any" always come along */
};

/* After the update is DONE: finds and verifies the channel's set. memory (NULL: none yet) as
 * cw_memory_advance; *after gets the new one, owned by the caller (after may be NULL when memory is: then
 * nothing is remembered and nothing checked against it). wanted NULL: everything.  CW_E_VERIFY for every
 * disagreement, with product, version and path named:   - the channel manifest is a target of the role
 * named like the channel, and says that channel;   - the memory allows it (no replay, no changed version,
 * no withdrawal undone);   - each wanted release manifest is a target of the role named like its product,
 * with the pin's sha256 and     length, and says the pin's product and version;   - each of its artifacts
 * (of the wanted platforms) and its SBOM is a target of that same role, with the     manifest's sha256 and
 * length;   - each attestation that its pin names is a target of the channel's role, with the pin's sha256 and length;   - what it requires is in the channel's whole set. A product that a wanted release requires is
 * wanted too. */
int cw_set_load(struct cw_set *set, struct cw_tuf_update *update, const char *channel,
                const struct cw_set_wanted *wanted, const struct cw_set_source *source, const json_t *memory,
                json_t **after, struct cw_err *err);
void cw_set_clear(struct cw_set *set); /* harmless on a zeroed struct; also the scoped cleanup */
#define CW_AUTO_SET __attribute__((cleanup(cw_set_clear))) struct cw_set

#endif
