/* SPDX-License-Identifier: ISC */
/*
 * Comparing a medium with its own list. What a changed or half-copied stick shows first; whether the list
 * tells of a genuine tree is not asked here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "fs/root.h"
#include "fs/walk.h"
#include "tree/check.h"
#include "tree/hashing.h"
#include "tree/volume.h"

#define BLOCK ((size_t)128 * 1024)

/* The number of the one list that lies on the medium. */
static int find_list(char name[32], int dir, struct cw_err *err)
{
    char found[32];
    bool there;
    int k, rc, count = 0;

    for (k = 1; k <= CW_VOLUMES_MAX; k++) {
        snprintf(found, sizeof found, "volume-%d.json", k);
        rc = cw_at_has(&there, dir, found, err);
        if (rc != CW_OK)
            return rc;
        if (!there)
            continue;
        memcpy(name, found, sizeof found);
        count++;
    }
    if (count == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "no '" CW_VOLUME_FILE "': this is not a bundle");
    if (count > 1)
        return cw_err_set(err, CW_E_FAIL,
                          "%d volume lists in one folder: check each volume in a folder of its own", count);
    return CW_OK;
}

/* SHA256SUMS is what the list says, so that both tell the same. */
static int check_sums(struct cw_tree_check *check, int dir, const struct cw_volume *volume,
                      const struct cw_buf *list, struct cw_err *err)
{
    CW_AUTO_BUF wanted = CW_BUF_INIT(2 * CW_VOLUME_MAX), got = CW_BUF_INIT(2 * CW_VOLUME_MAX);
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, cw_buf_text(list), list->len, err);

    if (rc == CW_OK)
        rc = cw_volume_sums(&wanted, volume, sha256, err);
    if (rc != CW_OK)
        return rc;
    if (cw_at_read_file(&got, dir, CW_VOLUME_SUMS, err) != CW_OK)
        return cw_finding_from(check, CW_VOLUME_SUMS, err);
    if (got.len != wanted.len || memcmp(got.data, wanted.data, got.len) != 0)
        cw_finding_add(check, CW_FINDING_BAD, CW_VOLUME_SUMS, "is not what the volume list says");
    return CW_OK;
}

static int judge_file(void *ctx, const struct cw_hashed *file, struct cw_err *err)
{
    struct cw_tree_check *check = ctx;

    if (file->rc != CW_OK) {
        *err = file->err;
        return cw_finding_from(check, file->path, err);
    }
    check->files++;
    check->bytes += file->size;
    if ((uint64_t)file->length != file->size)
        cw_finding_add(check, CW_FINDING_BAD, file->path,
                       "length differs: expected %" PRId64 " bytes, got %" PRIu64, file->length, file->size);
    else if (strcmp(file->sha256, file->expected) != 0)
        cw_finding_add(check, CW_FINDING_BAD, file->path, "sha256 differs: expected %s, got %s",
                       file->expected, file->sha256);
    return CW_OK;
}

static int check_files(struct cw_tree_check *check, int dir, const struct cw_volume *volume,
                       struct cw_err *err)
{
    struct cw_hashing *hashing;
    size_t i;
    int rc = cw_hashing_new(&hashing, dir, judge_file, check, err);

    if (rc != CW_OK)
        return rc;
    cw_hashing_on_read(hashing, check->read, check->ctx);
    for (i = 0; i < volume->file_count && rc == CW_OK; i++)
        rc = cw_hashing_add(hashing, volume->files[i].path, volume->files[i].sha256,
                            (int64_t)volume->files[i].length, true, err);
    if (rc == CW_OK)
        rc = cw_hashing_finish(hashing, err);
    cw_hashing_free(hashing);
    return rc;
}

