/* SPDX-License-Identifier: ISC */
/*
 * Holding generations against what was withdrawn; see sync/deploy/recalled.h.
 */
#include "sync/deploy/recalled.h"

#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/store.h"
#include "sync/mirror/memory.h"

static int add_row(json_t *rows, const char *product, const json_t *entry, const json_t *reason,
                   struct cw_err *err)
{
    json_t *row =
        json_pack("{s:s, s:O, s:O, s:O}", "product", product, "version", json_object_get(entry, "version"),
                  "upstream", json_object_get(entry, "upstream"), "reason", reason);

    return json_array_append_new(rows, row) == 0 ? CW_OK : cw_err_nomem(err);
}

static int find_of_upstream(json_t *rows, const struct cw_site *site, const struct cw_upstream *upstream,
                            const json_t *record, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.channels = NULL};
    const char *product;
    json_t *entry;
    int rc = cw_mirror_memory_load(&memory, site, upstream, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "upstream '%s'", upstream->name);
    json_object_foreach (json_object_get(record, "products"), product, entry) {
        const json_t *versions = json_object_get(json_object_get(memory.channels, "withdrawn"), product);
        const json_t *reason = json_object_get(versions, cw_json_text(entry, "version"));

        if (reason == NULL || strcmp(cw_json_text(entry, "upstream"), upstream->name) != 0)
            continue;
        rc = add_row(rows, product, entry, reason, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

int cw_recalled_find(json_t **rows, const struct cw_site *site, const json_t *record, struct cw_err *err)
{
    json_auto_t *found = json_array();
    int rc = found != NULL ? CW_OK : cw_err_nomem(err);

    *rows = NULL;
    for (size_t i = 0; i < site->upstream_count && rc == CW_OK && record != NULL; i++)
        rc = find_of_upstream(found, site, &site->upstreams[i], record, err);
    if (rc == CW_OK)
        *rows = json_incref(found);
    return rc;
}

int cw_recalled_check(const struct cw_site *site, const json_t *from, const json_t *to, struct cw_err *err)
{
    json_auto_t *rows = NULL;
    json_t *row;
    size_t i;
    int rc = cw_recalled_find(&rows, site, to, err);

    if (rc != CW_OK)
        return rc;
    json_array_foreach (rows, i, row) {
        const json_t *now = json_object_get(json_object_get(from, "products"), cw_json_text(row, "product"));

        if (strcmp(cw_json_text(now, "version"), cw_json_text(row, "version")) != 0)
            return cw_err_set(err, CW_E_HELD, "%s %s was withdrawn by its publisher: %s",
                              cw_json_text(row, "product"), cw_json_text(row, "version"),
                              cw_json_text(row, "reason"));
    }
    return CW_OK;
}

void cw_recalled_warn(const struct cw_site *site, const struct cw_cli *cli)
{
    json_auto_t *record = NULL, *rows = NULL;
    CW_AUTO_FD int root = -1;
    int64_t current = 0;
    json_t *row;
    size_t i;

    if (site->install_root == NULL || cw_dir_open(&root, site->install_root, NULL) != CW_OK ||
        cw_store_current(&current, root, NULL) != CW_OK || current == 0 ||
        cw_store_read(&record, root, current, NULL) != CW_OK ||
        cw_recalled_find(&rows, site, record, NULL) != CW_OK)
        return;
    json_array_foreach (rows, i, row)
        cw_cli_warn(cli, "%s %s runs, but was withdrawn by its publisher: %s", cw_json_text(row, "product"),
                    cw_json_text(row, "version"), cw_json_text(row, "reason"));
}
