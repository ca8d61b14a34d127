/* SPDX-License-Identifier: ISC */
/*
 * The spool of gen/spool.h: a buffer for each part, written out in blocks where it is full.
 */
#include "gen/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/root.h"

#define BLOCK ((size_t)64 << 10) /* bytes of a part in memory: 4 MiB in all parts */
/* Bytes of one part when read back: a 64th of some ten million targets. */
#define PART_MAX ((size_t)64 << 20)
#define DIGEST (CW_SHA256_TEXT - 1)

struct record { /* followed by the path */
    uint32_t hash, path_len;
    int64_t length;
    char sha256[DIGEST];
};

struct block {
    off_t offset;
    size_t len;
};

struct part {
    struct cw_buf buf;
    struct block *blocks;
    size_t count, room;
};

struct cw_spool {
    int dir, fd;
    off_t end;
    uint64_t size;
    struct part parts[CW_SPOOL_PARTS];
    unsigned char seen[CW_BIN_COUNT_MAX / 8]; /* by the highest bits of the hash */
};

int cw_spool_new(struct cw_spool **spool, int dir, struct cw_err *err)
{
    size_t i;

    *spool = calloc(1, sizeof **spool);
    if (*spool == NULL)
        return cw_err_nomem(err);
    (*spool)->dir = dir;
    (*spool)->fd = -1;
    for (i = 0; i < CW_SPOOL_PARTS; i++)
        cw_buf_init(&(*spool)->parts[i].buf, BLOCK + sizeof(struct record) + CW_PATH_MAX);
    return CW_OK;
}

void cw_spool_free(struct cw_spool *spool)
{
    size_t i;

    if (spool == NULL)
        return;
    for (i = 0; i < CW_SPOOL_PARTS; i++) {
        cw_buf_clear(&spool->parts[i].buf);
        free(spool->parts[i].blocks);
    }
    cw_fd_close_(&spool->fd);
    free(spool);
}

