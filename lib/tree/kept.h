/* SPDX-License-Identifier: ISC */
/*
 * A list of parsed metadata by role, which a check holds on to; private to lib/tree.
 */
#ifndef CW_TREE_KEPT_H
#define CW_TREE_KEPT_H

#include "tuf/meta.h"

struct cw_kept_meta {
    char role[CW_TUF_NAME_MAX];
    struct cw_tuf_meta meta;
};

struct cw_kept_metas {
    struct cw_kept_meta *items;
    size_t count, room;
};

/* Takes meta over: it is zeroed. */
int cw_kept_add(struct cw_kept_metas *metas, const char *role, struct cw_tuf_meta *meta, struct cw_err *err);
const struct cw_tuf_meta *cw_kept_find(const struct cw_kept_metas *metas,
                                       const char *role); /* the first; NULL: none */
void cw_kept_clear(struct cw_kept_metas *metas);

#endif
