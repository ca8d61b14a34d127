/* SPDX-License-Identifier: ISC */
/*
 * SHA-2 (FIPS 180-4) by libcrypto, which uses the CPU's own instructions. SHA-1 and MD5 (RFC 1321) only so that
 * what others state in them can be compared: nothing is trusted because of them.
 */
#ifndef CW_CRYPT_HASH_H
#define CW_CRYPT_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_SHA256_BYTES 32
#define CW_SHA256_TEXT 65 /* hex digits and NUL */
#define CW_HASH_TEXT_MAX 129

enum cw_hash_kind { CW_SHA256, CW_SHA512, CW_SHA384, CW_SHA224, CW_SHA1, CW_MD5, CW_HASH_KINDS };

struct cw_hash; /* one running digest */

int cw_hash_new(struct cw_hash **hash, enum cw_hash_kind kind, struct cw_err *err);
void cw_hash_free(struct cw_hash *hash);
int cw_hash_update(struct cw_hash *hash, const void *data, size_t len, struct cw_err *err);
/* The digest as lower-case hex; the hash may then be used again from the start. */
int cw_hash_final(struct cw_hash *hash, char out[CW_HASH_TEXT_MAX], struct cw_err *err);

static inline void cw_hash_free_(struct cw_hash **hash)
{
    cw_hash_free(*hash);
}
#define CW_AUTO_HASH __attribute__((cleanup(cw_hash_free_))) struct cw_hash

/* "sha256", …; and how many hex digits its digests have. */
const char *cw_hash_name(enum cw_hash_kind kind);
size_t cw_hash_digits(enum cw_hash_kind kind);

/* One piece of memory. */
int cw_sha256(char out[CW_SHA256_TEXT], const void *data, size_t len, struct cw_err *err);

/* The same as bytes; for many small pieces, since the running digest is kept. */
int cw_sha256_bytes(unsigned char out[CW_SHA256_BYTES], const void *data, size_t len, struct cw_err *err);

/* All that is left of fd; *len (may be NULL) gets the number of bytes. */
int cw_sha256_fd(char out[CW_SHA256_TEXT], uint64_t *len, int fd, const char *what, struct cw_err *err);
/* The same; `each` (may be NULL) is told of every piece that was read. */
int cw_sha256_fd_counted(char out[CW_SHA256_TEXT], uint64_t *len, int fd, const char *what,
                         void (*each)(void *ctx, uint64_t bytes), void *ctx, struct cw_err *err);

#endif
