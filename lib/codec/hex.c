/* SPDX-License-Identifier: ISC */
/*
 * Hexadecimal text.
 */
#include "codec/hex.h"

#include <string.h>

static const char alphabet[] = "0123456789abcdef";

void cw_hex_format(char *out, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < len; i++) {
        out[2 * i] = alphabet[bytes[i] >> 4];
        out[2 * i + 1] = alphabet[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool cw_hex_parse(void *data, size_t len, const char *text)
{
    unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < len; i++) {
        int high = digit(text[2 * i]);
        int low = high < 0 ? -1 : digit(text[2 * i + 1]);

        if (low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return text[2 * len] == '\0';
}

bool cw_hex_is_sha256(const char *text)
{
    return strspn(text, alphabet) == 64 && text[64] == '\0';
}
