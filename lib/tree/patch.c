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

int cw_patch_apply(int out, int old, int delta, uint64_t length, const char *sha256, struct cw_err *err)
{
    uint64_t seconds = CPU_SECONDS_FREE + length / CPU_BYTES_PER_SECOND;
    const struct cw_jail_limits limits = {.cpu_seconds = seconds < 86400 ? (unsigned)seconds : 86400,
                                          .memory = MEMORY};
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    char sum[CW_HASH_TEXT_MAX];
    int rc = cw_jail_start_with(&jail, "the delta's reader", &limits, decode, &length, delta, old, err);

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
