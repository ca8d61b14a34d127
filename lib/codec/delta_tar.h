/* SPDX-License-Identifier: ISC */
/*
 * Where the members of a tar archive lie, and what they are called: enough to guess which belong together.
 * Part of delta_pair.c.
 */
#ifndef CW_CODEC_DELTA_TAR_H
#define CW_CODEC_DELTA_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What two names may have in common, closest first. */
enum cw_delta_likeness {
    CW_DELTA_PATH,
    CW_DELTA_FOLDER_BUT_DIGITS, /* the last part alike, the folders but for their digits */
    CW_DELTA_PATH_BUT_DIGITS,
    CW_DELTA_NAME_BUT_DIGITS, /* the last part, but for its digits, in whatever folder */
    CW_DELTA_LIKENESSES
};

struct cw_delta_member {
    uint64_t at, len; /* with its headers and the padding */
    /* Hashes. Two names may have the same by accident: then two strangers are compared, and little is
     * found. */
    uint64_t name[CW_DELTA_LIKENESSES];
};

struct cw_delta_members {
    struct cw_delta_member *list; /* owned; in order, without gaps: together they are the file */
    size_t count, room;
};

/* The whole of what is not a tar archive is one member without a name, and so is what comes behind the
 * last. */
int cw_delta_tar_list(struct cw_delta_members *members, const uint8_t *data, uint64_t len,
                      struct cw_err *err);
int cw_delta_members_add(struct cw_delta_members *members, const struct cw_delta_member *m,
                         struct cw_err *err);
void cw_delta_members_clear(struct cw_delta_members *members);

#endif
