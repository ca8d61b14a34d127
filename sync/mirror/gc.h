/* SPDX-License-Identifier: ISC */
/*
 * What of a mirror is needed no more. Kept are
 *   - all that the set it serves needs: targets, the role metadata of its timestamp, every root;
 *   - every target of a version that a kept generation runs, so that it can be repaired from here;
 *   - every delta that leads to one of these targets;
 *   - what is no file of a tree, which somebody else put there.
 * Readers of the mirror that began at an older timestamp may miss what goes: that is why a mirror drops nothing by
 * itself.
 */
#ifndef CW_SYNC_MIRROR_GC_H
#define CW_SYNC_MIRROR_GC_H

#include "sync/site.h"

/* Appends {"what": "target", "metadata" or "delta", "path", "bytes"} of what goes to rows; paths are tree paths. used: an
 * object with a member "product@version" for each version that is kept. Nothing is changed. CW_E_NOTFOUND: nothing
 * was pulled yet; other errors: the set is not whole, so nothing may be said of the rest. */
int cw_mirror_gc_find(json_t *rows, const json_t *used, const struct cw_site *site,
                      const struct cw_upstream *upstream, struct cw_err *err);
/* Removes them, and folders that are empty then. */
int cw_mirror_gc_remove(const json_t *rows, const struct cw_site *site, const struct cw_upstream *upstream,
                        struct cw_err *err);

#endif
