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

#define CW_ARCHIVE_DEPTH_MAX 60  /* folders in folders; below CW_WALK_DEPTH_MAX */
#define CW_ARCHIVE_XATTRS_MAX 64 /* of one member */

/* Whose a file is that the archive says is `name`'s (a number where it has no name). */
typedef int cw_archive_owner_fn(void *ctx, const char *name, uid_t *user, gid_t *group, struct cw_err *err);

/* What an archive may do. What is left out (zero) is the strictest. */
struct cw_archive_rules {
    uint64_t bytes;            /* most bytes of content, all members together, holes counted */
    uint64_t entries;          /* most members */
    bool modes;                /* permissions are the archive's; else everyone's */
    bool set_id;               /* files may have set-uid and set-gid bits */
    const char *const *xattrs; /* extended attributes of files that are kept: names, or beginnings followed by
                                   '*'; NULL-terminated; NULL: none */
    cw_archive_owner_fn *owner; /* NULL: all belongs to who runs this */
    void *owner_ctx;
};

/* Loads libarchive (base/dynlib.h): before the jail that runs cw_archive_feed() starts, which itself cannot. */
int cw_archive_load(struct cw_err *err);

/* The child's half: reads the archive at in_fd, writes frames to out_fd. What it refuses, it also tells the
 * other half. Nothing is opened by a name, but the C library's locale should be one of UTF-8 (the jail's is)
 * for archives with names beyond ASCII. */
int cw_archive_feed(int in_fd, int out_fd, const struct cw_archive_rules *rules, struct cw_err *err);

/* How the parent's half gets bytes: like read(2), -1 with err set. */
typedef ssize_t cw_archive_read_fn(void *ctx, void *data, size_t len, struct cw_err *err);

/* The parent's half: creates regular files, folders (0755), symbolic links that stay inside, and hard links to
 * earlier members, beneath dir, where nothing of that name may be yet but folders. Nobody may write a file: it
 * is 0444, or 0555 where someone may execute it; with rules->modes, what the archive says but for that (and
 * folders as it says, their owner's bits set). Times of files are kept. archive is the archive's own
 * descriptor, of which content that is not compressed is copied without passing through the child; its offset
 * is left alone.
 *
 * Refused with CW_E_VERIFY, naming the member: an absolute path, "..", a name that is not printable UTF-8,
 * folders nested too deep, a link that leads out or has ".." behind a name, a device, pipe or socket, a member
 * beneath a link, a name twice, set-uid and set-gid bits and capabilities unless allowed, sticky bits, more
 * than the limits. CW_E_INCOMPLETE when the frames end too early: then the jail knows why (cw_jail_finish).
 * Not synced: the caller commits, or removes what there is after a failure. */
int cw_archive_take(int dir, int archive, cw_archive_read_fn *read, void *ctx,
                    const struct cw_archive_rules *rules, struct cw_err *err);

/* The rule for symbolic links above: does one at the path `name` stay inside? */
bool cw_archive_link_stays(const char *name, const char *target);

#endif
