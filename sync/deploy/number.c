/* SPDX-License-Identifier: ISC */
/*
 * Numbers of generations: see sync/deploy/number.h.
 */
#include "sync/deploy/number.h"

#include <string.h>

#include "base/mem.h"
#include "codec/json_file.h"
#include "sync/deploy/store.h"
#include "sync/history.h"

#define NUMBER_TYPE "causeway-last-generation"
#define NUMBER_MAX ((size_t)4096) /* bytes of the file: forty times what it needs */

static int load(int64_t *number, int site, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_json_file_read(&doc, site, CW_NUMBER_FILE, NUMBER_MAX, err);

    *number = 0;
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_json_check_format(doc, NUMBER_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(number, doc, "number", 0, CW_GENERATION_MAX, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, CW_NUMBER_FILE);
}

static int store(int site, int64_t number, struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:I}", "_type", NUMBER_TYPE, "format", "1.0", "number", (json_int_t)number);

    return cw_json_file_replace(site, CW_NUMBER_FILE, doc, NUMBER_MAX, err);
}

int cw_number_next(int64_t *number, int site, int root, int64_t current, struct cw_err *err)
{
    int64_t last, highest;
    int rc = load(&last, site, err);

    if (rc == CW_OK)
        rc = cw_store_highest(&highest, root, err);
    if (rc != CW_OK)
        return rc;
    last = highest > last ? highest : last;
    last = current > last ? current : last;
    if (last >= CW_GENERATION_MAX)
        return cw_err_set(err, CW_E_FAIL, "generation %lld is the last number there is", (long long)last);
    *number = last + 1;
    return store(site, *number, err);
}

/* Every entry that is about a generation says so in one of these. */
static int look_at(void *ctx, const json_t *entry, struct cw_err *err)
{
    static const char *const keys[] = {"from", "to", "generation"};
    const json_t *data = json_object_get(entry, "data");
    int64_t *highest = ctx;

    (void)err;
    for (size_t i = 0; i < CW_COUNT(keys); i++) {
        const json_t *value = json_object_get(data, keys[i]);

        if (json_is_integer(value) && json_integer_value(value) > *highest &&
            json_integer_value(value) <= CW_GENERATION_MAX)
            *highest = json_integer_value(value);
    }
    return CW_OK;
}

int cw_number_from_history(int64_t *highest, int site, struct cw_err *err)
{
    int64_t last = 0;
    int rc;

    *highest = 0;
    rc = cw_history_each(site, look_at, highest, err);
    if (rc == CW_OK)
        rc = load(&last, site, err);
    if (rc != CW_OK || last >= *highest)
        return rc;
    return store(site, *highest, err);
}
