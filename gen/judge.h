/* SPDX-License-Identifier: ISC */
/*
 * Whether a release may enter a channel: what the channel demands held against the attestations that were given.
 * An artifact is vouched for by a key that signed a statement of the demanded predicate about it, or about the
 * release manifest; every artifact needs as many different keys as the threshold says. Statements may be several:
 * a build on each platform has its own provenance. A test result that says FAILED, by a key that counts, keeps the
 * release out until it is removed, whatever others say.
 */
#ifndef CW_GEN_JUDGE_H
#define CW_GEN_JUDGE_H

#include <jansson.h>

#include "gen/draft.h"
#include "gen/demands.h"

struct cw_verdict {
    json_t *missing;   /* array of texts: all that keeps the release out; empty: it may enter. Owned */
    json_t *demanded;  /* array, as the channel manifest says it. Owned */
    json_t *given;     /* array of {"sha256", "length", "predicate", "signers"}: those that count. Owned */
    json_t *attestors; /* keyid → key object: all keys of both. Owned */
};
void cw_verdict_clear(struct cw_verdict *verdict); /* harmless on a zeroed struct */
#define CW_AUTO_VERDICT __attribute__((cleanup(cw_verdict_clear))) struct cw_verdict

/* Judges a release, staged or published. Fails only where that cannot be done: the release is not there, an
 * attestation that is kept was changed. */
int cw_judge(struct cw_verdict *verdict, const struct cw_draft_input *input, const char *channel,
             const char *product, const char *version, struct cw_err *err);
/* CW_OK, or CW_E_HELD with all that is missing in one line. */
int cw_verdict_check(const struct cw_verdict *verdict, const char *product, const char *version,
                     struct cw_err *err);

/* For cw_draft_compose_channels(): judges, says the verdict in the pin ("demanded", "attestations"), adds the files
 * to the draft, and the keys to `attestors`. CW_E_HELD. */
int cw_judge_pin(json_t *pin, json_t *attestors, struct cw_draft *draft, const struct cw_draft_input *input,
                 const char *channel, const char *product, struct cw_err *err);

/* Those keys of `attestors` that the pins of a set name. New reference. */
int cw_judge_keep_attestors(json_t **kept, const json_t *attestors, const json_t *releases,
                            struct cw_err *err);
/* Makes the attestations of a set's pins all that a channel's role signs; the caller adds the channel manifest.
 * What an earlier set named is then named by its manifest alone. */
int cw_judge_set_targets(json_t *body, const json_t *releases, struct cw_err *err);

/* The body of a release's manifest, staged or published; new reference. CW_E_NOTFOUND. */
int cw_judge_find_release(json_t **doc, const struct cw_state *state, const struct cw_stage *stage,
                          const char *product, const char *version, struct cw_err *err);

#endif
