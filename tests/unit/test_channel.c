/* SPDX-License-Identifier: ISC */
/*
 * Channel manifests, what they require of themselves, and the site's memory against replay.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/json.h"
#include "release/channel.h"
#include "release/memory.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define PIN(version, sha)                                                                                    \
    "{\"version\": \"" version "\", \"sha256\": \"" sha                                                      \
    "\", \"length\": 9, \"promoted\": \"2026-01-01T00:00:00Z\"}"

static const char good[] = "{\"_type\": \"causeway-channel\", \"format\": \"1.0\", \"channel\": \"stable\", "
                           "\"serial\": 7, \"published\": \"2026-01-02T00:00:00Z\","
                           " \"previous\": \"" SHA_A "\","
                           " \"releases\": {\"plc\": " PIN("1.0.0", SHA_B) ", \"gateway\": " PIN(
                               "2.1.0", SHA_C) "},"
                                               " \"withdrawn\": {\"gateway\": {\"2.0.9\": \"corrupts\"}}}";

static json_t *doc_of(const char *text)
{
    struct cw_err err;
    json_t *doc = NULL;

    assert_cw_ok(cw_json_parse(&doc, text, strlen(text), &err), err);
    return doc;
}

static int parse_doc(struct cw_channel *channel, const json_t *doc, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(2 * CW_CHANNEL_MAX);

    assert_int_equal(cw_json_format(&buf, doc, err), CW_OK);
    return cw_channel_parse(channel, buf.data, buf.len, err);
}

static void set_at(json_t *doc, const char *key, const char *value)
{
    if (value[0] == '\0') {
        assert_int_equal(json_object_del(doc, key), 0);
    } else {
        json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);

        assert_non_null(parsed);
        json_object_set_new(doc, key, parsed);
    }
}

static void good_channel_is_read(void **state)
{
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_channel_parse(&channel, good, sizeof good - 1, &err), err);
    assert_string_equal(channel.channel, "stable");
    assert_int_equal(channel.serial, 7);
    assert_int_equal(channel.published, 1767312000);
    assert_string_equal(channel.previous, SHA_A);
    assert_int_equal(channel.pin_count, 2);
    assert_string_equal(channel.pins[0].product, "gateway");
    assert_string_equal(channel.pins[1].product, "plc");
    assert_string_equal(cw_channel_pin(&channel, "plc")->sha256, SHA_B);
    assert_int_equal(cw_channel_pin(&channel, "plc")->length, 9);
    assert_null(cw_channel_pin(&channel, "other"));
    assert_string_equal(cw_channel_withdrawn(&channel, "gateway", "2.0.9"), "corrupts");
    assert_null(cw_channel_withdrawn(&channel, "gateway", "2.1.0"));
    assert_null(cw_channel_withdrawn(&channel, "plc", "2.0.9"));
    cw_channel_clear(&channel);
}

static void later_minor_formats_are_read(void **state)
{
    json_auto_t *doc = doc_of(good);
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    set_at(doc, "format", "\"1.3\"");
    set_at(doc, "weather", "\"fine\"");
    set_at(doc, "withdrawn", "");
    set_at(doc, "releases", "{}");
    assert_cw_ok(parse_doc(&channel, doc, &err), err);
    assert_null(cw_channel_pin(&channel, "plc"));
    assert_null(cw_channel_withdrawn(&channel, "gateway", "2.0.9"));
    cw_channel_clear(&channel);
}

static void each_wrong_member_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *why;
    } cases[] = {
        {"_type", "\"causeway-release\"", "is a 'causeway-release' document"},
        {"format", "\"3.0\"", "reads format 1"},
        {"channel", "\"targets\"", "is reserved"},
        {"channel", "\"../x\"", "the character '/'"},
        {"channel", "\"PLC\"", "named like the channel"},
        {"serial", "0", "field 'serial'"},
        {"serial", "\"7\"", "field 'serial' is not an integer"},
        {"serial", "1", "serial 1 has no predecessor"},
        {"serial", "9007199254740992", "field 'serial'"},
        {"previous", "", "field 'previous' is missing"},
        {"previous", "\"abc\"", "not 64 lower-case hex"},
        {"published", "\"yesterday\"", "field 'published'"},
        {"published", "", "field 'published' is missing"},
        {"releases", "", "field 'releases' is missing"},
        {"releases", "[]", "not an object"},
        {"releases", "{\"plc\": 7}", "releases: 'plc': is not an object"},
        {"releases", "{\"a/b\": " PIN("1.0.0", SHA_A) "}", "the character '/'"},
        {"releases", "{\"plc\": " PIN("1.0", SHA_A) "}", "not a version"},
        {"releases", "{\"plc\": " PIN("1.0.0", "00") "}", "not 64 lower-case hex"},
        {"releases", "{\"plc\": " PIN("1.0.0", SHA_A) ", \"PLC\": " PIN("1.0.0", SHA_A) "}",
         "differ by case only"},
        {"releases", "{\"gateway\": " PIN("2.0.9", SHA_A) "}",
         "gateway 2.0.9 is withdrawn (corrupts), but in the set"},
        {"releases",
         "{\"plc\": {\"version\": \"1.0.0\", \"sha256\": \"" SHA_A
         "\", \"length\": 1048577, \"promoted\": \"2026-01-01T00:00:00Z\"}}",
         "field 'length'"},
        {"releases",
         "{\"plc\": {\"version\": \"1.0.0\", \"sha256\": \"" SHA_A "\", \"length\": 7, \"promoted\": \"x\"}}",
         "field 'promoted'"},
        {"withdrawn", "[]", "field 'withdrawn' is not an object"},
        {"withdrawn", "{\"plc\": [\"1.0.1\"]}", "'plc' is not an object"},
        {"withdrawn", "{\"plc\": {\"1.0.1\": true}}", "is not a string"},
        {"withdrawn", "{\"plc\": {\"1.0.1\": \"\\u0007\"}}", "control character"},
        {"withdrawn", "{\"plc\": {\"all\": \"x\"}}", "not a version"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        json_auto_t *doc = doc_of(good);
        struct cw_channel channel;
        struct cw_err err;

        set_at(doc, cases[i].key, cases[i].value);
        assert_cw_fails(CW_E_VERIFY, cases[i].why, parse_doc(&channel, doc, &err), err);
        assert_null(channel.doc);
    }
}

#define GIVEN(path, more)                                                                                    \
    "{\"path\": \"" path "\", \"sha256\": \"" SHA_A                                                          \
    "\", \"length\": 9, \"predicate\": \"https://example.com/p\", \"signers\": [\"k\"]" more "}"
#define AT "channels/stable/"

/* `good` with attestations of plc and gateway, a demand of gateway's, and one key, "k". */
static json_t *attested_doc(const char *plc, const char *gateway, const char *demanded)
{
    json_t *doc = doc_of(good), *releases = json_object_get(doc, "releases");

    set_at(json_object_get(releases, "plc"), "attestations", plc);
    set_at(json_object_get(releases, "gateway"), "attestations", gateway);
    set_at(json_object_get(releases, "gateway"), "demanded", demanded);
    set_at(doc, "attestors", "{\"k\": {\"keytype\": \"ed25519\"}}");
    return doc;
}

