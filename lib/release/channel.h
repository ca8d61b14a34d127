/* SPDX-License-Identifier: ISC */
/*
 * The channel manifest: a signed set of releases under a serial number, one exact release for each product.
 * An ordinary TUF target ("channels/<channel>/channel.json") signed by the channel's role.
 *
 * {"_type": "causeway-channel", "format": "1.0", "channel", "serial": n, "published": time,
 *  "previous": sha256 of the predecessor (absent for serial 1, and only there),
 *  "releases": {product: {"version", "sha256", "length", "promoted": time,
 *               "demanded": [{"predicate", "threshold", "keys": [keyid]}], "attestations":
 *               [{"path", "sha256", "length", "predicate": type, "signers": [keyid]}]}},
 *  "attestors": {keyid: a key as in TUF's metadata},
 *  "withdrawn": {product: {version: reason}} or absent}
 * "demanded" and "attestations" may be absent: what the channel demanded of the release when it entered, and the
 * envelopes that met it, targets of the channel's role ("channels/<channel>/<file>"). A demand's predicate is a
 * type or a short name; without keys (threshold 0) the release's own SBOM met it.
 * Unknown members are kept in doc and ignored: later versions of format 1 may add some.
 */
#ifndef CW_RELEASE_CHANNEL_H
#define CW_RELEASE_CHANNEL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_CHANNEL_TYPE "causeway-channel"
#define CW_CHANNEL_FILE "channel.json"
#define CW_CHANNEL_MAX ((size_t)1 << 20) /* bytes; some 5000 products, or 800 with three attestations */
#define CW_SERIAL_MAX INT64_C(9007199254740991) /* what every JSON reader can hold exactly */

#define CW_ATTESTATION_MAX ((size_t)16 << 20) /* bytes of one: an envelope's maximum */
#define CW_ATTESTATIONS_MAX 64                /* of one release: some for each platform */
#define CW_PREDICATE_TEXT_MAX 256

struct cw_attestation { /* borrowed from the channel's doc */
    const char *path;   /* target path */
    const char *sha256, *predicate;
    uint64_t length;
};

struct cw_pin { /* borrowed from the channel's doc */
    const char *product, *version;
    const char *sha256; /* of the release manifest */
    uint64_t length;
    int64_t promoted; /* seconds since 1970 */
    const struct cw_attestation *attestations;
    size_t attestation_count;
};

struct cw_channel {
    json_t *doc; /* owned */
    const char *channel;
    int64_t serial;
    int64_t published;
    const char *previous; /* NULL: none */
    struct cw_pin *pins;  /* sorted by product */
    size_t pin_count;
    struct cw_attestation *attestations; /* of all pins */
    size_t attestation_count;
    const json_t *withdrawn; /* object; NULL: none */
};

/* Parses and checks everything that the document alone can tell: names, versions, hashes, no two products
 * equal but for case, none named like the channel, no release in the set that the same document withdraws, no
 * attestation outside of the channel's folder or named twice.
 * CW_E_VERIFY. */
int cw_channel_parse(struct cw_channel *channel, const void *bytes, size_t len, struct cw_err *err);
void cw_channel_clear(struct cw_channel *channel); /* harmless on a zeroed struct */
const struct cw_pin *cw_channel_pin(const struct cw_channel *channel,
                                    const char *product); /* NULL: not in the set */
/* The reason a version was withdrawn, or NULL. */
const char *cw_channel_withdrawn(const struct cw_channel *channel, const char *product, const char *version);

/* requires of every release are met from the channel's own set; CW_E_VERIFY names product, what it needs and
 * what the set has. requires: object product → range of the release pinned for `product`; NULL: none. */
int cw_channel_check_requires(const struct cw_channel *channel, const char *product, const json_t *requires,
                              struct cw_err *err);

#endif
