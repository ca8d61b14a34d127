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
#define CW_ED25519_SIGNATURE 64

/* A secret key in guarded, unswappable memory (sodium_malloc), wiped when freed. */
struct cw_secret;

/* Must have succeeded before anything else of lib/crypt that uses libsodium; may be called again. */
int cw_crypt_init(struct cw_err *err);

int cw_secret_new(struct cw_secret **secret, struct cw_err *err); /* a fresh random key */
void cw_secret_free(struct cw_secret *secret);
/* The public half; borrowed, CW_ED25519_PUBLIC bytes. */
const unsigned char *cw_secret_public(const struct cw_secret *secret);

int cw_ed25519_sign(unsigned char signature[CW_ED25519_SIGNATURE], const struct cw_secret *secret, const void *data, size_t len,
                    struct cw_err *err);
bool cw_ed25519_verify(const unsigned char public_key[CW_ED25519_PUBLIC], const unsigned char signature[CW_ED25519_SIGNATURE],
                       const void *data, size_t len);

#endif