/* A file in a pack that holds, by what the list says of it. */
static int check_packed(struct cw_tree_check *check, const struct cw_volume_packed *packed, int fd,
                        const char *pack, struct cw_err *err)
{
    CW_AUTO_FREE char *bytes = malloc(BLOCK);
    CW_AUTO_HASH *hash = NULL;
    char sha256[CW_HASH_TEXT_MAX];
    uint64_t done = 0;
    int rc = bytes != NULL ? cw_hash_new(&hash, CW_SHA256, err) : cw_err_nomem(err);

    while (rc == CW_OK && done < packed->file.length) {
        uint64_t left = packed->file.length - done;
        ssize_t n = pread(fd, bytes, left < BLOCK ? (size_t)left : BLOCK, (off_t)(packed->offset + done));

        if (n <= 0)
            break;
        rc = cw_hash_update(hash, bytes, (size_t)n, err);
        done += (uint64_t)n;
    }
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK && strcmp(sha256, packed->file.sha256) != 0)
        cw_finding_add(check, CW_FINDING_BAD, pack, "does not have '%s' where the list says",
                       packed->file.path);
    return rc;
}

/* The packs themselves were hashed; that they have what the list says of them is as much a part of it. */
static int check_packs(struct cw_tree_check *check, int dir, const struct cw_volume *volume,
                       struct cw_err *err)
{
    size_t i, open = SIZE_MAX;
    CW_AUTO_FD int fd = -1;
    int rc = CW_OK;

    for (i = 0; i < volume->packed_count && rc == CW_OK; i++) {
        const struct cw_volume_packed *packed = &volume->packed[i];
        const char *pack = volume->files[packed->pack].path;

        if (packed->pack != open) {
            cw_fd_close_(&fd);
            fd = -1;
            open = packed->pack;
            if (cw_at_open_file(&fd, dir, pack, NULL) != CW_OK)
                fd = -1; /* was told */
        }
        if (fd >= 0)
            rc = check_packed(check, packed, fd, pack, err);
    }
    return rc;
}

struct extra {
    struct cw_tree_check *check;
    const struct cw_volume *volume;
    const char *list;
};

/* Sticks gather files (a photo, a scanner's folder): told, not held against the bundle. */
static int note_extra(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct extra *extra = ctx;

    (void)err;
    if (S_ISDIR(st->st_mode) || strcmp(path, extra->list) == 0 || strcmp(path, CW_VOLUME_SUMS) == 0 ||
        strcmp(path, CW_VOLUME_INDEX) == 0 || strcmp(path, CW_VOLUME_CARRY) == 0 ||
        cw_volume_find(extra->volume, path) != NULL)
        return CW_OK;
    cw_finding_add(extra->check, CW_FINDING_ORPHAN, path, "is not in the volume list");
    return CW_OK;
}

static int check_volume(struct cw_tree_check *check, int dir, const char *name,
                        const struct cw_volume *volume, const struct cw_buf *list, struct cw_err *err)
{
    struct extra extra = {.check = check, .volume = volume, .list = name};
    char own[32];
    int rc;

    snprintf(own, sizeof own, "volume-%" PRId64 ".json", volume->index);
    if (strcmp(own, name) != 0)
        cw_finding_add(check, CW_FINDING_BAD, name, "says that it is '%s'", own);
    rc = check_sums(check, dir, volume, list, err);
    if (rc == CW_OK)
        rc = check_files(check, dir, volume, err);
    if (rc == CW_OK && check->bad == 0 && check->missing == 0)
        rc = check_packs(check, dir, volume, err);
    return rc == CW_OK ? cw_walk(dir, "", note_extra, &extra, err) : rc;
}

int cw_bundle_check(struct cw_tree_check *check, int dir, struct cw_err *err)
{
    CW_AUTO_BUF list = CW_BUF_INIT(CW_VOLUME_MAX);
    struct cw_volume volume;
    struct cw_err inner;
    char name[32];
    int rc;

    if (err == NULL)
        err = &inner; /* findings are made from error texts */
    rc = find_list(name, dir, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_at_read_file(&list, dir, name, err);
    if (rc == CW_OK)
        rc = cw_volume_parse(&volume, cw_buf_text(&list), list.len, err);
    if (rc != CW_OK) {
        rc = cw_finding_from(check, name, err);
        return rc == CW_OK ? cw_finding_sum(check, err) : rc;
    }
    rc = check_volume(check, dir, name, &volume, &list, err);
    cw_volume_clear(&volume);
    return rc == CW_OK ? cw_finding_sum(check, err) : rc;
}
