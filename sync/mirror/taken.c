/* SPDX-License-Identifier: ISC */
/*
 * The file bundles.json of an upstream: see sync/mirror/taken.h.
 */
#include "sync/mirror/taken.h"

#include <inttypes.h>
#include <string.h>

#include "codec/json_file.h"
#include "fs/commit.h"

#define TAKEN_TYPE "causeway-bundles"
#define TAKEN_MAX ((size_t)1 << 20) /* bytes: sixteen bundles of the most volumes are a tenth of it */
#define BUNDLES_MAX 16              /* older ones are forgotten */

static int check_bundle(const json_t *bundle, struct cw_err *err)
{
    const char *text;
    json_t *volumes, *volume;
    int64_t of;
    size_t i;
    int rc = cw_json_get_str(&text, bundle, "bundle", err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&of, bundle, "of", 1, CW_VOLUMES_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&volumes, bundle, "volumes", err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (volumes, i, volume) {
        if (!json_is_integer(volume))
            return cw_err_set(err, CW_E_VERIFY, "field 'volumes' is not a list of numbers");
    }
    return CW_OK;
}

static int check(const json_t *doc, struct cw_err *err)
{
    json_t *bundles, *bundle;
    size_t i;
    int rc = cw_json_check_format(doc, TAKEN_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_get_array(&bundles, doc, "bundles", err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (bundles, i, bundle) {
        rc = check_bundle(bundle, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "bundles[%zu]", i);
    }
    return CW_OK;
}

int cw_taken_load(json_t **doc, const struct cw_site *site, const struct cw_upstream *upstream,
                  struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, "bundles.json", err);

    *doc = NULL;
    if (rc == CW_OK)
        rc = cw_json_file_read(doc, site->fd, path, TAKEN_MAX, err);
    if (rc == CW_OK)
        rc = check(*doc, err);
    if (rc == CW_OK || rc == CW_E_NOTFOUND)
        return rc;
    json_decref(*doc);
    *doc = NULL;
    return cw_err_prefix(err, "'%s'", path);
}

/* The bundle's entry, now the last; made where there is none. Borrowed; NULL: no memory. */
static json_t *enter(json_t *doc, const struct cw_volume *volume)
{
    json_t *bundles = json_object_get(doc, "bundles"), *entry = NULL;
    size_t i;

    for (i = 0; i < json_array_size(bundles) && entry == NULL; i++) {
        json_t *bundle = json_array_get(bundles, i);

        if (strcmp(json_string_value(json_object_get(bundle, "bundle")), volume->bundle) == 0) {
            entry = json_incref(bundle);
            (void)json_array_remove(bundles, i);
        }
    }
    if (entry == NULL)
        entry = json_pack("{s:s, s:O, s:O, s:O, s:I, s:[]}", "bundle", volume->bundle, "created",
                          json_object_get(volume->doc, "created"), "channel",
                          json_object_get(volume->doc, "channel"), "serial",
                          json_object_get(volume->doc, "serial"), "of", (json_int_t)volume->of, "volumes");
    while (json_array_size(bundles) >= BUNDLES_MAX)
        (void)json_array_remove(bundles, 0);
    return json_array_append_new(bundles, entry) == 0 ? entry : NULL;
}

static bool has(const json_t *volumes, int64_t index)
{
    size_t i;

    for (i = 0; i < json_array_size(volumes); i++) {
        if (json_integer_value(json_array_get(volumes, i)) == index)
            return true;
    }
    return false;
}

int cw_taken_add(const struct cw_volume *volume, const char *unusable, json_t *damaged,
                 const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *entry, *volumes;
    char path[CW_PATH_MAX];
    int rc = cw_taken_load(&doc, site, upstream, err);

    if (rc == CW_E_NOTFOUND || rc == CW_E_VERIFY) { /* all of it can be found out again */
        doc = json_pack("{s:s, s:s, s:[]}", "_type", TAKEN_TYPE, "format", "1.0", "bundles");
        rc = doc != NULL ? CW_OK : cw_err_nomem(err);
    }
    if (rc != CW_OK)
        return rc;
    entry = enter(doc, volume);
    volumes = json_object_get(entry, "volumes");
    if (entry == NULL || (!has(volumes, volume->index) &&
                          json_array_append_new(volumes, json_integer((json_int_t)volume->index)) != 0))
        return cw_err_nomem(err);
    if (unusable != NULL && json_object_set_new(entry, "unusable", json_string(unusable)) != 0)
        return cw_err_nomem(err);
    if (damaged != NULL && json_object_set(entry, "damaged", damaged) != 0)
        return cw_err_nomem(err);
    rc = cw_site_upstream_path(path, upstream, "bundles.json", err);
    return rc == CW_OK ? cw_json_file_replace(site->fd, path, doc, TAKEN_MAX, err) : rc;
}

int cw_taken_clear(const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, "bundles.json", err);

    return rc == CW_OK ? cw_remove(site->fd, path, err) : rc;
}

void cw_taken_missing(struct cw_buf *text, const json_t *bundle)
{
    int64_t of = json_integer_value(json_object_get(bundle, "of")), k, first = 0, count = 0, last = 0;
    const json_t *volumes = json_object_get(bundle, "volumes");

    for (k = 1; k <= of; k++) {
        if (has(volumes, k))
            continue;
        first = first != 0 ? first : k;
        last = k;
        count++;
    }
    if (count == 0)
        return;
    cw_buf_addf(text, "volume%s %" PRId64, count > 1 ? "s" : "", first);
    if (count > 2 && last - first + 1 == count) {
        cw_buf_addf(text, " to %" PRId64, last);
        return;
    }
    for (k = first + 1; k <= of; k++) {
        if (!has(volumes, k))
            cw_buf_addf(text, "%s%" PRId64, k == last ? " and " : ", ", k);
    }
}
