/* SPDX-License-Identifier: ISC */
/*
 * Writing a bundle: the set that a mirror holds, with all roots and the metadata for it, as a folder that
 * pull, sha256sum(1) and any static web server can read.
 */
#ifndef CW_SYNC_MIRROR_EXPORT_H
#define CW_SYNC_MIRROR_EXPORT_H

#include "sync/site.h"

struct cw_export_result {
    uint64_t files, bytes; /* of the whole bundle */
    uint64_t written;      /* bytes written by this run; the rest was there already, and good */
    int64_t serial;
    char bundle[CW_SHA256_TEXT];
};

/* Writes the bundle into the folder `to`, which is made where missing. Until the list (volume-1.json), which
 * comes last, is there, the folder does not look like a bundle. Files that are there with the right hash are
 * kept, so an interrupted export goes on. A folder with another bundle or other files is refused (CW_E_USAGE)
 * unless `replace`: then what belongs to a bundle is replaced, and other files are left alone. CW_E_VERIFY:
 * the mirror's own copy is damaged; CW_E_SPACE before anything is written. */
int cw_mirror_export(struct cw_export_result *result, const struct cw_site *site,
                     const struct cw_upstream *upstream, const char *to, bool replace, int64_t now,
                     const struct cw_cli *cli, struct cw_err *err);

#endif
