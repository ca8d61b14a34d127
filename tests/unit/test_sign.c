/* SPDX-License-Identifier: ISC */
/*
 * Ed25519: RFC 8032's own vectors, and that a changed byte anywhere is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "crypt/sign.h"

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595bbe24655"
     "141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb4302aeeb00"
     "d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9716ed28dc02"
     "7beceea1ec40a"},
};

static void vectors_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(vectors); i++) {
        CW_AUTO_SECRET *secret = NULL;
        unsigned char seed[CW_ED25519_SEED], signature[CW_ED25519_SIGNATURE], message[8];
        char text[2 * CW_ED25519_SIGNATURE + 1];
        size_t len = strlen(vectors[i].message) / 2;
        struct cw_err err;

        assert_true(cw_hex_parse(seed, sizeof seed, vectors[i].seed));
        assert_true(cw_hex_parse(message, len, vectors[i].message));
        assert_int_equal(cw_secret_from_seed(&secret, seed, &err), 0);
        cw_hex_format(text, cw_secret_public(secret), CW_ED25519_PUBLIC);
        assert_string_equal(text, vectors[i].public_key);
        assert_memory_equal(cw_secret_seed(secret), seed, sizeof seed);
        assert_int_equal(cw_ed25519_sign(signature, secret, message, len, &err), 0);
        cw_hex_format(text, signature, sizeof signature);
        assert_string_equal(text, vectors[i].signature);
        assert_true(cw_ed25519_verify(cw_secret_public(secret), signature, message, len));
    }
}

static void any_change_is_noticed(void **state)
{
    CW_AUTO_SECRET *secret = NULL, *other = NULL;
    unsigned char signature[CW_ED25519_SIGNATURE], public_key[CW_ED25519_PUBLIC];
    char message[] = "three hundred pumps";
    struct cw_err err;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_int_equal(cw_secret_new(&other, &err), 0);
    assert_memory_not_equal(cw_secret_public(secret), cw_secret_public(other), CW_ED25519_PUBLIC);
    memcpy(public_key, cw_secret_public(secret), sizeof public_key);
    assert_int_equal(cw_ed25519_sign(signature, secret, message, sizeof message, &err), 0);
    assert_true(cw_ed25519_verify(public_key, signature, message, sizeof message));
    assert_false(cw_ed25519_verify(cw_secret_public(other), signature, message, sizeof message));
    assert_false(cw_ed25519_verify(public_key, signature, message, sizeof message - 1));
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_false(cw_ed25519_verify(public_key, signature, message, sizeof message));
        signature[i] ^= 1;
    }
    message[0] ^= 1;
    assert_false(cw_ed25519_verify(public_key, signature, message, sizeof message));
}

/* What a confined child that reads foreign bytes could get at, whatever its parent had unlocked before. */
static void children_see_no_secret(void **state)
{
    static const unsigned char zero[CW_ED25519_SEED] = {0};
    CW_AUTO_SECRET *secret = NULL;
    unsigned char signature[CW_ED25519_SIGNATURE];
    struct cw_err err;
    int status = -1;
    pid_t pid;

    (void)state;
    assert_int_equal(cw_secret_new(&secret, &err), 0);
    assert_memory_not_equal(cw_secret_seed(secret), zero, sizeof zero);
    pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0)
        _exit(memcmp(cw_secret_seed(secret), zero, sizeof zero) == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_memory_not_equal(cw_secret_seed(secret), zero, sizeof zero);
    assert_int_equal(cw_ed25519_sign(signature, secret, "x", 1, &err), 0);
    assert_true(cw_ed25519_verify(cw_secret_public(secret), signature, "x", 1));
}

/* A key of small order would accept one signature for many messages. */
static void weak_public_keys_are_refused(void **state)
{
    unsigned char zero[CW_ED25519_PUBLIC] = {0}, one[CW_ED25519_PUBLIC] = {1},
                  signature[CW_ED25519_SIGNATURE] = {1};

    (void)state;
    assert_false(cw_ed25519_verify(zero, signature, "x", 1));
    assert_false(cw_ed25519_verify(one, signature, "x", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(any_change_is_noticed),
        cmocka_unit_test(children_see_no_secret),
        cmocka_unit_test(weak_public_keys_are_refused),
    };

    return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
