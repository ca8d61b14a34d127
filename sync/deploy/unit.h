/* SPDX-License-Identifier: ISC */
/*
 * Dividing an upstream's set into units: what goes in whole or not at all. Pure.
 */
#ifndef CW_SYNC_DEPLOY_UNIT_H
#define CW_SYNC_DEPLOY_UNIT_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "tree/set.h"

/* The unit of the set itself; the other units are numbered by one of their releases, from 1. */
#define CW_UNIT_SET 0

/* Gives each release of the set (by its index) the number of its unit. Products of `independent` (an array of
 * names; NULL: none) have one of their own, but two products of which one requires the other, in the set or
 * as installed (the products of a generation's record; NULL: none), are never parted. The caller frees
 * *units. */
int cw_units_divide(size_t **units, const struct cw_set *set, const json_t *independent,
                    const json_t *installed, struct cw_err *err);

#endif
