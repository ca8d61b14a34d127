/* SPDX-License-Identifier: ISC */
/*
 * Applying a delta as a site may do it: decoded in the jail, cut at the length that was signed, judged by the
 * hash that was signed. A delta is a hint: when this fails, the whole file is taken instead.
 */
#ifndef CW_TREE_PATCH_H
#define CW_TREE_PATCH_H

#include "base/err.h"
#include "crypt/hash.h"

/* Writes to out (-1: it is only judged), from where it stands, what the delta makes of the old file. CW_OK only if that is
 * `length` bytes with the hash `sha256`; scratch is an
 * empty file for what the old one holds, should the delta be from inside that; -1: such a delta is refused. CW_E_VERIFY for whatever is wrong with the delta: out may then
 * hold a part, never more than `length`. The old file need not have been checked. */
int cw_patch_apply(int out, int old, int delta, int scratch, uint64_t length, const char *sha256,
                   struct cw_err *err);

#endif
