/* SPDX-License-Identifier: ISC */
/*
 * The trusted half of reading an archive, in two files: archive_take.c understands frames and writes content,
 * archive_place.c makes the members and what belongs to them. This is what both work on.
 */
#ifndef CW_CODEC_ARCHIVE_TAKER_H
#define CW_CODEC_ARCHIVE_TAKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "codec/archive.h"
#include "fs/root.h"

struct cw_taker {
    int dir, archive; /* borrowed */
    cw_archive_read_fn *read;
    void *ctx;
    const struct cw_archive_rules *rules;
    uint64_t bytes, entries; /* so far */
    char *in; /* IN_BLOCK bytes of frames, of which in_at to in_end are still to be looked at */
    size_t in_at, in_end;
    char *window; /* WINDOW bytes of the archive, window_len of them from window_at on */
    uint64_t window_at;
    size_t window_len;

    /* the folder that the last member lies in, which stays open: most have the same as the one before */
    int folder;
    char folder_path[CW_PATH_MAX];

    /* the member being written */
    int fd; /* -1: none that takes content */
    uint8_t type;
    bool sized, hole; /* hole: the content so far ends with one */
    mode_t mode;
    int64_t mtime;
    uint64_t size, written;
    char name[CW_PATH_MAX], link[CW_PATH_MAX], owner[CW_PATH_MAX];
    struct cw_buf xattrs; /* name, NUL, eight bytes of length, value; and so on */
    unsigned xattr_count;
};

/* "member '…' of the archive …", CW_E_VERIFY. */
int cw_taker_refuse(const struct cw_taker *t, const char *why, struct cw_err *err);
/* The same for what the system said, which may be the archive's fault too. */
int cw_taker_fail(const struct cw_taker *t, int errnum, struct cw_err *err);

/* Makes the member that t describes; a file is left open as t->fd. */
int cw_taker_make(struct cw_taker *t, struct cw_err *err);
/* Opens the file that the hard link t->name is a name of, to replace its content. */
int cw_taker_open_hard(struct cw_taker *t, struct cw_err *err);
/* Owner, mode, extended attributes and time of t->fd, whose content is there. */
int cw_taker_set_attributes(const struct cw_taker *t, struct cw_err *err);

#endif
