/* SPDX-License-Identifier: ISC */
/*
 * DSSE envelopes: the cases of tests/data/envelopes.json, and making what is verified again.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "doc/envelope.h"
#include "tests/unit/data.h"

#define TYPE "application/vnd.causeway.test+json"

static enum cw_public_kind kind_of(const json_t *item)
{
    const char *scheme = data_text(item, "scheme");

    return strcmp(scheme, "ecdsa-sha2-nistp256") == 0   ? CW_PUBLIC_ECDSA_P256
           : strcmp(scheme, "ecdsa-sha2-nistp384") == 0 ? CW_PUBLIC_ECDSA_P384
           : strcmp(scheme, "rsassa-pss-sha256") == 0   ? CW_PUBLIC_RSA_PSS_SHA256
                                                        : CW_PUBLIC_ED25519;
}

static int verify(const json_t *item, const char *type, struct cw_err *err)
{
    const char *text = data_text(item, "envelope");
    struct cw_public *keys[CW_ENVELOPE_KEYS_MAX] = {NULL};
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    size_t i, count = json_array_size(json_object_get(item, "keys"));
    json_int_t threshold = json_integer_value(json_object_get(item, "threshold"));
    struct cw_err own;
    int rc = cw_envelope_parse(&envelope, text, strlen(text), err);

    for (i = 0; i < count; i++) {
        const json_t *key = json_array_get(json_object_get(item, "keys"), i);

        assert_cw_ok(cw_public_parse(&keys[i], kind_of(key), data_text(key, "public"), &own), own);
    }
    if (rc == CW_OK)
        rc = cw_envelope_verify(&envelope, type, keys, count, (size_t)threshold, err);
    for (i = 0; i < count; i++)
        cw_public_free(keys[i]);
    return rc;
}

static void every_case_is_judged_rightly(void **state)
{
    json_auto_t *table = data_load("envelopes");
    json_t *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        const char *error = json_string_value(json_object_get(item, "error"));
        struct cw_err err = {.code = 0};
        int rc = verify(item, data_text(table, "type"), &err);

        if (error == NULL ? rc != CW_OK : rc != CW_E_VERIFY || strstr(err.text, error) == NULL)
            fail_msg("%s: %d '%s'", data_text(item, "name"), rc, err.text);
    }
}

/* The example of DSSE's protocol.md. */
static void what_is_signed_is_as_the_protocol_says(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT(0), empty = CW_BUF_INIT(0);
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_envelope_signed_text(&text, "http://example.com/HelloWorld", "hello world", 11, &err),
                 err);
    assert_string_equal(text.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_cw_ok(cw_envelope_signed_text(&empty, "\xc3\xa9", "", 0, &err), err);
    assert_string_equal(empty.data, "DSSEv1 2 \xc3\xa9 0 ");
}

/* Two signers with their public halves. */
struct signers {
    struct cw_secret *secrets[2];
    struct cw_public *keys[2];
};

static int setup(void **state)
{
    struct signers *signers = calloc(1, sizeof *signers);
    struct cw_err err;

    assert_non_null(signers);
    assert_cw_ok(cw_crypt_init(&err), err);
    for (size_t i = 0; i < 2; i++) {
        unsigned char seed[CW_ED25519_SEED] = {(unsigned char)(i + 1)};
        char hex[2 * CW_ED25519_PUBLIC + 1];

        assert_cw_ok(cw_secret_from_seed(&signers->secrets[i], seed, &err), err);
        cw_hex_format(hex, cw_secret_public(signers->secrets[i]), CW_ED25519_PUBLIC);
        assert_cw_ok(cw_public_parse(&signers->keys[i], CW_PUBLIC_ED25519, hex, &err), err);
    }
    *state = signers;
    return 0;
}

static int teardown(void **state)
{
    struct signers *signers = *state;

    for (size_t i = 0; i < 2; i++) {
        cw_secret_free(signers->secrets[i]);
        cw_public_free(signers->keys[i]);
    }
    free(signers);
    return 0;
}

