/* SPDX-License-Identifier: ISC */
/*
 * The channel manifest: a signed set of releases under a serial number, one exact release for each product.
 * An ordinary TUF target ("channels/<channel>/channel.json") signed by the channel's role.
 *
 * {"_type": "causeway-channel", "format": "1.0", "channel", "serial": n, "published": time,
 *  "previous": sha256 of the predecessor (absent for serial 1, and only there),
 *  "releases": {product: {"version", "sha256", "length", "promoted": time}},
 *  "withdrawn": {product: {version: reason}} or absent}
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
#define CW_CHANNEL_MAX ((size_t)1 << 20)        /* bytes; some 5000 products */
#define CW_SERIAL_MAX INT64_C(9007199254740991) /* what every JSON reader can hold exactly */

struct cw_pin { /* borrowed from the channel's doc */
    const char *product, *version;
    const char *sha256; /* of the release manifest */
    uint64_t length;
    int64_t promoted; /* seconds since 1970 */
};

struct cw_channel {
    json_t *doc; /* owned */
    const char *channel;
    int64_t serial;
    int64_t published;
    const char *previous; /* NULL: none */
    struct cw_pin *pins;  /* sorted by product */
    size_t pin_count;
    const json_t *withdrawn; /* object; NULL: none */
};

/* Parses and checks everything that the document alone can tell: names, versions, hashes, no two products
 * equal but for case, none named like the channel, no release in the set that the same document withdraws.
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
