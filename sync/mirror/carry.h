/* SPDX-License-Identifier: ISC */
/*
 * What a bundle carries: which files, by which way, and on which volume each lies. Part of export.
 *
 * Roots, metadata and manifests go on every volume, so that each can be verified alone. Any other file goes once: whole;
 * or, where all who lack it can make it from what they hold, as deltas with the hint that lists them; or, where it is
 * too large for a medium, in parts; or, where there are many small ones, in a pack.
 */
#ifndef CW_SYNC_MIRROR_CARRY_H
#define CW_SYNC_MIRROR_CARRY_H

#include <limits.h>

#include "closure/closure.h"
#include "sync/mirror/held.h"
#include "tree/volume.h"

/* FAT32 holds no larger file. */
#define CW_FAT_FILE_MAX ((UINT64_C(4) << 30) - 1)
/* A volume's list holds so many files for sure. */
#define CW_CARRY_VOLUME_FILES 40000
#define CW_CARRY_DELTAS_MAX 16 /* from different files to one */

/* Small files: for each a medium needs a cluster, an entry for a long name and a few writes in scattered places, and FAT finds a
 * name in a folder only by looking at all. So many of them go in packs. Fewer stay as they are, for a tree of plain files is
 * what other programs read. */
#define CW_PACK_FILE_MAX (UINT64_C(128) << 10)
#define CW_PACK_FILES_MIN 64
#define CW_PACK_MAX (UINT64_C(32) << 20) /* what one changed bit costs, and what a reader's cache must hold */

#define CW_CARRY_NOWHERE UINT_MAX /* the volume of a file that is not needed after all */

enum cw_way {
    CW_WAY_HELD,       /* not at all: who wants it has it */
    CW_WAY_WHOLE,      /* as it is, perhaps in parts */
    CW_WAY_DELTA,      /* from files that the sites hold */
    CW_WAY_COMPRESSED, /* a delta from the empty file */
};
const char *cw_way_name(enum cw_way way);

struct cw_carry_file {
    char *path; /* in the bundle; owned */
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    char *from;      /* the file in the mirror that it is (a part of); NULL: bytes; owned */
    uint64_t offset; /* where in that file, or in its pack, it begins */
    bool part;
    size_t pack;     /* it lies in this one: its index + 1; 0: it is a file of the medium */
    size_t *members; /* of a pack: indices of what lies in it, in their order; owned */
    size_t member_count;
    char *bytes; /* of a hint, which is made for the bundle; owned */
    enum cw_closure_stage stage;
    unsigned volume; /* from 1; 0: on every one */
};

struct cw_carry_unit {                  /* one file of the set that is no manifest */
    const struct cw_closure_file *file; /* borrowed from the closure */
    enum cw_way way;
    char from[CW_CARRY_DELTAS_MAX][CW_SHA256_TEXT]; /* where the deltas start from */
    size_t delta_count;
    size_t twin; /* another unit before it has the same content and serves it too: its index + 1; else 0 */
    size_t first, count;    /* its files in the carry, before parts are made of them */
    uint64_t bytes;         /* of these */
    unsigned volume, parts; /* the first volume that it lies on, and how many parts (0: none) */
};

struct cw_carry {
    struct cw_carry_file *files; /* each volume's in the order of writing */
    size_t count, room;
    struct cw_carry_unit *units;
    size_t unit_count;
    unsigned of; /* volumes */
};

/* Everything of the closure (sorted) that somebody lacks. With receipts deltas are made in the mirror's deltas/, where
 * they are found again by the next export; that is most of its time. */
int cw_carry_make(struct cw_carry *carry, const struct cw_closure *all, const struct cw_held *held,
                  int mirror, const struct cw_cli *cli, struct cw_err *err);
/* Puts each file on a volume of `size` bytes (0: one volume of any size), no file longer than file_max (0: any). Pure,
 * the same for the same files. CW_E_USAGE: the volumes are too small, or too many. */
int cw_carry_spread(struct cw_carry *carry, uint64_t size, uint64_t file_max, struct cw_err *err);
/* Reads what is cut into parts or packed, for the hashes of parts and packs, which give packs their names. */
int cw_carry_measure(struct cw_carry *carry, int mirror, const struct cw_cli *cli, struct cw_err *err);
void cw_carry_clear(struct cw_carry *carry);

bool cw_carry_is_on(const struct cw_carry_file *file, unsigned volume);
uint64_t cw_carry_bytes(const struct cw_carry *carry, unsigned volume, uint64_t *files);

/* packs.c: are there so many small files that they are packed? */
bool cw_pack_wanted(const struct cw_carry *carry);
bool cw_pack_fits(const struct cw_carry *carry, const struct cw_carry_unit *unit);
/* Puts a file into *pack, the index + 1 of one on that volume; into a new one where it is 0 or full. */
int cw_pack_add(size_t *pack, struct cw_carry *carry, size_t file, unsigned volume, struct cw_err *err);
/* All bytes of a pack. CW_E_VERIFY: a file in the mirror is damaged. */
typedef int cw_pack_sink(void *ctx, const void *data, size_t len, struct cw_err *err);
int cw_pack_read(const struct cw_carry *carry, const struct cw_carry_file *pack, int mirror,
                 cw_pack_sink *sink, void *ctx, struct cw_err *err);
/* What the list says that it holds; NULL: no memory. */
json_t *cw_pack_holds(const struct cw_carry *carry, const struct cw_carry_file *pack);

/* ways.c: fills way and from of each unit. */
int cw_carry_choose_ways(struct cw_carry *carry, const struct cw_held *held, int mirror,
                         const struct cw_cli *cli, struct cw_err *err);
/* A new file at the end of the list; volume 0. Texts are copied. */
int cw_carry_add(struct cw_carry_file **file, struct cw_carry *carry, const char *path, const char *sha256,
                 uint64_t length, enum cw_closure_stage stage, struct cw_err *err);

#endif
