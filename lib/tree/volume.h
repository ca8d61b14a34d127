/* SPDX-License-Identifier: ISC */
/*
 * A bundle's volume list, volume-<k>.json: what lies on this medium, so that it can be checked alone, and
 * SHA256SUMS, which says the same to sha256sum(1).
 *
 * {"_type": "causeway-volume", "format": "1.0", "bundle": id, "index": k, "of": n, "created": time,
 *  "site"?: name, "channel", "serial", "roots": sha256 of the newest root,
 *  "lists": [sha256 of the canonical JSON of each volume's "files", n of them],
 *  "files": [{"path", "length", "sha256"}]}
 * Files are sorted by path, neither the list itself nor SHA256SUMS among them. The bundle id is the sha256 of
 * the canonical JSON of everything but "bundle", "index" and "files". So all volumes of a bundle have one id,
 * and a list that was changed shows on its own volume, without the others.
 */
#ifndef CW_TREE_VOLUME_H
#define CW_TREE_VOLUME_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_VOLUME_TYPE "causeway-volume"
#define CW_VOLUME_FILE "volume-1.json"
#define CW_VOLUME_SUMS "SHA256SUMS"
#define CW_VOLUME_MAX ((size_t)16 << 20) /* bytes of a list: some 80,000 files */
#define CW_VOLUMES_MAX 999               /* media of one bundle: more than anybody carries */

struct cw_volume_file { /* borrowed from the doc */
    const char *path, *sha256;
    uint64_t length;
};

struct cw_volume {
    json_t *doc; /* owned */
    const char *bundle;
    int64_t index, of;
    struct cw_volume_file *files;
    size_t file_count;
};

/* Sets "bundle" in doc (all else filled in by the caller; "lists" too where "of" is not 1) and appends the
 * text, which cw_volume_parse takes. */
int cw_volume_format(struct cw_buf *buf, json_t *doc, struct cw_err *err);
/* Checks the list against itself: order, paths, its own hash in "lists", the bundle id. CW_E_VERIFY. */
int cw_volume_parse(struct cw_volume *volume, const void *bytes, size_t len, struct cw_err *err);
void cw_volume_clear(struct cw_volume *volume);
/* "sha256  path\n" for every file of the list and, last, for the list itself. */
int cw_volume_sums(struct cw_buf *buf, const struct cw_volume *volume, const char *list_sha256,
                   struct cw_err *err);

#endif
