/* SPDX-License-Identifier: ISC */
/*
 * Public keys of every kind that other people's metadata is signed with, and whether they made a signature:
 * Ed25519 by libsodium, ECDSA and RSA by libcrypto. Which kind a key is of, the caller knows from the
 * document that holds it. Making such keys and signing with them is not done here: Causeway itself signs with
 * Ed25519 only.
 */
#ifndef CW_CRYPT_VERIFY_H
#define CW_CRYPT_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum cw_public_kind {
    CW_PUBLIC_ED25519,        /* 64 hexadecimal digits; signatures of 64 bytes (RFC 8032) */
    CW_PUBLIC_ECDSA_P256,     /* PEM, or the uncompressed point as hexadecimal digits; over SHA-256, in DER */
    CW_PUBLIC_ECDSA_P384,     /* the same on P-384 over SHA-384 */
    CW_PUBLIC_RSA_PSS_SHA256, /* PEM; RSASSA-PSS with SHA-256 for the text and for MGF1, salt of any length */
};

#define CW_PUBLIC_TEXT_MAX 8192 /* bytes of a key's text: twice what RSA of CW_RSA_BITS_MAX needs in PEM */
#define CW_RSA_BITS_MIN 2048    /* what is shorter can be broken */
#define CW_RSA_BITS_MAX 16384   /* what is longer serves nobody but who wants to keep us busy */
#define CW_SIGNATURE_MAX (CW_RSA_BITS_MAX / 8)
#define CW_PUBLIC_MATERIAL 32

struct cw_public; /* one parsed key */

/* Reads a key as its kind is written; PEM is a SubjectPublicKeyInfo ("BEGIN PUBLIC KEY"). CW_E_VERIFY for
 * what is no key of that kind. */
int cw_public_parse(struct cw_public **key, enum cw_public_kind kind, const char *text, struct cw_err *err);
void cw_public_free(struct cw_public *key); /* NULL is fine */

static inline void cw_public_free_(struct cw_public **key)
{
    cw_public_free(*key);
}
#define CW_AUTO_PUBLIC __attribute__((cleanup(cw_public_free_))) struct cw_public

/* What makes this key this key, however it was written: equal for two keys exactly when one secret key is
 * behind both (for RSA: one modulus). Borrowed, CW_PUBLIC_MATERIAL bytes. */
const unsigned char *cw_public_material(const struct cw_public *key);

/* Did this key make this signature over these bytes? */
bool cw_public_verify(const struct cw_public *key, const void *signature, size_t signature_len,
                      const void *data, size_t len);

#endif
