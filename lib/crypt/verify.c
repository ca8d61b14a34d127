/* SPDX-License-Identifier: ISC */
/*
 * Foreign public keys. All of them is foreign data: texts are bounded before they are decoded, PEM never
 * leads to a prompt, and a key says what it is by itself only as far as its kind allows.
 */
#include "crypt/verify.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "crypt/hash.h"
#include "crypt/sign.h"

#define POINT_MAX (1 + 2 * 48)      /* an uncompressed point of P-384 */
#define EXPONENT_BITS_MAX 64        /* RSA's public exponent; libcrypto's own limit for long keys */
#define NUMBER_MAX CW_SIGNATURE_MAX /* the longest number of a key: an RSA modulus */

struct cw_public {
    enum cw_public_kind kind;
    unsigned char material[CW_PUBLIC_MATERIAL]; /* Ed25519: the key itself; others: a digest of its numbers */
    EVP_PKEY *pkey;                             /* NULL: Ed25519 */
};

/* What libcrypto is to use for a kind. */
static const struct parameters {
    const char *group; /* of an elliptic curve; NULL: RSA */
    size_t field;      /* bytes of a coordinate */
    const EVP_MD *(*digest)(void);
    const char *algorithm; /* the AlgorithmIdentifier of its SubjectPublicKeyInfo (RFC 5480, RFC 3279) */
    size_t algorithm_len;
} parameters[] = {
    [CW_PUBLIC_ECDSA_P256] =
        {"prime256v1", 32, EVP_sha256,
         "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 21},
    [CW_PUBLIC_ECDSA_P384] = {"secp384r1", 48, EVP_sha384,
                              "\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22", 18},
    [CW_PUBLIC_RSA_PSS_SHA256] = {NULL, 0, EVP_sha256,
                                  "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 15},
};

static int refuse(struct cw_err *err, const char *what)
{
    ERR_clear_error();
    return cw_err_set(err, CW_E_VERIFY, "is not a public key: %s", what);
}

static void clear_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void clear_number(BIGNUM **number)
{
    BN_free(*number);
}

/* Only what bears the kind's own AlgorithmIdentifier is shown to libcrypto: no curve of somebody's own
 * making, no kind of key that is not wanted. */
static EVP_PKEY *parse_der(const struct parameters *own, const unsigned char *der, size_t len)
{
    size_t header = len > 1 && der[1] == 0x82 ? 4 : len > 1 && der[1] == 0x81 ? 3 : 2;
    const unsigned char *p = der;
    EVP_PKEY *pkey;

    if (len < header + own->algorithm_len || memcmp(der + header, own->algorithm, own->algorithm_len) != 0)
        return NULL;
    pkey = d2i_PUBKEY(NULL, &p, (long)len);
    if (pkey != NULL && p == der + len)
        return pkey;
    EVP_PKEY_free(pkey);
    return NULL;
}

/* The DER inside "BEGIN PUBLIC KEY". PEM_read_bio() decodes only: no other label's meaning is guessed, and no
 * passphrase is asked for. */
static EVP_PKEY *parse_pem(const struct parameters *own, const char *text)
{
    __attribute__((cleanup(clear_bio))) BIO *bio = BIO_new_mem_buf(text, -1);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    EVP_PKEY *pkey = NULL;
    long len;

    if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &len) == 1 &&
        strcmp(name, PEM_STRING_PUBLIC) == 0 && header[0] == '\0')
        pkey = parse_der(own, der, (size_t)len);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    return pkey;
}

/* libcrypto checks that the point lies on the curve. */
static EVP_PKEY *parse_point(const struct parameters *curve, const char *text)
{
    unsigned char point[POINT_MAX];
    size_t len = 1 + 2 * curve->field;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx;
    EVP_PKEY *pkey = NULL;

    if (!cw_hex_parse(point, len, text) || point[0] != 4)
        return NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* Adds one of the key's numbers, in a fixed width, to what the material is a digest of. */
static int add_number(struct cw_hash *hash, const EVP_PKEY *pkey, const char *name, size_t width,
                      struct cw_err *err)
{
    __attribute__((cleanup(clear_number))) BIGNUM *number = NULL;
    unsigned char bytes[NUMBER_MAX];

    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1 ||
        BN_bn2binpad(number, bytes, (int)width) != (int)width)
        return refuse(err, "libcrypto cannot say what it consists of");
    return cw_hash_update(hash, bytes, width, err);
}

