/* SPDX-License-Identifier: ISC */
/*
 * Plans: what is composed from a set, what is installed, holds and a policy's answers; as a table of small
 * worlds. And what an id depends on, and what generation follows.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/plan.h"

#define SET_SHA "5555555555555555555555555555555555555555555555555555555555555555"
#define PIN_SHA "7777777777777777777777777777777777777777777777777777777777777777"
#define FILE_SHA "9999999999999999999999999999999999999999999999999999999999999999"
#define MOST 4

struct release {
    const char *product, *version, *platforms; /* "linux-amd64 any": one file of 100 bytes for each */
    const char *requires;                      /* a product, in any version; NULL: none */
    const char *severity;                      /* NULL: normal */
};

struct installed {
    const char *product, *version, *platform, *upstream, *requires;
};

struct world {
    const char *name;
    struct release releases[MOST];
    struct installed installed[MOST];
    const char *independent[MOST];
    const char *withdrawn;    /* a product of the set whose version is withdrawn */
    const char *hold;         /* a product on which there is a hold */
    const char *hold_version; /* of this version only */
    bool hold_set;
    const char *policy_holds; /* decide() holds a set in which this product changes */
    const char *gates;        /* what decide() accepts with; NULL: none */
    const char *check_fails;  /* check() raises for this product */
    const char *expected;
};

static const struct world worlds[] = {
    {.name = "nothing is installed",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .expected = "acme[gateway new>2.0.0 install linux-amd64, plc new>1.0.0 install any]ready"},
    {.name = "all is as the set says",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .installed = {{"gateway", "2.0.0", "linux-amd64", "acme"}},
     .expected = ""},
    {.name = "up, down, gone",
     .releases = {{"gateway", "2.1.0", "linux-amd64"}, {"plc", "0.9.0", "any"}},
     .installed = {{"gateway", "2.0.0", "linux-amd64", "acme"},
                   {"plc", "1.0.0", "any", "acme"},
                   {"old", "1.0.0", "any", "acme"}},
     .expected = "acme[gateway 2.0.0>2.1.0 upgrade linux-amd64, plc 1.0.0>0.9.0 downgrade any, old "
                 "1.0.0>gone remove any]ready"},
    {.name = "what another upstream brought is left alone",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .installed = {{"gateway", "2.0.0", "linux-amd64", "acme"}, {"pump", "1.0.0", "any", "other"}},
     .expected = ""},
    {.name = "the first platform of the site's list",
     .releases = {{"gateway", "2.0.0", "linux-arm64 linux-amd64 any"}},
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready"},
    {.name = "no build for this site and nobody needs it",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"viewer", "1.0.0", "windows-amd64"}},
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready"},
    {.name = "no build for this site but it is required",
     .releases = {{"gateway", "2.0.0", "linux-amd64", "viewer"}, {"viewer", "1.0.0", "windows-amd64"}},
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held: viewer 1.0.0 has no build for this site's "
                 "platforms"},
    {.name = "the policy holds",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .policy_holds = "gateway",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held by policy: not now"},
    {.name = "check raises",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .check_fails = "gateway",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held by policy: policy.lua:9: oops"},
    {.name = "a gate that is closed",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .gates = "{\"not_before\": \"2031-01-01T00:00:00Z\"}",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]waits: "},
    {.name = "a gate that is open",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .gates = "{\"not_before\": \"2029-01-01T00:00:00Z\"}",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready"},
    {.name = "a held product holds its set",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .hold = "plc",
     .expected = "acme[gateway new>2.0.0 install linux-amd64, plc new>1.0.0 install any]held by hold 1 on "
                 "plc 1.0.0: because"},
    {.name = "a hold on another version does not",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .hold = "gateway",
     .hold_version = "1.9.0",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready"},
    {.name = "a hold on what does not change does not",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .installed = {{"plc", "1.0.0", "any", "acme"}},
     .hold = "plc",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready"},
    {.name = "the set is held",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .independent = {"plc"},
     .hold_set = true,
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held by hold 1: because; acme*[plc new>1.0.0 "
                 "install any]ready"},
    {.name = "a withdrawn release is held",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}},
     .withdrawn = "gateway",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held: gateway 2.0.0 was withdrawn by its "
                 "publisher: bad"},
    {.name = "a held independent product does not hold the rest",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .independent = {"plc"},
     .hold = "plc",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready; acme*[plc new>1.0.0 install any]held by "
                 "hold 1 on plc 1.0.0: because"},
    {.name = "the rest held does not hold an independent product",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any"}},
     .independent = {"plc"},
     .policy_holds = "gateway",
     .expected = "acme[gateway new>2.0.0 install linux-amd64]held by policy: not now; acme*[plc new>1.0.0 "
                 "install any]ready"},
    {.name = "what another needs is not parted from it",
     .releases = {{"gateway", "2.0.0", "linux-amd64", "plc"}, {"plc", "1.0.0", "any"}},
     .independent = {"plc"},
     .hold = "plc",
     .expected = "acme[gateway new>2.0.0 install linux-amd64, plc new>1.0.0 install any]held by hold 1 on "
                 "plc 1.0.0: because"},
    {.name = "nor from what it needs",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "1.0.0", "any", "gateway"}},
     .independent = {"plc"},
     .expected = "acme[gateway new>2.0.0 install linux-amd64, plc new>1.0.0 install any]ready"},
    {.name = "nor what needed it as installed",
     .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "2.0.0", "any"}},
     .installed = {{"plc", "1.0.0", "any", "acme", "gateway"}},
     .independent = {"plc"},
     .expected = "acme[gateway new>2.0.0 install linux-amd64, plc 1.0.0>2.0.0 upgrade any]ready"},
    {.name = "two independents of which one needs the other",
     .releases = {{"gateway", "2.0.0", "linux-amd64"},
                  {"plc", "1.0.0", "any", "pump"},
                  {"pump", "1.0.0", "any"}},
     .independent = {"plc", "pump"},
     .expected = "acme[gateway new>2.0.0 install linux-amd64]ready; acme*[plc new>1.0.0 install any, pump "
                 "new>1.0.0 install any]ready"},
};

