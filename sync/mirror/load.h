/* SPDX-License-Identifier: ISC */
/*
 * What cw_mirror_load() gives, together with the verified metadata behind it: for export. Inside sync/mirror
 * only.
 */
#ifndef CW_SYNC_MIRROR_LOAD_H
#define CW_SYNC_MIRROR_LOAD_H

#include "base/mem.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"

/* As cw_mirror_load(). *update stays the caller's to free, also after a failure; memory's to clear; mirror is
 * the open mirror. */
int cw_mirror_load_update(struct cw_set *set, struct cw_tuf_update **update, struct cw_mirror_memory *memory,
                          int mirror, const struct cw_site *site, const struct cw_upstream *upstream,
                          struct cw_err *err);

/* Another part of the set that was loaded: what a site with these wishes needs. The mirror may not hold all of it, but
 * its manifests. */
int cw_mirror_load_wanted(struct cw_set *set, struct cw_tuf_update *update,
                          const struct cw_mirror_memory *memory, int mirror, const char *channel,
                          const struct cw_set_wanted *wanted, struct cw_err *err);

#endif
