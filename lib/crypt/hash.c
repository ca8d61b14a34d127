/* SPDX-License-Identifier: ISC */
/*
 * Digests over EVP. The 256 KiB block is where read(2) and SHA-256 together stop getting faster.
 */
#include "crypt/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "fs/root.h"

#define BLOCK ((size_t)256 * 1024)

struct cw_hash {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
};

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
    h->md = kind == CW_SHA512 ? EVP_sha512() : EVP_sha256();
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, h->md, NULL) != 1) {
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

int cw_sha256(char out[CW_SHA256_TEXT], const void *data, size_t len, struct cw_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;

    if (EVP_Digest(data, len, digest, &digest_len, EVP_sha256(), NULL) != 1)
        return failed(err);
    cw_hex_format(out, digest, digest_len);
    return CW_OK;
}

int cw_sha256_fd(char out[CW_SHA256_TEXT], uint64_t *len, int fd, const char *what, struct cw_err *err)
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
