/* SPDX-License-Identifier: ISC */
/*
 * From a passphrase to keys, by Argon2id, as seldom as possible: one derivation takes most of a second and
 * 256 MiB on purpose. Everything secret lies in one block of guarded memory.
 */
#include "crypt/unlock.h"
#include "crypt/guard.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "codec/hex.h"
#include "codec/json.h"

#define DERIVATIONS_MAX 8 /* remembered; a repository's keys seldom come from more sittings than that */

_Static_assert(CW_UNLOCK_SALT == crypto_pwhash_SALTBYTES, "libsodium's salt");
_Static_assert(CW_UNLOCK_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "libsodium's key");

/* Bytes only: see struct cw_secret. */
struct secrets {
    char passphrase[CW_PASSPHRASE_MAX];
    char asked[CW_PASSPHRASE_MAX]; /* being tried, not yet known to be right */
    unsigned char keys[DERIVATIONS_MAX][CW_UNLOCK_KEY];
};

struct cw_unlock {
    cw_unlock_ask *ask;
    void *ctx;
    bool known; /* secrets->passphrase opened a file, or was confirmed for a new one */
    struct secrets *secrets;
    struct cw_unlock_cost costs[DERIVATIONS_MAX]; /* of secrets->keys; each of them was right */
    size_t count;
};

int cw_unlock_new(struct cw_unlock **unlock, cw_unlock_ask *ask, void *ctx, struct cw_err *err)
{
    struct cw_unlock *made;
    int rc = cw_crypt_init(err);

    *unlock = NULL;
    if (rc != CW_OK)
        return rc;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return cw_err_nomem(err);
    made->secrets = cw_guarded_new(sizeof *made->secrets);
    if (made->secrets == NULL) {
        free(made);
        return cw_err_nomem(err);
    }
    made->ask = ask;
    made->ctx = ctx;
    *unlock = made;
    return CW_OK;
}

void cw_unlock_free(struct cw_unlock *unlock)
{
    if (unlock == NULL)
        return;
    sodium_free(unlock->secrets);
    free(unlock);
}