static void attestations_are_told_by_release(void **state)
{
    json_auto_t *doc = attested_doc(
        "[" GIVEN(AT "p.json", "") "]", "[" GIVEN(AT "a.json", "") ", " GIVEN(AT "b.json", "") "]",
        "[{\"predicate\": \"sbom\", \"threshold\": 0, \"keys\": []},"
        " {\"predicate\": \"test-result\", \"threshold\": 1, \"keys\": [\"k\"], \"new\": 1}]");
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    assert_cw_ok(parse_doc(&channel, doc, &err), err);
    assert_int_equal(channel.attestation_count, 3);
    assert_int_equal(cw_channel_pin(&channel, "gateway")->attestation_count, 2);
    assert_string_equal(cw_channel_pin(&channel, "gateway")->attestations[1].path, AT "b.json");
    assert_int_equal(cw_channel_pin(&channel, "plc")->attestation_count, 1);
    assert_string_equal(cw_channel_pin(&channel, "plc")->attestations[0].path, AT "p.json");
    assert_string_equal(cw_channel_pin(&channel, "plc")->attestations[0].predicate, "https://example.com/p");
    assert_int_equal(cw_channel_pin(&channel, "plc")->attestations[0].length, 9);
    cw_channel_clear(&channel);
}

static void wrong_attestations_are_refused(void **state)
{
    static const struct {
        const char *gateway, *demanded, *why;
    } cases[] = {
        {"{}", "[]", "releases: 'gateway': field 'attestations' is not an array"},
        {"[1]", "[]", "releases: 'gateway': attestations[0]: is not an object"},
        {"[" GIVEN("channels/stable/", "") "]", "[]", "file name is empty"},
        {"[" GIVEN("channels/other/a.json", "") "]", "[]", "does not lie in 'channels/stable/'"},
        {"[" GIVEN("channels/stable/x/a.json", "") "]", "[]", "does not lie in 'channels/stable/'"},
        {"[" GIVEN("gateway/2.1.0/a.json", "") "]", "[]", "does not lie in 'channels/stable/'"},
        {"[" GIVEN(AT "..", "") "]", "[]", "starts with '.'"},
        {"[" GIVEN(AT "con.json", "") "]", "[]", "is a device"},
        {"[" GIVEN(AT "Channel.json", "") "]", "[]", "is the channel manifest itself"},
        {"[" GIVEN(AT "P.json", "") "]", "[]", "is named twice"},
        {"[" GIVEN(AT "a.json", "") ", " GIVEN(AT "a.json", "") "]", "[]", "is named twice"},
        {"[{\"path\": \"" AT "a.json\", \"sha256\": \"00\"}]", "[]", "not 64 lower-case hex"},
        {"[{\"path\": \"" AT "a.json\", \"sha256\": \"" SHA_A "\", \"length\": 16777217}]", "[]",
         "field 'length'"},
        {"[{\"path\": \"" AT "a.json\", \"sha256\": \"" SHA_A "\", \"length\": 9, \"predicate\": \"\"}]",
         "[]", "field 'predicate' does not have"},
        {"[{\"path\": \"" AT "a.json\", \"sha256\": \"" SHA_A
         "\", \"length\": 9, \"predicate\": \"a\\u0007\"}]",
         "[]", "control character"},
        {"[{\"path\": \"" AT "a.json\", \"sha256\": \"" SHA_A
         "\", \"length\": 9, \"predicate\": \"a\", \"signers\": [\"q\"]}]",
         "[]", "'attestors' has no key 'q'"},
        {"[]", "{}", "field 'demanded' is not an array"},
        {"[]", "[7]", "demanded[0]: is not an object"},
        {"[]", "[{\"predicate\": \"sbom\", \"threshold\": -1, \"keys\": []}]", "field 'threshold'"},
        {"[]", "[{\"predicate\": \"sbom\", \"threshold\": 1, \"keys\": [1]}]", "'keys[0]' is not a string"},
        {"[]", "[{\"predicate\": \"sbom\", \"threshold\": 1, \"keys\": [\"q\"]}]", "has no key 'q'"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        json_auto_t *doc = attested_doc("[" GIVEN(AT "p.json", "") "]", cases[i].gateway, cases[i].demanded);
        struct cw_channel channel;
        struct cw_err err;

        assert_cw_fails(CW_E_VERIFY, cases[i].why, parse_doc(&channel, doc, &err), err);
        assert_null(channel.doc);
    }
}

static void requires_are_met_from_the_set(void **state)
{
    json_auto_t *met = doc_of("{\"plc\": \">=1.0.0\"}");
    json_auto_t *newer = doc_of("{\"plc\": \"^2.0.0\"}");
    json_auto_t *absent = doc_of("{\"hmi\": \"*\"}");
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_channel_parse(&channel, good, sizeof good - 1, &err), err);
    assert_cw_ok(cw_channel_check_requires(&channel, "gateway", NULL, &err), err);
    assert_cw_ok(cw_channel_check_requires(&channel, "gateway", met, &err), err);
    assert_cw_fails(CW_E_VERIFY, "gateway 2.1.0 requires plc ^2.0.0, but channel 'stable' has 1.0.0",
                    cw_channel_check_requires(&channel, "gateway", newer, &err), err);
    assert_cw_fails(CW_E_VERIFY, "gateway 2.1.0 requires hmi *, but channel 'stable' has none",
                    cw_channel_check_requires(&channel, "gateway", absent, &err), err);
    cw_channel_clear(&channel);
}

