/* SPDX-License-Identifier: ISC */
/*
 * Units by joining: every release starts in the set's unit or in its own, and each requirement joins two.
 */
#include "sync/deploy/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_listed(const json_t *list, const char *product)
{
    json_t *name;
    size_t i;

    json_array_foreach (list, i, name) {
        const char *text = json_string_value(name);

        if (text != NULL && strcmp(text, product) == 0)
            return true;
    }
    return false;
}

/* The index of a product's release; release_count when it has none. */
static size_t find_release(const struct cw_set *set, const char *product)
{
    size_t i;

    for (i = 0; i < set->release_count && strcmp(set->releases[i].product, product) != 0; i++)
        ;
    return i;
}

static void join(size_t *units, size_t count, size_t a, size_t b)
{
    size_t keep = a < b ? a : b, drop = a < b ? b : a;

    for (size_t i = 0; i < count; i++) {
        if (units[i] == drop)
            units[i] = keep;
    }
}

/* What is installed but in the set no more leaves with the set. */
static void join_required(size_t *units, const struct cw_set *set, size_t at, const json_t *requires,
                          const json_t *installed)
{
    const char *product;
    json_t *range;

    json_object_foreach ((json_t *) requires, product, range) {
        size_t other = find_release(set, product);

        if (other < set->release_count)
            join(units, set->release_count, units[at], units[other]);
        else if (json_object_get(installed, product) != NULL)
            join(units, set->release_count, units[at], CW_UNIT_SET);
    }
}

int cw_units_divide(size_t **units, const struct cw_set *set, const json_t *independent,
                    const json_t *installed, struct cw_err *err)
{
    size_t i, *made = calloc(set->release_count + 1, sizeof *made);

    if (made == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < set->release_count; i++)
        made[i] = is_listed(independent, set->releases[i].product) ? i + 1 : CW_UNIT_SET;
    for (i = 0; i < set->release_count; i++) {
        const json_t *now = json_object_get(installed, set->releases[i].product);

        join_required(made, set, i, set->releases[i].requires, installed);
        join_required(made, set, i, json_object_get(now, "requires"), installed);
    }
    *units = made;
    return CW_OK;
}
