/* SPDX-License-Identifier: ISC */
/*
 * What is not in the mirror as a file of its own, parts and packs, is read there once for its hash.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "sync/mirror/carry.h"

/* The block of the mirror's file that fd stands before is hashed as far as the part goes. */
static int hash_part(struct cw_carry_file *part, int fd, char *block, size_t size,
                     struct cw_progress *progress, struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    char sha256[CW_HASH_TEXT_MAX];
    uint64_t done = 0;
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    while (rc == CW_OK && done < part->length) {
        size_t want = part->length - done < size ? (size_t)(part->length - done) : size;
        ssize_t n = pread(fd, block, want, (off_t)(part->offset + done));

        if (n <= 0)
            return cw_err_set(err, CW_E_VERIFY, "'%s' in the mirror cannot be read to its end", part->from);
        rc = cw_hash_update(hash, block, (size_t)n, err);
        done += (uint64_t)n;
        cw_progress_add(progress, (uint64_t)n);
    }
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK)
        memcpy(part->sha256, sha256, CW_SHA256_TEXT);
    return rc;
}

struct pack_hash {
    struct cw_hash *hash;
    struct cw_progress *progress;
};

static int hash_bytes(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct pack_hash *to = ctx;

    cw_progress_add(to->progress, len);
    return cw_hash_update(to->hash, data, len, err);
}

static int hash_pack(const struct cw_carry *carry, struct cw_carry_file *pack, int mirror,
                     struct cw_progress *progress, struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    struct pack_hash to = {.progress = progress};
    char sha256[CW_HASH_TEXT_MAX];
    char *path;
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    to.hash = hash;
    if (rc == CW_OK)
        rc = cw_pack_read(carry, pack, mirror, hash_bytes, &to, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc != CW_OK)
        return rc;
    memcpy(pack->sha256, sha256, CW_SHA256_TEXT);
    path = cw_str_format(CW_VOLUME_PACKS "/%s.tar", pack->sha256);
    if (path == NULL)
        return cw_err_nomem(err);
    free(pack->path);
    pack->path = path;
    return CW_OK;
}

static int hash_file(const struct cw_carry *carry, struct cw_carry_file *file, int mirror, char *block,
                     size_t size, struct cw_progress *progress, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    int rc;

    if (file->member_count > 0)
        return hash_pack(carry, file, mirror, progress, err);
    if (!file->part)
        return CW_OK;
    rc = cw_at_open_file(&fd, mirror, file->from, err);
    return rc == CW_OK ? hash_part(file, fd, block, size, progress, err) : rc;
}

int cw_carry_measure(struct cw_carry *carry, int mirror, const struct cw_cli *cli, struct cw_err *err)
{
    const size_t size = (size_t)256 * 1024;
    CW_AUTO_FREE char *block = malloc(size);
    struct cw_progress progress;
    uint64_t total = 0;
    size_t i;
    int rc = block != NULL ? CW_OK : cw_err_nomem(err);

    for (i = 0; i < carry->count; i++)
        total += carry->files[i].part || carry->files[i].member_count > 0 ? carry->files[i].length : 0;
    if (total == 0)
        return rc;
    cw_progress_start(&progress, cli, "measuring", total);
    for (i = 0; i < carry->count && rc == CW_OK; i++)
        rc = hash_file(carry, &carry->files[i], mirror, block, size, &progress, err);
    cw_progress_end(&progress);
    return rc;
}
