/* SPDX-License-Identifier: ISC */
/*
 * Running a site's Lua files in the jail; see sync/library.h.
 */
#include "sync/library.h"

#include <string.h>

#include "base/mem.h"
#include "release/semver.h"
#include "script/confined.h"
#include "sync/library_text.h"

/* A policy looks at some hundred small tables: a second is plenty, and no site waits longer for a broken
 * one. */
static const struct cw_jail_limits jail_limits = {
    .cpu_seconds = 2, .wall_seconds = 20, .memory = (size_t)96 << 20};
static const struct cw_script_limits script_limits = {.memory = (size_t)32 << 20, .instructions = 20000000};

static int in_range(int *result, const char *version, const char *range, struct cw_err *err)
{
    int rc = cw_semver_check(version, err);

    if (rc == CW_OK)
        rc = cw_semver_range_check(range, err);
    *result = rc == CW_OK && cw_semver_in_range(version, range);
    return rc;
}

static int compare(int *result, const char *a, const char *b, struct cw_err *err)
{
    int rc = cw_semver_check(a, err);

    if (rc == CW_OK)
        rc = cw_semver_check(b, err);
    *result = rc == CW_OK ? cw_semver_compare(a, b) : 0;
    return rc;
}

/* So that a range means in a policy what it means in a release's "requires". */
static const struct cw_script_function lent[] = {
    {"in_range", in_range},
    {"compare", compare},
    {.name = NULL},
};

int cw_library_run(json_t **value, enum cw_library library, const struct cw_script_source *source,
                   const char *function, const json_t *args, struct cw_err *err)
{
    const char *const texts[] = {[CW_LIBRARY_SITE] = cw_library_site,
                                 [CW_LIBRARY_POLICY] = cw_library_policy,
                                 [CW_LIBRARY_SPEC] = cw_library_spec};
    const char *words = texts[library];
    const struct cw_script_source sources[] = {{.name = "causeway", .text = words, .len = strlen(words)},
                                               *source};
    const struct cw_confined_script script = {.name = source->name,
                                              .sources = sources,
                                              .count = CW_COUNT(sources),
                                              .lent = lent,
                                              .script = script_limits,
                                              .jail = jail_limits};

    return cw_confined_script_ask(value, &script, function, args, err);
}
