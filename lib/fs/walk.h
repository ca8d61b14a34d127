/* SPDX-License-Identifier: ISC */
/*
 * Visiting everything beneath a folder in byte order of the names, never through symbolic links.
 */
#ifndef CW_FS_WALK_H
#define CW_FS_WALK_H

#include <sys/stat.h>

#include "base/err.h"

#define CW_WALK_DEPTH_MAX 64 /* folders in folders; deeper is an error */

/* Called for each entry (folders before their content) with its path beneath the starting folder. A non-zero
 * answer ends the walk and is its result. */
typedef int cw_walk_fn(void *ctx, const char *path, const struct stat *st, struct cw_err *err);

int cw_walk(int dir, const char *path, cw_walk_fn *visit, void *ctx, struct cw_err *err);

#endif
