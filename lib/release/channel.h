/* SPDX-License-Identifier: ISC */
/*
 * The channel manifest: a signed set of releases under a serial number, one exact release for each product. An ordinary TUF target
 * ("channels/<channel>/channel.json") signed by the channel's role. And the site's memory of a channel, which outlives TUF's own.
 *
 * {"_type": "causeway-channel", "format": "1.0", "channel", "serial": n, "published": time, "previous": sha256 of the
 *  predecessor (absent for serial 1), "releases": {product: {"version", "sha256", "length", "promoted": time}},
 *  "withdrawn": {product: {version: reason}} or absent}
 */
#ifndef CW_RELEASE_CHANNEL_H
#define CW_RELEASE_CHANNEL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_CHANNEL_TYPE "causeway-channel"
#define CW_CHANNEL_MAX ((size_t)1 << 20)
#define CW_SERIAL_MAX INT64_C(9007199254740991)

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
    const json_t *withdrawn; /* NULL: none */
};

int cw_channel_parse(struct cw_channel *channel, const void *bytes, size_t len, struct cw_err *err);
void cw_channel_clear(struct cw_channel *channel);
const struct cw_pin *cw_channel_pin(const struct cw_channel *channel, const char *product); /* NULL: not in the set */
/* The reason a version was withdrawn, or NULL. */
const char *cw_channel_withdrawn(const struct cw_channel *channel, const char *product, const char *version);

/*
 * What a site remembers of one upstream, as JSON so that it can be kept as it is:
 * {"channels": {name: {"serial", "sha256"}}, "versions": {product: {version: manifest sha256}}, "withdrawn": {product: {version: reason}}}
 * Pure: checks a channel manifest (whose bytes have `sha256`) against memory and gives the memory as it would be afterwards.
 * CW_E_VERIFY: a lower serial, an equal serial with another hash, a serial one higher whose `previous` is not the remembered hash,
 * a version whose manifest hash changed, a withdrawal undone.
 */
int cw_memory_advance(json_t **after, const json_t *memory, const struct cw_channel *channel, const char *sha256, struct cw_err *err);

/* requires of every release are met from the channel's own set; CW_E_VERIFY names product, what it needs and what the set has.
 * requires: object product → range of the release pinned for `product`. */
int cw_channel_check_requires(const struct cw_channel *channel, const char *product, const json_t *requires, struct cw_err *err);

#endif
