/* SPDX-License-Identifier: ISC */
/*
 * A repository's first keys and metadata, so that its empty tree is a valid TUF repository at once: root,
 * targets with a delegation for each channel, the channels' empty roles, snapshot and timestamp. Where keys are elsewhere, root, targets
 * and channels are signed in a ceremony (gen/ceremony.h) before anything is in the tree.
 */
#ifndef CW_GEN_FIRST_H
#define CW_GEN_FIRST_H

#include <stddef.h>
#include <stdint.h>

#include "gen/config.h"
#include "gen/keys.h"

struct cw_quorum { /* `threshold` of `keys` must sign */
    uint64_t keys, threshold;
    json_t *
        given; /* [{"name", "key": key object}]: public halves of keys that are elsewhere, as many as `keys`; NULL: they are made */
};

struct cw_first {
    struct cw_config config;
    struct cw_quorum root, targets, channel;
    const char *const *channels; /* names */
    size_t channel_count;
    int64_t now;
};

/* Some keys are elsewhere. */
bool cw_first_is_carried(const struct cw_first *first);
/* Makes the keys in keys->dir, which has none yet, and takes in what was given. unlock NULL: not encrypted. */
int cw_first_make_keys(const struct cw_first *first, struct cw_keys *keys, struct cw_unlock *unlock,
                       struct cw_err *err);
/* role → signed part of root, targets and the channels; new reference. */
int cw_first_compose(json_t **bodies, const struct cw_first *first, const struct cw_keys *keys,
                     struct cw_err *err);
/* role → {"signatures", "signed"}, signed by keys that are here; new reference. */
int cw_first_sign(json_t **envelopes, const json_t *bodies, const struct cw_keys *keys,
                  struct cw_unlock *unlock, struct cw_err *err);
/* Makes sure that every threshold is met, adds snapshot and timestamp, and writes the metadata into the folder `tree`, timestamp.json
 * last. fingerprint gets the root file's sha256. Killed before its end, it is done again as if nothing was there. */
int cw_first_publish(const json_t *envelopes, const struct cw_config *config, const struct cw_keys *keys,
                     struct cw_unlock *unlock, int64_t now, int tree, char fingerprint[CW_SHA256_TEXT],
                     struct cw_err *err);

#endif
