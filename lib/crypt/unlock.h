/* SPDX-License-Identifier: ISC */
/*
 * What the key file needs of the unlock object and nobody else does: keys derived from the passphrase.
 */
#ifndef CW_CRYPT_UNLOCK_H
#define CW_CRYPT_UNLOCK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypt/keyfile.h"

#define CW_UNLOCK_SALT 16
#define CW_UNLOCK_KEY 32

/* What a key is derived with, besides the passphrase. */
struct cw_unlock_cost {
    unsigned char salt[CW_UNLOCK_SALT];
    uint64_t opslimit, memlimit; /* Argon2id's passes, and its memory in bytes */
};

/* Bounds on what a file may ask for: four times what we write, so that a planted file cannot take the
 * machine down. */
#define CW_UNLOCK_OPS_MAX 12
#define CW_UNLOCK_MEM_MAX (UINT64_C(1) << 30)

/* Both as the file has it: {"name": "argon2id", "salt": hex, "opslimit": n, "memlimit": bytes}. CW_E_VERIFY for what is out
 * of bounds. The caller owns what is described; NULL: no memory. */
int cw_unlock_parse_cost(struct cw_unlock_cost *cost, const json_t *kdf, struct cw_err *err);
json_t *cw_unlock_describe_cost(const struct cw_unlock_cost *cost);

/* Tries a key: 0 it was right; CW_E_VERIFY it was wrong; others end the search. */
typedef int cw_unlock_try(void *ctx, const unsigned char key[CW_UNLOCK_KEY], struct cw_err *err);

/* Offers `attempt` the keys that this cost gives: for the remembered derivation, the remembered
 * passphrase, one newly asked for. CW_E_FAIL "wrong passphrase" when none is right. */
int cw_unlock_open(struct cw_unlock *unlock, const struct cw_unlock_cost *cost, const char *what,
                   cw_unlock_try *attempt, void *ctx, struct cw_err *err);

/* Cost and key (borrowed) for a new file; what is for the prompt. */
int cw_unlock_seal(struct cw_unlock *unlock, const char *what, struct cw_unlock_cost *cost,
                   const unsigned char **key, struct cw_err *err);

#endif
