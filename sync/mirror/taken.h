/* SPDX-License-Identifier: ISC */
/*
 * Which volumes of which bundles were taken in while a set is not complete yet, and what is still to come.
 *
 * upstreams/<name>/bundles.json: {"_type": "causeway-bundles", "format": "1.0",
 *  "bundles": [{"bundle": id, "created", "channel", "serial", "of": n, "volumes": [k],
 *               "unusable"?: the path of a file to which a volume has only deltas from what is not here,
               "damaged"?: hashes of files that such a delta starts from and that are damaged here}]},
 *  the one looked at last at the end
 * For messages, and for the next receipt: what is held is seen from the mirror. It is dropped when a set is complete.
 */
#ifndef CW_SYNC_MIRROR_TAKEN_H
#define CW_SYNC_MIRROR_TAKEN_H

#include <jansson.h>

#include "sync/site.h"
#include "tree/volume.h"

/* CW_E_NOTFOUND: nothing waits. The caller owns *doc. */
int cw_taken_load(json_t **doc, const struct cw_site *site, const struct cw_upstream *upstream,
                  struct cw_err *err);
/* Notes a volume of which every file was read and was good; durable. unusable, damaged: as above, or NULL. */
int cw_taken_add(const struct cw_volume *volume, const char *unusable, json_t *damaged,
                 const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err);
int cw_taken_clear(const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err);

/* "volumes 1 and 2" of those that an entry of "bundles" lacks; "" if none. */
void cw_taken_missing(struct cw_buf *text, const json_t *bundle);

#endif
