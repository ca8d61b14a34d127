/* SPDX-License-Identifier: ISC */
/*
 * One line of SHA256SUMS, as coreutils writes and reads it. Pure.
 */
#ifndef CW_GEN_FROM_SUMS_H
#define CW_GEN_FROM_SUMS_H

#include "crypt/hash.h"
#include "fs/root.h"

struct cw_sums_line {
    char sha256[CW_SHA256_TEXT]; /* "": a line without a sum, empty or a comment */
    char name[CW_PATH_MAX];      /* unescaped */
};

/* "HEX  name", "HEX *name", "SHA256 (name) = HEX", each with '\' before it when the name is escaped. line is
 * len bytes without the newline; a carriage return at its end is ignored. CW_E_VERIFY says what is wrong. */
int cw_sums_parse(struct cw_sums_line *out, const char *line, size_t len, struct cw_err *err);

#endif
