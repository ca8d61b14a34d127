/* SPDX-License-Identifier: ISC */
/*
 * The heads of a tar's members, as POSIX has them ("ustar", and "pax" for a path that ustar cannot hold): for files that
 * are to be found again by their place in it. All else of a member is fixed: a plain file of mode 0644, owner 0, time 0.
 * So the same files make the same bytes.
 */
#ifndef CW_CODEC_USTAR_H
#define CW_CODEC_USTAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_USTAR_BLOCK 512
#define CW_USTAR_END (2 * CW_USTAR_BLOCK)       /* zero bytes behind the last member */
#define CW_USTAR_LENGTH_MAX (UINT64_C(1) << 33) /* bytes of a file are fewer than this */

/* Bytes before the content of a member of this path. */
size_t cw_ustar_head_size(const char *path);
/* Zero bytes behind a content of this length. */
size_t cw_ustar_padding(uint64_t length);
/* All bytes of a member. */
uint64_t cw_ustar_size(const char *path, uint64_t length);
/* Appends what stands before the content. CW_E_FAIL: too long. */
int cw_ustar_head(struct cw_buf *buf, const char *path, uint64_t length, struct cw_err *err);

#endif
