/* SPDX-License-Identifier: ISC */
/*
 * Requirements between products: the cases of tests/data/requirements.json, from what a channel says to what a plan
 * holds together.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "data.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/plan.h"

#define SHA "7777777777777777777777777777777777777777777777777777777777777777"
#define VENDORS 2

static const char *const vendors[VENDORS] = {"acme", "other"};

/* A case, ready to be planned for. */
struct stand {
    const json_t *item;
    struct cw_set sets[VENDORS];
    struct cw_upstream configs[VENDORS];
    struct cw_plan_upstream upstreams[VENDORS];
    size_t count;
    json_t *holds, *generation;
};

static const char *version_of(const json_t *release)
{
    return json_string_value(json_array_get(release, 0));
}

static void parse_release(struct cw_manifest *manifest, const char *product, const json_t *release)
{
    CW_AUTO_FREE char *text = NULL;
    struct cw_err err = {0};
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:[], s:[{s:o, s:i, s:s, s:s, s:s}], s:[]}", "_type",
                  CW_RELEASE_TYPE, "format", "1.0", "product", product, "version", version_of(release),
                  "severity", "normal", "notes", "", "requires", json_array_get(release, 1), "features",
                  "artifacts", "path", json_sprintf("%s/%s/a.bin", product, version_of(release)), "length",
                  100, "sha256", SHA, "platform", "any", "kind", "file", "attestations");

    text = json_dumps(doc, 0);
    assert_cw_ok(cw_manifest_parse(manifest, text, strlen(text), &err), err);
}

static void make_set(struct cw_set *set, const json_t *products)
{
    json_auto_t *doc = NULL;
    json_t *pins = json_object(), *release;
    CW_AUTO_FREE char *text = NULL;
    struct cw_err err = {0};
    const char *product;

    set->releases = calloc(json_object_size(products) + 1, sizeof *set->releases);
    json_object_foreach ((json_t *)products, product, release) {
        parse_release(&set->releases[set->release_count++], product, release);
        json_object_set_new(pins, product,
                            json_pack("{s:s, s:s, s:i, s:s}", "version", version_of(release), "sha256", SHA,
                                      "length", 10, "promoted", "2029-12-01T00:00:00Z"));
    }
    doc = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "_type", CW_CHANNEL_TYPE, "format", "1.0",
                    "channel", "stable", "serial", 7, "published", "2029-12-31T00:00:00Z", "previous", SHA,
                    "releases", pins);
    text = json_dumps(doc, 0);
    assert_cw_ok(cw_channel_parse(&set->channel, text, strlen(text), &err), err);
    snprintf(set->sha256, sizeof set->sha256, "%s", SHA);
}

static json_t *make_generation(const json_t *installed)
{
    json_t *products = json_object(), *entry;
    const char *product;

    json_object_foreach ((json_t *)installed, product, entry)
        json_object_set_new(products, product,
                            json_pack("{s:O, s:s, s:O, s:s, s:O, s:b}", "version", json_array_get(entry, 0),
                                      "platform", "any", "upstream", json_array_get(entry, 1), "manifest",
                                      SHA, "requires", json_array_get(entry, 2), "independent", 0));
    return json_pack("{s:i, s:i, s:{}, s:o}", "generation", 3, "previous", 2, "sets", "products", products);
}

static void stand_up(struct stand *stand, const json_t *item)
{
    json_t *product;
    size_t i;

    *stand = (struct stand){.item = item, .holds = json_pack("{s:i, s:[]}", "next", 1, "holds")};
    for (size_t v = 0; v < VENDORS; v++) {
        if (json_object_get(item, vendors[v]) == NULL)
            continue;
        make_set(&stand->sets[stand->count], json_object_get(item, vendors[v]));
        stand->configs[stand->count] =
            (struct cw_upstream){.name = (char *)vendors[v],
                                 .channel = "stable",
                                 .independent = json_object_get(item, "independent")};
        stand->upstreams[stand->count] = (struct cw_plan_upstream){
            .config = &stand->configs[stand->count], .set = &stand->sets[stand->count], .root_version = 1};
        stand->count++;
    }
    json_array_foreach (json_object_get(item, "holds"), i, product) {
        json_auto_t *target = cw_hold_on_product(json_string_value(product), NULL);
        struct cw_err err = {0};

        assert_cw_ok(cw_holds_put(stand->holds, NULL, target, "person", "because", 0, &err), err);
    }
    if (json_object_get(item, "installed") != NULL)
        stand->generation = make_generation(json_object_get(item, "installed"));
}