static void what_is_made_is_verified(void **state)
{
    const struct signers *signers = *state;
    json_auto_t *payload = json_pack("{s:s, s:i}", "b", "\xc3\xa9", "a", 1), *doc = NULL;
    CW_AUTO_BUF text = CW_BUF_INIT(4096);
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    bool signed_by[2];
    struct cw_err err;

    assert_cw_ok(cw_envelope_new(&doc, TYPE, payload, &err), err);
    assert_cw_ok(cw_envelope_sign(doc, signers->secrets[0], "one", &err), err);
    assert_cw_ok(cw_envelope_format(&text, doc, &err), err);
    assert_cw_ok(cw_envelope_parse(&envelope, text.data, text.len, &err), err);
    assert_string_equal(envelope.payload.data, "{\"a\":1,\"b\":\"\xc3\xa9\"}\n");
    assert_cw_ok(cw_envelope_verify(&envelope, TYPE, signers->keys, 2, 1, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 1 of the 2",
                    cw_envelope_verify(&envelope, TYPE, signers->keys, 2, 2, &err), err);
    assert_cw_ok(cw_envelope_signers(signed_by, &envelope, signers->keys, 2, &err), err);
    assert_true(signed_by[0]);
    assert_false(signed_by[1]);
}

/* Signing again replaces, signatures are sorted, and there is an end to them. */
static void signatures_are_sorted_and_few(void **state)
{
    static const char *const ids[] = {"m", "z", "a", "m"}, *const sorted[] = {"a", "m", "z"};
    const struct signers *signers = *state;
    json_auto_t *payload = json_object(), *doc = NULL;
    json_t *list;
    struct cw_err err;

    assert_cw_ok(cw_envelope_new(&doc, TYPE, payload, &err), err);
    for (size_t i = 0; i < CW_COUNT(ids); i++)
        assert_cw_ok(cw_envelope_sign(doc, signers->secrets[i % 2], ids[i], &err), err);
    list = json_object_get(doc, "signatures");
    assert_int_equal(json_array_size(list), CW_COUNT(sorted));
    for (size_t i = 0; i < CW_COUNT(sorted); i++)
        assert_string_equal(data_text(json_array_get(list, i), "keyid"), sorted[i]);
    for (int i = 0; i < CW_ENVELOPE_SIGNATURES_MAX - 3; i++) {
        char id[16];

        snprintf(id, sizeof id, "n%d", i);
        assert_cw_ok(cw_envelope_sign(doc, signers->secrets[0], id, &err), err);
    }
    assert_cw_fails(CW_E_FAIL, "takes no more", cw_envelope_sign(doc, signers->secrets[0], "x", &err), err);
    assert_cw_ok(cw_envelope_sign(doc, signers->secrets[1], "m", &err), err);
}

static void maxima_hold(void **state)
{
    const struct signers *signers = *state;
    json_auto_t *payload = json_object(), *doc = NULL;
    CW_AUTO_FREE char *spaces = malloc(CW_ENVELOPE_MAX + 1);
    CW_AUTO_FREE char *text = calloc(1, CW_ENVELOPE_TYPE_MAX + 2);
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    bool signed_by[CW_ENVELOPE_KEYS_MAX + 1];
    struct cw_err err;

    assert_non_null(spaces);
    assert_non_null(text);
    memset(spaces, ' ', CW_ENVELOPE_MAX + 1);
    assert_cw_fails(CW_E_VERIFY, "is larger than",
                    cw_envelope_parse(&envelope, spaces, CW_ENVELOPE_MAX + 1, &err), err);
    memset(text, 't', CW_ENVELOPE_TYPE_MAX + 1);
    assert_cw_fails(CW_E_FAIL, "1 to 256 bytes", cw_envelope_new(&doc, text, payload, &err), err);
    assert_null(doc);
    assert_cw_fails(CW_E_FAIL, "more than 64 keys",
                    cw_envelope_signers(signed_by, &envelope, signers->keys, CW_ENVELOPE_KEYS_MAX + 1, &err),
                    err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_judged_rightly),
        cmocka_unit_test(what_is_signed_is_as_the_protocol_says),
        cmocka_unit_test(what_is_made_is_verified),
        cmocka_unit_test(signatures_are_sorted_and_few),
        cmocka_unit_test(maxima_hold),
    };

    return cmocka_run_group_tests_name("envelope", tests, setup, teardown);
}