static void add_files(json_t *artifacts, const struct release *release)
{
    char platforms[64], path[256];
    char *rest = NULL, *platform;

    snprintf(platforms, sizeof platforms, "%s", release->platforms);
    for (platform = strtok_r(platforms, " ", &rest); platform != NULL;
         platform = strtok_r(NULL, " ", &rest)) {
        snprintf(path, sizeof path, "%s/%s/%s.bin", release->product, release->version, platform);
        json_array_append_new(artifacts, json_pack("{s:s, s:i, s:s, s:s, s:s}", "path", path, "length", 100,
                                                   "sha256", FILE_SHA, "platform", platform, "kind", "file"));
    }
}

static void parse_release(struct cw_manifest *manifest, const struct release *release)
{
    CW_AUTO_FREE char *text = NULL;
    json_auto_t *doc = NULL;
    json_t *artifacts = json_array(), *requires = json_object();
    struct cw_err err = {0};

    add_files(artifacts, release);
    if (release->requires != NULL)
        json_object_set_new(requires, release->requires, json_string("*"));
    doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:[], s:o, s:[]}", "_type", CW_RELEASE_TYPE,
                    "format", "1.0", "product", release->product, "version", release->version, "severity",
                    release->severity ? release->severity : "normal", "notes", "", "requires", requires,
                    "features", "artifacts", artifacts, "attestations");
    text = json_dumps(doc, 0);
    assert_cw_ok(cw_manifest_parse(manifest, text, strlen(text), &err), err);
}

