/* SPDX-License-Identifier: ISC */
/*
 * An alarm of its own for sites that nothing reaches any more: site.lua's `stale`. Metadata need not have expired
 * for that, nor need any pull have failed: a stick may be carried back and forth that nobody writes.
 */
#ifndef CW_SYNC_STALE_H
#define CW_SYNC_STALE_H

#include <jansson.h>

#include "sync/site.h"

/* *rows gets {"upstream", "newest": time, "days": whole days since} for each upstream of which the newest signed time
 * ever seen is longer ago than site.lua's `stale`; none where that is not set. The caller owns it. */
int cw_stale_find(json_t **rows, const struct cw_site *site, int64_t now, struct cw_err *err);
/* The same as warnings. */
void cw_stale_warn(const struct cw_site *site, int64_t now, const struct cw_cli *cli);

#endif
