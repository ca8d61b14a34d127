/* SPDX-License-Identifier: ISC */
/*
 * A hash table of names; see gen/names.h.
 */
#include "gen/names.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

struct cw_names_slot {
    const char *name; /* NULL: free */
    size_t number;
};

#define ROOM_MIN 16

/* FNV-1a. Whoever makes names that collide slows down his own build. */
static uint64_t hash(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++)
        h = (h ^ (uint64_t)tolower((unsigned char)*name)) * UINT64_C(0x100000001b3);
    return h;
}

/* Where it is, or where it would go: a slot is free while at most half of them are taken. */
static struct cw_names_slot *look(const struct cw_names *names, const char *name)
{
    size_t at = (size_t)hash(name) & (names->room - 1);

    while (names->slots[at].name != NULL && strcasecmp(names->slots[at].name, name) != 0)
        at = (at + 1) & (names->room - 1);
    return &names->slots[at];
}

static int grow(struct cw_names *names, struct cw_err *err)
{
    struct cw_names more = {.room = names->room > 0 ? names->room * 2 : ROOM_MIN, .count = names->count};
    size_t i;

    more.slots = calloc(more.room, sizeof *more.slots);
    if (more.slots == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < names->room; i++) {
        if (names->slots[i].name != NULL)
            *look(&more, names->slots[i].name) = names->slots[i];
    }
    free(names->slots);
    *names = more;
    return CW_OK;
}

int cw_names_add(struct cw_names *names, const char *name, size_t number, struct cw_err *err)
{
    struct cw_names_slot *slot;
    int rc = names->count >= names->room / 2 ? grow(names, err) : CW_OK;

    if (rc != CW_OK)
        return rc;
    slot = look(names, name);
    if (slot->name != NULL)
        return CW_OK;
    *slot = (struct cw_names_slot){.name = name, .number = number};
    names->count++;
    return CW_OK;
}

size_t cw_names_find(const struct cw_names *names, const char *name)
{
    const struct cw_names_slot *slot = names->room > 0 ? look(names, name) : NULL;

    return slot != NULL && slot->name != NULL ? slot->number : CW_NAMES_NONE;
}

void cw_names_clear(struct cw_names *names)
{
    free(names->slots);
    *names = (struct cw_names){.slots = NULL};
}
