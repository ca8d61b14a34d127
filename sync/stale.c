/* SPDX-License-Identifier: ISC */
/*
 * What has been silent for too long: see sync/stale.h.
 */
#include "sync/stale.h"

#include "base/clock.h"
#include "sync/mirror/memory.h"

#define DAY 86400

static int look(json_t *rows, const struct cw_site *site, const struct cw_upstream *upstream, int64_t now,
                struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    char newest[CW_TIME_TEXT];
    int rc = cw_mirror_memory_load(&memory, site, upstream, err);

    if (rc != CW_OK || memory.floor == 0 || now - memory.floor <= site->stale)
        return rc;
    cw_time_format(memory.floor, newest);
    if (json_array_append_new(rows, json_pack("{s:s, s:s, s:I}", "upstream", upstream->name, "newest", newest,
                                              "days", (json_int_t)((now - memory.floor) / DAY))) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_stale_find(json_t **rows, const struct cw_site *site, int64_t now, struct cw_err *err)
{
    json_auto_t *list = json_array();
    int rc = list != NULL ? CW_OK : cw_err_nomem(err);

    *rows = NULL;
    for (size_t i = 0; i < site->upstream_count && site->stale != 0 && rc == CW_OK; i++)
        rc = look(list, site, &site->upstreams[i], now, err);
    if (rc == CW_OK)
        *rows = json_incref(list);
    return rc;
}

void cw_stale_warn(const struct cw_site *site, int64_t now, const struct cw_cli *cli)
{
    struct cw_err problem = {0};
    json_auto_t *rows = NULL;
    json_t *row;
    size_t i;

    if (cw_stale_find(&rows, site, now, &problem) != CW_OK) {
        cw_cli_warn(cli, "%s", problem.text);
        return;
    }
    json_array_foreach (rows, i, row)
        cw_cli_warn(cli,
                    "nothing newer than %s came from '%s', for %lld days: look for what keeps it from "
                    "reaching this site",
                    json_string_value(json_object_get(row, "newest")),
                    json_string_value(json_object_get(row, "upstream")),
                    (long long)json_integer_value(json_object_get(row, "days")));
}
