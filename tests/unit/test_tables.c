/* SPDX-License-Identifier: ISC */
/*
 * The rules of TUF that are best told by cases, each a table in tests/data: patterns, role names, hash bins,
 * expiry, thresholds. Canonical JSON has test_canon.c, foreign keys have test_verify.c.
 */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "tests/unit/data.h"
#include "tuf/meta.h"
#include "tuf/write.h"

static void patterns_match_within_one_part(void **state)
{
    json_auto_t *table = data_load("patterns");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        const char *pattern = data_text(item, "pattern"), *path = data_text(item, "path");

        if (cw_tuf_pattern_matches(pattern, path) != json_is_true(json_object_get(item, "matches")))
            fail_msg("case %zu: '%s' and '%s'", i, pattern, path);
    }
}

static void role_names_become_file_names(void **state)
{
    json_auto_t *table = data_load("names");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        CW_AUTO_BUF got = CW_BUF_INIT(4096);
        struct cw_err err = {.code = 0};
        int rc = cw_tuf_role_filename(&got, data_text(item, "role"), &err);

        if (rc != (name != NULL ? CW_OK : CW_E_VERIFY))
            fail_msg("case %zu, '%s': %d '%s'", i, data_text(item, "role"), rc, err.text);
        if (name != NULL)
            assert_string_equal(cw_buf_text(&got), name);
    }
}

static void parse_targets(struct cw_tuf_meta *meta, const char *expires, json_t *delegations)
{
    json_auto_t *doc =
        json_pack("{s:[], s:{s:s, s:s, s:i, s:s, s:{}}}", "signatures", "signed", "_type", "targets",
                  "spec_version", "1.0.34", "version", 1, "expires", expires, "targets");
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 16);
    struct cw_err err;

    assert_non_null(doc);
    if (delegations != NULL)
        json_object_set_new(json_object_get(doc, "signed"), "delegations", delegations);
    assert_cw_ok(cw_json_format(&text, doc, &err), err);
    assert_cw_ok(cw_tuf_meta_parse(meta, CW_TUF_TARGETS, text.data, text.len, &err), err);
}

static void paths_fall_into_bins(void **state)
{
    json_auto_t *table = data_load("bins");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        json_int_t bits = json_integer_value(json_object_get(item, "bits"));
        size_t bin = (size_t)json_integer_value(json_object_get(item, "bin")), index = 0;
        struct cw_tuf_meta meta;
        struct cw_tuf_role role;
        struct cw_err err;

        parse_targets(&meta, "2030-01-01T00:00:00Z",
                      json_pack("{s:{}, s:{s:[], s:i, s:I, s:s}}", "keys", "succinct_roles", "keyids",
                                "threshold", 1, "bit_length", bits, "name_prefix", "bins"));
        assert_int_equal(cw_tuf_delegation_count(&meta), (size_t)1 << bits);
        assert_true(cw_tuf_delegation_find(&meta, data_text(item, "path"), &index));
        assert_int_equal(index, bin);
        assert_true(cw_tuf_delegation_covers(&meta, bin, data_text(item, "path")));
        assert_false(cw_tuf_delegation_covers(&meta, bin ^ 1, data_text(item, "path")));
        assert_cw_ok(cw_tuf_delegation_at(&role, &meta, index, &err), err);
        assert_string_equal(role.name, data_text(item, "role"));
        assert_true(role.terminating);
        cw_tuf_meta_clear(&meta);
    }
}

static void times_are_read(void **state)
{
    json_auto_t *table = data_load("expiry");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        const json_t *when = json_object_get(item, "when");
        struct cw_tuf_meta meta;
        struct cw_err err = {.code = 0};
        int64_t got = 0;
        int rc = cw_time_parse(&got, data_text(item, "text"), &err);

        if ((rc == CW_OK) != json_is_integer(when) || (rc == CW_OK && got != json_integer_value(when)))
            fail_msg("case %zu, '%s': %d, %lld", i, data_text(item, "text"), rc, (long long)got);
        if (rc != CW_OK)
            continue;
        parse_targets(&meta, data_text(item, "text"), NULL);
        assert_int_equal(meta.expires, got);
        cw_tuf_meta_clear(&meta);
    }
}

/* --- thresholds ----------------------------------------------------------------------------------------- */

/* "a", "a=A" (key a under keyid A) and "a^C" (the same in capitals) are keys made from their first letter. */
static struct cw_secret *secret_of(const char *name)
{
    unsigned char seed[CW_ED25519_SEED] = {(unsigned char)name[0], 3};
    struct cw_secret *secret;
    struct cw_err err;

    assert_cw_ok(cw_secret_from_seed(&secret, seed, &err), err);
    return secret;
}

