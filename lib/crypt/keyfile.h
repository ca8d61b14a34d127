/* SPDX-License-Identifier: ISC */
/*
 * Secret keys at rest: one JSON file a key, the seed sealed with XChaCha20-Poly1305 under a key that Argon2id derives from a
 * passphrase, or plain where the user insisted. The public half is readable without the passphrase.
 */
#ifndef CW_CRYPT_KEYFILE_H
#define CW_CRYPT_KEYFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "crypt/sign.h"

#define CW_PASSPHRASE_MAX 1024

/* Turns a passphrase into keys, remembering the last derivations, so that files which share salt and cost are unlocked for the price of one. */
struct cw_unlock;
/* ask gives the passphrase when first needed (into guarded memory of CW_PASSPHRASE_MAX bytes, NUL-terminated); confirm: it is for new keys. */
typedef int cw_unlock_ask(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm, struct cw_err *err);
int cw_unlock_new(struct cw_unlock **unlock, cw_unlock_ask *ask, void *ctx, struct cw_err *err);
void cw_unlock_free(struct cw_unlock *unlock);

/* Appends the file's text. unlock NULL: plain, not encrypted. */
int cw_keyfile_format(struct cw_buf *buf, const struct cw_secret *secret, struct cw_unlock *unlock, struct cw_err *err);
/* The public half of a file's text. */
int cw_keyfile_public(unsigned char public_key[CW_ED25519_PUBLIC], const void *text, size_t len, struct cw_err *err);
/* Is it encrypted? */
int cw_keyfile_is_locked(bool *locked, const void *text, size_t len, struct cw_err *err);
/* The secret half; a wrong passphrase is CW_E_FAIL "wrong passphrase". what is for messages and prompts. */
int cw_keyfile_open(struct cw_secret **secret, const void *text, size_t len, const char *what, struct cw_unlock *unlock, struct cw_err *err);

#endif
