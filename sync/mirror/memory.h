/* SPDX-License-Identifier: ISC */
/*
 * What a site remembers of one upstream beside its trusted roots: the channels' memory (release/channel.h),
 * the time floor, and which set has entered. It is one file, replaced in one step, because that step is what
 * commits a pull (see pull.c): the timestamp in here, not the one in the mirror, says which set the site
 * holds.
 *
 * upstreams/<name>/memory.json: {"_type": "causeway-memory", "format": "1.0", "memory": {…},
 *  "floor"?: time, "pending"?: time,
 *  "entered"?: {"root": n, "timestamp": the bytes of timestamp.json as text}}
 */
#ifndef CW_SYNC_MIRROR_MEMORY_H
#define CW_SYNC_MIRROR_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/site.h"

#define CW_MIRROR_MEMORY_TYPE "causeway-memory"
#define CW_MIRROR_MEMORY_MAX ((size_t)16 << 20) /* some 150,000 versions; more needs another form */
/* Seconds that the floor may rise at once: a year and a holiday. */
#define CW_FLOOR_JUMP_MAX (INT64_C(400) * 24 * 60 * 60)

struct cw_mirror_memory {
    json_t *channels; /* as cw_memory_advance() takes it; never NULL after load; owned */
    int64_t floor;    /* no honest clock is below it; 0: none yet */
    int64_t pending;  /* a floor that waits for `clock confirm`; 0: none */
    int64_t root;     /* version of the root under which the set entered; 0: no set has */
    char *timestamp;  /* the entered set's timestamp.json, as received; NULL: none; owned */
    size_t timestamp_len;
};

/* Nothing remembered yet is a success with nothing in it. */
int cw_mirror_memory_load(struct cw_mirror_memory *memory, const struct cw_site *site,
                          const struct cw_upstream *upstream, struct cw_err *err);
/* Durable, in one step. */
int cw_mirror_memory_commit(const struct cw_mirror_memory *memory, const struct cw_site *site,
                            const struct cw_upstream *upstream, struct cw_err *err);
void cw_mirror_memory_clear(struct cw_mirror_memory *memory);
#define CW_AUTO_MEMORY __attribute__((cleanup(cw_mirror_memory_clear))) struct cw_mirror_memory

/* Takes over a set: its root's version and a copy of its timestamp. */
int cw_mirror_memory_enter(struct cw_mirror_memory *memory, int64_t root, const void *timestamp, size_t len,
                           struct cw_err *err);

/* A timestamp role published at `published` was verified: the floor rises to it, never past `expires`. A rise
 * of more than CW_FLOOR_JUMP_MAX (measured from the floor, or from now where there is none) waits as
 * `pending`. Pure. */
void cw_mirror_memory_raise(struct cw_mirror_memory *memory, int64_t published, int64_t expires, int64_t now);

#endif
