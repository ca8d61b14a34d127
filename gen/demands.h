/* SPDX-License-Identifier: ISC */
/*
 * What causeway.json says of gates: which attestations each channel demands of a release before it enters, and the
 * public keys whose word counts. They are no keys of the repository; test benches, builders and auditors have
 * them. One file holds both, so that a demand and its keys change in one step.
 *
 * "channels": {channel: {"attestations": [{"predicate": short name or type, "keys": [name], "threshold": n}]}}
 * "attestors": {name: {"keytype", "scheme", "keyval": {"public"}} as in TUF's metadata}
 * A demand without keys is for "sbom" only: the release itself must carry one. "threshold" is 1 when absent: so
 * many different keys must vouch for every artifact.
 */
#ifndef CW_GEN_DEMANDS_H
#define CW_GEN_DEMANDS_H

#include <jansson.h>
#include <stddef.h>

#include "crypt/hash.h"
#include "crypt/verify.h"
#include "gen/config.h"

#define CW_DEMANDS_MAX 16     /* of one channel */
#define CW_DEMAND_KEYS_MAX 16 /* of one demand: each is tried on each attestation */

struct cw_demand {         /* texts borrowed from the configuration */
    const char *predicate; /* a short name of doc/statement.h, or a type */
    size_t threshold;      /* 0: the release itself must have it; see above */
    const char *names[CW_DEMAND_KEYS_MAX];
    const json_t *objects[CW_DEMAND_KEYS_MAX];
    char ids[CW_DEMAND_KEYS_MAX][CW_SHA256_TEXT]; /* TUF's keyids */
    struct cw_public *keys[CW_DEMAND_KEYS_MAX];   /* owned; no two are one key */
    size_t key_count;
};

struct cw_demands {
    struct cw_demand items[CW_DEMANDS_MAX];
    size_t count; /* 0: the channel demands nothing */
};

/* Checks both members of the file (NULL: absent): names, predicates, no predicate twice, thresholds that can be
 * met, keys that are known, well-formed and different. CW_E_VERIFY. */
int cw_demands_check(const json_t *channels, const json_t *attestors, struct cw_err *err);

/* What a channel demands, from a configuration that was checked. */
int cw_demands_load(struct cw_demands *demands, const struct cw_config *config, const char *channel,
                    struct cw_err *err);
void cw_demands_clear(struct cw_demands *demands); /* harmless on a zeroed struct */
#define CW_AUTO_DEMANDS __attribute__((cleanup(cw_demands_clear))) struct cw_demands

/* Changes in memory; cw_config_store() keeps them. `demand` is an object as above, in the place of an earlier one
 * for the same predicate. */
int cw_demands_set(struct cw_config *config, const char *channel, json_t *demand, struct cw_err *err);
/* CW_E_NOTFOUND when the channel makes no such demand. Keys that no demand names any more go too. */
int cw_demands_remove(struct cw_config *config, const char *channel, const char *predicate,
                      struct cw_err *err);
/* Names a key. CW_E_FAIL when the name is another key's. */
int cw_demands_add_key(struct cw_config *config, const char *name, const json_t *object, struct cw_err *err);

#endif
