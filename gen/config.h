/* SPDX-License-Identifier: ISC */
/*
 * causeway.json: what the publisher chose at init and may edit later. It holds nothing that the signed
 * metadata says too (keys, thresholds, channels, versions): those are read from the tree, so that the two
 * cannot disagree.
 *
 * {"_type": "causeway-repository", "format": "1.0", "plain_keys": false,
 *  "expires": {"root": "365d", "targets": …, "product": …, "channel": …, "snapshot": …, "timestamp": …},
 *  "deltas": 3,    how many releases back; may be absent
 *  "channels": {…}, "attestors": {…}    what channels demand of releases: gen/demands.h; may be absent}
 */
#ifndef CW_GEN_CONFIG_H
#define CW_GEN_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CW_CONFIG_FILE "causeway.json"
#define CW_CONFIG_TYPE "causeway-repository"
#define CW_CONFIG_MAX                                                                                        \
    ((size_t)256 << 10) /* bytes; a few hundred are usual, and a key of RSA has a thousand */

#define CW_CONFIG_DELTAS_MAX 64 /* a hint has room for deltas from some two hundred files */

/* The kinds of roles that have a life time of their own, in the order they are shown. */
enum cw_life {
    CW_LIFE_ROOT,
    CW_LIFE_TARGETS,
    CW_LIFE_PRODUCT,
    CW_LIFE_CHANNEL,
    CW_LIFE_SNAPSHOT,
    CW_LIFE_TIMESTAMP,
    CW_LIFE_COUNT
};

struct cw_config {
    int64_t expires[CW_LIFE_COUNT]; /* seconds that a signature of that kind of role is good for */
    bool plain_keys;                /* new secret keys are not encrypted */
    uint64_t deltas;                /* from how many earlier releases of a channel deltas are made; 0: none */
    json_t *channels, *attestors;   /* objects as the file has them, checked; owned; NULL: absent */
};

void cw_config_init(struct cw_config *config);
void cw_config_clear(struct cw_config *config); /* harmless on a zeroed struct */
int cw_config_load(struct cw_config *config, int dir, struct cw_err *err);
/* Of an option: CW_E_USAGE for more than CW_CONFIG_DELTAS_MAX. */
int cw_config_check_deltas(uint64_t deltas, struct cw_err *err);
/* Writes the file, durable. `path` is beneath dir. */
int cw_config_store(const struct cw_config *config, int dir, const char *path, struct cw_err *err);

#endif
