/* SPDX-License-Identifier: ISC */
/*
 * The repository's keys: which there are, which are here, and signing with those. A key is a pair of files, keys/<name>.key
 * (secret) and keys/<name>.pub (TUF's key object); the secret one may be carried away, the public one stays and tells whose key is
 * missing. In place of the secret half keys/<name>.signer may name a program that has it (gen/signer.h); such a key, and one that
 * only signs elsewhere, may be of any kind that lib/crypt/verify.h knows, others are Ed25519. Which role a key may sign for is said by
 * the signed metadata alone, never by its name.
 */
#ifndef CW_GEN_KEYS_H
#define CW_GEN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "crypt/hash.h"
#include "crypt/keyfile.h"
#include "gen/signer.h"
#include "tuf/meta.h"

#define CW_KEYS_MAX 4096     /* keys in one repository: a build key for each product, and some more */
#define CW_KEYS_ROLE_MAX 64  /* keys of one role */
#define CW_KEYS_NAME_MAX 200 /* bytes of a key's name with NUL: "channel-", a portable name, "-64" */

struct cw_key {
    char name[CW_KEYS_NAME_MAX];
    char id[CW_SHA256_TEXT];  /* TUF's keyid */
    json_t *object;           /* TUF's key object: the public half; owned */
    struct cw_signer *signer; /* the program that signs with it; owned; NULL: none */
    bool here;                /* the secret file is in the folder */
    bool locked;              /* and encrypted */
    struct cw_secret *secret; /* NULL until unlocked */
};

struct cw_keys {
    int dir;              /* borrowed: the folder that holds keys/ */
    struct cw_key *items; /* sorted by name */
    size_t count, room;
};

/* Reads the public half of every key beneath dir. */
int cw_keys_load(struct cw_keys *keys, int dir, struct cw_err *err);
void cw_keys_clear(struct cw_keys *keys); /* wipes what was unlocked */
#define CW_AUTO_KEYS __attribute__((cleanup(cw_keys_clear))) struct cw_keys

/* Borrowed until the next key is made; NULL: no such key. */
struct cw_key *cw_keys_find(const struct cw_keys *keys, const char *id);
struct cw_key *cw_keys_named(const struct cw_keys *keys, const char *name);

/* Makes a key that does not exist yet and stores both files, durable. unlock NULL: not encrypted. It stays
 * unlocked. */
int cw_keys_make(struct cw_keys *keys, const char *name, struct cw_unlock *unlock, struct cw_err *err);
/* The same with a secret that came from elsewhere, which is taken over. Its public half may be here already under that name: then
 * it is the key's secret half that comes back. */
int cw_keys_take(struct cw_keys *keys, const char *name, struct cw_secret **secret, struct cw_unlock *unlock,
                 struct cw_err *err);

/* The same with a public half that came from elsewhere, and the program that signs with it (NULL: nothing here does), which is taken
 * over. Of a key that is there under that name already only the program changes. */
int cw_keys_take_public(struct cw_keys *keys, const char *name, const json_t *object,
                        struct cw_signer **signer, struct cw_err *err);
/* Lets a program sign with a key for this run only. */
void cw_keys_lend(struct cw_key *key, struct cw_signer **signer);

void cw_key_clear(struct cw_key *key); /* what it owns; harmless on a zeroed one */
/* It can sign: its secret half is here, or a program has it. */
bool cw_key_signs(const struct cw_key *key);
/* For people: "here, encrypted", "elsewhere", … */
const char *cw_key_place(const struct cw_key *key);

/* As many keys as the role's threshold asks for beyond those whose signatures (array as envelopes have it; NULL: none) are there
 * already, of those that can sign, in the order of their names. CW_E_NOTFOUND names the keys that would have to be brought; chosen
 * has those that can sign then, too. */
int cw_keys_choose(struct cw_key *chosen[CW_KEYS_ROLE_MAX], size_t *count, const struct cw_keys *keys,
                   const struct cw_tuf_role *role, const json_t *signatures, struct cw_err *err);
/* Loads the secret half; nothing for a key that a program signs with. */
int cw_keys_unlock(const struct cw_keys *keys, struct cw_key *key, struct cw_unlock *unlock,
                   struct cw_err *err);
/* Appends its signature over data in hexadecimal digits. The key was unlocked. role is told to its program. */
int cw_key_sign(struct cw_buf *hex, const struct cw_key *key, const char *role, const void *data, size_t len,
                struct cw_err *err);

#endif
