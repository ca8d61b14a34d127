/* SPDX-License-Identifier: ISC */
/*
 * See tuf/ahead.h. Another thread only reads what the role refers to; references are taken and dropped by the update's.
 */
#include "tuf/ahead.h"

#include "tuf/state.h"

void cw_tuf_ahead_init(struct cw_tuf_ahead *ahead, const struct cw_tuf_role *role)
{
    *ahead = (struct cw_tuf_ahead){.role = *role};
    json_incref((json_t *)role->keys);
    json_incref((json_t *)role->keyids);
}

void cw_tuf_ahead_verify(struct cw_tuf_ahead *ahead, const void *bytes, size_t len)
{
    struct cw_err unused;

    if (cw_tuf_held_new(&ahead->held, ahead->role.name, CW_TUF_TARGETS, bytes, len, &unused) != CW_OK ||
        cw_tuf_verify(&ahead->held->meta, &ahead->role, &unused) == CW_OK)
        return;
    cw_tuf_held_free(ahead->held);
    ahead->held = NULL;
}

void cw_tuf_ahead_clear(struct cw_tuf_ahead *ahead)
{
    cw_tuf_held_free(ahead->held);
    json_decref((json_t *)ahead->role.keys);
    json_decref((json_t *)ahead->role.keyids);
    *ahead = (struct cw_tuf_ahead){.held = NULL};
}
