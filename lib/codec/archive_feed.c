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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/archive_frame.h"

#define READ_BLOCK ((size_t)64 * 1024)

struct feeder {
    struct archive *archive;
    int out;
    const struct cw_archive_limits *limits;
    uint64_t bytes, entries; /* so far */
};

static int send(const struct feeder *f, const void *data, size_t len, struct cw_err *err)
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

static int send_frame(const struct feeder *f, const struct cw_frame *frame, const char *name,
                      const char *link, struct cw_err *err)
{
    int rc = send(f, frame, sizeof(*frame), err);

    if (rc == CW_OK && name != NULL)
        rc = send(f, name, frame->name_len, err);
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
                      (unsigned long long)f->limits->bytes);
}

/* Counts len more bytes of content. */
static int count(struct feeder *f, uint64_t len, struct cw_err *err)
{
    if (len > f->limits->bytes - f->bytes)
        return too_large(f, err);
    f->bytes += len;
    return CW_OK;
}

static int feed_zeros(struct feeder *f, uint64_t len, struct cw_err *err)
{
    struct cw_frame frame = {.type = CW_FRAME_ZEROS, .size = len};
    int rc = len == 0 ? CW_OK : count(f, len, err);

    return rc != CW_OK || len == 0 ? rc : send_frame(f, &frame, NULL, NULL, err);
}

static int feed_bytes(struct feeder *f, const char *data, size_t len, struct cw_err *err)
{
    int rc = count(f, len, err);

    while (rc == CW_OK && len > 0) {
        size_t n = len < CW_FRAME_DATA_MAX ? len : CW_FRAME_DATA_MAX;
        struct cw_frame frame = {.type = CW_FRAME_DATA, .size = n};

        rc = send_frame(f, &frame, NULL, NULL, err);
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
    if (++f->entries > f->limits->entries)
        return cw_err_set(err, CW_E_VERIFY, "the archive has more than the allowed %llu members",
                          (unsigned long long)f->limits->entries);
    if (frame->type == 0)
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive is a device, pipe or socket", name);
    if ((archive_entry_mode(entry) & (S_ISUID | S_ISGID | S_ISVTX)) != 0)
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive has a set-uid, set-gid or sticky bit",
                          name);
    if (archive_entry_is_encrypted(entry))
        return cw_err_set(err, CW_E_VERIFY, "member '%s' of the archive is encrypted", name);
    if (frame->sized && frame->size > f->limits->bytes - f->bytes)
        return too_large(f, err);
    return CW_OK;
}

static int feed_member(struct feeder *f, struct archive_entry *entry, struct cw_err *err)
{
    struct cw_frame frame = {.type = frame_type(entry),
                             .mode = (uint16_t)(archive_entry_mode(entry) & 07777)};
    const char *full = archive_entry_pathname(entry), *link = NULL, *name;
    size_t len, link_len = 0;
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
    if (rc != CW_OK || len == 0)
        return rc;
    if (frame.type == CW_FRAME_HARD)
        link = plain_name(archive_entry_hardlink(entry), &link_len);
    else if (frame.type == CW_FRAME_LINK && (link = archive_entry_symlink(entry)) != NULL)
        link_len = strlen(link);
    if (len > UINT16_MAX || link_len > UINT16_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the archive has a member with a name of %zu bytes", len);
    frame.name_len = (uint16_t)len;
    frame.link_len = (uint16_t)link_len;
    rc = send_frame(f, &frame, name, link, err);
    if (rc == CW_OK && (frame.type == CW_FRAME_FILE || frame.type == CW_FRAME_HARD))
        rc = feed_content(f, &frame, full, err);
    return rc;
}

static int open_archive(struct feeder *f, int in_fd, struct cw_err *err)
{
    static int (*const support[])(struct archive *) = {
        archive_read_support_filter_bzip2, archive_read_support_filter_gzip, archive_read_support_filter_lz4,
        archive_read_support_filter_xz,    archive_read_support_filter_zstd, archive_read_support_format_cpio,
        archive_read_support_format_tar,   archive_read_support_format_zip,
    };
    size_t i;

    f->archive = archive_read_new();
    if (f->archive == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < sizeof(support) / sizeof(support[0]); i++) {
        if (support[i](f->archive) == ARCHIVE_FATAL)
            return broken(f, NULL, err);
    }
    return archive_read_open_fd(f->archive, in_fd, READ_BLOCK) == ARCHIVE_OK ? CW_OK : broken(f, NULL, err);
}

static int feed_all(struct feeder *f, int in_fd, struct cw_err *err)
{
    struct cw_frame end = {.type = CW_FRAME_END};
    struct archive_entry *entry;
    int got, rc = open_archive(f, in_fd, err);

    while (rc == CW_OK) {
        got = archive_read_next_header(f->archive, &entry);
        if (got == ARCHIVE_EOF)
            return send_frame(f, &end, NULL, NULL, err);
        /* A warning says that something of the header was not understood: better not guess. */
        rc = got == ARCHIVE_OK ? feed_member(f, entry, err) : broken(f, NULL, err);
    }
    return rc;
}

int cw_archive_feed(int in_fd, int out_fd, const struct cw_archive_limits *limits, struct cw_err *err)
{
    struct feeder f = {.out = out_fd, .limits = limits};
    struct cw_frame refused = {.type = CW_FRAME_REFUSED};
    struct cw_err local = {.code = CW_OK};
    int rc = feed_all(&f, in_fd, &local);

    if (f.archive != NULL)
        archive_read_free(f.archive);
    if (rc == CW_OK)
        return CW_OK;
    if (rc == CW_E_VERIFY) {
        refused.name_len = (uint16_t)strlen(local.text);
        (void)send_frame(&f, &refused, local.text, NULL, NULL);
    }
    return cw_err_set(err, rc, "%s", local.text);
}
