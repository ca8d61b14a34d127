/* SPDX-License-Identifier: ISC */
/*
 * Release manifests: one good document, and each way in which one member can be wrong.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "codec/json.h"
#include "release/manifest.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char good[] =
    "{\"_type\": \"causeway-release\", \"format\": \"1.0\", \"product\": \"gateway\", \"version\": "
    "\"2.1.0\", \"severity\": \"high\","
    " \"notes\": \"Mends\\nthings\", \"requires\": {\"plc\": \">=1.0.0\"}, \"features\": [\"opc-ua\"], "
    "\"attestations\": [],"
    " \"artifacts\": ["
    "  {\"path\": \"gateway/2.1.0/gateway.tar.gz\", \"length\": 10, \"sha256\": \"" SHA
    "\", \"platform\": \"linux-amd64\", \"kind\": \"archive\"},"
    "  {\"path\": \"gateway/2.1.0/readme.txt\", \"length\": 0, \"sha256\": \"" SHA
    "\", \"platform\": \"any\", \"kind\": \"file\"}],"
    " \"sbom\": {\"path\": \"gateway/2.1.0/sbom.json\", \"length\": 3, \"sha256\": \"" SHA "\"}}";

static json_t *good_doc(void)
{
    struct cw_err err;
    json_t *doc = NULL;

    assert_cw_ok(cw_json_parse(&doc, good, sizeof good - 1, &err), err);
    return doc;
}

static int parse_doc(struct cw_manifest *manifest, const json_t *doc, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(2 * CW_MANIFEST_MAX);

    assert_int_equal(cw_json_format(&buf, doc, err), CW_OK);
    return cw_manifest_parse(manifest, buf.data, buf.len, err);
}

static void good_manifest_is_read(void **state)
{
    struct cw_manifest manifest;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_manifest_parse(&manifest, good, sizeof good - 1, &err), err);
    assert_string_equal(manifest.product, "gateway");
    assert_string_equal(manifest.version, "2.1.0");
    assert_string_equal(manifest.severity, "high");
    assert_string_equal(manifest.notes, "Mends\nthings");
    assert_int_equal(manifest.artifact_count, 2);
    assert_string_equal(manifest.artifacts[0].path, "gateway/2.1.0/gateway.tar.gz");
    assert_int_equal(manifest.artifacts[0].kind, CW_KIND_ARCHIVE);
    assert_int_equal(manifest.artifacts[0].length, 10);
    assert_string_equal(manifest.artifacts[1].platform, CW_PLATFORM_ANY);
    assert_string_equal(json_string_value(json_object_get(manifest.requires, "plc")), ">=1.0.0");
    assert_true(manifest.has_sbom);
    assert_string_equal(manifest.sbom.path, "gateway/2.1.0/sbom.json");
    cw_manifest_clear(&manifest);
}

static void later_minor_formats_are_read(void **state)
{
    struct cw_manifest manifest;
    json_auto_t *doc = good_doc();
    struct cw_err err;

    (void)state;
    json_object_set_new(doc, "format", json_string("1.7"));
    json_object_set_new(doc, "colour", json_string("green"));
    json_object_del(doc, "notes");
    json_object_del(doc, "requires");
    json_object_del(doc, "features");
    json_object_del(doc, "attestations");
    json_object_del(doc, "sbom");
    assert_cw_ok(parse_doc(&manifest, doc, &err), err);
    assert_string_equal(manifest.notes, "");
    assert_null(manifest.requires);
    assert_false(manifest.has_sbom);
    assert_string_equal(json_string_value(json_object_get(manifest.doc, "colour")), "green");
    cw_manifest_clear(&manifest);
}

/* Replaces one member of the document (or of an artifact) by a JSON value; "" removes it. */
struct change {
    int artifact; /* -1: the document itself */
    const char *key, *value, *why;
};

static void apply(json_t *doc, const struct change *change)
{
    json_t *obj = change->artifact < 0
                      ? doc
                      : json_array_get(json_object_get(doc, "artifacts"), (size_t)change->artifact);

    if (change->value[0] == '\0') {
        assert_int_equal(json_object_del(obj, change->key), 0);
    } else {
        json_t *value = json_loads(change->value, JSON_DECODE_ANY, NULL);

        assert_non_null(value);
        json_object_set_new(obj, change->key, value);
    }
}

