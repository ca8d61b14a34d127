/* SPDX-License-Identifier: ISC */
/*
 * A repository's first keys and metadata, so that its empty tree is a valid TUF repository at once: root,
 * targets with a delegation for each channel, the channels' empty roles, snapshot and timestamp.
 */
#ifndef CW_GEN_FIRST_H
#define CW_GEN_FIRST_H

#include <stddef.h>
#include <stdint.h>

#include "gen/config.h"
#include "gen/keys.h"

struct cw_quorum { /* `threshold` of `keys` must sign */
    uint64_t keys, threshold;
};

struct cw_first {
    struct cw_config config;
    struct cw_quorum root, targets, channel;
    const char *const *channels; /* names */
    size_t channel_count;
    int64_t now;
};

/* Makes the keys in keys->dir, which has none yet. unlock NULL: not encrypted. */
int cw_first_make_keys(const struct cw_first *first, struct cw_keys *keys, struct cw_unlock *unlock,
                       struct cw_err *err);
/* Signs with those keys and writes the metadata into the folder `tree`, timestamp.json last. fingerprint gets
 * the root file's sha256. */
int cw_first_write(const struct cw_first *first, const struct cw_keys *keys, int tree,
                   char fingerprint[CW_SHA256_TEXT], struct cw_err *err);

#endif
