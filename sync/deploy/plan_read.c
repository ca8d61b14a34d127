/* SPDX-License-Identifier: ISC */
/*
 * What follows from a finished plan: its id, what of it may be applied, and the generation that makes. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/plan.h"
#include "sync/deploy/step.h"
#include "sync/deploy/store.h"

#define ID_CONTEXT "causeway plan 1\n" /* so that no other document has such an id */

/* What of the units an id speaks of. */
static json_t *fixed_units(const json_t *plan)
{
    json_auto_t *list = json_array();
    json_t *unit;
    size_t i;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (json_array_append_new(list,
                                  json_pack("{s:O, s:O, s:O}", "upstream", json_object_get(unit, "upstream"),
                                            "independent", json_object_get(unit, "independent"), "changes",
                                            json_object_get(unit, "changes"))) != 0)
            return NULL;
    }
    return json_incref(list);
}

int cw_plan_id(char id[CW_SHA256_TEXT], const json_t *plan, struct cw_err *err)
{
    static const char *const keys[] = {"site",       "site_sha256",   "install_root",
                                       "generation", "policy_sha256", "upstreams"};
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PLAN_MAX);
    json_auto_t *fixed = json_object();
    int rc;

    if (fixed == NULL || json_object_set_new(fixed, "units", fixed_units(plan)) != 0)
        return cw_err_nomem(err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (json_object_set(fixed, keys[i], json_object_get(plan, keys[i])) != 0)
            return cw_err_nomem(err);
    }
    cw_buf_adds(&text, ID_CONTEXT);
    rc = cw_canon_format(&text, fixed, err);
    if (rc == CW_OK)
        rc = cw_buf_check(&text, "the plan", err);
    return rc == CW_OK ? cw_sha256(id, text.data, text.len, err) : rc;
}

size_t cw_plan_units(const json_t *plan)
{
    return json_array_size(json_object_get(plan, "units"));
}

size_t cw_plan_ready(const json_t *plan)
{
    size_t i, count = 0;
    json_t *unit;

    json_array_foreach (json_object_get(plan, "units"), i, unit)
        count += json_is_true(json_object_get(unit, "ready")) ? 1 : 0;
    return count;
}

/* " on gateway 2.1.0" */
static void name_held(char out[256], const char *joint, const json_t *held)
{
    const char *product = cw_json_text_or_null(held, "product"),
               *version = cw_json_text_or_null(held, "version");

    out[0] = '\0';
    if (product != NULL)
        snprintf(out, 256, "%s%s%s%s", joint, product, version != NULL ? " " : "",
                 version != NULL ? version : "");
}

static void why_held(char out[1024], const json_t *held)
{
    char what[256];

    name_held(what, json_object_get(held, "hold") != NULL ? " on " : "", held);
    if (json_object_get(held, "hold") != NULL)
        snprintf(out, 1024, "held by hold %lld%s: %s",
                 (long long)json_integer_value(json_object_get(held, "hold")), what,
                 cw_json_text_or_null(held, "reason"));
    else if (strcmp(cw_json_text_or_null(held, "by"), "withdrawn") == 0)
        snprintf(out, 1024, "held: %s was withdrawn by its publisher: %s", what,
                 cw_json_text_or_null(held, "reason"));
    else
        snprintf(out, 1024, "held: %s", cw_json_text_or_null(held, "reason"));
}

void cw_plan_why(char out[1024], const json_t *unit)
{
    const json_t *held = json_object_get(unit, "held"), *decision = json_object_get(unit, "decision");
    const char *verdict = cw_json_text_or_null(decision, "verdict"),
               *waits = cw_json_text_or_null(unit, "waits");

    out[0] = '\0';
    if (json_is_true(json_object_get(unit, "ready")))
        return;
    if (json_object_get(unit, "break_glass") != NULL) /* what it passes over is not what is waited for */
        snprintf(out, 1024, "waits: %s", waits);
    else if (held != NULL)
        why_held(out, held);
    else if (strcmp(verdict, "accept") != 0)
        snprintf(out, 1024, "%s by policy: %s", strcmp(verdict, "hold") == 0 ? "held" : "rejected",
                 cw_json_text_or_null(decision, "reason"));
    else
        snprintf(out, 1024, "waits: %s", waits);
}

/* The artifacts that are handed on, by name: a later delivery may have to hand on the one before. Those of one artifact
 * follow each other. */
