/* SPDX-License-Identifier: ISC */
/*
 * The parts of one run of cw_tuf_mirror() and what they share. Inside sync/tuf only.
 */
#ifndef CW_SYNC_TUF_MIRROR_PARTS_H
#define CW_SYNC_TUF_MIRROR_PARTS_H

#include "fs/commit.h"
#include "sync/tuf/mirror.h"

struct cw_mirroring {
    const struct cw_tuf_mirror_options *options;
    const struct cw_cli *cli;
    struct cw_remote *remote;
    struct cw_tuf_mirror_result *result;
    int dir;
    struct cw_tuf_update *update;
    json_t *roles;         /* array of names: targets and all that are reached from it, parents first */
    struct cw_batch roots; /* new roots, complete, waiting for their turn */
    int64_t first_root;    /* the version of options->root_file */
    int64_t snapshot;      /* the version that the mirror's own timestamp names; 0: none */
    bool was_complete;     /* it has been complete once: it has a timestamp */
};

int cw_mirroring_drive(struct cw_mirroring *mirroring, struct cw_err *err);
/* Does the repository's root say that names bear version and hash? */
bool cw_mirroring_is_consistent(const struct cw_mirroring *mirroring);

/* mirror_roots.c: the newest root that the mirror has a verified chain to, from the one that is trusted. */
int cw_mirroring_read_roots(struct cw_mirroring *mirroring, struct cw_buf *root, struct cw_err *err);
/* A verified root joins those that wait. */
int cw_mirroring_add_root(struct cw_mirroring *mirroring, int64_t version, const void *bytes, size_t len,
                          struct cw_err *err);
/* Roots before the trusted one, as far down as the server has them. Nobody can verify them, nor will a client that trusts a later one;
 * one that trusts an earlier one verifies the whole chain. */
int cw_mirroring_fetch_old_roots(struct cw_mirroring *mirroring, struct cw_err *err);

/* mirror_targets.c: every target that a client could find and that is wanted. */
int cw_mirroring_fetch_targets(struct cw_mirroring *mirroring, struct cw_err *err);

#endif
