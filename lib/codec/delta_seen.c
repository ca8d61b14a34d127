/* SPDX-License-Identifier: ISC */
/*
 * Files that hide what they hold behind a compression that cannot be made again: no delta sees through that, so none is tried, and
 * people are told what to publish instead.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/delta_parts.h"

#define AR_HEAD ((uint64_t)60)

static const struct {
    const char *magic;
    uint8_t len;
    const char *what;
} formats[] = {
    {"\xfd"
     "7zXZ\0",
     6, "xz"},
    {"BZh", 3, "bzip2"},
    {"\x28\xb5\x2f\xfd", 4, "zstd"},
    {"\x04\x22\x4d\x18", 4, "lz4"},
    {"LZIP", 4, "lzip"},
};

/* A Debian package is an ar archive of three members, the last of them a tar, compressed or not. */
static bool is_packed_deb(const uint8_t *data, uint64_t len)
{
    uint64_t at = 8, size;
    unsigned member, i;

    if (len < 8 + AR_HEAD || memcmp(data, "!<arch>\n", 8) != 0 || memcmp(data + 8, "debian-binary", 13) != 0)
        return false;
    for (member = 0; member < 2 && len - at >= AR_HEAD; member++) {
        for (size = 0, i = 48; i < 58 && data[at + i] >= '0' && data[at + i] <= '9'; i++)
            size = size * 10 + (uint64_t)(data[at + i] - '0');
        at += AR_HEAD + size + size % 2;
        if (at > len)
            return false;
    }
    return len - at >= AR_HEAD && memcmp(data + at, "data.tar.", 9) == 0;
}

int cw_delta_check_seen(const uint8_t *data, uint64_t len, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < CW_COUNT(formats); i++) {
        if (len >= formats[i].len && memcmp(data, formats[i].magic, formats[i].len) == 0)
            return cw_err_set(err, CW_E_NOTFOUND, "it is compressed with %s, which hides what changed",
                              formats[i].what);
    }
    if (is_packed_deb(data, len))
        return cw_err_set(err, CW_E_NOTFOUND, "it is a Debian package, whose compression hides what changed");
    return CW_OK;
}
