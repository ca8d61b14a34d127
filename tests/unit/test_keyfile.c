/* SPDX-License-Identifier: ISC */
/*
 * Secret keys at rest: what goes in comes out, only for the right passphrase, and no altered file opens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/keyfile.h"

/* A person at the keyboard: answers from a list, and counts. */
struct person {
    const char *answers[8];
    int asked, confirmed;
};

static int answer(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                  struct cw_err *err)
{
    struct person *person = ctx;
    const char *text = person->answers[person->asked];

    assert_non_null(what);
    if (text == NULL)
        return cw_err_set(err, CW_E_FAIL, "no passphrase for '%s'", what);
    person->asked++;
    person->confirmed += confirm;
    snprintf(passphrase, CW_PASSPHRASE_MAX, "%s", text);
    return CW_OK;
}

static int format_with(struct cw_buf *text, const struct cw_secret *secret, struct person *person,
                       struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;

    assert_int_equal(cw_unlock_new(&unlock, answer, person, err), 0);
    return cw_keyfile_format(text, secret, unlock, err);
}

static int open_with(struct cw_secret **secret, const struct cw_buf *text, struct person *person,
                     struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;

    assert_int_equal(cw_unlock_new(&unlock, answer, person, err), 0);
    return cw_keyfile_open(secret, text->data, text->len, "keys/root-1.key", unlock, err);
}

static void plain_round_trip(void **state)
{
    CW_AUTO_SECRET *secret = NULL, *again = NULL;
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_BUF formatted = CW_BUF_INIT(CW_KEYFILE_MAX);
    json_auto_t *doc = NULL;
    unsigned char public_key[CW_ED25519_PUBLIC];
    struct cw_err err;
    bool locked = true;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(cw_keyfile_format(&text, secret, NULL, &err), 0);
    assert_int_equal(cw_keyfile_is_locked(&locked, text.data, text.len, &err), 0);
    assert_false(locked);
    assert_int_equal(cw_keyfile_public(public_key, text.data, text.len, &err), 0);
    assert_memory_equal(public_key, cw_secret_public(secret), sizeof public_key);
    assert_int_equal(cw_keyfile_open(&again, text.data, text.len, "k", NULL, &err), 0);
    assert_memory_equal(cw_secret_seed(again), cw_secret_seed(secret), CW_ED25519_SEED);
    assert_int_equal(cw_json_parse(&doc, text.data, text.len, &err), 0);
    assert_int_equal(cw_json_format(&formatted, doc, &err), 0);
    assert_string_equal(formatted.data, text.data);
}

static void plain_with_another_public_half_is_refused(void **state)
{
    CW_AUTO_SECRET *secret = NULL, *other = NULL, *opened = NULL;
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    char mine[65], theirs[65];
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(cw_secret_new(&other, &err), 0);
    assert_int_equal(cw_keyfile_format(&text, secret, NULL, &err), 0);
    cw_hex_format(mine, cw_secret_public(secret), CW_ED25519_PUBLIC);
    cw_hex_format(theirs, cw_secret_public(other), CW_ED25519_PUBLIC);
    memcpy(strstr(text.data, mine), theirs, 64);
    assert_int_equal(cw_keyfile_open(&opened, text.data, text.len, "k", NULL, &err), CW_E_VERIFY);
    assert_null(opened);
}

static void sealed_opens_for_its_passphrase_only(void **state)
{
    CW_AUTO_SECRET *secret = NULL, *opened = NULL;
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    struct person maker = {.answers = {"correct horse"}}, right = {.answers = {"correct horse"}},
                  wrong = {.answers = {"correct house"}}, silent = {.answers = {NULL}};
    char seed[65];
    struct cw_err err;
    bool locked = false;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(format_with(&text, secret, &maker, &err), 0);
    assert_int_equal(maker.confirmed, 1);
    cw_hex_format(seed, cw_secret_seed(secret), CW_ED25519_SEED);
    assert_null(strstr(text.data, seed));
    assert_int_equal(cw_keyfile_is_locked(&locked, text.data, text.len, &err), 0);
    assert_true(locked);
    assert_int_equal(open_with(&opened, &text, &right, &err), 0);
    assert_memory_equal(cw_secret_seed(opened), cw_secret_seed(secret), CW_ED25519_SEED);
    assert_int_equal(right.confirmed, 0);
    cw_secret_free(opened);
    assert_int_equal(open_with(&opened, &text, &wrong, &err), CW_E_FAIL);
    assert_null(opened);
    assert_string_equal(err.text, "'keys/root-1.key': wrong passphrase, or the file was altered");
    assert_int_equal(open_with(&opened, &text, &silent, &err), CW_E_FAIL);
    assert_int_equal(cw_keyfile_open(&opened, text.data, text.len, "k", NULL, &err), CW_E_FAIL);
    assert_string_equal(err.text, "'k' is encrypted, and no passphrase was given");
}

