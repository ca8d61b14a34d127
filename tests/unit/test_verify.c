/* SPDX-License-Identifier: ISC */
/*
 * Foreign keys of every kind: what is a key, which signatures it made, and when two notations are one key.
 * The cases are in tests/data/keys.json; openssl made keys and signatures.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/verify.h"
#include "tests/unit/data.h"
#include "tuf/meta.h"

static enum cw_public_kind kind_of(const json_t *item)
{
    const char *scheme = data_text(item, "scheme");

    return strcmp(scheme, "ecdsa-sha2-nistp256") == 0   ? CW_PUBLIC_ECDSA_P256
           : strcmp(scheme, "ecdsa-sha2-nistp384") == 0 ? CW_PUBLIC_ECDSA_P384
           : strcmp(scheme, "rsassa-pss-sha256") == 0   ? CW_PUBLIC_RSA_PSS_SHA256
                                                        : CW_PUBLIC_ED25519;
}

static struct cw_public *key_of(const json_t *item)
{
    struct cw_public *key;
    struct cw_err err;

    assert_cw_ok(cw_public_parse(&key, kind_of(item), data_text(item, "public"), &err), err);
    return key;
}

static const json_t *case_of(const json_t *table, const char *name)
{
    json_t *item;
    size_t i;

    data_each (table, i, item) {
        if (strcmp(data_text(item, "name"), name) == 0)
            return item;
    }
    fail_msg("there is no case '%s'", name);
    return NULL;
}

/* As metadata would have it: hexadecimal digits that may be anything. */
static bool verifies(const json_t *item, const char *text)
{
    const char *sig = data_text(item, "sig");
    size_t digits = strlen(sig);
    CW_AUTO_FREE unsigned char *signature = malloc(digits + 1);
    CW_AUTO_PUBLIC *key = NULL;
    struct cw_err err = {.code = 0};
    int rc = cw_public_parse(&key, kind_of(item), data_text(item, "public"), &err);

    assert_non_null(signature);
    if (rc != CW_OK)
        assert_true(key == NULL && rc == CW_E_VERIFY && err.text[0] != '\0');
    return rc == CW_OK && digits % 2 == 0 && cw_hex_parse(signature, digits / 2, sig) &&
           cw_public_verify(key, signature, digits / 2, text, strlen(text));
}

static void keys_verify_what_they_signed(void **state)
{
    json_auto_t *table = data_load("keys");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        bool known = strstr(data_text(item, "name"), "of the future") == NULL;
        bool counts = json_is_true(json_object_get(item, "counts"));

        if (known && verifies(item, data_text(table, "text")) != counts)
            fail_msg("%s: expected %s", data_text(item, "name"), counts ? "to verify" : "not to");
        if (verifies(item, "{}"))
            fail_msg("%s: verifies another text", data_text(item, "name"));
    }
}

/* Keys of one group are one key, keys of different groups are different ones. */
static void material_tells_keys_apart(void **state)
{
    static const struct {
        const char *name;
        int group;
    } keys[] = {
        {"P-256 in PEM", 1},
        {"P-256 as a point", 1},
        {"P-256 as a point in capitals", 1},
        {"P-256 in PEM with text around it", 1},
        {"P-256 with its point compressed", 1},
        {"P-384 in PEM", 2},
        {"P-384 as a point", 2},
        {"RSA, no salt", 3},
        {"RSA of 4096 bits", 4},
        {"RSA with exponent 3", 5},
        {"Ed25519", 6},
        {"Ed25519 in capitals", 6},
    };
    json_auto_t *table = data_load("keys");

    (void)state;
    for (size_t i = 0; i < CW_COUNT(keys); i++) {
        CW_AUTO_PUBLIC *one = key_of(case_of(table, keys[i].name));

        for (size_t j = 0; j < CW_COUNT(keys); j++) {
            CW_AUTO_PUBLIC *other = key_of(case_of(table, keys[j].name));
            bool same = memcmp(cw_public_material(one), cw_public_material(other), CW_PUBLIC_MATERIAL) == 0;

            if (same != (keys[i].group == keys[j].group))
                fail_msg("'%s' and '%s'", keys[i].name, keys[j].name);
        }
    }
}

/* --- in metadata ---------------------------------------------------------------------------------------- */

/* How many keys count for a targets file that all those of the table have signed, for better or worse, each
 * under its case's name as keyid. */
static int verify_all(const json_t *table, int64_t threshold, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 18);
    json_auto_t *keys = json_object(), *keyids = json_array(), *signatures = json_array(), *doc = NULL;
    struct cw_tuf_role role = {.name = "r", .keys = keys, .keyids = keyids, .threshold = threshold};
    const char *signed_ = data_text(table, "text");
    struct cw_tuf_meta meta;
    json_t *item;
    size_t i;
    int rc;

    data_each (table, i, item) {
        const char *id = data_text(item, "name");

        json_array_append(keyids, json_object_get(item, "name"));
        json_object_set_new(keys, id,
                            json_pack("{s:s, s:s, s:{s:s}}", "keytype", data_text(item, "keytype"), "scheme",
                                      data_text(item, "scheme"), "keyval", "public",
                                      data_text(item, "public")));
        json_array_append_new(signatures,
                              json_pack("{s:s, s:s}", "keyid", id, "sig", data_text(item, "sig")));
    }
    assert_cw_ok(cw_json_parse(&doc, signed_, strlen(signed_), err), *err);
    doc = json_pack("{s:O, s:o}", "signatures", signatures, "signed", doc);
    assert_non_null(doc);
    assert_cw_ok(cw_json_format(&text, doc, err), *err);
    assert_cw_ok(cw_tuf_meta_parse(&meta, CW_TUF_TARGETS, text.data, text.len, err), *err);
    rc = cw_tuf_verify(&meta, &role, err);
    cw_tuf_meta_clear(&meta);
    return rc;
}

/* Eight cases are the same P-256 key in other notations: of all that verify there are six keys. The others do
 * no harm. */
static void a_threshold_counts_keys_of_all_kinds_once(void **state)
{
    json_auto_t *table = data_load("keys");
    struct cw_err err;

    (void)state;
    assert_cw_ok(verify_all(table, 6, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 6 of the 7 keys", verify_all(table, 7, &err), err);
}

/* Each case by itself counts or not, its key and signature as metadata would have them. */
static void each_case_counts_or_not(void **state)
{
    json_auto_t *table = data_load("keys");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        json_auto_t *one = json_pack("{s:O, s:[O]}", "text", json_object_get(table, "text"), "cases", item);
        bool counts = json_is_true(json_object_get(item, "counts"));
        struct cw_err err = {.code = 0};
        int rc = verify_all(one, 1, &err);

        if (rc != (counts ? CW_OK : CW_E_VERIFY))
            fail_msg("%s: %d '%s'", data_text(item, "name"), rc, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_verify_what_they_signed),
        cmocka_unit_test(material_tells_keys_apart),
        cmocka_unit_test(a_threshold_counts_keys_of_all_kinds_once),
        cmocka_unit_test(each_case_counts_or_not),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
