/* SPDX-License-Identifier: ISC */
/*
 * The frames between the two halves of reading an archive: from the confined child, which parses, to its
 * parent, which creates. Both are the same program, so a frame is this struct as it lies in memory, followed
 * by bytes:
 *
 *     FILE, FOLDER           name_len bytes: the path, without NUL
 *     LINK, HARD             the path, then link_len bytes: where it points (HARD: an earlier member's path)
 *     DATA                   size bytes of the last FILE's (or HARD's) content, at most CW_FRAME_DATA_MAX
 *     ZEROS                  nothing: size bytes of the content are zero
 *     REFUSED                name_len bytes: why the child goes no further
 *     END                    nothing; no frame comes behind it
 */
#ifndef CW_CODEC_ARCHIVE_FRAME_H
#define CW_CODEC_ARCHIVE_FRAME_H

#include <stdint.h>

#define CW_FRAME_DATA_MAX ((size_t)64 * 1024) /* what a pipe holds */

enum cw_frame_type {
    CW_FRAME_FILE = 'f',
    CW_FRAME_FOLDER = 'd',
    CW_FRAME_LINK = 's',
    CW_FRAME_HARD = 'h',
    CW_FRAME_DATA = 'D',
    CW_FRAME_ZEROS = 'Z',
    CW_FRAME_REFUSED = 'X',
    CW_FRAME_END = 'E',
};

struct cw_frame {
    uint8_t type;
    uint8_t sized; /* FILE: is `size`, its length, known beforehand? */
    uint16_t name_len, link_len;
    uint16_t mode; /* FILE: permission bits, as the archive says */
    uint64_t size;
};

#endif
