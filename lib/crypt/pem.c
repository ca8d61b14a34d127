/* SPDX-License-Identifier: ISC */
/*
 * PEM by libcrypto. What is secret lies in libsodium's guarded memory or libcrypto's secure BIOs, never in an ordinary buffer
 * but the caller's.
 */
#include "crypt/pem.h"
#include "crypt/guard.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

/* Rounds of PBKDF2 with HMAC-SHA-256: OWASP's number for 2023, some tenths of a second. */
#define ROUNDS 600000

struct asking {
    cw_unlock_ask *ask;
    void *ctx;
    const char *what;
    char *passphrase; /* guarded; NULL until asked for */
    int rc;
    struct cw_err *err;
};

static int get_passphrase(struct asking *asking, bool confirm)
{
    asking->passphrase = cw_guarded_new(CW_PASSPHRASE_MAX);
    if (asking->passphrase == NULL)
        return cw_err_nomem(asking->err);
    return asking->ask(asking->ctx, asking->passphrase, asking->what, confirm, asking->err);
}

/* What libcrypto calls for the passphrase. */
static int give(char *buf, int size, int writing, void *arg)
{
    struct asking *asking = arg;
    size_t len;

    (void)writing;
    asking->rc = get_passphrase(asking, false);
    if (asking->rc != CW_OK)
        return -1;
    len = strlen(asking->passphrase);
    if (len > (size_t)size)
        return -1;
    memcpy(buf, asking->passphrase, len);
    return (int)len;
}

static int from_pkey(struct cw_secret **secret, EVP_PKEY *pkey, const char *what, struct cw_err *err)
{
    unsigned char *seed;
    size_t len = CW_ED25519_SEED;
    int rc;

    if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519)
        return cw_err_set(err, CW_E_VERIFY, "%s holds a key of type %s; only ED25519 keys can sign here",
                          what,
                          EVP_PKEY_get0_type_name(pkey) != NULL ? EVP_PKEY_get0_type_name(pkey) : "unknown");
    seed = cw_guarded_new(CW_ED25519_SEED);
    if (seed == NULL)
        return cw_err_nomem(err);
    rc = EVP_PKEY_get_raw_private_key(pkey, seed, &len) == 1 && len == CW_ED25519_SEED
             ? cw_secret_from_seed(secret, seed, err)
             : cw_err_set(err, CW_E_VERIFY, "%s: libcrypto does not give the key's secret half", what);
    sodium_free(seed);
    return rc;
}

int cw_pem_read_secret(struct cw_secret **secret, const void *text, size_t len, const char *what,
                       cw_unlock_ask *ask, void *ctx, struct cw_err *err)
{
    struct asking asking = {.ask = ask, .ctx = ctx, .what = what, .err = err};
    EVP_PKEY *pkey = NULL;
    BIO *bio;
    int rc = cw_crypt_init(err);

    *secret = NULL;
    if (rc != CW_OK)
        return rc;
    bio = len <= CW_PEM_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
    if (bio != NULL)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, give, &asking);
    BIO_free(bio);
    if (pkey != NULL)
        rc = from_pkey(secret, pkey, what, err);
    else if (asking.rc != CW_OK)
        rc = asking.rc;
    else if (asking.passphrase != NULL)
        rc = cw_err_set(err, CW_E_FAIL, "%s: wrong passphrase", what);
    else
        rc = cw_err_set(err, CW_E_VERIFY, "%s is no private key in PEM", what);
    EVP_PKEY_free(pkey);
    sodium_free(asking.passphrase);
    return rc;
}

/* Encrypts as PBES2 with AES-256 in CBC mode, which every version of openssl reads. */
static int write_sealed(BIO *bio, EVP_PKEY *pkey, const char *passphrase)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(pkey);
    X509_ALGOR *how = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ROUNDS, NULL, 0, NULL, NID_hmacWithSHA256);
    X509_SIG *sealed =
        plain != NULL && how != NULL ? PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, how) : NULL;
    int done = sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1;

    if (sealed == NULL) /* else it owns it */
        X509_ALGOR_free(how);
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return done;
}

static int take(struct cw_buf *buf, BIO *bio, struct cw_err *err)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    cw_buf_add(buf, data, len > 0 ? (size_t)len : 0);
    return cw_buf_check(buf, "a key in PEM", err);
}

static int failed(const char *what, struct cw_err *err)
{
    return cw_err_set(err, CW_E_FAIL, "libcrypto does not write %s as PEM", what);
}

int cw_pem_write_secret(struct cw_buf *buf, const struct cw_secret *secret, const char *what,
                        cw_unlock_ask *ask, void *ctx, struct cw_err *err)
{
    struct asking asking = {.ask = ask, .ctx = ctx, .what = what, .err = err};
    EVP_PKEY *pkey;
    BIO *bio;
    int rc = ask != NULL ? get_passphrase(&asking, true) : CW_OK;

    if (rc != CW_OK) {
        sodium_free(asking.passphrase);
        return rc;
    }
    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, cw_secret_seed(secret), CW_ED25519_SEED);
    bio = BIO_new(BIO_s_secmem());
    if (pkey == NULL || bio == NULL ||
        !(ask != NULL ? write_sealed(bio, pkey, asking.passphrase)
                      : PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)))
        rc = failed(what, err);
    else
        rc = take(buf, bio, err);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    sodium_free(asking.passphrase);
    return rc;
}

int cw_pem_write_public(struct cw_buf *buf, const unsigned char public_key[CW_ED25519_PUBLIC],
                        struct cw_err *err)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, CW_ED25519_PUBLIC);
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = pkey != NULL && bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1 ? take(buf, bio, err)
                                                                                 : failed("the key", err);

    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return rc;
}