static void stand_down(struct stand *stand)
{
    for (size_t v = 0; v < stand->count; v++) {
        cw_channel_clear(&stand->sets[v].channel);
        for (size_t i = 0; i < stand->sets[v].release_count; i++)
            cw_manifest_clear(&stand->sets[v].releases[i]);
        free(stand->sets[v].releases);
    }
    json_decref(stand->holds);
    json_decref(stand->generation);
}

static bool changes(const json_t *set, const char *product)
{
    json_t *release;
    size_t i;

    json_array_foreach (json_object_get(set, "releases"), i, release) {
        if (strcmp(json_string_value(json_object_get(release, "product")), product) == 0)
            return strcmp(json_string_value(json_object_get(release, "change")), "same") != 0;
    }
    return false;
}

static int decide(void *ctx, struct cw_decision *decision, const json_t *set, const json_t *site,
                  struct cw_err *err)
{
    const struct stand *stand = ctx;
    const char *held = json_string_value(json_object_get(stand->item, "policy_holds"));

    (void)site;
    (void)err;
    *decision = (struct cw_decision){.verdict = held != NULL && changes(set, held) ? CW_HOLD : CW_ACCEPT};
    return CW_OK;
}

static int actions(void *ctx, json_t **answer, const json_t *question, struct cw_err *err)
{
    (void)ctx;
    (void)question;
    (void)err;
    *answer = json_pack("{s:{}, s:[]}", "actions", "deliveries");
    return CW_OK;
}

/* As a pull takes the channel, and then as a plan is made of it. */
static int plan_of(json_t **plan, struct stand *stand, struct cw_err *err)
{
    const struct cw_plan_policy policy = {.decide = decide, .actions = actions, .ctx = stand, .sha256 = SHA};
    const struct cw_plan_input input = {.site = "plant-7",
                                        .site_sha256 = SHA,
                                        .install_root = "/opt/plant",
                                        .upstreams = stand->upstreams,
                                        .upstream_count = stand->count,
                                        .generation = stand->generation,
                                        .holds = stand->holds,
                                        .policy = &policy,
                                        .now = 1893456000,
                                        .clock_trusted = true};
    int rc = CW_OK;

    for (size_t v = 0; v < stand->count; v++) {
        for (size_t i = 0; i < stand->sets[v].release_count && rc == CW_OK; i++) {
            const struct cw_manifest *manifest = &stand->sets[v].releases[i];

            rc = cw_channel_check_requires(&stand->sets[v].channel, manifest->product, manifest->requires,
                                           err);
        }
    }
    return rc == CW_OK ? cw_plan_compose(plan, &input, err) : rc;
}

static void summarise(struct cw_buf *out, const json_t *plan)
{
    json_t *unit, *change;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        cw_buf_addf(out, "%s%s%s[", i > 0 ? "; " : "", data_text(unit, "upstream"),
                    json_is_true(json_object_get(unit, "independent")) ? "*" : "");
        json_array_foreach (json_object_get(unit, "changes"), k, change)
            cw_buf_addf(out, "%s%s", k > 0 ? ", " : "", data_text(change, "product"));
        cw_buf_addf(out, "] %s", json_is_true(json_object_get(unit, "ready")) ? "ready" : "held");
    }
}

static void test_cases(void **state)
{
    json_auto_t *table = data_load("requirements");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        const char *error = json_string_value(json_object_get(item, "error"));
        CW_AUTO_BUF text = CW_BUF_INIT(8192);
        json_auto_t *plan = NULL;
        struct cw_err err = {0};
        struct stand stand;
        int rc;

        stand_up(&stand, item);
        rc = plan_of(&plan, &stand, &err);
        if (error != NULL && (rc != CW_E_VERIFY || strstr(err.text, error) == NULL))
            fail_msg("%s: %d, '%s' lacks '%s'", data_text(item, "name"), rc, err.text, error);
        if (error == NULL && rc != CW_OK)
            fail_msg("%s: %s", data_text(item, "name"), err.text);
        if (error == NULL) {
            summarise(&text, plan);
            if (strcmp(cw_buf_text(&text), data_text(item, "expect")) != 0)
                fail_msg("%s:\n  got  %s\n  want %s", data_text(item, "name"), cw_buf_text(&text),
                         data_text(item, "expect"));
        }
        stand_down(&stand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
