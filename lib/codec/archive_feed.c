/* SPDX-License-Identifier: ISC */
/*
 * The confined half of reading an archive: libarchive on one side, frames on the other. It refuses what it
 * can see early, for a good message; what counts is what the other half checks.
 */
#include "codec/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/archive_frame.h"

#define READ_BLOCK ((size_t)512 * 1024)
#define OUT_BLOCK ((size_t)128 * 1024)
#define TAR_BLOCK 512
#define CAPABILITY "security.capability"

struct feeder {
    struct archive *archive;
    int in, out;
    const struct cw_archive_rules *rules;
    uint64_t bytes, entries; /* so far */
    char *block;             /* what was read of the archive last: READ_BLOCK bytes … */
    size_t block_len;
    uint64_t block_at, in_at; /* … from there on; where the next read will be */
    char *pending;            /* frames not written yet: OUT_BLOCK bytes */
    size_t pending_len;
};

static int write_out(const struct feeder *f, const void *data, size_t len, struct cw_err *err)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(f->out, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to hand on an archive's content");
        p += n;
        len -= (size_t)n;
    }
    return CW_OK;
}

static int flush(struct feeder *f, struct cw_err *err)
{
    int rc = write_out(f, f->pending, f->pending_len, err);

    f->pending_len = 0;
    return rc;
}

static int send(struct feeder *f, const void *data, size_t len, struct cw_err *err)
{
    int rc = len > OUT_BLOCK - f->pending_len ? flush(f, err) : CW_OK;

    if (rc != CW_OK || len > OUT_BLOCK)
        return rc != CW_OK ? rc : write_out(f, data, len, err);
    memcpy(f->pending + f->pending_len, data, len);
    f->pending_len += len;
    return CW_OK;
}

static int send_frame(struct feeder *f, const struct cw_frame *frame, const char *name, const char *owner,
                      const char *link, struct cw_err *err)
{
    int rc = send(f, frame, sizeof(*frame), err);

    if (rc == CW_OK && name != NULL)
        rc = send(f, name, frame->name_len, err);
    if (rc == CW_OK && owner != NULL)
        rc = send(f, owner, frame->owner_len, err);
    if (rc == CW_OK && link != NULL)
        rc = send(f, link, frame->link_len, err);
    return rc;
}

/* What libarchive says, as an error of ours. */
static int broken(const struct feeder *f, const char *name, struct cw_err *err)
{
    const char *text = archive_error_string(f->archive);
    /* A disk that fails says nothing about the archive; what is damaged has no errno, or one of libarchive's
     * own. */
    int code = archive_errno(f->archive) == EIO ? CW_E_FAIL : CW_E_VERIFY;

    if (archive_errno(f->archive) == ENOMEM)
        return cw_err_nomem(err);
    if (name == NULL)
        return cw_err_set(err, code, "the archive cannot be read: %s", text == NULL ? "it is damaged" : text);
    return cw_err_set(err, code, "member '%s' of the archive cannot be read: %s", name,
                      text == NULL ? "it is damaged" : text);
}

static int too_large(const struct feeder *f, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "the archive's content is more than the allowed %llu bytes",
                      (unsigned long long)f->rules->bytes);
}

/* Counts len more bytes of content. */
static int count(struct feeder *f, uint64_t len, struct cw_err *err)
{
    if (len > f->rules->bytes - f->bytes)
        return too_large(f, err);
    f->bytes += len;
    return CW_OK;
}

static int feed_zeros(struct feeder *f, uint64_t len, struct cw_err *err)
{
    struct cw_frame frame = {.type = CW_FRAME_ZEROS, .size = len};
    int rc = len == 0 ? CW_OK : count(f, len, err);

    return rc != CW_OK || len == 0 ? rc : send_frame(f, &frame, NULL, NULL, NULL, err);
}

/* Is it, byte for byte, what stands in the archive at *offset? That is, nothing was unpacked. */
static bool is_of_archive(uint64_t *offset, const struct feeder *f, const char *data, size_t len)
{
    uintptr_t block = (uintptr_t)f->block, start = (uintptr_t)data;

    if (start < block || start - block > f->block_len || len > f->block_len - (start - block))
        return false;
    *offset = f->block_at + (start - block);
    return true;
}