static int set_material(struct cw_public *key, struct cw_err *err)
{
    const struct parameters *own = &parameters[key->kind];
    CW_AUTO_HASH *hash = NULL;
    char digest[CW_HASH_TEXT_MAX];
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    if (rc == CW_OK && own->group == NULL) {
        rc = add_number(hash, key->pkey, OSSL_PKEY_PARAM_RSA_N, NUMBER_MAX, err);
    } else if (rc == CW_OK) {
        rc = add_number(hash, key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, own->field, err);
        if (rc == CW_OK)
            rc = add_number(hash, key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, own->field, err);
    }
    if (rc == CW_OK)
        rc = cw_hash_final(hash, digest, err);
    if (rc == CW_OK && !cw_hex_parse(key->material, CW_PUBLIC_MATERIAL, digest))
        rc = cw_err_set(err, CW_E_FAIL, "libcrypto gave a digest of another length");
    return rc;
}

static int check_curve(const EVP_PKEY *pkey, const struct parameters *curve, struct cw_err *err)
{
    char group[32]; /* a name that does not fit is none of ours */
    size_t len;

    if (EVP_PKEY_is_a(pkey, "EC") != 1 || EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) != 1 ||
        strcmp(group, curve->group) != 0)
        return refuse(err, "it is not on the curve that its scheme names");
    return CW_OK;
}

static int check_rsa(const EVP_PKEY *pkey, struct cw_err *err)
{
    __attribute__((cleanup(clear_number))) BIGNUM *exponent = NULL;
    int bits = EVP_PKEY_get_bits(pkey);

    if (EVP_PKEY_is_a(pkey, "RSA") != 1)
        return refuse(err, "it is not an RSA key");
    if (bits < CW_RSA_BITS_MIN || bits > CW_RSA_BITS_MAX)
        return refuse(err, "RSA keys have 2048 to 16384 bits");
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 || !BN_is_odd(exponent) ||
        BN_is_one(exponent) || BN_num_bits(exponent) > EXPONENT_BITS_MAX)
        return refuse(err, "its exponent is not odd, or not between 3 and 2^64");
    return CW_OK;
}

static int parse_long(struct cw_public *key, const char *text, struct cw_err *err)
{
    const struct parameters *own = &parameters[key->kind];
    int rc;

    if (own->group != NULL && text[0] == '0')
        key->pkey = parse_point(own, text);
    else
        key->pkey = parse_pem(own, text);
    if (key->pkey == NULL)
        return refuse(err,
                      own->group != NULL ? "neither PEM nor the digits of a point on its curve" : "no PEM");
    rc = own->group != NULL ? check_curve(key->pkey, own, err) : check_rsa(key->pkey, err);
    return rc == CW_OK ? set_material(key, err) : rc;
}

int cw_public_parse(struct cw_public **key, enum cw_public_kind kind, const char *text, struct cw_err *err)
{
    CW_AUTO_PUBLIC *made = calloc(1, sizeof *made);
    int rc = CW_OK;

    *key = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    made->kind = kind;
    if (strlen(text) > CW_PUBLIC_TEXT_MAX)
        return refuse(err, "too long a text");
    if (kind != CW_PUBLIC_ED25519)
        rc = parse_long(made, text, err);
    else if (!cw_hex_parse(made->material, CW_ED25519_PUBLIC, text))
        rc = refuse(err, "Ed25519 keys are 64 hexadecimal digits");
    else
        rc = cw_crypt_init(err);
    if (rc != CW_OK)
        return rc;
    *key = made;
    made = NULL;
    return CW_OK;
}

void cw_public_free(struct cw_public *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

const unsigned char *cw_public_material(const struct cw_public *key)
{
    return key->material;
}

static bool verify_long(const struct cw_public *key, const void *signature, size_t signature_len,
                        const void *data, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings; /* belongs to ctx */
    bool good = ctx != NULL &&
                EVP_DigestVerifyInit(ctx, &settings, parameters[key->kind].digest(), NULL, key->pkey) == 1;

    if (good && key->kind == CW_PUBLIC_RSA_PSS_SHA256)
        good = EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_AUTO) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256()) == 1;
    good = good && EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

bool cw_public_verify(const struct cw_public *key, const void *signature, size_t signature_len,
                      const void *data, size_t len)
{
    if (key->kind != CW_PUBLIC_ED25519)
        return verify_long(key, signature, signature_len, data, len);
    return signature_len == CW_ED25519_SIGNATURE && cw_ed25519_verify(key->material, signature, data, len);
}
