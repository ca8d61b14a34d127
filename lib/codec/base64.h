/* SPDX-License-Identifier: ISC */
/*
 * Bytes as base64 text (RFC 4648). Written with the standard alphabet and padding; read in either alphabet,
 * padded or not, and nothing else: no spaces, no bits left over, no two alphabets in one text.
 */
#ifndef CW_CODEC_BASE64_H
#define CW_CODEC_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Append to buf, which remembers where that failed. */
void cw_base64_format(struct cw_buf *buf, const void *data, size_t len);
/* False for what is not base64; some of it may have been appended then. */
bool cw_base64_parse(struct cw_buf *buf, const char *text, size_t len);

#endif