static int derive(unsigned char key[CW_UNLOCK_KEY], const char *passphrase, const struct cw_unlock_cost *cost,
                  struct cw_err *err)
{
    if (crypto_pwhash(key, CW_UNLOCK_KEY, passphrase, strlen(passphrase), cost->salt, cost->opslimit,
                      (size_t)cost->memlimit, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return cw_err_set(err, CW_E_NOMEM,
                          "a passphrase needs %llu MiB of free memory to be turned into a key",
                          (unsigned long long)(cost->memlimit >> 20));
    return CW_OK;
}

static bool same_cost(const struct cw_unlock_cost *a, const struct cw_unlock_cost *b)
{
    return memcmp(a->salt, b->salt, sizeof a->salt) == 0 && a->opslimit == b->opslimit &&
           a->memlimit == b->memlimit;
}

/* Remembers a derivation that was right, in the place of the oldest when all places are taken. */
static const unsigned char *remember(struct cw_unlock *unlock, const struct cw_unlock_cost *cost,
                                     const unsigned char key[CW_UNLOCK_KEY])
{
    unsigned char(*keys)[CW_UNLOCK_KEY] = unlock->secrets->keys;

    if (unlock->count == DERIVATIONS_MAX) {
        unlock->count--;
        memmove(unlock->costs, unlock->costs + 1, unlock->count * sizeof unlock->costs[0]);
        memmove(keys, keys + 1, unlock->count * sizeof keys[0]);
    }
    unlock->costs[unlock->count] = *cost;
    memcpy(keys[unlock->count], key, CW_UNLOCK_KEY);
    return keys[unlock->count++];
}

static int try_passphrase(struct cw_unlock *unlock, const char *passphrase, const struct cw_unlock_cost *cost,
                          cw_unlock_try *attempt, void *ctx, struct cw_err *err)
{
    unsigned char *key = cw_guarded_new(CW_UNLOCK_KEY);
    int rc = key != NULL ? derive(key, passphrase, cost, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = attempt(ctx, key, err);
    if (rc == CW_OK)
        remember(unlock, cost, key);
    sodium_free(key);
    return rc;
}

static int ask(struct cw_unlock *unlock, const char *what, bool confirm, struct cw_err *err)
{
    char *asked = unlock->secrets->asked;
    int rc;

    sodium_memzero(asked, CW_PASSPHRASE_MAX);
    rc = unlock->ask(unlock->ctx, asked, what, confirm, err);
    if (rc == CW_OK && memchr(asked, '\0', CW_PASSPHRASE_MAX) == NULL)
        rc = cw_err_set(err, CW_E_FAIL, "the passphrase is longer than %d bytes", CW_PASSPHRASE_MAX - 1);
    if (rc == CW_OK && asked[0] == '\0')
        rc = cw_err_set(err, CW_E_FAIL, "the passphrase is empty");
    return rc;
}

static void accept_asked(struct cw_unlock *unlock)
{
    memcpy(unlock->secrets->passphrase, unlock->secrets->asked, CW_PASSPHRASE_MAX);
    unlock->known = true;
}

/* The derivations at hand for this cost, then the remembered passphrase. */
static int open_remembered(struct cw_unlock *unlock, const struct cw_unlock_cost *cost,
                           cw_unlock_try *attempt, void *ctx, struct cw_err *err)
{
    bool derived = false;
    int rc = CW_E_VERIFY;

    for (size_t i = 0; i < unlock->count && rc == CW_E_VERIFY; i++) {
        if (same_cost(&unlock->costs[i], cost)) {
            derived = true;
            rc = attempt(ctx, unlock->secrets->keys[i], err);
        }
    }
    if (rc == CW_E_VERIFY && unlock->known && !derived)
        rc = try_passphrase(unlock, unlock->secrets->passphrase, cost, attempt, ctx, err);
    return rc;
}

int cw_unlock_open(struct cw_unlock *unlock, const struct cw_unlock_cost *cost, const char *what,
                   cw_unlock_try *attempt, void *ctx, struct cw_err *err)
{
    struct secrets *secrets = unlock->secrets;
    int rc = open_remembered(unlock, cost, attempt, ctx, err);

    if (rc != CW_E_VERIFY)
        return rc;
    rc = ask(unlock, what, false, err);
    if (rc != CW_OK)
        return rc;
    rc = CW_E_VERIFY;
    if (!unlock->known || sodium_memcmp(secrets->asked, secrets->passphrase, CW_PASSPHRASE_MAX) != 0)
        rc = try_passphrase(unlock, secrets->asked, cost, attempt, ctx, err);
    if (rc == CW_OK)
        accept_asked(unlock);
    if (rc == CW_E_VERIFY)
        return cw_err_set(err, CW_E_FAIL, "'%s': wrong passphrase, or the file was altered", what);
    return rc;
}

/* A remembered derivation that is as dear as a new one would be. */
static bool is_dear(const struct cw_unlock_cost *cost)
{
    return cost->opslimit >= crypto_pwhash_OPSLIMIT_MODERATE &&
           cost->memlimit >= crypto_pwhash_MEMLIMIT_MODERATE;
}

static int derive_new(struct cw_unlock *unlock, struct cw_unlock_cost *cost, const unsigned char **key,
                      struct cw_err *err)
{
    unsigned char *derived = cw_guarded_new(CW_UNLOCK_KEY);
    int rc;

    if (derived == NULL)
        return cw_err_nomem(err);
    randombytes_buf(cost->salt, sizeof cost->salt);
    cost->opslimit = crypto_pwhash_OPSLIMIT_MODERATE;
    cost->memlimit = crypto_pwhash_MEMLIMIT_MODERATE;
    rc = derive(derived, unlock->secrets->passphrase, cost, err);
    if (rc == CW_OK)
        *key = remember(unlock, cost, derived);
    sodium_free(derived);
    return rc;
}

int cw_unlock_parse_cost(struct cw_unlock_cost *cost, const json_t *kdf, struct cw_err *err)
{
    int64_t ops = 0, mem = 0;
    int rc = cw_json_get_word(kdf, "name", "argon2id", err);

    if (rc == CW_OK)
        rc = cw_json_get_hex(cost->salt, sizeof cost->salt, kdf, "salt", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&ops, kdf, "opslimit", crypto_pwhash_OPSLIMIT_MIN, CW_UNLOCK_OPS_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&mem, kdf, "memlimit", crypto_pwhash_MEMLIMIT_MIN, CW_UNLOCK_MEM_MAX, err);
    cost->opslimit = (uint64_t)ops;
    cost->memlimit = (uint64_t)mem;
    return rc;
}

json_t *cw_unlock_describe_cost(const struct cw_unlock_cost *cost)
{
    char salt[2 * CW_UNLOCK_SALT + 1];

    cw_hex_format(salt, cost->salt, sizeof cost->salt);
    return json_pack("{s:s, s:s, s:I, s:I}", "name", "argon2id", "salt", salt, "opslimit",
                     (json_int_t)cost->opslimit, "memlimit", (json_int_t)cost->memlimit);
}

int cw_unlock_seal(struct cw_unlock *unlock, const char *what, struct cw_unlock_cost *cost,
                   const unsigned char **key, struct cw_err *err)
{
    int rc;

    for (size_t i = unlock->count; i-- > 0;) {
        if (is_dear(&unlock->costs[i])) {
            *cost = unlock->costs[i];
            *key = unlock->secrets->keys[i];
            return CW_OK;
        }
    }
    if (!unlock->known) {
        rc = ask(unlock, what, true, err);
        if (rc != CW_OK)
            return rc;
        accept_asked(unlock);
    }
    return derive_new(unlock, cost, key, err);
}