static int feed_bytes(struct feeder *f, const char *data, size_t len, struct cw_err *err)
{
    struct cw_frame copy = {.type = CW_FRAME_COPY, .size = len};
    int rc = count(f, len, err);

    if (rc == CW_OK && len > 0 && is_of_archive(&copy.offset, f, data, len))
        return send_frame(f, &copy, NULL, NULL, NULL, err);

    while (rc == CW_OK && len > 0) {
        size_t n = len < CW_FRAME_DATA_MAX ? len : CW_FRAME_DATA_MAX;
        struct cw_frame frame = {.type = CW_FRAME_DATA, .size = n};

        rc = send_frame(f, &frame, NULL, NULL, NULL, err);
        if (rc == CW_OK)
            rc = send(f, data, n, err);
        data += n;
        len -= n;
    }
    return rc;
}

/* A member's content; holes and a hole at the end as zeros. */
static int feed_content(struct feeder *f, const struct cw_frame *member, const char *name, struct cw_err *err)
{
    const void *data;
    size_t len;
    la_int64_t offset;
    uint64_t at = 0;
    int rc = CW_OK, got;

    while (rc == CW_OK && (got = archive_read_data_block(f->archive, &data, &len, &offset)) != ARCHIVE_EOF) {
        if (got != ARCHIVE_OK || offset < 0)
            return broken(f, name, err);
        if ((uint64_t)offset < at)
            return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive has content that overlaps", name);
        rc = feed_zeros(f, (uint64_t)offset - at, err);
        if (rc == CW_OK)
            rc = feed_bytes(f, data, len, err);
        at = (uint64_t)offset + len;
    }
    if (rc == CW_OK && member->sized && at < member->size)
        rc = feed_zeros(f, member->size - at, err);
    return rc;
}

/* Which frame a member becomes; 0 for what is not wanted. */
static uint8_t frame_type(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return CW_FRAME_HARD;
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return CW_FRAME_FILE;
    case AE_IFDIR:
        return CW_FRAME_FOLDER;
    case AE_IFLNK:
        return CW_FRAME_LINK;
    default:
        return 0;
    }
}

/* "./a/b/" is "a/b", as tar(1) writes it; the folder "./" itself becomes "". Absolute paths stay what they
 * are, to be refused. */
static const char *plain_name(const char *name, size_t *len)
{
    while (name[0] == '.' && name[1] == '/') {
        name += 2;
        while (*name == '/')
            name++;
    }
    *len = strlen(name);
    while (*len > 1 && name[*len - 1] == '/')
        (*len)--;
    if (*len == 1 && name[0] == '.')
        *len = 0;
    return name;
}

static int check_member(struct feeder *f, struct archive_entry *entry, const char *name,
                        struct cw_frame *frame, struct cw_err *err)
{
    mode_t forbidden =
        f->rules->set_id && frame->type == CW_FRAME_FILE ? S_ISVTX : S_ISUID | S_ISGID | S_ISVTX;

    if (++f->entries > f->rules->entries)
        return cw_err_set(err, CW_E_VERIFY, "the archive has more than the allowed %llu members",
                          (unsigned long long)f->rules->entries);
    if (frame->type == 0)
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive is a device, pipe or socket", name);
    if (frame->type != CW_FRAME_HARD && (archive_entry_mode(entry) & forbidden) != 0)
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive has a set-uid, set-gid or sticky bit",
                          name);
    if (archive_entry_is_encrypted(entry))
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive is encrypted", name);
    if (frame->sized && frame->size > f->rules->bytes - f->bytes)
        return too_large(f, err);
    return CW_OK;
}