static void make_set(struct cw_set *set, const struct world *world)
{
    json_auto_t *doc = NULL;
    json_t *pins = json_object();
    CW_AUTO_FREE char *text = NULL;
    struct cw_err err = {0};

    *set = (struct cw_set){.releases = calloc(MOST, sizeof *set->releases)};
    for (size_t i = 0; i < MOST && world->releases[i].product != NULL; i++) {
        const struct release *release = &world->releases[i];

        parse_release(&set->releases[set->release_count++], release);
        json_object_set_new(pins, release->product,
                            json_pack("{s:s, s:s, s:i, s:s}", "version", release->version, "sha256", PIN_SHA,
                                      "length", 10, "promoted", "2029-12-01T00:00:00Z"));
    }
    doc = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o}", "_type", CW_CHANNEL_TYPE, "format", "1.0",
                    "channel", "stable", "serial", 7, "published", "2029-12-31T00:00:00Z", "previous",
                    PIN_SHA, "releases", pins);
    text = json_dumps(doc, 0);
    assert_cw_ok(cw_channel_parse(&set->channel, text, strlen(text), &err), err);
    if (world->withdrawn != NULL) { /* a parsed channel would not have it */
        json_object_set_new(set->channel.doc, "withdrawn",
                            json_pack("{s:{s:s}}", world->withdrawn, world->releases[0].version, "bad"));
        set->channel.withdrawn = json_object_get(set->channel.doc, "withdrawn");
    }
    snprintf(set->sha256, sizeof set->sha256, "%s", SET_SHA);
}

static json_t *make_generation(const struct world *world)
{
    json_t *products = json_object();

    for (size_t i = 0; i < MOST && world->installed[i].product != NULL; i++) {
        const struct installed *entry = &world->installed[i];
        json_t *requires = json_object();

        if (entry->requires != NULL)
            json_object_set_new(requires, entry->requires, json_string("*"));
        json_object_set_new(products, entry->product,
                            json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "version", entry->version, "platform",
                                      entry->platform, "upstream", entry->upstream, "manifest", PIN_SHA,
                                      "requires", requires, "independent", 0));
    }
    return json_pack("{s:i, s:i, s:{}, s:o}", "generation", 3, "previous", 2, "sets", "products", products);
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
    const struct world *world = ctx;

    (void)err;
    assert_string_equal(json_string_value(json_object_get(site, "name")), "plant-7");
    *decision = (struct cw_decision){.verdict = CW_ACCEPT,
                                     .gates = json_loads(world->gates ? world->gates : "[]", 0, NULL)};
    if (world->policy_holds != NULL && changes(set, world->policy_holds)) {
        decision->verdict = CW_HOLD;
        snprintf(decision->reason, sizeof decision->reason, "not now");
    }
    return CW_OK;
}

static int actions(void *ctx, json_t **answer, const json_t *question, struct cw_err *err)
{
    const struct world *world = ctx;
    const json_t *release = json_object_get(question, "release"), *dirs = json_object_get(question, "dirs");
    const char *product = json_string_value(json_object_get(release, "product"));

    if (world->check_fails != NULL && strcmp(world->check_fails, product) == 0)
        return cw_err_set(err, CW_E_HELD, "policy.lua:9: oops");
    *answer =
        json_pack("{s:{s:[{s:[s+], s:i}]}, s:[]}", "actions", "check", "run",
                  json_string_value(json_object_get(dirs, "check")), "/selftest", "timeout", 5, "deliveries");
    return CW_OK;
}

/* One world, ready to be planned for. */
struct stand {
    struct cw_set set;
    struct cw_upstream config;
    struct cw_plan_policy policy;
    struct cw_plan_upstream upstream;
    struct cw_plan_input input;
    json_t *generation, *holds, *independent;
};

