/* SPDX-License-Identifier: ISC */
/*
 * Reading archives (tar in all its forms, zip, cpio; gzip, xz, zstd, bzip2, lz4) by libarchive, in two halves
 * joined by a pipe: cw_archive_feed() runs in the jail, parses foreign bytes and writes plain frames;
 * cw_archive_take() runs outside, trusts no frame, and creates the files beneath an open folder. Whatever the
 * archive says, nothing is created outside of it.
 */
#ifndef CW_CODEC_ARCHIVE_H
#define CW_CODEC_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct cw_archive_limits {
    uint64_t bytes;   /* most bytes of content, all members together, holes counted */
    uint64_t entries; /* most members */
};

/* The child's half: reads the archive at in_fd, writes frames to out_fd. What it refuses, it also tells the
 * other half. Nothing is opened by a name, but the C library's locale should be one of UTF-8 (the jail's is)
 * for archives with names beyond ASCII. */
int cw_archive_feed(int in_fd, int out_fd, const struct cw_archive_limits *limits, struct cw_err *err);

/* How the parent's half gets bytes: like read(2), -1 with err set. */
typedef ssize_t cw_archive_read_fn(void *ctx, void *data, size_t len, struct cw_err *err);

/* The parent's half: creates regular files (mode & 0755 | 0444), folders (0755), symbolic links that stay
 * inside, and hard links to earlier members, beneath dir, where nothing of that name may be yet but folders.
 * Refused with CW_E_VERIFY, naming the member: an absolute path, "..", a name that is not printable UTF-8, a
 * link that leads out or has ".." behind a name, a device, pipe or socket, a member beneath a link, a name
 * twice, set-uid, set-gid and sticky bits, more than the limits. CW_E_INCOMPLETE when the frames end too
 * early: then the jail knows why (cw_jail_finish). Not synced: the caller commits, or removes what there is
 * after a failure. */
int cw_archive_take(int dir, cw_archive_read_fn *read, void *ctx, const struct cw_archive_limits *limits,
                    struct cw_err *err);

/* The rule for symbolic links above: does one at the path `name` stay inside? */
bool cw_archive_link_stays(const char *name, const char *target);

#endif
