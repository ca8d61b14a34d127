/* SPDX-License-Identifier: ISC */
/*
 * Base64 text. Not for secrets: the time that it takes depends on the bytes.
 */
#include "codec/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cw_base64_format(struct cw_buf *buf, const void *data, size_t len)
{
    const unsigned char *p = data;
    size_t i, left;

    for (; len > 0; p += left, len -= left) {
        unsigned long bits = (unsigned long)p[0] << 16;
        char four[4];

        left = len < 3 ? len : 3;
        if (left > 1)
            bits |= (unsigned long)p[1] << 8;
        if (left > 2)
            bits |= p[2];
        for (i = 0; i < 4; i++)
            four[i] = i <= left ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
        cw_buf_add(buf, four, sizeof four);
    }
}

/* The text without its padding, if it is padded rightly or not at all. */
static bool strip_padding(const char *text, size_t *len)
{
    size_t pads = 0;

    while (pads < 2 && pads < *len && text[*len - 1 - pads] == '=')
        pads++;
    if (pads > 0 && *len % 4 != 0)
        return false;
    *len -= pads;
    return *len % 4 != 1;
}

static int value_of(char c, bool is_url_safe)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (is_url_safe ? '-' : '+'))
        return 62;
    return c == (is_url_safe ? '_' : '/') ? 63 : -1;
}

bool cw_base64_parse(struct cw_buf *buf, const char *text, size_t len)
{
    bool is_url_safe = memchr(text, '-', len) != NULL || memchr(text, '_', len) != NULL;
    unsigned long bits = 0;
    unsigned count = 0;
    size_t i;

    if (!strip_padding(text, &len))
        return false;
    for (i = 0; i < len; i++) {
        int value = value_of(text[i], is_url_safe);

        if (value < 0)
            return false;
        bits = bits << 6 | (unsigned long)value;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        cw_buf_addc(buf, (char)(unsigned char)(bits >> count));
        bits &= (1UL << count) - 1;
    }
    return bits == 0;
}
