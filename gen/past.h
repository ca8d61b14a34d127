/* SPDX-License-Identifier: ISC */
/*
 * A channel's past: its manifests from the newest back to the first, each found by the hash that its successor names, so that the
 * signature on the newest vouches for all before it. The tree keeps them; there is no other record.
 *
 * gc may have taken away the oldest: then the record ends early, which is not an error.
 */
#ifndef CW_GEN_PAST_H
#define CW_GEN_PAST_H

#include <stdbool.h>

#include "gen/state.h"

struct cw_past {
    const struct cw_state *state; /* borrowed */
    const char *name;             /* the channel's; borrowed */
    struct cw_channel channel;    /* the serial one stands at */
    char sha256[CW_SHA256_TEXT];  /* of its manifest */
    bool cut;                     /* there was an older serial, and its manifest is gone */
};

/* Stands at the newest serial. CW_E_NOTFOUND when nothing was ever published there. */
int cw_past_open(struct cw_past *past, const struct cw_state *state, const char *name, struct cw_err *err);
/* One serial back. *more false: there is none, and past stands where it stood. left (may be NULL) takes the manifest over that it
 * left. CW_E_VERIFY when the predecessor was altered. */
int cw_past_older(bool *more, struct cw_past *past, struct cw_channel *left, struct cw_err *err);
void cw_past_close(struct cw_past *past); /* harmless on a zeroed struct */
#define CW_AUTO_PAST __attribute__((cleanup(cw_past_close))) struct cw_past

/* Did the channel's set ever have this version? *cut: no serial that is kept has it, and older ones are gone. */
int cw_past_had(bool *had, bool *cut, const struct cw_state *state, const char *name, const char *product,
                const char *version, struct cw_err *err);

#endif
