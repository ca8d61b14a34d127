/* SPDX-License-Identifier: ISC */
/*
 * The growing list of tree/kept.h.
 */
#include "tree/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cw_kept_add(struct cw_kept_metas *metas, const char *role, struct cw_tuf_meta *meta, struct cw_err *err)
{
    if (metas->count == metas->room) {
        size_t room = metas->room != 0 ? metas->room * 2 : 16;
        struct cw_kept_meta *items = reallocarray(metas->items, room, sizeof *items);

        if (items == NULL)
            return cw_err_nomem(err);
        metas->items = items;
        metas->room = room;
    }
    snprintf(metas->items[metas->count].role, sizeof metas->items[0].role, "%s", role);
    metas->items[metas->count++].meta = *meta;
    *meta = (struct cw_tuf_meta){0};
    return CW_OK;
}

void cw_kept_clear(struct cw_kept_metas *metas)
{
    size_t i;

    for (i = 0; i < metas->count; i++)
        cw_tuf_meta_clear(&metas->items[i].meta);
    free(metas->items);
    *metas = (struct cw_kept_metas){0};
}

const struct cw_tuf_meta *cw_kept_find(const struct cw_kept_metas *metas, const char *role)
{
    size_t i;

    for (i = 0; i < metas->count; i++) {
        if (strcmp(metas->items[i].role, role) == 0)
            return &metas->items[i].meta;
    }
    return NULL;
}
