/* SPDX-License-Identifier: ISC */
/*
 * Packing a folder into a tar that depends on nothing but what lies in the folder: members sorted by the bytes
 * of their names, owner 0, one time for all, modes, symbolic and hard links kept, in GNU's format, which has
 * the same bytes in every locale. What a site would refuse to unpack is refused here. Compressed ones depend on
 * the compressor's version too.
 *
 * Memory does not grow with the folder, but for one path for each file that has several names.
 */
#ifndef CW_CODEC_PACK_H
#define CW_CODEC_PACK_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

enum cw_pack_filter { CW_PACK_PLAIN, CW_PACK_GZIP, CW_PACK_ZSTD };

/* What a look at a folder saw. */
struct cw_pack_sum {
    uint64_t entries;
    uint64_t bytes; /* of all files, for a progress bar; hard links counted as often as they are named */
    uint64_t print; /* of all names, sizes, modes and times: differs when anything was changed */
};

/* Something in the folder cannot be packed. path is quoted for people already. */
typedef void cw_pack_wrong_fn(void *ctx, const char *path, const char *what);
/* Looks at everything, and names all that is wrong. An error is only what stops the looking: a folder that
 * cannot be read. */
int cw_pack_look(struct cw_pack_sum *sum, int dir, cw_pack_wrong_fn *wrong, void *ctx, struct cw_err *err);

/* Takes some bytes of the tar. */
typedef int cw_pack_write_fn(void *ctx, const void *data, size_t len, struct cw_err *err);

/* Packs the folder. CW_E_VERIFY naming what cannot be packed, or what changed since `before`, a look at it; a
 * folder that changed has been written out by then. `what` names the folder in errors. */
int cw_pack(int dir, const char *what, const struct cw_pack_sum *before, int64_t mtime,
            enum cw_pack_filter filter, cw_pack_write_fn *write, void *ctx, struct cw_err *err);

#endif