static json_t *odd_key(const char *name)
{
    if (strcmp(name, "x-future") == 0)
        return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ml-dsa", "scheme", "ml-dsa-65", "keyval",
                         "public", "00");
    if (strcmp(name, "x-scheme") == 0)
        return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed448", "keyval", "public",
                         "00");
    if (strcmp(name, "x-malformed") == 0)
        return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval", "public",
                         "00");
    if (strcmp(name, "x-empty") == 0)
        return json_pack("{s:s, s:s, s:{}}", "keytype", "ed25519", "scheme", "ed25519", "keyval");
    assert_string_equal(name, "x-number");
    return json_pack("{s:s, s:s, s:{s:i}}", "keytype", "rsa", "scheme", "rsassa-pss-sha256", "keyval",
                     "public", 7);
}

static json_t *make_key(const char *name)
{
    char hex[2 * CW_ED25519_PUBLIC + 1];
    CW_AUTO_SECRET *secret = NULL;

    if (name[0] == 'x')
        return odd_key(name);
    secret = secret_of(name);
    cw_hex_format(hex, cw_secret_public(secret), CW_ED25519_PUBLIC);
    for (char *p = hex; name[1] == '^' && *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval", "public",
                     hex);
}

/* "a", "a:<how it is spoilt>" or "a>b": made by a under the keyid of b. */
static json_t *make_signature(const char *name, const char *text)
{
    const char *how = name + strcspn(name, ":"), *other = strchr(name, '>');
    char sig[2 * CW_ED25519_SIGNATURE + 1] = "", keyid[32];
    unsigned char signature[CW_ED25519_SIGNATURE];
    CW_AUTO_SECRET *secret = secret_of(name);
    struct cw_err err;

    snprintf(keyid, sizeof keyid, "%.*s", (int)(how - name), name);
    if (other != NULL)
        snprintf(keyid, sizeof keyid, "%s", other + 1);
    if (strcmp(how, ":other") == 0)
        text = "{}";
    assert_cw_ok(cw_ed25519_sign(signature, secret, text, strlen(text), &err), err);
    if (strcmp(how, ":spoilt") == 0)
        signature[40] ^= 1;
    cw_hex_format(sig, signature, sizeof signature);
    if (strcmp(how, ":empty") == 0)
        sig[0] = '\0';
    else if (strcmp(how, ":short") == 0)
        sig[126] = '\0';
    else if (strcmp(how, ":words") == 0)
        memset(sig, 'w', 128);
    return json_pack("{s:s, s:s}", "keyid", keyid, "sig", sig);
}

static void run_threshold(const json_t *item)
{
    static const char text[] =
        "{\"_type\":\"targets\",\"expires\":\"2030-01-01T00:00:00Z\",\"spec_version\":\"1.0\","
        "\"targets\":{},\"version\":1}";
    json_auto_t *keys = json_object(), *signatures = json_array();
    struct cw_tuf_role role = {.name = "r", .keys = keys, .keyids = json_object_get(item, "keys")};
    int64_t counted = json_integer_value(json_object_get(item, "counted"));
    CW_AUTO_FREE char *listed = NULL, *bytes = NULL;
    struct cw_tuf_meta meta;
    struct cw_err err;
    json_t *name;
    size_t i;

    role.threshold = json_integer_value(json_object_get(item, "threshold"));
    json_array_foreach (role.keyids, i, name) {
        if (strcmp(json_string_value(name), "x-nowhere") != 0)
            json_object_set_new(keys, json_string_value(name), make_key(json_string_value(name)));
    }
    json_array_foreach (json_object_get(item, "signatures"), i, name)
        json_array_append_new(signatures, make_signature(json_string_value(name), text));
    listed = json_dumps(signatures, 0);
    bytes = cw_str_format("{\"signatures\": %s, \"signed\": %s}", listed, text);
    assert_cw_ok(cw_tuf_meta_parse(&meta, CW_TUF_TARGETS, bytes, strlen(bytes), &err), err);
    if (cw_tuf_verify(&meta, &role, &err) != (counted >= role.threshold ? CW_OK : CW_E_VERIFY))
        fail_msg("%s", data_text(item, "why"));
    role.threshold = counted; /* as many as are said to count, and not one more */
    if (counted > 0 && cw_tuf_verify(&meta, &role, &err) != CW_OK)
        fail_msg("%s: %s", data_text(item, "why"), err.text);
    role.threshold = counted + 1;
    if ((int64_t)json_array_size(role.keyids) > counted && counted < 2)
        assert_int_equal(cw_tuf_verify(&meta, &role, &err), CW_E_VERIFY);
    cw_tuf_meta_clear(&meta);
}

static void thresholds_count_keys(void **state)
{
    json_auto_t *table = data_load("thresholds");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item)
        run_threshold(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_within_one_part), cmocka_unit_test(role_names_become_file_names),
        cmocka_unit_test(paths_fall_into_bins),           cmocka_unit_test(times_are_read),
        cmocka_unit_test(thresholds_count_keys),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