static void stand_up(struct stand *stand, const struct world *world)
{
    static const char *const platforms[] = {"linux-amd64", "linux-arm64", NULL};
    json_auto_t *on_set = cw_hold_on_set("acme", "stable", 7, SET_SHA);
    struct cw_err err = {0};

    *stand = (struct stand){
        .config = {.name = "acme", .channel = "stable", .wanted = {.platforms = platforms}},
        .policy = {.decide = decide, .actions = actions, .ctx = (void *)world, .sha256 = FILE_SHA},
        .independent = json_array()};
    make_set(&stand->set, world);
    for (size_t i = 0; i < MOST && world->independent[i] != NULL; i++)
        json_array_append_new(stand->independent, json_string(world->independent[i]));
    stand->config.independent = stand->independent;
    stand->generation = world->installed[0].product != NULL ? make_generation(world) : NULL;
    stand->holds = json_pack("{s:i, s:[]}", "next", 1, "holds");
    if (world->hold != NULL) {
        json_auto_t *target = cw_hold_on_product(world->hold, world->hold_version);

        assert_cw_ok(cw_holds_put(stand->holds, NULL, target, "person", "because", 0, &err), err);
    }
    if (world->hold_set)
        assert_cw_ok(cw_holds_put(stand->holds, NULL, on_set, "check", "because", 0, &err), err);
    stand->upstream =
        (struct cw_plan_upstream){.config = &stand->config, .set = &stand->set, .root_version = 1};
    stand->input = (struct cw_plan_input){.site = "plant-7",
                                          .site_sha256 = FILE_SHA,
                                          .install_root = "/opt/plant",
                                          .upstreams = &stand->upstream,
                                          .upstream_count = 1,
                                          .generation = stand->generation,
                                          .holds = stand->holds,
                                          .policy = &stand->policy,
                                          .now = 1893456000,
                                          .clock_trusted = true};
}

static void stand_down(struct stand *stand)
{
    cw_channel_clear(&stand->set.channel);
    for (size_t i = 0; i < stand->set.release_count; i++)
        cw_manifest_clear(&stand->set.releases[i]);
    free(stand->set.releases);
    json_decref(stand->generation);
    json_decref(stand->holds);
    json_decref(stand->independent);
}

static const char *or_else(const json_t *obj, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(obj, key));

    return text != NULL ? text : otherwise;
}

static void summarise(struct cw_buf *out, const json_t *plan)
{
    json_t *unit, *change;
    char why[1024];
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        cw_buf_addf(out, "%s%s%s[", i > 0 ? "; " : "", or_else(unit, "upstream", "?"),
                    json_is_true(json_object_get(unit, "independent")) ? "*" : "");
        json_array_foreach (json_object_get(unit, "changes"), k, change)
            cw_buf_addf(out, "%s%s %s>%s %s %s", k > 0 ? ", " : "", or_else(change, "product", "?"),
                        or_else(change, "from", "new"), or_else(change, "to", "gone"),
                        or_else(change, "change", "?"), or_else(change, "platform", "?"));
        cw_plan_why(why, unit);
        cw_buf_addf(out, "]%s", why[0] == '\0' ? "ready" : why);
    }
}

static void test_worlds(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(worlds); i++) {
        CW_AUTO_BUF text = CW_BUF_INIT(8192);
        json_auto_t *plan = NULL;
        struct stand stand;
        struct cw_err err = {0};
        size_t len = strlen(worlds[i].expected);

        stand_up(&stand, &worlds[i]);
        assert_cw_ok(cw_plan_compose(&plan, &stand.input, &err), err);
        summarise(&text, plan);
        if (len > 7 && strcmp(worlds[i].expected + len - 7, "waits: ") == 0)
            assert_memory_equal(cw_buf_text(&text), worlds[i].expected,
                                len); /* the gate's own words follow */
        else if (strcmp(cw_buf_text(&text), worlds[i].expected) != 0)
            fail_msg("%s:\n  got  %s\n  want %s", worlds[i].name, cw_buf_text(&text), worlds[i].expected);
        stand_down(&stand);
    }
}

static void id_of(char id[CW_SHA256_TEXT], const struct stand *stand)
{
    json_auto_t *plan = NULL;
    struct cw_err err = {0};

    assert_cw_ok(cw_plan_compose(&plan, &stand->input, &err), err);
    snprintf(id, CW_SHA256_TEXT, "%s", or_else(plan, "id", ""));
}

