/* SPDX-License-Identifier: ISC */
/*
 * A tree in a folder as what an update and a set ask: metadata, small targets. A stick, a mirror and the
 * publisher's own output are read alike; only where trusted copies are kept differs, so that comes from the
 * caller.
 */
#ifndef CW_TREE_READ_H
#define CW_TREE_READ_H

#include "tree/set.h"
#include "tuf/update.h"

/* Where the trusted copies lie. */
struct cw_tree_trust {
    /* appends the copy's bytes to buf, whose max bounds them; CW_E_NOTFOUND: there is none */
    int (*load)(void *ctx, const char *name, struct cw_buf *buf, struct cw_err *err);
    int (*store)(void *ctx, const struct cw_tuf_want *want, struct cw_err *err);
    void *ctx;
};

/* Files that are read in place of the tree's, or that it does not have: what a repair tries out. */
struct cw_tree_overlay {
    /* appends what stands for the file at this tree path; CW_E_NOTFOUND: nothing, the tree's own is read */
    int (*read)(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *err);
    /* calls fn for each tree path that it has */
    int (*each)(void *ctx, int (*fn)(void *fn_ctx, const char *tree_path, struct cw_err *err), void *fn_ctx,
                struct cw_err *err);
    void *ctx;
};

/* Appends a file of the tree beneath dir, as seen through the overlay (may be NULL). */
int cw_tree_read(struct cw_buf *buf, int dir, const struct cw_tree_overlay *overlay, const char *tree_path,
                 struct cw_err *err);

struct cw_tree_reader {
    int dir;                               /* the tree's root; borrowed */
    const struct cw_tree_overlay *overlay; /* may be NULL */
    const struct cw_tree_trust *trust; /* NULL, for verifying only: nothing was trusted, nothing is kept */
    /* Told of each file that was asked for and is not there, but not of a next root, which need not be. May be
     * NULL. */
    void (*absent)(void *ctx, const char *tree_path);
    void *ctx;
};

/* A source for cw_set_load() and for the first refresh: source->drive(source->ctx, update, err). The reader
 * must outlive it. Files larger than what is asked for are CW_E_VERIFY; a missing target is CW_E_INCOMPLETE;
 * missing metadata is told to the update. */
void cw_tree_reader_source(struct cw_set_source *source, struct cw_tree_reader *reader);

#endif
