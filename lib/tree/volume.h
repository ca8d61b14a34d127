/* SPDX-License-Identifier: ISC */
/*
 * A bundle's volume list, volume-<k>.json: what lies on this medium, so that it can be checked alone, and
 * SHA256SUMS, which says the same to sha256sum(1).
 *
 * {"_type": "causeway-volume", "format": "1.0", "bundle": id, "index": k, "of": n, "created": time,
 *  "site"?: name, "channel", "serial", "roots": sha256 of the newest root,
 *  "for"?: [{"site", "identity": its keyid, "counter"}], the receipts that the bundle was made for,
 *  "since"?: the serial that it was made for, "volumes"?: [{"files", "bytes"}], n of them,
 *  "lists": [sha256 of the canonical JSON of each volume's "files", n of them],
 *  "files": [{"path", "length", "sha256", "holds"?: [{"path", "length", "sha256", "offset"}]}]}
 * Files are sorted by path, neither the list itself nor SHA256SUMS among them. The bundle id is the sha256 of
 * the canonical JSON of everything but "bundle", "index" and "files". So all volumes of a bundle have one id,
 * and a list that was changed shows on its own volume, without the others.
 *
 * A file that does not fit on one medium, or that its filesystem cannot hold, lies in parts on one or more volumes:
 * parts/<sha256 of the file>/<offset, 16 digits>. Their bytes, in the order of these names, are the file.
 *
 * Where there are many small files they lie in packs, packs/<sha256 of the pack>.tar: plain tar archives, whose members have
 * the names that the files would have on the medium, so that unpacking them there makes the tree of it. What a pack "holds",
 * and where its bytes begin, is said in its order.
 */
#ifndef CW_TREE_VOLUME_H
#define CW_TREE_VOLUME_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/hash.h"

#define CW_VOLUME_TYPE "causeway-volume"
#define CW_VOLUME_FILE "volume-1.json" /* where there is only one */
#define CW_VOLUME_NAME_MAX 32          /* bytes of "volume-999.json" and more */
#define CW_VOLUME_PARTS "parts"
#define CW_VOLUME_PACKS "packs"
#define CW_VOLUME_SUMS "SHA256SUMS"
#define CW_VOLUME_INDEX "index.html" /* pages for people, not in the list: they tell of the list */
#define CW_VOLUME_CARRY "carry.html"
#define CW_VOLUME_MAX ((size_t)16 << 20) /* bytes of a list: some 65,000 files */
#define CW_VOLUMES_MAX 999               /* media of one bundle: more than anybody carries */

#define CW_VOLUME_RECEIPTS_MAX 256 /* sites that one bundle is made for */

struct cw_volume_file { /* borrowed from the doc */
    const char *path, *sha256;
    uint64_t length;
};

struct cw_volume_packed { /* a file within one of the files */
    struct cw_volume_file file;
    uint64_t offset;
    size_t pack; /* index of that */
};

struct cw_volume {
    json_t *doc; /* owned */
    const char *bundle;
    int64_t index, of;
    struct cw_volume_file *files;
    size_t file_count;
    struct cw_volume_packed *packed; /* sorted by path */
    size_t packed_count;
};

/* Sets "bundle" in doc (all else filled in by the caller; "lists" too where "of" is not 1) and appends the
 * text, which cw_volume_parse takes. */
int cw_volume_format(struct cw_buf *buf, json_t *doc, struct cw_err *err);
/* Checks the list against itself: order, paths, its own hash in "lists", the bundle id. CW_E_VERIFY. */
int cw_volume_parse(struct cw_volume *volume, const void *bytes, size_t len, struct cw_err *err);
void cw_volume_clear(struct cw_volume *volume);
/* The file of that path on the medium, and the one in a pack; NULL: there is none. Borrowed. */
const struct cw_volume_file *cw_volume_find(const struct cw_volume *volume, const char *path);
const struct cw_volume_packed *cw_volume_find_packed(const struct cw_volume *volume, const char *path);
/* Does it have the file, in either way? */
bool cw_volume_carries(const struct cw_volume *volume, const char *path);
/* The hash of one volume's "files", as it stands in "lists". */
int cw_volume_hash(char sha256[CW_SHA256_TEXT], const json_t *files, struct cw_err *err);
/* "volume-<index>.json", and "volume-<index>": the folder that a volume is written into beside others. */
void cw_volume_name(char name[CW_VOLUME_NAME_MAX], int64_t index);
void cw_volume_folder(char name[CW_VOLUME_NAME_MAX], int64_t index);
/* Which lists lie directly in the folder `path` beneath dir ("" is dir itself): their numbers, ascending. */
int cw_volume_look(int64_t indices[CW_VOLUMES_MAX], size_t *count, int dir, const char *path,
                   struct cw_err *err);
/* "sha256  path\n" for every file of the list and, last, for the list itself. */
int cw_volume_sums(struct cw_buf *buf, const struct cw_volume *volume, const char *list_sha256,
                   struct cw_err *err);

/* volume_packed.c, for cw_volume_parse: what the packs hold. */
int cw_volume_parse_packed(struct cw_volume *volume, const json_t *files, struct cw_err *err);
/* An entry of "files", or of "holds". */
int cw_volume_parse_file(struct cw_volume_file *file, const json_t *obj, struct cw_err *err);

#endif