/* What a site remembers after having seen `good` as serial 7 with the hash SHA_B. */
static json_t *remembered(void)
{
    struct cw_channel channel;
    json_t *after = NULL;
    struct cw_err err;

    assert_cw_ok(cw_channel_parse(&channel, good, sizeof good - 1, &err), err);
    assert_cw_ok(cw_memory_advance(&after, NULL, &channel, SHA_B, &err), err);
    cw_channel_clear(&channel);
    return after;
}

static void memory_starts_and_is_stable(void **state)
{
    json_auto_t *memory = remembered();
    json_auto_t *wanted = doc_of("{\"channels\": {\"stable\": {\"serial\": 7, \"sha256\": \"" SHA_B
                                 "\", \"withdrawn\": {\"gateway\": {\"2.0.9\": \"corrupts\"}}}},"
                                 " \"versions\": {\"gateway\": {\"2.1.0\": \"" SHA_C
                                 "\"}, \"plc\": {\"1.0.0\": \"" SHA_B "\"}},"
                                 " \"withdrawn\": {\"gateway\": {\"2.0.9\": \"corrupts\"}}}");
    json_auto_t *again = NULL;
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    assert_true(json_equal(memory, wanted));
    json_object_set_new(memory, "floor", json_integer(5));
    assert_cw_ok(cw_channel_parse(&channel, good, sizeof good - 1, &err), err);
    assert_cw_ok(cw_memory_advance(&again, memory, &channel, SHA_B, &err), err);
    assert_true(json_equal(memory, again));
    cw_channel_clear(&channel);
}