static void test_id(void **state)
{
    static const struct world world = {.releases = {{"gateway", "2.0.0", "linux-amd64"}},
                                       .gates = "{\"not_before\": \"2031-01-01T00:00:00Z\"}"};
    char first[CW_SHA256_TEXT], other[CW_SHA256_TEXT];
    struct stand stand;

    (void)state;
    stand_up(&stand, &world);
    id_of(first, &stand);
    stand.input.now += INT64_C(3) * 365 * 86400; /* a gate opens meanwhile */
    id_of(other, &stand);
    assert_string_equal(first, other);
    stand.policy.sha256 = PIN_SHA;
    id_of(other, &stand);
    assert_string_not_equal(first, other);
    stand.policy.sha256 = FILE_SHA;
    stand.upstream.root_version = 2;
    id_of(other, &stand);
    assert_string_not_equal(first, other);
    stand.upstream.root_version = 1;
    stand.set.sha256[0] = '6';
    id_of(other, &stand);
    assert_string_not_equal(first, other);
    stand_down(&stand);
}

static void test_two_vendors(void **state)
{
    static const struct world world = {.releases = {{"gateway", "2.0.0", "linux-amd64"}},
                                       .installed = {{"gateway", "1.0.0", "linux-amd64", "acme"}}};
    struct cw_plan_upstream both[2];
    struct cw_upstream evil;
    json_auto_t *plan = NULL;
    struct cw_err err = {0};
    struct stand stand;

    (void)state;
    stand_up(&stand, &world);
    evil = stand.config;
    evil.name = "evil";
    both[0] = both[1] = stand.upstream;
    both[1].config = &evil;
    stand.input.upstreams = both;
    stand.input.upstream_count = 2;
    assert_cw_fails(CW_E_VERIFY, "'evil' ships it too", cw_plan_compose(&plan, &stand.input, &err), err);
    /* also when its owner ships it no more */
    stand.set.release_count = 0;
    assert_cw_ok(cw_plan_compose(&plan, &stand.input, &err), err);
    stand.set.release_count = 1;
    both[0] = both[1];
    stand.input.upstream_count = 1;
    json_decref(plan);
    plan = NULL;
    assert_cw_ok(cw_plan_compose(&plan, &stand.input, &err), err); /* the owner is not followed any more */
    stand_down(&stand);
}

static void test_record(void **state)
{
    static const struct world world = {
        .releases = {{"gateway", "2.0.0", "linux-amd64"}, {"plc", "2.0.0", "any"}, {"pump", "1.0.0", "any"}},
        .installed = {{"plc", "1.0.0", "any", "acme"},
                      {"old", "1.0.0", "any", "acme"},
                      {"far", "1.0.0", "any", "other"}},
        .independent = {"plc", "pump"},
        .hold = "plc"};
    json_auto_t *plan = NULL, *record = NULL, *holds = NULL;
    const json_t *products;
    struct cw_err err = {0};
    struct stand stand;

    (void)state;
    stand_up(&stand, &world);
    assert_cw_ok(cw_plan_compose(&plan, &stand.input, &err), err);
    assert_int_equal(cw_plan_units(plan), 3);
    assert_int_equal(cw_plan_ready(plan), 2);
    assert_cw_ok(cw_plan_record(&record, plan, stand.generation, 4, stand.input.now, &err), err);
    products = json_object_get(record, "products");
    assert_string_equal(or_else(json_object_get(products, "gateway"), "version", ""), "2.0.0");
    assert_string_equal(or_else(json_object_get(products, "plc"), "version", ""),
                        "1.0.0"); /* held: as it was */
    assert_string_equal(or_else(json_object_get(products, "far"), "version", ""), "1.0.0"); /* another's */
    assert_string_equal(or_else(json_object_get(products, "pump"), "version", ""), "1.0.0");
    assert_null(json_object_get(products, "old"));
    assert_string_equal(or_else(json_object_get(json_object_get(record, "sets"), "acme"), "sha256", ""),
                        SET_SHA);
    assert_int_equal(json_integer_value(json_object_get(record, "previous")), 3);
    holds = cw_plan_unit_holds(plan, json_array_get(json_object_get(plan, "units"), 0));
    assert_string_equal(or_else(json_array_get(holds, 0), "sha256", ""), SET_SHA);
    json_decref(holds);
    holds = cw_plan_unit_holds(plan, json_array_get(json_object_get(plan, "units"), 2));
    assert_string_equal(or_else(json_array_get(holds, 0), "product", ""), "pump");
    stand_down(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worlds),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_two_vendors),
        cmocka_unit_test(test_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
