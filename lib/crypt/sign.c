/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 keys and signatures by libsodium. Where keys come from and lie is the key file's business.
 */
#include "crypt/sign.h"
#include "crypt/guard.h"

#include <sodium.h>
#include <string.h>

_Static_assert(CW_ED25519_PUBLIC == crypto_sign_PUBLICKEYBYTES, "libsodium's public key");
_Static_assert(CW_ED25519_SEED == crypto_sign_SEEDBYTES, "libsodium's seed");
_Static_assert(CW_ED25519_SIGNATURE == crypto_sign_BYTES, "libsodium's signature");

/* Bytes only, because guarded memory is aligned at its end, not its beginning. */
struct cw_secret {
    unsigned char seed[crypto_sign_SEEDBYTES];
    unsigned char key[crypto_sign_SECRETKEYBYTES];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
};

int cw_crypt_init(struct cw_err *err)
{
    if (sodium_init() < 0)
        return cw_err_set(err, CW_E_FAIL, "libsodium could not be initialised");
    return CW_OK;
}

int cw_secret_from_seed(struct cw_secret **secret, const unsigned char seed[CW_ED25519_SEED],
                        struct cw_err *err)
{
    struct cw_secret *made;
    int rc = cw_crypt_init(err);

    *secret = NULL;
    if (rc != CW_OK)
        return rc;
    made = cw_guarded_new(sizeof *made);
    if (made == NULL)
        return cw_err_nomem(err);
    memcpy(made->seed, seed, sizeof made->seed);
    if (crypto_sign_seed_keypair(made->public_key, made->key, made->seed) != 0) {
        cw_secret_free(made);
        return cw_err_set(err, CW_E_FAIL, "libsodium refused to make a key");
    }
    *secret = made;
    return CW_OK;
}

int cw_secret_new(struct cw_secret **secret, struct cw_err *err)
{
    unsigned char *seed;
    int rc = cw_crypt_init(err);

    *secret = NULL;
    if (rc != CW_OK)
        return rc;
    seed = cw_guarded_new(CW_ED25519_SEED);
    if (seed == NULL)
        return cw_err_nomem(err);
    randombytes_buf(seed, CW_ED25519_SEED);
    rc = cw_secret_from_seed(secret, seed, err);
    sodium_free(seed);
    return rc;
}

void cw_secret_free(struct cw_secret *secret)
{
    sodium_free(secret);
}

const unsigned char *cw_secret_public(const struct cw_secret *secret)
{
    return secret->public_key;
}

const unsigned char *cw_secret_seed(const struct cw_secret *secret)
{
    return secret->seed;
}

int cw_ed25519_sign(unsigned char signature[CW_ED25519_SIGNATURE], const struct cw_secret *secret,
                    const void *data, size_t len, struct cw_err *err)
{
    if (crypto_sign_detached(signature, NULL, data, len, secret->key) != 0)
        return cw_err_set(err, CW_E_FAIL, "libsodium refused to sign");
    return CW_OK;
}

bool cw_ed25519_verify(const unsigned char public_key[CW_ED25519_PUBLIC],
                       const unsigned char signature[CW_ED25519_SIGNATURE], const void *data, size_t len)
{
    return crypto_sign_verify_detached(signature, data, len, public_key) == 0;
}
