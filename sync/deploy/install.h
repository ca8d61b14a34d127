/* SPDX-License-Identifier: ISC */
/*
 * Bringing a release from a mirror into the install root, beside what runs: each artifact hashed whole before
 * a byte of it counts, archives extracted in the jail, everything read-only and durable before it has its
 * name. Files are copied, never linked: the mirror and the install root share no inodes.
 */
#ifndef CW_SYNC_DEPLOY_INSTALL_H
#define CW_SYNC_DEPLOY_INSTALL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "sync/site.h"

/* What one archive may become: far above real software, far below what fills a plant's disk for hours. */
#define CW_INSTALL_BYTES_MAX (UINT64_C(64) << 30)
#define CW_INSTALL_ENTRIES_MAX UINT64_C(1000000)
#define CW_INSTALL_EXPANSION_MAX 256 /* times its own length, which no honest archive reaches … */
#define CW_INSTALL_EXPANSION_FREE (UINT64_C(64) << 20) /* … unless it is small */
/* How much space an archive is taken to need, times its length, when free space is checked before. */
#define CW_INSTALL_ARCHIVE_FACTOR 4
/* Left free for the generation, the journal and the rest of the world. */
#define CW_INSTALL_RESERVE (UINT64_C(16) << 20)

/* Is there room for all releases of the plan's ready units that are not there yet? CW_E_SPACE says how much
 * is missing. */
int cw_install_check_space(int root, const json_t *plan, struct cw_err *err);

/* Makes the release of one change (sync/deploy/plan.h) from the tree of its mirror, as site.lua's `install` has it; one that is there already
 * is used as it is. CW_E_VERIFY names an artifact whose bytes are not what was signed, or the member of an
 * archive that may not be. */
int cw_install_release(int root, int mirror, const struct cw_install_options *options, const json_t *change,
                       struct cw_err *err);

/* Is the release of a change there, whole? */
int cw_install_has(bool *there, int root, const json_t *change, struct cw_err *err);

/* Removes a release ("releases/<product>/<version>/<platform>") that no generation links to. Killed at any moment,
 * it is there whole or not at all. */
int cw_install_remove(int root, const char *path, struct cw_err *err);

/* Removes what an interrupted run left. */
int cw_install_sweep(int root, struct cw_err *err);

#endif
