/* SPDX-License-Identifier: ISC */
/*
 * One volume of a bundle, written into its folder in an order in which it never looks complete before it is: files,
 * metadata, timestamp, SHA256SUMS, and last the list. Every byte that leaves the mirror is hashed on the way, so that a
 * damaged mirror is never carried on. Part of export.
 */
#ifndef CW_SYNC_MIRROR_VOLUME_WRITE_H
#define CW_SYNC_MIRROR_VOLUME_WRITE_H

#include "fs/commit.h"
#include "sync/mirror/carry.h"

struct cw_volume_write {
    int mirror, to;    /* open folders; borrowed */
    const char *where; /* `to`, for messages */
    int64_t index;
    bool replace;
    const struct cw_buf *list;          /* the text of the volume's list */
    const struct cw_carry *carry;       /* borrowed */
    const struct cw_carry_file **files; /* of this volume, in the order of writing; owned */
    const struct cw_carry_file **by_path;
    size_t count;
    struct cw_batch batch;
    uint64_t batch_bytes;
    struct cw_progress *progress;
    uint64_t written; /* bytes */
    char *block;
};

/* Its files out of the carry. */
int cw_volume_write_init(struct cw_volume_write *write, const struct cw_carry *carry, int64_t index,
                         struct cw_err *err);
void cw_volume_write_clear(struct cw_volume_write *write);
/* The "files" of its list; NULL: no memory. */
json_t *cw_volume_write_files(const struct cw_volume_write *write);

/* May this folder become the volume? Removes what was half written, and with `replace` another bundle; CW_E_USAGE else. */
int cw_volume_write_open(struct cw_volume_write *write, struct cw_err *err);
/* Bytes that are missing in the folder. */
uint64_t cw_volume_write_need(const struct cw_volume_write *write);
/* Writes what is missing or bad, and the list; all of it is durable afterwards. */
int cw_volume_write_run(struct cw_volume_write *write, struct cw_err *err);

/* What only bundles have at these places of a folder. */
bool cw_volume_is_part(const char *path);

#endif