/* Several files, one question, one salt. */
static void files_of_one_sitting_share_a_derivation(void **state)
{
    CW_AUTO_UNLOCK *making = NULL, *opening = NULL;
    struct person maker = {.answers = {"one sitting"}}, user = {.answers = {"one sitting"}};
    struct cw_buf texts[3] = {CW_BUF_INIT(CW_KEYFILE_MAX), CW_BUF_INIT(CW_KEYFILE_MAX),
                              CW_BUF_INIT(CW_KEYFILE_MAX)};
    char salt[41] = "";
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_unlock_new(&making, answer, &maker, &err), 0);
    assert_int_equal(cw_unlock_new(&opening, answer, &user, &err), 0);
    for (int i = 0; i < 3; i++) {
        CW_AUTO_SECRET *secret = NULL, *opened = NULL;

        assert_int_equal(cw_secret_new(&secret, &err), 0);
        /* the last one as a later sitting makes it, which has opened the others before */
        assert_int_equal(cw_keyfile_format(&texts[i], secret, i < 2 ? making : opening, &err), 0);
        if (i == 0)
            memcpy(salt, strstr(texts[i].data, "\"salt\""), 40);
        assert_non_null(strstr(texts[i].data, salt));
        assert_int_equal(cw_keyfile_open(&opened, texts[i].data, texts[i].len, "k", opening, &err), 0);
        assert_memory_equal(cw_secret_seed(opened), cw_secret_seed(secret), CW_ED25519_SEED);
    }
    assert_int_equal(maker.asked, 1);
    assert_int_equal(user.asked, 1);
    for (int i = 0; i < 3; i++)
        cw_keyfile_text_clear(&texts[i]);
}

/* A file with another passphrase is asked for, and both are remembered. */
static void two_passphrases(void **state)
{
    CW_AUTO_SECRET *secret = NULL;
    CW_AUTO_KEYFILE_TEXT first = CW_BUF_INIT(CW_KEYFILE_MAX), second = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_UNLOCK *unlock = NULL;
    struct person alice = {.answers = {"alice's"}}, bob = {.answers = {"bob's"}},
                  both = {.answers = {"alice's", "bob's"}};
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(format_with(&first, secret, &alice, &err), 0);
    assert_int_equal(format_with(&second, secret, &bob, &err), 0);
    assert_int_equal(cw_unlock_new(&unlock, answer, &both, &err), 0);
    for (int i = 0; i < 4; i++) {
        CW_AUTO_SECRET *opened = NULL;
        const struct cw_buf *text = i % 2 == 0 ? &first : &second;

        assert_int_equal(cw_keyfile_open(&opened, text->data, text->len, "k", unlock, &err), 0);
    }
    assert_int_equal(both.asked, 2);
}

static void empty_passphrase_is_refused(void **state)
{
    CW_AUTO_SECRET *secret = NULL;
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    struct person maker = {.answers = {""}};
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(format_with(&text, secret, &maker, &err), CW_E_FAIL);
    assert_string_equal(err.text, "the passphrase is empty");
}

#define HEX16 "00000000000000000000000000000000"
#define HEX24 "000000000000000000000000000000000000000000000000"
#define HEX32 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD                                                                                                 \
    "{\"_type\":\"causeway-key\",\"format\":\"1.0\",\"keytype\":\"ed25519\",\"public\":\"" HEX32 "\","
#define KDF(ops, mem)                                                                                        \
    "\"kdf\":{\"name\":\"argon2id\",\"salt\":\"" HEX16 "\",\"opslimit\":" ops ",\"memlimit\":" mem "},"
#define TAIL "\"cipher\":\"xchacha20poly1305\",\"nonce\":\"" HEX24 "\",\"sealed\":\"" HEX32 HEX16 "\"}"

