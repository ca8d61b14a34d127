/* SPDX-License-Identifier: ISC */
/*
 * The verified files of a run: each once, found by its role, and forgotten where a caller who walks through
 * a whole repository could not hold all of it. What a file must be to be held is its step's business.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuf/state.h"

/* Of loose roles whose trees stay for the next search. A tree takes ten times the bytes that it was parsed from. */
#define TREES_MAX ((size_t)512 << 10)

void cw_tuf_held_free(struct cw_tuf_held *held)
{
    if (held == NULL)
        return;
    cw_tuf_meta_clear(&held->meta);
    json_decref(held->keys);
    json_decref(held->keyids);
    free(held->bytes);
    free(held);
}

int cw_tuf_held_new(struct cw_tuf_held **held, const char *role, enum cw_tuf_type type, const void *bytes,
                    size_t len, struct cw_err *err)
{
    struct cw_tuf_held *made = calloc(1, sizeof *made);
    int rc;

    *held = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    snprintf(made->role, sizeof made->role, "%s", role);
    rc = cw_tuf_meta_parse(&made->meta, type, bytes, len, err);
    if (rc == CW_OK && (made->bytes = malloc(len)) == NULL)
        rc = cw_err_nomem(err);
    if (rc != CW_OK) {
        cw_tuf_held_free(made);
        return rc;
    }
    memcpy(made->bytes, bytes, len);
    made->len = len;
    *held = made;
    return CW_OK;
}

struct cw_tuf_held *cw_tuf_held_of(const struct cw_tuf_update *update, const char *role)
{
    const json_t *place = json_object_get(update->index, role);

    return place != NULL ? update->held[json_integer_value(place)] : NULL;
}

static int hold_more(struct cw_tuf_update *update, struct cw_tuf_held *held, struct cw_err *err)
{
    if (update->held_count == update->held_room) {
        size_t room = update->held_room != 0 ? 2 * update->held_room : 8;
        struct cw_tuf_held **list = reallocarray(update->held, room, sizeof *list);

        if (list == NULL)
            return cw_err_nomem(err);
        update->held = list;
        update->held_room = room;
    }
    if (json_object_set_new(update->index, held->role, json_integer((json_int_t)update->held_count)) != 0)
        return cw_err_nomem(err);
    update->held[update->held_count++] = held;
    return CW_OK;
}

/* Nobody needs a delegated role that delegates to nobody, but who searches in it. */
static bool is_loose(const struct cw_tuf_held *held)
{
    return held->meta.type == CW_TUF_TARGETS && strcmp(held->role, "targets") != 0 &&
           cw_tuf_delegation_count(&held->meta) == 0;
}

static void add_tree(struct cw_tuf_update *update, struct cw_tuf_held *held)
{
    held->before = update->newest;
    held->after = NULL;
    *(held->before != NULL ? &held->before->after : &update->oldest) = held;
    update->newest = held;
    update->tree_bytes += held->len;
}

static void remove_tree(struct cw_tuf_update *update, struct cw_tuf_held *held)
{
    *(held->before != NULL ? &held->before->after : &update->oldest) = held->after;
    *(held->after != NULL ? &held->after->before : &update->newest) = held->before;
    update->tree_bytes -= held->len;
}

static void count_in(struct cw_tuf_update *update, struct cw_tuf_held *held)
{
    held->loose = is_loose(held);
    if (!held->loose)
        return;
    update->loose_bytes += held->len;
    add_tree(update, held);
}

static void count_out(struct cw_tuf_update *update, struct cw_tuf_held *held)
{
    if (!held->loose)
        return;
    update->loose_bytes -= held->len;
    if (held->meta.doc != NULL)
        remove_tree(update, held);
}

int cw_tuf_hold(struct cw_tuf_update *update, struct cw_tuf_held **held, bool store, struct cw_err *err)
{
    const json_t *place = json_object_get(update->index, (*held)->role);
    int rc = CW_OK;

    if (place == NULL) {
        rc = hold_more(update, *held, err);
    } else {
        struct cw_tuf_held **there = &update->held[json_integer_value(place)];

        count_out(update, *there);
        cw_tuf_held_free(*there);
        *there = *held;
    }
    if (rc != CW_OK)
        return rc;
    count_in(update, *held);
    if (store)
        update->store = *held;
    *held = NULL;
    return CW_OK;
}

int cw_tuf_held_use(struct cw_tuf_update *update, struct cw_tuf_held *held, struct cw_err *err)
{
    int rc = CW_OK;

    if (!held->loose)
        return CW_OK;
    if (held->meta.doc != NULL)
        remove_tree(update, held);
    else
        rc = cw_tuf_meta_parse(&held->meta, held->meta.type, held->bytes, held->len, err);
    if (rc == CW_OK)
        add_tree(update, held);
    return rc;
}

void cw_tuf_ease(struct cw_tuf_update *update)
{
    struct cw_tuf_held *held, *after;

    for (held = update->oldest; held != update->newest && update->tree_bytes > TREES_MAX; held = after) {
        after = held->after;
        if (held == update->store)
            continue;
        remove_tree(update, held);
        json_decref(held->meta.doc);
        held->meta.doc = NULL;
        held->meta.signed_ = NULL;
    }
}

size_t cw_tuf_update_loose(const struct cw_tuf_update *update)
{
    return update->loose_bytes;
}

void cw_tuf_update_trim(struct cw_tuf_update *update, const char *keep, size_t most)
{
    size_t count = 0;

    if (update->loose_bytes <= most || update->step != CW_TUF_STEP_DONE || update->store != NULL)
        return;
    cw_tuf_walk_clear(&update->walk); /* it may point to what goes */
    for (size_t i = 0; i < update->held_count; i++) {
        struct cw_tuf_held *held = update->held[i];

        if (update->loose_bytes <= most / 2 || !held->loose ||
            (keep != NULL && strcmp(held->role, keep) == 0)) {
            json_integer_set(json_object_get(update->index, held->role), (json_int_t)count);
            update->held[count++] = held;
            continue;
        }
        count_out(update, held);
        json_object_del(update->index, held->role);
        cw_tuf_held_free(held);
    }
    update->held_count = count;
}

bool cw_tuf_held_is_by(const struct cw_tuf_held *held, const struct cw_tuf_role *role)
{
    return held->keys == role->keys && held->keyids == role->keyids && held->threshold == role->threshold;
}

void cw_tuf_held_note(struct cw_tuf_held *held, const struct cw_tuf_role *role)
{
    json_t *keys = json_incref((json_t *)role->keys), *keyids = json_incref((json_t *)role->keyids);

    json_decref(held->keys);
    json_decref(held->keyids);
    held->keys = keys;
    held->keyids = keyids;
    held->threshold = role->threshold;
}
