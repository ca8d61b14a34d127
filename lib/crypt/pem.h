/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 keys in the form that other programs read and write: PKCS#8 in PEM for the secret half (RFC 8410, section 7;
 * encrypted by PBES2 of RFC 8018), SubjectPublicKeyInfo in PEM for the public one (RFC 8410, section 4).
 */
#ifndef CW_CRYPT_PEM_H
#define CW_CRYPT_PEM_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/keyfile.h"
#include "crypt/sign.h"

#define CW_PEM_MAX                                                                                           \
    ((size_t)64 << 10) /* bytes of a file's text: with all the comments that people keep there */

/* Reads "BEGIN PRIVATE KEY" or, asking for its passphrase, "BEGIN ENCRYPTED PRIVATE KEY". what is for messages and
 * prompts. CW_E_VERIFY: no key, or none of Ed25519; CW_E_FAIL: a wrong passphrase. */
int cw_pem_read_secret(struct cw_secret **secret, const void *text, size_t len, const char *what,
                       cw_unlock_ask *ask, void *ctx, struct cw_err *err);
/* Appends the secret half; ask NULL: not encrypted. buf is to be cleared by cw_keyfile_text_clear(). */
int cw_pem_write_secret(struct cw_buf *buf, const struct cw_secret *secret, const char *what,
                        cw_unlock_ask *ask, void *ctx, struct cw_err *err);
/* Appends the public half. */
int cw_pem_write_public(struct cw_buf *buf, const unsigned char public_key[CW_ED25519_PUBLIC],
                        struct cw_err *err);

#endif
