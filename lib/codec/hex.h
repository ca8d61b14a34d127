/* SPDX-License-Identifier: ISC */
/*
 * Bytes as lower-case hexadecimal text.
 */
#ifndef CW_CODEC_HEX_H
#define CW_CODEC_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* out has room for 2 * len + 1. */
void cw_hex_format(char *out, const void *data, size_t len);
/* Exactly 2 * len digits of either case and a NUL; false otherwise. */
bool cw_hex_parse(void *data, size_t len, const char *text);
/* True for exactly 64 lower-case digits: a sha256 as Causeway writes it. */
bool cw_hex_is_sha256(const char *text);

#endif
