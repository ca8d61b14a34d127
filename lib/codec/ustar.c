/* SPDX-License-Identifier: ISC */
/*
 * Heads of members of a tar: see codec/ustar.h.
 */
#include "codec/ustar.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct head { /* POSIX.1-2017, pax, "ustar Interchange Format" */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag[1], linkname[100],
        magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct head) == CW_USTAR_BLOCK, "a head is one block");

#define PAX_NAME "path"

/* Where a path parts into prefix and name so that both fit; *name is the whole path where that fits. */
static bool split(const char **name, const char *path)
{
    size_t len = strlen(path);
    const char *slash;

    *name = path;
    if (len <= sizeof((struct head *)0)->name)
        return true;
    for (slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *name = slash + 1;
        if ((size_t)(slash - path) <= sizeof((struct head *)0)->prefix &&
            strlen(*name) <= sizeof((struct head *)0)->name && **name != '\0')
            return true;
    }
    return false;
}

/* The length of a pax record counts the digits of itself. */
static size_t record_size(const char *path)
{
    size_t rest = sizeof " " PAX_NAME "=" + strlen(path), size = rest,
           before = 0; /* the NUL stands for the newline */
    char digits[24];

    while (size != before) {
        before = size;
        size = rest + (size_t)snprintf(digits, sizeof digits, "%zu", before);
    }
    return size;
}

size_t cw_ustar_padding(uint64_t length)
{
    return (size_t)((CW_USTAR_BLOCK - length % CW_USTAR_BLOCK) % CW_USTAR_BLOCK);
}

size_t cw_ustar_head_size(const char *path)
{
    const char *name;
    size_t record;

    if (split(&name, path))
        return CW_USTAR_BLOCK;
    record = record_size(path);
    return 2 * (size_t)CW_USTAR_BLOCK + record + cw_ustar_padding(record);
}

uint64_t cw_ustar_size(const char *path, uint64_t length)
{
    return cw_ustar_head_size(path) + length + cw_ustar_padding(length);
}

/* Fields that are full have no NUL. */
static void put(char *field, size_t size, const char *text, size_t len)
{
    memcpy(field, text, len < size ? len : size);
}

static void put_octal(char *field, size_t size, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%0*" PRIo64, (int)size - 1, value);
    put(field, size, text, size - 1);
}

static void add_head(struct cw_buf *buf, char type, const char *prefix, size_t prefix_len, const char *name,
                     uint64_t length)
{
    struct head head = {.typeflag = {type}};
    const unsigned char *byte = (const unsigned char *)&head;
    uint64_t sum = 0;
    size_t i;

    put(head.name, sizeof head.name, name, strlen(name));
    put(head.prefix, sizeof head.prefix, prefix, prefix_len);
    put_octal(head.mode, sizeof head.mode, 0644);
    put_octal(head.uid, sizeof head.uid, 0);
    put_octal(head.gid, sizeof head.gid, 0);
    put_octal(head.size, sizeof head.size, length);
    put_octal(head.mtime, sizeof head.mtime, 0);
    put_octal(head.devmajor, sizeof head.devmajor, 0);
    put_octal(head.devminor, sizeof head.devminor, 0);
    memcpy(head.magic, "ustar", 6);
    memcpy(head.version, "00", 2);
    memset(head.chksum, ' ', sizeof head.chksum);
    for (i = 0; i < sizeof head; i++)
        sum += byte[i];
    put_octal(head.chksum, sizeof head.chksum - 1, sum);
    head.chksum[6] = '\0';
    cw_buf_add(buf, &head, sizeof head);
}

static void add_zeros(struct cw_buf *buf, size_t count)
{
    static const char zeros[CW_USTAR_BLOCK];

    cw_buf_add(buf, zeros, count);
}

int cw_ustar_head(struct cw_buf *buf, const char *path, uint64_t length, struct cw_err *err)
{
    const char *name;

    if (length >= CW_USTAR_LENGTH_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s' is too long for a tar", path);
    if (split(&name, path)) {
        add_head(buf, '0', path, name > path ? (size_t)(name - path) - 1 : 0, name, length);
    } else {
        size_t record = record_size(path);

        add_head(buf, 'x', "", 0, "PaxHeader", record);
        cw_buf_addf(buf, "%zu " PAX_NAME "=%s\n", record, path);
        add_zeros(buf, cw_ustar_padding(record));
        add_head(buf, '0', "", 0, path, length); /* cut: who knows pax does not look at it */
    }
    return cw_buf_check(buf, "the head of a tar's member", err);
}
