/* SPDX-License-Identifier: ISC */
/*
 * Digests by libcrypto's EVP. The 512 KiB block is where read(2) and SHA-256 together stop getting faster.
 *
 * They are fetched once, from a library context of our own: libcrypto 3.0's default context crashes when memory runs out
 * while it is set up, this one says so; and no openssl.cnf has a say in what SHA-256 is.
 */
#include "crypt/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "fs/root.h"

#define BLOCK ((size_t)128 * 1024) /* stays in a core's cache: of 256 KiB, reading costs four times as much */

struct cw_hash {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
};

static const struct {
    const char *name;
    size_t digits;
} kinds[CW_HASH_KINDS] = {
    [CW_SHA256] = {"sha256", 64}, [CW_SHA512] = {"sha512", 128}, [CW_SHA384] = {"sha384", 96},
    [CW_SHA224] = {"sha224", 56}, [CW_SHA1] = {"sha1", 40},      [CW_MD5] = {"md5", 32}};

/* For as long as the program runs. */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static EVP_MD *library_md[CW_HASH_KINDS];

static void library_open(void)
{
    OSSL_LIB_CTX *library;

    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return;
    library = OSSL_LIB_CTX_new();
    if (library == NULL)
        return;
    for (size_t kind = 0; kind < CW_HASH_KINDS; kind++)
        library_md[kind] = EVP_MD_fetch(library, kinds[kind].name, NULL);
}

/* NULL: no memory for it. */
static const EVP_MD *digest_of(enum cw_hash_kind kind)
{
    (void)pthread_once(&library_once, library_open);
    return library_md[kind];
}

const char *cw_hash_name(enum cw_hash_kind kind)
{
    return kinds[kind].name;
}

size_t cw_hash_digits(enum cw_hash_kind kind)
{
    return kinds[kind].digits;
}

static int failed(struct cw_err *err)
{
    return cw_err_set(err, CW_E_FAIL, "libcrypto refused to hash");
}

int cw_hash_new(struct cw_hash **hash, enum cw_hash_kind kind, struct cw_err *err)
{
    struct cw_hash *h = calloc(1, sizeof *h);

    *hash = NULL;
    if (h == NULL)
        return cw_err_nomem(err);
    h->md = digest_of(kind);
    h->ctx = h->md != NULL ? EVP_MD_CTX_new() : NULL;
    if (h->ctx == NULL) {
        cw_hash_free(h);
        return cw_err_nomem(err);
    }
    if (EVP_DigestInit_ex(h->ctx, h->md, NULL) != 1) {
        cw_hash_free(h);
        return failed(err);
    }
    *hash = h;
    return CW_OK;
}

void cw_hash_free(struct cw_hash *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->ctx);
    free(hash);
}

int cw_hash_update(struct cw_hash *hash, const void *data, size_t len, struct cw_err *err)
{
    return EVP_DigestUpdate(hash->ctx, data, len) == 1 ? CW_OK : failed(err);
}

int cw_hash_final(struct cw_hash *hash, char out[CW_HASH_TEXT_MAX], struct cw_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (EVP_DigestFinal_ex(hash->ctx, digest, &len) != 1 || EVP_DigestInit_ex(hash->ctx, hash->md, NULL) != 1)
        return failed(err);
    cw_hex_format(out, digest, len);
    return CW_OK;
}

int cw_sha256_bytes(unsigned char out[CW_SHA256_BYTES], const void *data, size_t len, struct cw_err *err)
{
    static _Thread_local EVP_MD_CTX *ctx; /* for as long as the program runs: making one costs twice a hash */
    const EVP_MD *md = digest_of(CW_SHA256);

    if (ctx == NULL)
        ctx = EVP_MD_CTX_new();
    if (md == NULL || ctx == NULL)
        return cw_err_nomem(err);
    if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 || EVP_DigestUpdate(ctx, data, len) != 1 ||
        EVP_DigestFinal_ex(ctx, out, NULL) != 1)
        return failed(err);
    return CW_OK;
}

int cw_sha256(char out[CW_SHA256_TEXT], const void *data, size_t len, struct cw_err *err)
{
    const EVP_MD *md = digest_of(CW_SHA256);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;

    if (md == NULL)
        return cw_err_nomem(err);
    if (EVP_Digest(data, len, digest, &digest_len, md, NULL) != 1)
        return failed(err);
    cw_hex_format(out, digest, digest_len);
    return CW_OK;
}

int cw_sha256_fd_counted(char out[CW_SHA256_TEXT], uint64_t *len, int fd, const char *what,
                         void (*each)(void *ctx, uint64_t bytes), void *ctx, struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_FREE char *block = malloc(BLOCK);
    char text[CW_HASH_TEXT_MAX];
    uint64_t total = 0;
    ssize_t n = 0;
    int rc = block == NULL ? cw_err_nomem(err) : cw_hash_new(&hash, CW_SHA256, err);

    while (rc == CW_OK && (n = cw_fd_read(fd, block, BLOCK)) > 0) {
        rc = cw_hash_update(hash, block, (size_t)n, err);
        total += (uint64_t)n;
        if (each != NULL)
            each(ctx, (uint64_t)n);
    }
    if (rc == CW_OK && n < 0)
        rc = cw_err_errno(err, errno, "unable to read '%s'", what);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, text, err);
    if (rc != CW_OK)
        return rc;
    memcpy(out, text, CW_SHA256_TEXT);
    if (len != NULL)
        *len = total;
    return CW_OK;
}

int cw_sha256_fd(char out[CW_SHA256_TEXT], uint64_t *len, int fd, const char *what, struct cw_err *err)
{
    return cw_sha256_fd_counted(out, len, fd, what, NULL, NULL, err);
}
