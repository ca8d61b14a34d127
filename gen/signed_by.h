/* SPDX-License-Identifier: ISC */
/*
 * Who signed each manifest of a channel, by the versions of the channel's role that the tree keeps. A signature counts when a key
 * that some kept `targets` delegates the channel to made it; its name is the one of the public key in keys/, else its keyid.
 */
#ifndef CW_GEN_SIGNED_BY_H
#define CW_GEN_SIGNED_BY_H

#include <jansson.h>

#include "gen/keys.h"
#include "gen/state.h"

/* *signers, owned by the caller: {sha256 of a channel manifest: [key name]}, of the role's first version that names it. Manifests
 * whose role files are gone are not in it. */
int cw_signed_by(json_t **signers, const struct cw_state *state, const struct cw_keys *keys,
                 const char *channel, struct cw_err *err);

#endif
