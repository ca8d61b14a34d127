/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a delta, and any bytes as what its three streams hold: an error of the delta, or exactly the length
 * that was asked for, and never more.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "codec/delta.h"
#include "codec/delta_form.h"
#include "tests/fuzz/fuzz.h"

#define OLD_LEN ((size_t)300)
#define NEW_MAX ((uint64_t)1 << 20) /* a fuzzer has better to do than to write zeros */

struct count {
    uint64_t done, most;
};

static int count_bytes(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct count *count = ctx;

    (void)data;
    (void)err;
    always(len <= count->most - count->done);
    count->done += len;
    return CW_OK;
}

/* A file without a name, kept open for all runs. */
static int file(int *fd, const void *data, size_t len)
{
    if (*fd < 0)
        *fd = memfd_create("fuzz", MFD_CLOEXEC);
    always(*fd >= 0 && ftruncate(*fd, 0) == 0 && pwrite(*fd, data, len, 0) == (ssize_t)len);
    return *fd;
}

static void read_delta(const void *data, size_t size)
{
    static int delta_fd = -1, old_fd = -1;
    struct cw_delta_info info;
    struct count count = {.done = 0};
    char old[OLD_LEN];
    struct cw_err err = {.code = CW_OK};
    int fd = file(&delta_fd, data, size), rc = cw_delta_peek(&info, fd, &err);

    always(rc == CW_OK || (rc == CW_E_VERIFY && err.text[0] != '\0'));
    memset(old, 'o', sizeof(old));
    count.most = rc == CW_OK && info.to < NEW_MAX ? info.to : 100;
    rc = cw_delta_read(fd, file(&old_fd, old, OLD_LEN), count.most, count_bytes, &count, &err);
    always(rc == CW_OK || ((rc == CW_E_VERIFY || rc == CW_E_NOMEM) && err.text[0] != '\0'));
    always(rc != CW_OK || count.done == count.most);
}

static size_t add_frame(struct cw_buf *buf, const uint8_t *data, size_t len)
{
    char packed[600];
    size_t n = ZSTD_compress(packed, sizeof(packed), data, len, 1);

    always(!ZSTD_isError(n));
    cw_buf_add(buf, packed, n);
    return n;
}

static void put(struct cw_buf *buf, uint64_t n, size_t len)
{
    for (; len > 0; len--, n >>= 8)
        cw_buf_addc(buf, (char)n);
}

/* With a flag, `to` bytes become a gzip file of some length. */
static void add_delta(struct cw_buf *delta, const size_t packed[3], const struct cw_buf *frames, uint64_t to,
                      unsigned flags)
{
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03";
    size_t i;

    cw_buf_add(delta, CW_DELTA_MAGIC, CW_DELTA_MAGIC_LEN);
    put(delta, CW_DELTA_MAJOR, 2);
    put(delta, flags, 2);
    put(delta, flags == 0 ? CW_DELTA_HEADER : CW_DELTA_AT_HEAD + sizeof head - 1, 4);
    put(delta, OLD_LEN, 8);
    put(delta, flags == 0 ? to : 18 + to / 8, 8);
    for (i = 0; i < 3; i++)
        put(delta, packed[i], 8);
    if (flags != 0) {
        put(delta, 0, 8);
        put(delta, to, 8);
        put(delta, 6, 1);
        put(delta, 8, 1);
        put(delta, sizeof head - 1, 2);
        cw_buf_add(delta, head, sizeof head - 1);
    }
    cw_buf_add(delta, frames->data, frames->len);
}

/* Four bytes of lengths, then what the streams hold; the header and the frames are right. */
static void read_streams(const uint8_t *data, size_t size)
{
    CW_AUTO_BUF frames = CW_BUF_INIT(10000), delta = CW_BUF_INIT(10000), gzip = CW_BUF_INIT(10000);
    size_t lens[3], packed[3], i;
    uint64_t to;

    if (size < 4)
        return;
    to = data[3] * UINT64_C(4);
    for (i = 0, data += 4, size -= 4; i < 3; i++) {
        lens[i] = data[-4 + (int)i] < size ? data[-4 + (int)i] : size;
        size -= lens[i];
    }
    for (i = 0; i < 3; data += lens[i++])
        packed[i] = add_frame(&frames, data, lens[i]);
    add_delta(&delta, packed, &frames, to, 0);
    add_delta(&gzip, packed, &frames, to, CW_DELTA_FLAG_TO);
    always(delta.failed == 0 && gzip.failed == 0);
    read_delta(delta.data, delta.len);
    read_delta(gzip.data, gzip.len);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_delta(data, size);
    read_streams(data, size);
    return 0;
}
