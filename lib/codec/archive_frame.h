/* SPDX-License-Identifier: ISC */
/*
 * The frames between the two halves of reading an archive: from the confined child, which parses, to its
 * parent, which creates. Both are the same program, so a frame is this struct as it lies in memory, followed
 * by bytes:
 *
 *     FILE, FOLDER           name_len bytes: the path, without NUL; then owner_len bytes: whose it is
 *     LINK, HARD             the path, the owner, then link_len bytes: where it points (HARD: an earlier
 *                            member's path)
 *     XATTR                  name_len bytes: an attribute of the last FILE, then size bytes: its value
 *     DATA                   size bytes of the last FILE's (or HARD's) content, at most CW_FRAME_DATA_MAX
 *     COPY                   nothing: size bytes of the content stand at `offset` of the archive itself
 *     ZEROS                  nothing: size bytes of the content are zero
 *     REFUSED                name_len bytes: why the child goes no further
 *     END                    nothing; no frame comes behind it
 */
#ifndef CW_CODEC_ARCHIVE_FRAME_H
#define CW_CODEC_ARCHIVE_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CW_FRAME_DATA_MAX ((size_t)64 * 1024)
#define CW_FRAME_XATTR_MAX ((size_t)64 * 1024) /* as the kernel has it */

enum cw_frame_type {
    CW_FRAME_FILE = 'f',
    CW_FRAME_FOLDER = 'd',
    CW_FRAME_LINK = 's',
    CW_FRAME_HARD = 'h',
    CW_FRAME_XATTR = 'x',
    CW_FRAME_DATA = 'D',
    CW_FRAME_COPY = 'C',
    CW_FRAME_ZEROS = 'Z',
    CW_FRAME_REFUSED = 'X',
    CW_FRAME_END = 'E',
};

struct cw_frame {
    uint8_t type;
    uint8_t sized; /* FILE: is `size`, its length, known beforehand? */
    uint16_t name_len, owner_len, link_len;
    uint16_t mode; /* FILE, FOLDER, HARD: permission bits, as the archive says */
    int64_t mtime; /* FILE, HARD: seconds */
    uint64_t size, offset;
};

/* Do the rules keep an extended attribute of this name? */
static inline bool cw_frame_keeps_xattr(const char *const *patterns, const char *name)
{
    for (; patterns != NULL && *patterns != NULL; patterns++) {
        size_t len = strlen(*patterns);

        if (len > 0 && (*patterns)[len - 1] == '*' ? strncmp(*patterns, name, len - 1) == 0
                                                   : strcmp(*patterns, name) == 0)
            return true;
    }
    return false;
}

#endif
