/* SPDX-License-Identifier: ISC */
/*
 * Which releases were withdrawn, and why. The channel manifests say it and no other record does. A site that sees a withdrawal in
 * one channel remembers it for all, so here too one channel's word keeps a release out of every channel.
 */
#ifndef CW_GEN_WITHDRAWN_H
#define CW_GEN_WITHDRAWN_H

#include <jansson.h>

#include "gen/stage.h"
#include "gen/state.h"

/* {product: {version: reason}} of all channels' newest manifests and of what is staged for them; owned by the caller. */
int cw_withdrawn_load(json_t **withdrawn, const struct cw_state *state, const struct cw_stage *stage,
                      struct cw_err *err);
/* NULL: it was not. Borrowed. */
const char *cw_withdrawn_reason(const json_t *withdrawn, const char *product, const char *version);
/* Adds what `more` (the same form; NULL: nothing) says and `withdrawn` does not. */
int cw_withdrawn_merge(json_t *withdrawn, const json_t *more, struct cw_err *err);

#endif