static int open_file(struct cw_spool *spool, struct cw_err *err)
{
    if (spool->fd >= 0)
        return CW_OK;
    spool->fd = openat(spool->dir, ".", O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
    return spool->fd >= 0 ? CW_OK
                          : cw_err_errno(err, errno, "unable to make a temporary file in the repository");
}

static int note_block(struct cw_spool *spool, struct part *part, struct cw_err *err)
{
    if (part->count == part->room) {
        size_t room = part->room != 0 ? part->room * 2 : 8;
        struct block *blocks = reallocarray(part->blocks, room, sizeof *blocks);

        if (blocks == NULL)
            return cw_err_nomem(err);
        part->blocks = blocks;
        part->room = room;
    }
    part->blocks[part->count++] = (struct block){.offset = spool->end, .len = part->buf.len};
    return CW_OK;
}

/* The file's place only ever moves to its end, so plain writes append. */
static int flush(struct cw_spool *spool, struct part *part, struct cw_err *err)
{
    int rc = CW_OK;

    if (spool->dir >= 0) {
        rc = open_file(spool, err);
        if (rc == CW_OK)
            rc = note_block(spool, part, err);
        if (rc == CW_OK)
            rc = cw_fd_write_all(spool->fd, part->buf.data, part->buf.len, "a temporary file", err);
        spool->end += (off_t)part->buf.len;
    }
    cw_buf_reset(&part->buf);
    return rc;
}

int cw_spool_add(struct cw_spool *spool, const struct cw_bin_target *target, struct cw_err *err)
{
    struct record record = {.path_len = (uint32_t)target->path.len, .length = target->length};
    struct part *part;
    size_t bit;
    int rc;

    if (target->path.len >= CW_PATH_MAX)
        return cw_err_set(err, CW_E_VERIFY, "target '%.100s…' is too long", target->path.at);
    rc = cw_bin_hash(&record.hash, target->path.at, target->path.len, err);
    if (rc != CW_OK)
        return rc;
    memcpy(record.sha256, target->sha256, DIGEST);
    bit = record.hash >> (32 - CW_BIN_BITS_MAX);
    spool->seen[bit / 8] |= (unsigned char)(1u << bit % 8);
    spool->size += cw_bin_target_size(target->path.len, target->length);
    part = &spool->parts[record.hash >> (32 - CW_SPOOL_BITS)];
    cw_buf_add(&part->buf, &record, sizeof record);
    cw_buf_add(&part->buf, target->path.at, target->path.len);
    rc = cw_buf_check(&part->buf, "a part of the bins", err);
    return rc == CW_OK && part->buf.len >= BLOCK ? flush(spool, part, err) : rc;
}

uint64_t cw_spool_size(const struct cw_spool *spool)
{
    return spool->size;
}

bool cw_spool_touches(const struct cw_spool *spool, unsigned bits, size_t bin)
{
    size_t count = (size_t)1 << (CW_BIN_BITS_MAX - bits), bit = bin * count, end = bit + count;

    for (; bit < end; bit++) {
        if ((spool->seen[bit / 8] & (1u << bit % 8)) != 0)
            return true;
    }
    return false;
}

static int read_block(struct cw_buf *memory, const struct cw_spool *spool, const struct block *block,
                      struct cw_err *err)
{
    CW_AUTO_FREE char *bytes = malloc(block->len);
    ssize_t got;

    if (bytes == NULL)
        return cw_err_nomem(err);
    got = pread(spool->fd, bytes, block->len, block->offset);
    if (got < 0)
        return cw_err_errno(err, errno, "unable to read a temporary file");
    if ((size_t)got != block->len)
        return cw_err_set(err, CW_E_FAIL, "a temporary file has become shorter");
    cw_buf_add(memory, bytes, block->len);
    return cw_buf_check(memory, "a part of the bins", err);
}

static int load(struct cw_buf *memory, const struct cw_spool *spool, const struct part *part,
                struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    cw_buf_init(memory, PART_MAX);
    for (i = 0; i < part->count && rc == CW_OK; i++)
        rc = read_block(memory, spool, &part->blocks[i], err);
    if (part->buf.len > 0)
        cw_buf_add(memory, part->buf.data, part->buf.len);
    return rc == CW_OK ? cw_buf_check(memory, "a part of the bins", err) : rc;
}

/* Records lie at any address. */
static const char *next(struct record *record, struct cw_bin_target *target, const char *at)
{
    memcpy(record, at, sizeof *record);
    *target = (struct cw_bin_target){.path = {.at = at + sizeof *record, .len = record->path_len},
                                     .sha256 = at + offsetof(struct record, sha256),
                                     .length = record->length};
    return at + sizeof *record + record->path_len;
}

int cw_spool_part(struct cw_bin *bins, struct cw_buf *memory, const struct cw_spool *spool, unsigned bits,
                  size_t part, struct cw_err *err)
{
    size_t mask = ((size_t)1 << (bits - CW_SPOOL_BITS)) - 1;
    int rc = load(memory, spool, &spool->parts[part], err);
    const char *at = memory->data;

    while (rc == CW_OK && at != NULL && at < memory->data + memory->len) {
        struct cw_bin_target target;
        struct record record;

        at = next(&record, &target, at);
        rc = cw_bin_add(&bins[record.hash >> (32 - bits) & mask], &target, err);
    }
    return rc;
}

int cw_spool_each(const struct cw_spool *spool,
                  int (*fn)(void *ctx, const struct cw_bin_target *target, struct cw_err *err), void *ctx,
                  struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_SPOOL_PARTS && rc == CW_OK; i++) {
        CW_AUTO_BUF memory = CW_BUF_INIT(PART_MAX);
        const char *at;

        rc = load(&memory, spool, &spool->parts[i], err);
        at = memory.data;
        while (rc == CW_OK && at != NULL && at < memory.data + memory.len) {
            struct cw_bin_target target;
            struct record record;

            at = next(&record, &target, at);
            rc = fn(ctx, &target, err);
        }
    }
    return rc;
}
