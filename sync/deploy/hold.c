/* SPDX-License-Identifier: ISC */
/*
 * The list of holds of sync/deploy/hold.h. It knows nothing of plans: who asks says what he wants to apply.
 */
#include "sync/deploy/hold.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "codec/json_file.h"

#define HOLDS_TYPE "causeway-holds"

static bool equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int check_hold(const json_t *hold, struct cw_err *err)
{
    const char *text;
    int64_t number;
    int rc = cw_json_get_int(&number, hold, "id", 1, INT64_MAX, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&text, hold, "reason", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, hold, "since", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, hold, "by", err);
    if (rc != CW_OK || cw_json_text_or_null(hold, "product") != NULL)
        return rc;
    rc = cw_json_get_str(&text, hold, "upstream", err);
    return rc == CW_OK ? cw_json_get_str(&text, hold, "sha256", err) : rc;
}

static int check_holds(const json_t *doc, struct cw_err *err)
{
    json_t *list, *hold;
    int64_t next;
    size_t i;
    int rc = cw_json_check_format(doc, HOLDS_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&next, doc, "next", 1, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&list, doc, "holds", err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, hold) {
        rc = check_hold(hold, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "holds[%zu]", i);
    }
    return CW_OK;
}

int cw_holds_load(json_t **holds, int site, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_json_file_read(&doc, site, CW_HOLDS_FILE, CW_JSON_TEXT_MAX, err);

    *holds = NULL;
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        *holds = json_pack("{s:s, s:s, s:i, s:[]}", "_type", HOLDS_TYPE, "format", "1.0", "next", 1, "holds");
        return *holds != NULL ? CW_OK : cw_err_nomem(err);
    }
    if (rc == CW_OK)
        rc = check_holds(doc, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", CW_HOLDS_FILE);
    *holds = json_incref(doc);
    return CW_OK;
}

int cw_holds_store(int site, const json_t *holds, struct cw_err *err)
{
    return cw_json_file_replace(site, CW_HOLDS_FILE, holds, CW_JSON_TEXT_MAX, err);
}

json_t *cw_hold_on_product(const char *product, const char *version)
{
    return cw_json_pack("{s:s, s:s*}", "product", product, "version", version);
}

json_t *cw_hold_on_set(const char *upstream, const char *channel, int64_t serial, const char *sha256)
{
    return json_pack("{s:s, s:s, s:I, s:s}", "upstream", upstream, "channel", channel, "serial",
                     (json_int_t)serial, "sha256", sha256);
}

static json_t *find_target(const json_t *list, const json_t *target)
{
    static const char *const keys[] = {"product", "version", "upstream", "sha256"};
    json_t *hold;
    size_t i, k;

    json_array_foreach (list, i, hold) {
        for (k = 0; k < sizeof keys / sizeof *keys &&
                    equal(cw_json_text_or_null(hold, keys[k]), cw_json_text_or_null(target, keys[k]));
             k++)
            ;
        if (k == sizeof keys / sizeof *keys)
            return hold;
    }
    return NULL;
}

static json_t *append_new(json_t *holds, const json_t *target)
{
    json_t *list = json_object_get(holds, "holds"), *hold = cw_json_deep_copy(target);
    json_int_t id = json_integer_value(json_object_get(holds, "next"));

    if (hold == NULL || json_object_set_new(hold, "id", json_integer(id)) != 0 ||
        json_object_set_new(holds, "next", json_integer(id + 1)) != 0) {
        json_decref(hold);
        return NULL;
    }
    return json_array_append_new(list, hold) == 0 ? hold : NULL;
}

int cw_holds_put(json_t *holds, int64_t *id, const json_t *target, const char *by, const char *reason,
                 int64_t now, struct cw_err *err)
{
    json_t *list = json_object_get(holds, "holds"), *hold = find_target(list, target);
    char since[CW_TIME_TEXT];

    if (strlen(reason) >= CW_HOLD_REASON_MAX)
        return cw_err_set(err, CW_E_USAGE, "the reason is longer than %d bytes", CW_HOLD_REASON_MAX - 1);
    if (hold == NULL && json_array_size(list) >= CW_HOLDS_MAX)
        return cw_err_set(err, CW_E_FAIL, "there are %d holds already: lift some with 'causeway-sync unhold'",
                          CW_HOLDS_MAX);
    if (hold == NULL)
        hold = append_new(holds, target);
    cw_time_format(now, since);
    if (hold == NULL || json_object_set_new(hold, "since", json_string(since)) != 0 ||
        json_object_set_new(hold, "by", json_string(by)) != 0)
        return cw_err_nomem(err);
    if (json_object_set_new(hold, "reason", json_string(reason)) != 0)
        return cw_err_set(err, CW_E_USAGE, "the reason is not UTF-8 text");
    if (id != NULL)
        *id = json_integer_value(json_object_get(hold, "id"));
    return CW_OK;
}

static bool is_named(const json_t *hold, const char *which)
{
    uint64_t id;

    if (equal(cw_json_text_or_null(hold, "product"), which))
        return true;
    return cw_str_to_u64(which, INT64_MAX, &id) &&
           json_integer_value(json_object_get(hold, "id")) == (json_int_t)id;
}

static int lift(json_t *holds, const char *which, json_t *lifted, struct cw_err *err)
{
    json_t *list = json_object_get(holds, "holds");
    size_t i = 0;

    while (i < json_array_size(list)) {
        json_t *hold = json_array_get(list, i);

        if (which != NULL && !is_named(hold, which)) {
            i++;
            continue;
        }
        if (json_array_append(lifted, hold) != 0)
            return cw_err_nomem(err);
        json_array_remove(list, i);
    }
    return CW_OK;
}

int cw_holds_lift(json_t *holds, const char *which, json_t *lifted, struct cw_err *err)
{
    int rc = lift(holds, which, lifted, err);

    if (rc == CW_OK && json_array_size(lifted) == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "there is no hold '%s': 'causeway-sync status' lists them",
                          which);
    return rc;
}

int cw_holds_lift_all(json_t *holds, json_t *lifted, struct cw_err *err)
{
    return lift(holds, NULL, lifted, err);
}

const json_t *cw_holds_on_product(const json_t *holds, const char *product, const char *version)
{
    json_t *hold;
    size_t i;

    json_array_foreach (json_object_get(holds, "holds"), i, hold) {
        const char *held = cw_json_text_or_null(hold, "version");

        if (equal(cw_json_text_or_null(hold, "product"), product) && (held == NULL || equal(held, version)))
            return hold;
    }
    return NULL;
}

const json_t *cw_holds_on_set(const json_t *holds, const char *upstream, const char *sha256)
{
    json_t *hold;
    size_t i;

    json_array_foreach (json_object_get(holds, "holds"), i, hold) {
        if (cw_json_text_or_null(hold, "sha256") != NULL &&
            equal(cw_json_text_or_null(hold, "upstream"), upstream) &&
            equal(cw_json_text_or_null(hold, "sha256"), sha256))
            return hold;
    }
    return NULL;
}

void cw_hold_describe(char out[512], const json_t *hold)
{
    const char *product = cw_json_text_or_null(hold, "product"),
               *version = cw_json_text_or_null(hold, "version"),
               *channel = cw_json_text_or_null(hold, "channel");

    if (product != NULL)
        snprintf(out, 512, "%s%s%s", product, version != NULL ? " " : "", version != NULL ? version : "");
    else
        snprintf(out, 512, "%s/%s serial %lld", cw_json_text_or_null(hold, "upstream"),
                 channel != NULL ? channel : "?",
                 (long long)json_integer_value(json_object_get(hold, "serial")));
}