static const struct {
    const char *text, *error;
} malformed[] = {
    {"", "line"},
    {"[]", "is not a JSON object"},
    {"{\"_type\":\"causeway-release\",\"format\":\"1.0\"}", "is a 'causeway-release' document"},
    {"{\"_type\":\"causeway-key\",\"format\":\"2.0\"}", "format '2.0'"},
    {"{\"_type\":\"causeway-key\",\"format\":\"1.0\",\"keytype\":\"rsa\"}", "keytype 'rsa' is not supported"},
    {"{\"_type\":\"causeway-key\",\"format\":\"1.0\",\"keytype\":\"ed25519\",\"public\":\"00\"}",
     "field 'public'"},
    {HEAD "\"seed\":7}", "field 'seed' is not a string"},
    {HEAD "\"seed\":\"xyz\"}", "field 'seed' is not 64 hexadecimal digits"},
    {HEAD "\"seed\":\"" HEX32 "\"}", "does not belong to the public half"},
    {HEAD "\"x\":1}", "field 'kdf' is missing"},
    {HEAD KDF("13", "8192") TAIL, "field 'opslimit' is not between"},
    {HEAD KDF("1", "1073741825") TAIL, "field 'memlimit' is not between"},
    {HEAD KDF("1", "8191") TAIL, "field 'memlimit' is not between"},
    {HEAD KDF("0", "8192") TAIL, "field 'opslimit' is not between"},
    {HEAD "\"kdf\":{\"name\":\"scrypt\"}}", "name 'scrypt' is not supported"},
    {HEAD KDF("1", "8192") "\"cipher\":\"rot13\"}", "cipher 'rot13' is not supported"},
    {HEAD KDF("1", "8192") "\"cipher\":\"xchacha20poly1305\",\"nonce\":\"00\"}", "field 'nonce'"},
    {HEAD KDF("1", "8192") TAIL, "wrong passphrase"},
};

static void malformed_files_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(malformed); i++) {
        CW_AUTO_SECRET *opened = NULL;
        CW_AUTO_UNLOCK *unlock = NULL;
        struct person user = {.answers = {"a passphrase"}};
        struct cw_err err = {.code = 0};

        assert_int_equal(cw_unlock_new(&unlock, answer, &user, &err), 0);
        assert_true(
            cw_keyfile_open(&opened, malformed[i].text, strlen(malformed[i].text), "k", unlock, &err) < 0);
        assert_null(opened);
        if (strstr(err.text, malformed[i].error) == NULL)
            fail_msg("case %zu: '%s' does not contain '%s'", i, err.text, malformed[i].error);
    }
}

/* Changing any field of a sealed file must not open it: not even the readable public half. */
static void altered_sealed_file_does_not_open(void **state)
{
    static const char *const fields[] = {"\"public\": \"", "\"salt\": \"", "\"nonce\": \"", "\"sealed\": \""};
    CW_AUTO_SECRET *secret = NULL;
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_UNLOCK *unlock = NULL;
    struct person user = {.answers = {"p", "p", "p", "p", "p"}};
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_unlock_new(&unlock, answer, &user, &err), 0);
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(cw_keyfile_format(&text, secret, unlock, &err), 0);
    for (size_t i = 0; i < CW_COUNT(fields); i++) {
        CW_AUTO_SECRET *opened = NULL;
        char *digit = strstr(text.data, fields[i]) + strlen(fields[i]), old = *digit;

        *digit = old == '0' ? '1' : '0';
        assert_int_equal(cw_keyfile_open(&opened, text.data, text.len, "k", unlock, &err), CW_E_FAIL);
        assert_null(opened);
        *digit = old;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_round_trip),
        cmocka_unit_test(plain_with_another_public_half_is_refused),
        cmocka_unit_test(sealed_opens_for_its_passphrase_only),
        cmocka_unit_test(files_of_one_sitting_share_a_derivation),
        cmocka_unit_test(two_passphrases),
        cmocka_unit_test(empty_passphrase_is_refused),
        cmocka_unit_test(malformed_files_are_named),
        cmocka_unit_test(altered_sealed_file_does_not_open),
    };

    return cmocka_run_group_tests_name("keyfile", tests, NULL, NULL);
}
