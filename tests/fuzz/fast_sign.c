/* SPDX-License-Identifier: ISC */
/*
 * A stand-in for Ed25519 while the workflow is fuzzed, put in its place by the linker (see run): a keyed
 * checksum that takes next to no time. It still fits one key and one text, for nobody forges here. "make
 * check" replays the corpus with true signatures.
 */
#include <stdint.h>
#include <string.h>

#include "crypt/sign.h"

int __wrap_cw_ed25519_sign(unsigned char signature[CW_ED25519_SIGNATURE], const struct cw_secret *secret,
                           const void *data, size_t len, struct cw_err *err);
bool __wrap_cw_ed25519_verify(const unsigned char public_key[CW_ED25519_PUBLIC],
                              const unsigned char signature[CW_ED25519_SIGNATURE], const void *data,
                              size_t len);

/* FNV-1a with 64 bits. */
static uint64_t mix(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void sign(unsigned char signature[CW_ED25519_SIGNATURE],
                 const unsigned char public_key[CW_ED25519_PUBLIC], const void *data, size_t len)
{
    uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), public_key, CW_ED25519_PUBLIC);

    sum = mix(sum, data, len);
    memset(signature, 0, CW_ED25519_SIGNATURE);
    memcpy(signature, &sum, sizeof sum);
}

int __wrap_cw_ed25519_sign(unsigned char signature[CW_ED25519_SIGNATURE], const struct cw_secret *secret,
                           const void *data, size_t len, struct cw_err *err)
{
    (void)err;
    sign(signature, cw_secret_public(secret), data, len);
    return CW_OK;
}

bool __wrap_cw_ed25519_verify(const unsigned char public_key[CW_ED25519_PUBLIC],
                              const unsigned char signature[CW_ED25519_SIGNATURE], const void *data,
                              size_t len)
{
    unsigned char expected[CW_ED25519_SIGNATURE];

    sign(expected, public_key, data, len);
    return memcmp(expected, signature, CW_ED25519_SIGNATURE) == 0;
}
