/* SPDX-License-Identifier: ISC */
/*
 * Writing a bundle: what a mirror's set needs and the sites it is for lack, with all roots and the metadata for it,
 * as folders that pull, sha256sum(1) and any static web server can read; one folder for each volume.
 *
 *     export.c         the whole: what is carried, then all volumes in turn
 *     held.c           what the sites hold
 *     carry.c ways.c   which files, by which way
 *     spread.c packs.c on which volume, and in which pack
 *     measure.c        hashes of what is cut or packed
 *     export_lists.c   the lists
 *     volume_write.c   one volume into its folder
 */
#ifndef CW_SYNC_MIRROR_EXPORT_H
#define CW_SYNC_MIRROR_EXPORT_H

#include "sync/site.h"

struct cw_export_options {
    const char *to; /* the folder; NULL with `plan_only`: none is looked at */
    bool replace;   /* another bundle that is there */
    bool plan_only; /* write nothing but deltas in the mirror; say what would be carried */
    uint64_t
        volume_size; /* bytes of a medium: volumes go into to/volume-<k>/; 0: one volume, in `to` itself */
    const char *const *receipts; /* files or folders; the sites that it is for */
    size_t receipt_count;
    int64_t since; /* what the sites are known to hold: this serial; 0: not known */
};

struct cw_export_result {
    uint64_t files, bytes; /* of the whole bundle */
    uint64_t written;      /* bytes written by this run; the rest was there already, and good */
    uint64_t held;         /* files of the set that are not carried, since all sites hold them */
    int64_t serial;
    unsigned volumes;
    char bundle[CW_SHA256_TEXT];
    json_t *
        carried; /* [{"path", "length", "way", "bytes", "volume", "parts"?}] of each file that is no manifest; owned */
    json_t *sizes; /* [{"files", "bytes"}] of each volume; owned */
};

/* Writes the bundle into a folder, which is made where missing. Until a volume's list, which comes last, is there, its
 * folder does not look like a bundle. Files that are there with the right hash are kept, so an interrupted export goes
 * on, and one that was damaged on the medium is mended. A folder with another bundle or other files is refused
 * (CW_E_USAGE) unless `replace`: then what belongs to a bundle is replaced, and other files are left alone. CW_E_VERIFY:
 * the mirror's own copy is damaged, or a receipt is not what it says; CW_E_SPACE before anything is written. */
int cw_mirror_export(struct cw_export_result *result, const struct cw_site *site,
                     const struct cw_upstream *upstream, const struct cw_export_options *options, int64_t now,
                     const struct cw_cli *cli, struct cw_err *err);
void cw_export_result_clear(struct cw_export_result *result);

#endif
