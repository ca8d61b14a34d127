/* SPDX-License-Identifier: ISC */
/*
 * Mending a tree file by file from another place that has it: what a check found bad or missing is fetched
 * again, and nothing else. The other place is trusted with nothing. A target replaces the bad one only when
 * its bytes have the sha256 in its name; metadata files are held in memory, the metadata is checked with them
 * in place of the tree's, and what was found right is written at the end, in the order of publishing. So a wrong source,
 * and a run that is killed, leave each file as it was or right.
 */
#ifndef CW_SYNC_MIRROR_REPAIR_H
#define CW_SYNC_MIRROR_REPAIR_H

#include <jansson.h>

#include "sync/site.h"
#include "tree/check.h"

#define CW_REPAIR_KEPT_MAX ((size_t)64 << 20) /* bytes of metadata files that are tried out at a time */

struct cw_repair {
    const struct cw_site *site;
    const struct cw_upstream *upstream;
    bool mirror;      /* it is this site's mirror of that upstream: its trusted metadata serves as well */
    int dir;          /* the tree */
    const char *from; /* URL or folder */
    /* How it was checked: root, now, partial, channel and wanted count. */
    struct cw_tree_check check;
    const struct cw_cli *cli;
};

/* `files` says what to mend, and afterwards what came of it: an object, tree path →
 * {"what": text, "sha256"?, "length"?, "mended"?: true, "why"?: text}. sha256 (and length, where it is known)
 * stand with targets. Mending metadata may show that more is missing: it is added, and mended too. Paths that
 * are not of files are told in `why`. *left gets how many are not mended. */
int cw_mirror_repair(uint64_t *left, const struct cw_repair *repair, json_t *files, struct cw_err *err);

#endif
