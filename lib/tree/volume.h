/* SPDX-License-Identifier: ISC */
/*
 * A bundle's volume list, volume-<k>.json: what lies on this medium, so that it can be checked alone, and SHA256SUMS, which says the same
 * to sha256sum(1).
 *
 * {"_type": "causeway-volume", "format": "1.0", "bundle": id, "index": k, "of": n, "created": time, "site"?: name, "channel", "serial",
 *  "roots": sha256 of the newest root, "files": [{"path", "length", "sha256"}]}     files sorted by path
 * bundle id: sha256 of the canonical JSON of all volumes' "files" and the other fields without "bundle", "index"; so that a changed
 * list shows.
 */
#ifndef CW_TREE_VOLUME_H
#define CW_TREE_VOLUME_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_VOLUME_TYPE "causeway-volume"
#define CW_VOLUME_FILE "volume-1.json"
#define CW_VOLUME_MAX ((size_t)16 << 20)

struct cw_volume_file { /* borrowed from the doc */
    const char *path, *sha256;
    uint64_t length;
};

struct cw_volume {
    json_t *doc;
    const char *bundle;
    int64_t index, of;
    struct cw_volume_file *files;
    size_t file_count;
};

/* Sets "bundle" in doc (all else filled in by the caller) and appends the text. */
int cw_volume_format(struct cw_buf *buf, json_t *doc, struct cw_err *err);
int cw_volume_parse(struct cw_volume *volume, const void *bytes, size_t len, struct cw_err *err);
void cw_volume_clear(struct cw_volume *volume);
/* "sha256  path\n" for every file of the list and for the list itself. */
int cw_volume_sums(struct cw_buf *buf, const struct cw_volume *volume, const char *list_sha256, struct cw_err *err);

#endif
