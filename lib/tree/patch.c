/* SPDX-License-Identifier: ISC */
/*
 * The two halves of applying a delta: the confined child reads the delta and the old file and writes plain
 * bytes to a pipe; its parent counts, hashes and stores them.
 */
#include "tree/patch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/delta.h"
#include "fs/root.h"
#include "jail/jail.h"

/* Three windows, their decoders and buffers are 27 MiB; the rest is for the C library's arenas. */
#define MEMORY ((size_t)48 << 20)
/* A delta makes hundreds of MB a second. One that needs as long as this is made to do so. */
#define CPU_SECONDS_FREE 60
#define CPU_BYTES_PER_SECOND (UINT64_C(4) << 20)
#define INSIDE_RATIO 32 /* archives hold less than so many times their length */
#define BLOCK ((size_t)256 * 1024)
#define PIPE_BYTES (1 << 20) /* fewer switches between the two; what a system allows is enough */

static int sink(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_fd_write_all(*(const int *)ctx, data, len, "what a delta makes", err);
}

static int decode(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    const uint64_t *length = ctx;

    return cw_delta_read(in_fd, CW_JAIL_ALSO, *length, sink, &out_fd, err);
}

/* What the child gives goes to out; *sum is its hash. */
static int store(char sum[CW_HASH_TEXT_MAX], struct cw_jail *jail, int out, uint64_t length,
                 struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(BLOCK);
    CW_AUTO_HASH *hash = NULL;
    uint64_t done = 0;
    ssize_t n = 0;
    int rc = block == NULL ? cw_err_nomem(err) : cw_hash_new(&hash, CW_SHA256, err);

    while (rc == CW_OK && (n = cw_jail_read(jail, block, BLOCK, err)) > 0) {
        if ((uint64_t)n > length - done)
            return cw_err_set(err, CW_E_VERIFY, "the delta makes more than %llu bytes",
                              (unsigned long long)length);
        done += (uint64_t)n;
        rc = cw_hash_update(hash, block, (size_t)n, err);
        if (rc == CW_OK && out >= 0)
            rc = cw_fd_write_all(out, block, (size_t)n, "what a delta makes", err);
    }
    if (rc != CW_OK || n < 0)
        return rc != CW_OK ? rc : CW_E_VERIFY;
    return cw_hash_final(hash, sum, err);
}

/* --- what the old file holds ----------------------------------------------------------------------- */

static int inflate(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    return cw_gzip_read(in_fd, sink, &out_fd, err);
}

static unsigned seconds_for(uint64_t bytes)
{
    uint64_t seconds = CPU_SECONDS_FREE + bytes / CPU_BYTES_PER_SECOND;

    return seconds < 86400 ? (unsigned)seconds : 86400;
}

/* Want of space for it is no want of space for the file: the delta is of no use here, that is all. */
static int open_inside(int scratch, int old, const struct cw_delta_info *info, struct cw_err *err)
{
    const struct cw_jail_limits limits = {.cpu_seconds = seconds_for(info->from_inside), .memory = MEMORY};
    CW_AUTO_FREE char *block = malloc(BLOCK);
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    uint64_t left = info->from_inside;
    ssize_t n = 0;
    int rc;

    if (block == NULL)
        return cw_err_nomem(err);
    if (scratch < 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "the delta is from inside a gzip file, for which there is no room");
    rc = cw_jail_start(&jail, "the reader of a gzip file", &limits, inflate, NULL, old, err);
    while (rc == CW_OK && (n = cw_jail_read(&jail, block, BLOCK, err)) > 0) {
        if ((uint64_t)n > left)
            return cw_err_set(err, CW_E_VERIFY,
                              "the gzip file that the delta starts from holds more than it says");
        left -= (uint64_t)n;
        rc = cw_fd_write_all(scratch, block, (size_t)n, "what a gzip file holds", err);
    }
    if (rc != CW_OK || n < 0)
        return err->code = rc == CW_E_NOMEM ? rc : CW_E_VERIFY;
    return cw_jail_finish(&jail, err);
}

/* A bomb's new content is all zeros, of which deflate makes little: so the time follows what comes out, too. */
static unsigned seconds_of(const struct cw_delta_info *info, uint64_t length)
{
    uint64_t inside = info->inside_to ? info->to_inside : 0;

    return seconds_for(length + (inside < INSIDE_RATIO * length ? inside : INSIDE_RATIO * length));
}

int cw_patch_apply(int out, int old, int delta, int scratch, uint64_t length, const char *sha256,
                   struct cw_err *err)
{
    struct cw_jail_limits limits = {.memory = MEMORY};
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    char sum[CW_HASH_TEXT_MAX];
    struct cw_delta_info info;
    int rc = cw_delta_peek(&info, delta, err);

    if (rc == CW_OK && info.inside_from)
        rc = open_inside(scratch, old, &info, err);
    if (rc != CW_OK)
        return rc;
    limits.cpu_seconds = seconds_of(&info, length);
    rc = cw_jail_start_with(&jail, "the delta's reader", &limits, decode, &length, delta,
                            info.inside_from ? scratch : old, err);
    if (rc != CW_OK)
        return rc;
    (void)fcntl(jail.out, F_SETPIPE_SZ, PIPE_BYTES);
    rc = store(sum, &jail, out, length, err);
    if (rc == CW_OK)
        rc = cw_jail_finish(&jail, err);
    if (rc == CW_OK && strcmp(sum, sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY, "the delta makes another file: sha256 %.12s..., not %.12s...",
                          sum, sha256);
    return rc;
}