static void each_wrong_member_is_refused(void **state)
{
    static const struct change changes[] = {
        {-1, "_type", "\"causeway-channel\"", "is a 'causeway-channel' document"},
        {-1, "_type", "", "field '_type' is missing"},
        {-1, "format", "\"2.0\"", "reads format 1"},
        {-1, "product", "", "field 'product' is missing"},
        {-1, "product", "\"Root\"", "is reserved"},
        {-1, "product", "\"a/b\"", "the character '/'"},
        {-1, "product", "\"other\"", "does not lie in 'other/2.1.0/'"},
        {-1, "version", "\"2.1\"", "not a version"},
        {-1, "version", "\"2.1.0+x\"", "build metadata"},
        {-1, "version", "\"2.1.1\"", "does not lie in 'gateway/2.1.1/'"},
        {-1, "severity", "\"urgent\"", "unknown severity"},
        {-1, "severity", "", "field 'severity' is missing"},
        {-1, "notes", "7", "field 'notes' is not a string"},
        {-1, "notes", "\"\\u001b[2J\"", "control character"},
        {-1, "requires", "[]", "field 'requires' is not an object"},
        {-1, "requires", "{\"plc\": \"latest\"}", "requires: 'plc': range 'latest'"},
        {-1, "requires", "{\"plc\": 1}", "range of 'plc' is not a string"},
        {-1, "requires", "{\"p c\": \"*\"}", "the character ' '"},
        {-1, "requires", "{\"gateway\": \"*\"}", "cannot require itself"},
        {-1, "features", "[1]", "features[0] is not a string"},
        {-1, "features", "{}", "not an array"},
        {-1, "attestations", "{}", "not an array"},
        {-1, "sealed", "{}", "is sealed"},
        {-1, "artifacts", "[]", "'artifacts' is empty"},
        {-1, "artifacts", "", "field 'artifacts' is missing"},
        {-1, "artifacts", "[7]", "artifacts[0]: is not an object"},
        {-1, "sbom", "{\"path\": \"gateway/2.1.0/s\", \"length\": -1, \"sha256\": \"" SHA "\"}",
         "sbom: field 'length'"},
        {-1, "sbom", "{\"path\": \"gateway/2.1.0/README.txt\", \"length\": 1, \"sha256\": \"" SHA "\"}",
         "differ by case only"},
        {0, "path", "\"gateway/2.1.0/readme.txt\"", "stands there twice"},
        {0, "path", "\"gateway/2.1.0/Readme.txt\"", "differ by case only"},
        {0, "path", "\"gateway/2.1.0/a/b\"", "the character '/'"},
        {0, "path", "\"gateway/2.1.0/../x\"", "the character '/'"},
        {0, "path", "\"gateway/2.1.0/..\"", "starts with '.'"},
        {0, "path", "\"gateway/2.1.0/\"", "file name is empty"},
        {0, "path", "\"/etc/passwd\"", "does not lie in"},
        {0, "path", "\"gateway/2.1.0/release.json\"", "the manifest's own"},
        {0, "path", "\"gateway/2.1.0/nul.tar\"", "device on Windows"},
        {0, "length", "\"10\"", "artifacts[0]: field 'length' is not an integer"},
        {0, "length", "-1", "field 'length'"},
        {0, "length", "9007199254740992", "field 'length'"},
        {0, "sha256", "\"0123\"", "not 64 lower-case hex"},
        {0, "sha256", "\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"",
         "not 64 lower-case hex"},
        {0, "platform", "\"linux/amd64\"", "the character '/'"},
        {0, "platform", "", "field 'platform' is missing"},
        {0, "kind", "\"rootkit\"", "unknown kind"},
        {1, "kind", "", "artifacts[1]: field 'kind' is missing"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct cw_manifest manifest;
        json_auto_t *doc = good_doc();
        struct cw_err err;

        apply(doc, &changes[i]);
        assert_cw_fails(CW_E_VERIFY, changes[i].why, parse_doc(&manifest, doc, &err), err);
        assert_null(manifest.doc);
    }
}

static void sizes_are_bounded(void **state)
{
    struct cw_manifest manifest;
    json_auto_t *doc = good_doc();
    struct cw_err err;
    char *notes = calloc(1, CW_MANIFEST_MAX + 1);

    (void)state;
    assert_non_null(notes);
    memset(notes, 'x', CW_MANIFEST_MAX);
    json_object_set_new(doc, "notes", json_string(notes));
    free(notes);
    assert_cw_fails(CW_E_VERIFY, "larger than", parse_doc(&manifest, doc, &err), err);
}

static void no_json_is_refused(void **state)
{
    struct cw_manifest manifest;
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "release manifest: line 1", cw_manifest_parse(&manifest, "{\"a\":", 5, &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "release manifest", cw_manifest_parse(&manifest, "", 0, &err), err);
    assert_cw_fails(CW_E_VERIFY, "not a JSON object", cw_manifest_parse(&manifest, "[]", 2, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_manifest_is_read),        cmocka_unit_test(later_minor_formats_are_read),
        cmocka_unit_test(each_wrong_member_is_refused), cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(no_json_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
