/* SPDX-License-Identifier: ISC */
/*
 * Streams of any length under a passphrase: one line of JSON, then chunks of libsodium's secretstream
 * (XChaCha20-Poly1305), under a key that Argon2id derives from the passphrase.
 *
 * {"_type": "causeway-locked", "format": "1.0", "kdf": as in a key file (crypt/keyfile.h),
 *  "cipher": "xchacha20poly1305-secretstream", "header": hex}
 * chunks of CW_LOCKED_CHUNK bytes of content, the last one shorter, perhaps empty, each 17 bytes longer here
 *
 * The line is authenticated with the first chunk. Chunks cannot be changed, moved, left out or cut off at the end.
 */
#ifndef CW_CRYPT_LOCKED_H
#define CW_CRYPT_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "crypt/keyfile.h"

#define CW_LOCKED_TYPE "causeway-locked"
#define CW_LOCKED_CHUNK ((size_t)64 * 1024)

/* Takes some bytes of the locked stream. */
typedef int cw_locked_write_fn(void *ctx, const void *data, size_t len, struct cw_err *err);

/* Locks what is written, to be freed by the caller; what is for the prompt. */
struct cw_locked;
int cw_locked_new(struct cw_locked **locked, struct cw_unlock *unlock, const char *what,
                  cw_locked_write_fn *write, void *ctx, struct cw_err *err);
int cw_locked_write(struct cw_locked *locked, const void *data, size_t len, struct cw_err *err);
/* Writes the end: without it the stream does not open. */
int cw_locked_finish(struct cw_locked *locked, struct cw_err *err);
void cw_locked_free(struct cw_locked *locked); /* NULL is fine */
static inline void cw_locked_free_(struct cw_locked **locked)
{
    cw_locked_free(*locked);
}
#define CW_AUTO_LOCKED __attribute__((cleanup(cw_locked_free_))) struct cw_locked

/* Is a file, open at its beginning and left there, such a stream? It must be seekable. */
int cw_locked_is(bool *is, int fd, struct cw_err *err);
/* Writes the content of the stream at `in` to `out`, as far as it is genuine: what is there counts only when this is CW_OK.
 * what is for messages and prompts. A wrong passphrase is CW_E_FAIL; damage CW_E_VERIFY. */
int cw_locked_open(int in, int out, struct cw_unlock *unlock, const char *what, struct cw_err *err);

#endif