static int feed_xattrs(struct feeder *f, struct archive_entry *entry, const char *member, struct cw_err *err)
{
    const char *name;
    const void *value;
    size_t size;
    unsigned kept = 0;
    int rc = CW_OK;

    (void)archive_entry_xattr_reset(entry);
    while (rc == CW_OK && archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        struct cw_frame frame = {.type = CW_FRAME_XATTR, .size = size};
        size_t len = name != NULL ? strlen(name) : 0;

        if (name == NULL || !cw_frame_keeps_xattr(f->rules->xattrs, name)) {
            if (name != NULL && strcmp(name, CAPABILITY) == 0)
                return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive has capabilities", member);
            continue;
        }
        if (++kept > CW_ARCHIVE_XATTRS_MAX || len > UINT16_MAX || size > CW_FRAME_XATTR_MAX)
            return cw_err_set(
                err, CW_E_VERIFY,
                "member '%s' of the archive has more or larger extended attributes than allowed", member);
        frame.name_len = (uint16_t)len;
        rc = send_frame(f, &frame, name, NULL, NULL, err);
        if (rc == CW_OK)
            rc = send(f, value, size, err);
    }
    return rc;
}

/* Who the member belongs to in the archive: a name, else the number. */
static const char *owner_of(struct archive_entry *entry, char number[24])
{
    const char *name = archive_entry_uname(entry);

    if (name != NULL && name[0] != '\0')
        return name;
    snprintf(number, 24, "%lld", (long long)archive_entry_uid(entry));
    return number;
}

static int name_frame(struct cw_frame *frame, const char *name, size_t len, const char *owner,
                      size_t link_len, struct cw_err *err)
{
    size_t owner_len = owner != NULL ? strlen(owner) : 0;

    if (len > UINT16_MAX || link_len > UINT16_MAX || owner_len > UINT16_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the archive has a member with a name of %zu bytes: '%.100s'",
                          len, name);
    frame->name_len = (uint16_t)len;
    frame->link_len = (uint16_t)link_len;
    frame->owner_len = (uint16_t)owner_len;
    return CW_OK;
}

static int send_member(struct feeder *f, struct archive_entry *entry, struct cw_frame *frame,
                       const char *name, size_t len, struct cw_err *err)
{
    const char *link = NULL, *owner = NULL;
    char number[24];
    size_t link_len = 0;
    int rc;

    if (frame->type == CW_FRAME_HARD)
        link = plain_name(archive_entry_hardlink(entry), &link_len);
    else if (frame->type == CW_FRAME_LINK && (link = archive_entry_symlink(entry)) != NULL)
        link_len = strlen(link);
    if (f->rules->owner != NULL)
        owner = owner_of(entry, number);
    rc = name_frame(frame, name, len, owner, link_len, err);
    return rc == CW_OK ? send_frame(f, frame, name, owner, link, err) : rc;
}

static int feed_member(struct feeder *f, struct archive_entry *entry, struct cw_err *err)
{
    struct cw_frame frame = {.type = frame_type(entry),
                             .mode = (uint16_t)(archive_entry_mode(entry) & 07777),
                             .mtime = archive_entry_mtime(entry)};
    const char *full = archive_entry_pathname(entry), *name;
    size_t len;
    int rc;

    if (full == NULL)
        return cw_err_set(err, CW_E_VERIFY,
                          "member %llu of the archive has no name, or one that is not UTF-8",
                          (unsigned long long)f->entries + 1);
    name = plain_name(full, &len);
    if (frame.type == CW_FRAME_FILE && archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0) {
        frame.sized = 1;
        frame.size = (uint64_t)archive_entry_size(entry);
    }
    rc = check_member(f, entry, full, &frame, err);
    if (rc == CW_OK && frame.type == CW_FRAME_LINK)
        frame.mode = 0;
    if (rc == CW_OK && frame.type == CW_FRAME_HARD)
        frame.mode &= 0777; /* what the file has counts */
    if (rc != CW_OK || len == 0)
        return rc;
    rc = send_member(f, entry, &frame, name, len, err);
    if (rc == CW_OK && frame.type == CW_FRAME_FILE)
        rc = feed_xattrs(f, entry, full, err);
    if (rc == CW_OK && (frame.type == CW_FRAME_FILE || frame.type == CW_FRAME_HARD))
        rc = feed_content(f, &frame, full, err);
    return rc;
}

