/* SPDX-License-Identifier: ISC */
/*
 * One run over a tree's metadata: what its two halves share, and nobody else sees. check_roots.c judges the roots, check_metadata.c
 * all the rest.
 */
#ifndef CW_TREE_CHECK_RUN_H
#define CW_TREE_CHECK_RUN_H

#include "tree/check_metadata.h"
#include "tree/signers.h"

struct cw_check_name {
    int64_t version;
    char *role;
    bool done;
};

struct cw_check_run {
    struct cw_metadata_check *metadata;
    struct cw_tree_check *check;
    int dir;
    struct cw_check_name *names;
    size_t count, room;
    struct cw_tuf_meta timestamp, snapshot; /* doc NULL: not there or bad */
};

/* A file by its name; NULL: it is not there. */
struct cw_check_name *cw_check_find_name(const struct cw_check_run *run, const char *role, int64_t version);
/* Reads and parses; the version must be the one in the name. */
int cw_check_read_meta(struct cw_check_run *run, struct cw_tuf_meta *meta, struct cw_buf *buf,
                       const char *path, const struct cw_check_name *name, struct cw_err *err);

/* Tells whoever asked that this file holds. */
int cw_check_tell_held(struct cw_check_run *run, const char *path, const struct cw_buf *buf,
                       const struct cw_tuf_meta *meta, const struct cw_signers *signers, bool superseded,
                       struct cw_err *err);

/* Judges every root, in order. */
int cw_check_judge_roots(struct cw_check_run *run, struct cw_err *err);
const struct cw_tuf_meta *cw_check_newest_root(const struct cw_check_run *run); /* NULL: none that holds */
/* Adds who signs a top-level role by this root. */
int cw_check_push_root_role(struct cw_signers *signers, const struct cw_tuf_meta *root, const char *role,
                            struct cw_err *err);

#endif
