/* SPDX-License-Identifier: ISC */
/*
 * One export as it goes: what export.c and export_lists.c share.
 */
#ifndef CW_SYNC_MIRROR_EXPORT_RUN_H
#define CW_SYNC_MIRROR_EXPORT_RUN_H

#include "sync/mirror/carry.h"
#include "sync/mirror/export.h"
#include "sync/mirror/volume_write.h"

struct cw_export_volume {
    struct cw_volume_write write;
    struct cw_buf list; /* the text of volume-<k>.json */
    int fd;             /* its folder */
    char *where;        /* that, for messages */
};

struct cw_export_run {
    const struct cw_export_options *options;
    const struct cw_cli *cli;
    int mirror, to;
    struct cw_closure all;
    struct cw_held held;
    struct cw_carry carry;
    struct cw_export_volume *volumes; /* carry.of of them */
    struct cw_export_result *result;
};

/* Makes the list of each volume, and with them the bundle's id. */
int cw_export_lists(struct cw_export_run *run, const struct cw_set *set,
                    const struct cw_mirror_memory *memory, int64_t now, struct cw_err *err);

#endif
