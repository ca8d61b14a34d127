/* SPDX-License-Identifier: ISC */
/*
 * One file on its way: its bytes into the inbox and into its hashes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "intake/parts.h"

#define BLOCK ((size_t)256 * 1024)
/* So much is sent to the disk as soon as it is there, so that the sync at the end has less to do. */
#define WRITE_BACK (UINT64_C(16) << 20)

void cw_part_init(struct cw_part *part, struct cw_intake *intake)
{
    *part = (struct cw_part){.intake = intake, .fd = -1};
}

void cw_part_clear(struct cw_part *part)
{
    size_t i;

    cw_part_close(part);
    for (i = 0; i < CW_INTAKE_HASHES_MAX; i++)
        cw_hash_free(part->hashes[i]);
}

/* Those that this file has, from the start. */
static int reset_hashes(struct cw_part *part, struct cw_err *err)
{
    char unused[CW_HASH_TEXT_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_INTAKE_HASHES_MAX && part->job->file.hashes[i].text != NULL && rc == CW_OK; i++) {
        enum cw_hash_kind kind = part->job->file.hashes[i].kind;

        rc = part->hashes[kind] == NULL ? cw_hash_new(&part->hashes[kind], kind, err)
                                        : cw_hash_final(part->hashes[kind], unused, err);
    }
    return rc;
}

static int hash(struct cw_part *part, const void *data, size_t len, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_INTAKE_HASHES_MAX && part->job->file.hashes[i].text != NULL && rc == CW_OK; i++)
        rc = cw_hash_update(part->hashes[part->job->file.hashes[i].kind], data, len, err);
    return rc;
}

int cw_part_create(struct cw_part *part, int inbox, struct cw_err *err)
{
    static const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int dir = part->intake->inboxes[inbox];
    char name[CW_INTAKE_NAME_MAX];

    cw_part_close(part);
    cw_inbox_discard(part->intake, part->job);
    cw_inbox_part_name(name, part->job);
    part->fd = openat(dir, name, flags, 0644);
    if (part->fd < 0 && errno == EEXIST &&
        unlinkat(dir, name, 0) == 0) /* left, and not among those looked at */
        part->fd = openat(dir, name, flags, 0644);
    if (part->fd < 0)
        return cw_err_errno(err, errno, "unable to write '%s' for '%s'", name, part->job->file.path);
    part->job->inbox = inbox;
    return reset_hashes(part, err);
}

static int hash_file(struct cw_part *part, struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(BLOCK);
    ssize_t n;
    int rc = CW_OK;

    if (block == NULL)
        return cw_err_nomem(err);
    while (rc == CW_OK && part->length <= part->job->file.length &&
           (n = cw_fd_read(part->fd, block, BLOCK)) != 0) {
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read what is there of '%s'", part->job->file.path);
        rc = hash(part, block, (size_t)n, err);
        part->length += (uint64_t)n;
    }
    return rc;
}

int cw_part_take_up(struct cw_part *part, struct cw_err *err)
{
    char name[CW_INTAKE_NAME_MAX];
    struct stat st;
    int rc;

    cw_part_close(part);
    cw_inbox_part_name(name, part->job);
    part->fd =
        openat(part->intake->inboxes[part->job->inbox], name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (part->fd < 0 || fstat(part->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        cw_part_close(part);
        cw_inbox_discard(part->intake, part->job);
        return CW_OK;
    }
    rc = reset_hashes(part, err);
    if (rc == CW_OK)
        rc = hash_file(part, err);
    atomic_fetch_add_explicit(&part->intake->came, part->length, memory_order_relaxed);
    if (rc == CW_OK && part->length > part->job->file.length) {
        cw_part_close(part);
        cw_inbox_discard(part->intake, part->job);
    }
    return rc;
}

int cw_part_add(struct cw_part *part, const void *data, size_t len, struct cw_err *err)
{
    int rc = hash(part, data, len, err);

    if (rc == CW_OK)
        rc = cw_fd_write_all(part->fd, data, len, part->job->file.path, err);
    if (rc != CW_OK)
        return rc;
    part->length += len;
    atomic_fetch_add_explicit(&part->intake->came, len, memory_order_relaxed);
    if (part->length - part->written_back >= WRITE_BACK) {
        (void)sync_file_range(part->fd, (off_t)part->written_back, (off_t)(part->length - part->written_back),
                              SYNC_FILE_RANGE_WRITE); /* a hint: what counts is the sync before the rename */
        part->written_back = part->length;
    }
    return CW_OK;
}

int cw_part_judge(struct cw_part *part, struct cw_err *err)
{
    const struct cw_intake_file *file = &part->job->file;
    char got[CW_HASH_TEXT_MAX];
    bool right = true;
    size_t i;
    int rc = CW_OK;

    if (part->length != file->length)
        return cw_err_set(err, CW_E_VERIFY, "'%s': %llu bytes came, not %llu as signed", file->path,
                          (unsigned long long)part->length, (unsigned long long)file->length);
    for (i = 0; i < CW_INTAKE_HASHES_MAX && file->hashes[i].text != NULL; i++) {
        rc = cw_hash_final(part->hashes[file->hashes[i].kind], got, err);
        if (rc != CW_OK)
            return rc;
        if (right && strcmp(got, file->hashes[i].text) != 0) {
            right = false;
            (void)cw_err_set(err, CW_E_VERIFY, "'%s': %s differs: expected %s, got %s", file->path,
                             file->hashes[i].kind == CW_SHA256 ? "sha256" : "sha512", file->hashes[i].text,
                             got);
        }
    }
    return right ? CW_OK : CW_E_VERIFY;
}

void cw_part_close(struct cw_part *part)
{
    if (part->fd >= 0)
        close(part->fd);
    part->fd = -1;
    part->length = part->written_back = 0;
}