static json_t *delivered_names(const json_t *change)
{
    json_auto_t *names = json_array();
    const char *before = "";
    json_t *delivery;
    size_t i;

    json_array_foreach (json_object_get(change, "deliveries"), i, delivery) {
        if (strcmp(before, cw_json_text_or_null(delivery, "path")) == 0)
            continue;
        before = cw_json_text_or_null(delivery, "path");
        if (json_array_append_new(names,
                                  json_pack("{s:O, s:s}", "kind", json_object_get(delivery, "kind"), "name",
                                            cw_str_basename(cw_json_text_or_null(delivery, "path")))) != 0)
            return NULL;
    }
    return json_array_size(names) > 0 ? json_incref(names) : json_null();
}

static int record_change(json_t *products, const json_t *unit, const json_t *change, struct cw_err *err)
{
    const char *product = cw_json_text_or_null(change, "product");

    if (cw_json_text_or_null(change, "to") == NULL) {
        json_object_del(products, product);
        return CW_OK;
    }
    if (json_object_set_new(
            products, product,
            json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:o}", "version", json_object_get(change, "to"),
                      "platform", json_object_get(change, "platform"), "upstream",
                      json_object_get(unit, "upstream"), "manifest",
                      json_object_get(change, "manifest_sha256"), "requires",
                      json_object_get(change, "requires"), "independent",
                      json_object_get(unit, "independent"), "delivers", delivered_names(change))) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

const json_t *cw_plan_find_upstream(const json_t *plan, const char *name)
{
    json_t *upstream;
    size_t i;

    json_array_foreach (json_object_get(plan, "upstreams"), i, upstream) {
        if (strcmp(cw_json_text(upstream, "upstream"), name) == 0)
            return upstream;
    }
    return NULL;
}

static int record_unit(json_t *products, json_t *sets, const json_t *plan, const json_t *unit,
                       struct cw_err *err)
{
    const char *name = cw_json_text_or_null(unit, "upstream");
    const json_t *upstream = cw_plan_find_upstream(plan, name);
    json_t *change;
    size_t i;

    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        int rc = record_change(products, unit, change, err);

        if (rc != CW_OK)
            return rc;
    }
    if (json_is_true(json_object_get(unit, "independent")))
        return CW_OK;
    if (json_object_set_new(sets, name,
                            json_pack("{s:O, s:O, s:O}", "channel", json_object_get(upstream, "channel"),
                                      "serial", json_object_get(upstream, "serial"), "sha256",
                                      json_object_get(upstream, "channel_sha256"))) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_plan_record(json_t **record, const json_t *plan, const json_t *generation, int64_t number, int64_t now,
                   struct cw_err *err)
{
    json_auto_t *products =
        generation != NULL ? cw_json_deep_copy(json_object_get(generation, "products")) : json_object();
    json_auto_t *sets =
        generation != NULL ? cw_json_deep_copy(json_object_get(generation, "sets")) : json_object();
    json_auto_t *undo = NULL;
    char time[CW_TIME_TEXT];
    json_t *unit;
    size_t i;

    if (products == NULL || sets == NULL || cw_steps_undo(&undo, plan, true, err) != CW_OK)
        return cw_err_nomem(err);
    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        int rc = json_is_true(json_object_get(unit, "ready")) ? record_unit(products, sets, plan, unit, err)
                                                              : CW_OK;

        if (rc != CW_OK)
            return rc;
    }
    cw_time_format(now, time);
    *record = json_pack("{s:s, s:s, s:I, s:O, s:O, s:s, s:O, s:O, s:O}", "_type", CW_GENERATION_TYPE,
                        "format", "1.0", "generation", (json_int_t)number, "previous",
                        json_object_get(plan, "generation"), "plan", json_object_get(plan, "id"), "time",
                        time, "sets", sets, "products", products, "undo", undo);
    return *record != NULL ? CW_OK : cw_err_nomem(err);
}

json_t *cw_plan_unit_holds(const json_t *plan, const json_t *unit)
{
    json_auto_t *list = json_array();
    const json_t *upstream = cw_plan_find_upstream(plan, cw_json_text_or_null(unit, "upstream"));
    json_t *change;
    size_t i;

    if (!json_is_true(json_object_get(unit, "independent"))) {
        if (json_array_append_new(list,
                                  cw_hold_on_set(cw_json_text_or_null(upstream, "upstream"),
                                                 cw_json_text_or_null(upstream, "channel"),
                                                 json_integer_value(json_object_get(upstream, "serial")),
                                                 cw_json_text_or_null(upstream, "channel_sha256"))) != 0)
            return NULL;
        return json_incref(list);
    }
    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        if (json_array_append_new(list, cw_hold_on_product(cw_json_text_or_null(change, "product"),
                                                           cw_json_text_or_null(change, "to"))) != 0)
            return NULL;
    }
    return json_incref(list);
}
