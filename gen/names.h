/* SPDX-License-Identifier: ISC */
/*
 * Names of files beside each other in one folder, where case does not count: which of them is the same as this one? A release may have
 * thousands, so that comparing each with all takes longer than reading the files.
 */
#ifndef CW_GEN_NAMES_H
#define CW_GEN_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_NAMES_NONE SIZE_MAX

struct cw_names { /* {NULL, 0, 0} is empty */
    struct cw_names_slot *slots;
    size_t count, room; /* room: a power of two, or 0 */
};

/* Adds a name, borrowed, under a number; one that is there already stays as it is. */
int cw_names_add(struct cw_names *names, const char *name, size_t number, struct cw_err *err);
/* The number of that name, or CW_NAMES_NONE. */
size_t cw_names_find(const struct cw_names *names, const char *name);
void cw_names_clear(struct cw_names *names);

#endif
