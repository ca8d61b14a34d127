/* SPDX-License-Identifier: ISC */
/*
 * The lower bound of base/search.h.
 */
#include "base/search.h"

size_t cw_lower_bound(const void *key, const void *list, size_t count, size_t size,
                      bool (*comes_before)(const void *item, const void *key))
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (comes_before((const char *)list + middle * size, key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
