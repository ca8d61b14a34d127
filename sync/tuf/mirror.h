/* SPDX-License-Identifier: ISC */
/*
 * A verified copy of a TUF repository, in the layout of a tree (metadata/, targets/), which a static web server can serve to any TUF
 * client. What is written is what the server gave, byte for byte, in the order in which a repository is published, so that who reads it
 * meanwhile sees the old one or the new one; nothing is ever removed.
 */
#ifndef CW_SYNC_TUF_MIRROR_H
#define CW_SYNC_TUF_MIRROR_H

#include "cli/cli.h"
#include "sync/tuf/remote.h"

#define CW_TUF_MIRROR_ROLES_MAX 65536 /* delegated roles: PyPI's plan has 16,384 */
#define CW_TUF_MIRROR_DELEGATORS_MAX                                                                         \
    ((size_t)64 << 20) /* bytes of roles that delegate: parsed they take ten times that */

struct cw_tuf_mirror_options {
    const char *folder;              /* made where missing */
    const char *root_file;           /* the root that is trusted to begin with */
    const struct cw_cli_list *globs; /* the targets wanted; empty: all */
    bool verify;                     /* look at every file, though nothing is new */
    struct cw_tuf_params params;
};

struct cw_tuf_mirror_result {
    bool begun;                                /* the folder was not in use by another run */
    int64_t root, timestamp;                   /* versions */
    bool unchanged;                            /* nothing is new, so nothing else was looked at */
    uint64_t roles, targets;                   /* in the mirror now */
    uint64_t fetched_targets, bytes, left_out; /* left out, each with a warning: no client could take it */
    uint64_t written;                          /* files of metadata that are new */
};

/* Brings the folder up to date. A mirror that was interrupted goes on; one that was complete for this timestamp and these globs costs two
 * requests, and nothing but the top-level roles is looked at. */
int cw_tuf_mirror(struct cw_tuf_mirror_result *result, struct cw_remote *remote,
                  const struct cw_tuf_mirror_options *options, const struct cw_cli *cli, struct cw_err *err);

#endif
