/* SPDX-License-Identifier: ISC */
/*
 * One medium of a bundle: its list held against its files while they are read. Part of source.c; see
 * tree/volume.h for the list itself.
 */
#ifndef CW_SYNC_MIRROR_MEDIUM_H
#define CW_SYNC_MIRROR_MEDIUM_H

#include <stdbool.h>

#include "tree/volume.h"

struct cw_medium {
    struct cw_volume volume;
    bool *read;    /* for each file of the list: was it read and found good? */
    uint64_t rest; /* bytes of those not read yet */
};

/* Reads the list of a volume, and SHA256SUMS where it is of that list: where several volumes were copied into one
 * folder, it is that of the last. index 0: the only volume. CW_E_NOTFOUND: no list here, so no bundle. */
int cw_medium_open(struct cw_medium *medium, int dir, int64_t index, struct cw_err *err);
void cw_medium_clear(struct cw_medium *medium);

/* The list's entry for a path, as an index; CW_E_NOTFOUND. */
int cw_medium_find(size_t *index, const struct cw_medium *medium, const char *path, struct cw_err *err);
/* The file was read to its end and has this hash and length: notes it, or refuses it. */
int cw_medium_judge(struct cw_medium *medium, size_t index, const char *sha256, uint64_t length,
                    struct cw_err *err);
/* The same for what lies in a pack; that was read before, so it is only judged. */
int cw_medium_judge_packed(const struct cw_medium *medium, const struct cw_volume_packed *packed,
                           const char *sha256, uint64_t length, struct cw_err *err);

#endif
