/* SPDX-License-Identifier: ISC */
/*
 * Finding a place in a sorted list. For one item that is there or not, bsearch(3) does.
 */
#ifndef CW_BASE_SEARCH_H
#define CW_BASE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* The first of count items, each of so many bytes, that does not come before the key; count: all do. */
size_t cw_lower_bound(const void *key, const void *list, size_t count, size_t size,
                      bool (*comes_before)(const void *item, const void *key));

#endif
