/* SPDX-License-Identifier: ISC */
/*
 * The list of files that a bundle is made of, before it is written. Inside sync/mirror only.
 */
#ifndef CW_SYNC_MIRROR_PARCEL_H
#define CW_SYNC_MIRROR_PARCEL_H

#include <jansson.h>

#include "crypt/hash.h"
#include "sync/mirror/load.h"

struct cw_parcel_file {
    char *path; /* in the mirror and in the bundle */
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    char *bytes; /* metadata comes along in memory; NULL: copied from the mirror */
};

struct cw_parcel {
    struct cw_parcel_file *files; /* sorted by path */
    size_t count;
    uint64_t bytes;
};

/* Everything that the loaded set needs, with the roots up to the one it entered under. */
int cw_parcel_collect(struct cw_parcel *parcel, int mirror, const struct cw_set *set,
                      const struct cw_tuf_update *update, const struct cw_mirror_memory *memory,
                      struct cw_err *err);
void cw_parcel_clear(struct cw_parcel *parcel);
const struct cw_parcel_file *cw_parcel_find(const struct cw_parcel *parcel,
                                            const char *path); /* NULL: not in it */
/* The "files" of a volume list. */
json_t *cw_parcel_list(const struct cw_parcel *parcel); /* NULL: no memory */

#endif
