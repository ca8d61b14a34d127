/* SPDX-License-Identifier: ISC */
/*
 * The parts of one run of cw_tuf_mirror() and what they share. Inside sync/tuf only.
 */
#ifndef CW_SYNC_TUF_MIRROR_PARTS_H
#define CW_SYNC_TUF_MIRROR_PARTS_H

#include "fs/commit.h"
#include "sync/tuf/mirror.h"
#include "sync/tuf/target.h"

#define CW_MIRROR_TARGETS "targets"

struct cw_mirror_intake;

struct cw_mirroring {
    const struct cw_tuf_mirror_options *options;
    const struct cw_cli *cli;
    struct cw_remote *remote;
    struct cw_tuf_mirror_result *result;
    int dir;
    struct cw_tuf_update *update;
    json_t *
        roles; /* object: every role met, targets and all that are reached from it → is it in the snapshot? */
    struct cw_batch roots;  /* new roots, complete, waiting for their turn */
    struct cw_batch staged; /* new files of targets roles, on their way to where stage_path() says */
    size_t staged_bytes;
    int64_t first_root;              /* the version of options->root_file */
    int64_t snapshot;                /* the version that the mirror's own timestamp names; 0: none */
    char timestamp[CW_SHA256_TEXT];  /* of the mirror's own file; "" while it has none */
    uint64_t stored;                 /* files other than roots that were not in the mirror */
    struct cw_mirror_intake *intake; /* of targets */
    bool has_large_roles;            /* too large to be fetched ahead, as was found out */
    struct cw_progress progress;
    json_t *swept; /* object: folder of targets → true: no leftovers are in it */
};

/* Does the repository's root say that names bear version and hash? */
bool cw_mirroring_is_consistent(const struct cw_mirroring *mirroring);

/* mirror_files.c: files of metadata, from the mirror, from the server and into the mirror. */
/* Removes what an interrupted run left. */
int cw_mirroring_sweep(struct cw_mirroring *mirroring, struct cw_err *err);
/* Answers what the state machine wants until nothing is wanted any more. */
int cw_mirroring_drive(struct cw_mirroring *mirroring, struct cw_err *err);
/* That delegation will be followed soon, after those that were expected before. */
void cw_mirroring_expect(struct cw_mirroring *mirroring, const char *delegator, size_t index);
/* Keeps memory within bounds; `keep` is a role that is still looked into. */
int cw_mirroring_trim(struct cw_mirroring *mirroring, const char *keep, struct cw_err *err);
/* Metadata in the order of publishing, each step durable before the next. */
int cw_mirroring_commit(struct cw_mirroring *mirroring, struct cw_err *err);

/* mirror_roots.c: the newest root that the mirror has a verified chain to, from the one that is trusted. */
int cw_mirroring_read_roots(struct cw_mirroring *mirroring, struct cw_buf *root, struct cw_err *err);
/* A verified root joins those that wait. */
int cw_mirroring_add_root(struct cw_mirroring *mirroring, int64_t version, const void *bytes, size_t len,
                          struct cw_err *err);
/* Roots before the trusted one, as far down as the server has them. Nobody can verify them, nor will a client that trusts a later one;
 * one that trusts an earlier one verifies the whole chain. */
int cw_mirroring_fetch_old_roots(struct cw_mirroring *mirroring, struct cw_err *err);

/* mirror_roles.c: every role, and with each its targets. */
int cw_mirroring_follow_roles(struct cw_mirroring *mirroring, struct cw_err *err);

/* mirror_targets.c: of a role that is held, every target that a client could find there and that is wanted. */
int cw_mirroring_fetch_targets(struct cw_mirroring *mirroring, const char *role, struct cw_err *err);

/* mirror_intake.c: targets on their way. mirroring is borrowed. */
int cw_mirror_intake_new(struct cw_mirror_intake **intake, struct cw_mirroring *mirroring,
                         struct cw_err *err);
/* Drops what is under way; what is complete stays, and is not fetched again by the next run. Harmless on NULL. */
void cw_mirror_intake_free(struct cw_mirror_intake *intake);
/* Wants a target under this path in the mirror. The first failure of any ends all, and may be told here. */
int cw_mirror_intake_add(struct cw_mirror_intake *intake, const struct cw_target *target, const char *path,
                         struct cw_err *err);
/* Wants it under a second path: a copy of `from`, which is in the mirror or was added before. */
int cw_mirror_intake_copy(struct cw_mirror_intake *intake, const struct cw_target *target, const char *path,
                          const char *from, struct cw_err *err);
/* Waits until all that were added are there and durable. */
int cw_mirror_intake_flush(struct cw_mirror_intake *intake, struct cw_err *err);

/* mirror_mark.c: the note in the mirror that it is complete, so that a run which finds nothing new need not look at everything. */
/* Is this run's repository the one of the note, and are the same targets wanted? *result is filled from it then. */
bool cw_mirroring_is_marked(struct cw_mirroring *mirroring);
int cw_mirroring_mark(struct cw_mirroring *mirroring, struct cw_err *err);
int cw_mirroring_unmark(struct cw_mirroring *mirroring, struct cw_err *err);

#endif
