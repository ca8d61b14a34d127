/* SPDX-License-Identifier: ISC */
/*
 * Secret keys at rest: one JSON file a key, the seed sealed with XChaCha20-Poly1305 under a key that Argon2id
 * derives from a passphrase, or plain where the user insisted. The public half is readable without the
 * passphrase, and sealed along as associated data, so that nobody can put another one in its place.
 *
 * {"_type": "causeway-key", "format": "1.0", "keytype": "ed25519", "public": hex,
 *  "kdf": {"name": "argon2id", "salt": hex, "opslimit": n, "memlimit": bytes},
 *  "cipher": "xchacha20poly1305", "nonce": hex, "sealed": hex}
 * or, when plain, "seed": hex in place of the last four.
 */
#ifndef CW_CRYPT_KEYFILE_H
#define CW_CRYPT_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/sign.h"

#define CW_KEYFILE_TYPE "causeway-key"
#define CW_KEYFILE_MAX ((size_t)4096) /* bytes of a file's text: four times what one needs */
#define CW_PASSPHRASE_MAX 1024

/* Turns a passphrase into keys, remembering it and the last derivations in guarded memory, so that files
 * which share salt and cost are unlocked for the price of one. All new files that one object seals share
 * them; after a file was opened, so do they with that file. */
struct cw_unlock;
/* ask gives the passphrase when first needed (into guarded memory of CW_PASSPHRASE_MAX bytes,
 * NUL-terminated); confirm: it is for new keys. It is asked again for a file that the remembered
 * passphrase does not open. */
typedef int cw_unlock_ask(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                          struct cw_err *err);
int cw_unlock_new(struct cw_unlock **unlock, cw_unlock_ask *ask, void *ctx, struct cw_err *err);
void cw_unlock_free(struct cw_unlock *unlock); /* NULL is fine */

static inline void cw_unlock_free_(struct cw_unlock **unlock)
{
    cw_unlock_free(*unlock);
}
#define CW_AUTO_UNLOCK __attribute__((cleanup(cw_unlock_free_))) struct cw_unlock

/* Appends the file's text. unlock NULL: plain, not encrypted. */
int cw_keyfile_format(struct cw_buf *buf, const struct cw_secret *secret, struct cw_unlock *unlock,
                      struct cw_err *err);
/* The public half of a file's text. As good as the file: opening a sealed one proves it. */
int cw_keyfile_public(unsigned char public_key[CW_ED25519_PUBLIC], const void *text, size_t len,
                      struct cw_err *err);
/* Is it encrypted? */
int cw_keyfile_is_locked(bool *locked, const void *text, size_t len, struct cw_err *err);
/* The secret half; a wrong passphrase is CW_E_FAIL "wrong passphrase". what is for messages and prompts.
 * unlock may be NULL for a plain file. */
int cw_keyfile_open(struct cw_secret **secret, const void *text, size_t len, const char *what,
                    struct cw_unlock *unlock, struct cw_err *err);

/* Wipes and frees: for buffers that held a file's text, which may be a plain key. Also as scoped cleanup. */
void cw_keyfile_text_clear(struct cw_buf *text);
#define CW_AUTO_KEYFILE_TEXT __attribute__((cleanup(cw_keyfile_text_clear))) struct cw_buf

#endif
