/* SPDX-License-Identifier: ISC */
/*
 * A site's memory of one upstream's channels, which outlives TUF's own: after a key rotation TUF lets older
 * metadata in again, the memory does not. JSON, so that it can be kept as it is:
 *
 * {"channels": {name: {"serial", "sha256", "withdrawn": {product: {version: reason}}}},
 *  "versions": {product: {version: manifest sha256}}, "withdrawn": {product: {version: reason}}}
 * "channels" is what each of them said last; "versions" and the outer "withdrawn" are over all of them.
 */
#ifndef CW_RELEASE_MEMORY_H
#define CW_RELEASE_MEMORY_H

#include <jansson.h>

#include "base/err.h"
#include "release/channel.h"

/*
 * Pure: checks a channel manifest (whose bytes have `sha256`) against memory (NULL or {}: none yet) and gives
 * the memory as it would be afterwards; other members of memory are carried over. *after is owned by the
 * caller. CW_E_VERIFY: a lower serial, an equal serial with another hash, a serial one higher whose
 * `previous` is not the remembered hash, a version whose manifest hash changed, a withdrawal that the same
 * channel had and dropped, a pin on a version that any channel ever withdrew.
 */
int cw_memory_advance(json_t **after, const json_t *memory, const struct cw_channel *channel,
                      const char *sha256, struct cw_err *err);

#endif