static la_ssize_t read_block(struct archive *archive, void *ctx, const void **data)
{
    struct feeder *f = ctx;
    ssize_t n;

    do {
        n = read(f->in, f->block, READ_BLOCK);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(archive, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    f->block_at = f->in_at;
    f->block_len = (size_t)n;
    f->in_at += (uint64_t)n;
    *data = f->block;
    return n;
}

static la_int64_t seek_in(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    struct feeder *f = ctx;
    off_t at = lseek(f->in, offset, whence);

    if (at < 0) {
        archive_set_error(archive, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    f->in_at = (uint64_t)at;
    return at;
}

static int open_archive(struct feeder *f, struct cw_err *err)
{
    static int (*const support[])(struct archive *) = {
        archive_read_support_filter_bzip2, archive_read_support_filter_gzip, archive_read_support_filter_lz4,
        archive_read_support_filter_xz,    archive_read_support_filter_zstd, archive_read_support_format_cpio,
        archive_read_support_format_tar,   archive_read_support_format_zip,
    };
    size_t i;

    if (cw_archive_load(err) != CW_OK)
        return err->code;
    f->in_at = (uint64_t)(lseek(f->in, 0, SEEK_CUR) > 0 ? lseek(f->in, 0, SEEK_CUR) : 0);
    f->block = malloc(READ_BLOCK);
    f->pending = malloc(OUT_BLOCK);
    f->archive = f->block != NULL && f->pending != NULL ? archive_read_new() : NULL;
    if (f->archive == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < sizeof(support) / sizeof(support[0]); i++) {
        if (support[i](f->archive) == ARCHIVE_FATAL)
            return broken(f, NULL, err);
    }
    if (archive_read_set_read_callback(f->archive, read_block) != ARCHIVE_OK ||
        archive_read_set_seek_callback(f->archive, seek_in) != ARCHIVE_OK ||
        archive_read_set_callback_data(f->archive, f) != ARCHIVE_OK ||
        archive_read_open1(f->archive) != ARCHIVE_OK)
        return broken(f, NULL, err);
    return CW_OK;
}

/* A tar ends with a block of zeros; libarchive would take one that was cut between two members for whole. */
static int check_end(const struct feeder *f, struct cw_err *err)
{
    bool tar = (archive_format(f->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;

    if (tar && archive_filter_bytes(f->archive, 0) - archive_read_header_position(f->archive) < TAR_BLOCK)
        return cw_err_set(err, CW_E_VERIFY, "the archive has no end: it was cut off");
    return CW_OK;
}

static int feed_all(struct feeder *f, struct cw_err *err)
{
    struct cw_frame end = {.type = CW_FRAME_END};
    struct archive_entry *entry;
    int got, rc = open_archive(f, err);

    while (rc == CW_OK) {
        got = archive_read_next_header(f->archive, &entry);
        if (got == ARCHIVE_EOF) {
            rc = check_end(f, err);
            if (rc == CW_OK)
                rc = send_frame(f, &end, NULL, NULL, NULL, err);
            return rc == CW_OK ? flush(f, err) : rc;
        }
        /* A warning says that something of the header was not understood: better not guess. */
        rc = got == ARCHIVE_OK ? feed_member(f, entry, err) : broken(f, NULL, err);
    }
    return rc;
}

int cw_archive_feed(int in_fd, int out_fd, const struct cw_archive_rules *rules, struct cw_err *err)
{
    struct feeder f = {.in = in_fd, .out = out_fd, .rules = rules};
    struct cw_frame refused = {.type = CW_FRAME_REFUSED};
    struct cw_err local = {.code = CW_OK};
    int rc = feed_all(&f, &local);

    if (rc == CW_E_VERIFY && f.pending != NULL) {
        refused.name_len = (uint16_t)strlen(local.text);
        if (send_frame(&f, &refused, local.text, NULL, NULL, NULL) == CW_OK)
            (void)flush(&f, NULL);
    }
    if (f.archive != NULL)
        archive_read_free(f.archive);
    free(f.block);
    free(f.pending);
    return rc == CW_OK ? CW_OK : cw_err_set(err, rc, "%s", local.text);
}
