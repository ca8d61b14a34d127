/* SPDX-License-Identifier: ISC */
/*
 * A guess, from a few places of a file, whether compressing it is worth the time.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"
#include "codec/delta.h"
#include "fs/root.h"

#define SAMPLES 16
#define SAMPLE ((size_t)64 * 1024)
#define LEVEL 3 /* of zstd: what it cannot compress at all, no level can */
/* Of its length a file must lose so much. */
#define PERCENT_MIN 5

static int pack_sample(uint64_t *raw, uint64_t *packed, int fd, uint64_t at, char *in, char *out,
                       size_t out_room, struct cw_err *err)
{
    ssize_t n;
    size_t len;

    do {
        n = pread(fd, in, SAMPLE, (off_t)at);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to read a file to be compressed");
    len = ZSTD_compress(out, out_room, in, (size_t)n, LEVEL);
    if (ZSTD_isError(len))
        return cw_err_set(err, CW_E_FAIL, "unable to compress: %s", ZSTD_getErrorName(len));
    *raw += (uint64_t)n;
    *packed += len;
    return CW_OK;
}

int cw_delta_compresses(bool *does, int fd, struct cw_err *err)
{
    size_t out_room = ZSTD_compressBound(SAMPLE), i;
    CW_AUTO_FREE char *in = malloc(SAMPLE), *out = malloc(out_room);
    uint64_t raw = 0, packed = 0;
    struct stat st;
    int rc = in == NULL || out == NULL ? cw_err_nomem(err) : CW_OK;

    if (rc == CW_OK && fstat(fd, &st) != 0)
        rc = cw_err_errno(err, errno, "unable to look at a file to be compressed");
    for (i = 0; i < SAMPLES && rc == CW_OK; i++)
        rc = pack_sample(&raw, &packed, fd, (uint64_t)st.st_size / SAMPLES * i, in, out, out_room, err);
    *does = rc == CW_OK && packed < raw / 100 * (100 - PERCENT_MIN);
    return rc;
}
