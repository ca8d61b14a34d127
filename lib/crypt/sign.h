/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 (RFC 8032) by libsodium: making keys, signing, verifying.
 */
#ifndef CW_CRYPT_SIGN_H
#define CW_CRYPT_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CW_ED25519_PUBLIC 32
#define CW_ED25519_SEED 32
#define CW_ED25519_SIGNATURE 64

/* A secret key in guarded memory (crypt/guard.h: not swapped, not in core dumps, not in children), wiped when freed. */
struct cw_secret;

/* Must have succeeded before anything else of lib/crypt that uses libsodium; may be called again. */
int cw_crypt_init(struct cw_err *err);

int cw_secret_new(struct cw_secret **secret, struct cw_err *err); /* a fresh random key */
/* The key that a seed stands for (RFC 8032, section 5.1.5). The caller keeps the seed in guarded memory
 * and wipes it. */
int cw_secret_from_seed(struct cw_secret **secret, const unsigned char seed[CW_ED25519_SEED],
                        struct cw_err *err);
void cw_secret_free(struct cw_secret *secret);
/* The public half; borrowed, CW_ED25519_PUBLIC bytes. */
const unsigned char *cw_secret_public(const struct cw_secret *secret);
/* The secret half, for whoever stores the key; borrowed, CW_ED25519_SEED bytes. */
const unsigned char *cw_secret_seed(const struct cw_secret *secret);

static inline void cw_secret_free_(struct cw_secret **secret)
{
    cw_secret_free(*secret);
}
#define CW_AUTO_SECRET __attribute__((cleanup(cw_secret_free_))) struct cw_secret

int cw_ed25519_sign(unsigned char signature[CW_ED25519_SIGNATURE], const struct cw_secret *secret,
                    const void *data, size_t len, struct cw_err *err);
bool cw_ed25519_verify(const unsigned char public_key[CW_ED25519_PUBLIC],
                       const unsigned char signature[CW_ED25519_SIGNATURE], const void *data, size_t len);

#endif