static void memory_refuses_replay_and_change(void **state)
{
    static const struct {
        const char *name;
        const char *key[2], *value[2]; /* changes to the good document, which comes with the hash SHA_C */
        const char *why;               /* NULL: accepted */
    } cases[] = {
        {"a lower serial", {"serial"}, {"6"}, "serial 6 is older than 7"},
        {"the same serial, other bytes", {"serial"}, {"7"}, "expected sha256 " SHA_B ", got " SHA_C},
        {"the next serial, another history", {"serial"}, {"8"}, "does not follow the serial 7"},
        {"the next serial", {"serial", "previous"}, {"8", "\"" SHA_B "\""}, NULL},
        {"a later serial", {"serial"}, {"12"}, NULL},
        {"a changed version",
         {"serial", "releases"},
         {"12", "{\"plc\": " PIN("1.0.0", SHA_A) "}"},
         "plc 1.0.0 was changed after this site saw it: expected manifest sha256 " SHA_B ", got " SHA_A},
        {"a new version", {"serial", "releases"}, {"12", "{\"plc\": " PIN("1.0.1", SHA_A) "}"}, NULL},
        {"an older version under a new serial",
         {"serial", "releases"},
         {"12", "{\"gateway\": " PIN("1.0.0", SHA_A) "}"},
         NULL},
        {"a withdrawal undone",
         {"serial", "withdrawn"},
         {"12", ""},
         "the withdrawal of gateway 2.0.9 was undone"},
        {"a withdrawal undone among others",
         {"serial", "withdrawn"},
         {"12", "{\"gateway\": {\"2.0.8\": \"x\"}}"},
         "the withdrawal of gateway 2.0.9 was undone"},
        {"another channel, without the withdrawal", {"channel", "withdrawn"}, {"\"beta\"", ""}, NULL},
    };
    size_t i, k;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        json_auto_t *memory = remembered(), *before = json_deep_copy(memory), *doc = doc_of(good),
                    *after = NULL;
        struct cw_channel channel;
        struct cw_err err;

        for (k = 0; k < 2 && cases[i].key[k] != NULL; k++)
            set_at(doc, cases[i].key[k], cases[i].value[k]);
        assert_cw_ok(parse_doc(&channel, doc, &err), err);
        if (cases[i].why == NULL) {
            assert_cw_ok(cw_memory_advance(&after, memory, &channel, SHA_C, &err), err);
            assert_non_null(after);
        } else {
            assert_cw_fails(CW_E_VERIFY, cases[i].why,
                            cw_memory_advance(&after, memory, &channel, SHA_C, &err), err);
            assert_null(after);
        }
        assert_true(json_equal(memory, before));
        cw_channel_clear(&channel);
    }
}

static void withdrawn_versions_are_refused_in_every_channel(void **state)
{
    json_auto_t *memory = remembered(), *doc = doc_of(good), *after = NULL;
    struct cw_channel channel;
    struct cw_err err;

    (void)state;
    set_at(doc, "channel", "\"beta\"");
    set_at(doc, "withdrawn", "");
    set_at(doc, "releases", "{\"gateway\": " PIN("2.0.9", SHA_A) "}");
    assert_cw_ok(parse_doc(&channel, doc, &err), err);
    assert_cw_fails(CW_E_VERIFY, "channel 'beta': gateway 2.0.9 was withdrawn (corrupts), but is in the set",
                    cw_memory_advance(&after, memory, &channel, SHA_C, &err), err);
    cw_channel_clear(&channel);
}

static void damaged_memory_is_refused(void **state)
{
    static const char *const damaged[] = {"[]",
                                          "{\"channels\": 7}",
                                          "{\"channels\": {\"stable\": {}}}",
                                          "{\"channels\": {\"stable\": {\"serial\": 7}}}",
                                          "{\"versions\": []}",
                                          "{\"versions\": {\"plc\": 1}}",
                                          "{\"withdrawn\": \"\"}"};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(damaged); i++) {
        json_auto_t *memory = doc_of(damaged[i]), *after = NULL;
        struct cw_channel channel;
        struct cw_err err;

        assert_cw_ok(cw_channel_parse(&channel, good, sizeof good - 1, &err), err);
        assert_cw_fails(CW_E_VERIFY, "memory is damaged",
                        cw_memory_advance(&after, memory, &channel, SHA_B, &err), err);
        cw_channel_clear(&channel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_channel_is_read),
        cmocka_unit_test(later_minor_formats_are_read),
        cmocka_unit_test(each_wrong_member_is_refused),
        cmocka_unit_test(attestations_are_told_by_release),
        cmocka_unit_test(wrong_attestations_are_refused),
        cmocka_unit_test(requires_are_met_from_the_set),
        cmocka_unit_test(memory_starts_and_is_stable),
        cmocka_unit_test(memory_refuses_replay_and_change),
        cmocka_unit_test(withdrawn_versions_are_refused_in_every_channel),
        cmocka_unit_test(damaged_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
