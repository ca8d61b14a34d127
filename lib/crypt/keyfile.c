/* SPDX-License-Identifier: ISC */
/*
 * The key file's text: sealing a seed into it and opening it again. Deriving keys from a passphrase is
 * unlock.c's part, reading and writing files the caller's.
 */
#include "crypt/keyfile.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/unlock.h"
#include "crypt/guard.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEALED (CW_ED25519_SEED + crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define HEX(bytes) (2 * (bytes) + 1)

/* A file as read. */
struct keyfile {
    json_t *doc; /* owned */
    unsigned char public_key[CW_ED25519_PUBLIC];
    bool locked;
    struct cw_unlock_cost cost; /* the rest: when locked */
    unsigned char nonce[NONCE];
    unsigned char sealed[SEALED];
};

void cw_keyfile_text_clear(struct cw_buf *text)
{
    if (text->data != NULL)
        sodium_memzero(text->data, text->room);
    cw_buf_clear(text);
}

/* Wipes the plain seed in jansson's tree, too. */
static void clear(struct keyfile *file)
{
    json_t *seed = json_object_get(file->doc, "seed");

    if (json_is_string(seed))
        sodium_memzero((char *)json_string_value(seed), json_string_length(seed));
    json_decref(file->doc);
}
#define AUTO_KEYFILE __attribute__((cleanup(clear))) struct keyfile

static int parse_lock(struct keyfile *file, struct cw_err *err)
{
    json_t *kdf = NULL;
    int rc = cw_json_get_obj(&kdf, file->doc, "kdf", err);

    if (rc == CW_OK)
        rc = cw_unlock_parse_cost(&file->cost, kdf, err);
    if (rc == CW_OK)
        rc = cw_json_get_word(file->doc, "cipher", "xchacha20poly1305", err);
    if (rc == CW_OK)
        rc = cw_json_get_hex(file->nonce, sizeof file->nonce, file->doc, "nonce", err);
    if (rc == CW_OK)
        rc = cw_json_get_hex(file->sealed, sizeof file->sealed, file->doc, "sealed", err);
    return rc;
}

static int parse(struct keyfile *file, const void *text, size_t len, struct cw_err *err)
{
    int rc = cw_crypt_init(err);

    if (rc == CW_OK && len > CW_KEYFILE_MAX)
        rc = cw_err_set(err, CW_E_VERIFY, "a key file is not larger than %zu bytes", CW_KEYFILE_MAX);
    if (rc == CW_OK)
        rc = cw_json_parse(&file->doc, text, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(file->doc, CW_KEYFILE_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_word(file->doc, "keytype", "ed25519", err);
    if (rc == CW_OK)
        rc = cw_json_get_hex(file->public_key, sizeof file->public_key, file->doc, "public", err);
    if (rc != CW_OK)
        return rc;
    file->locked = json_object_get(file->doc, "seed") == NULL;
    return file->locked ? parse_lock(file, err) : CW_OK;
}

int cw_keyfile_public(unsigned char public_key[CW_ED25519_PUBLIC], const void *text, size_t len,
                      struct cw_err *err)
{
    AUTO_KEYFILE file = {.doc = NULL};
    int rc = parse(&file, text, len, err);

    if (rc == CW_OK)
        memcpy(public_key, file.public_key, CW_ED25519_PUBLIC);
    return rc;
}

int cw_keyfile_is_locked(bool *locked, const void *text, size_t len, struct cw_err *err)
{
    AUTO_KEYFILE file = {.doc = NULL};
    int rc = parse(&file, text, len, err);

    if (rc == CW_OK)
        *locked = file.locked;
    return rc;
}

struct opening {
    const struct keyfile *file;
    unsigned char *seed; /* guarded */
};

static int try_key(void *ctx, const unsigned char key[CW_UNLOCK_KEY], struct cw_err *err)
{
    struct opening *opening = ctx;
    const struct keyfile *file = opening->file;

    if (crypto_aead_xchacha20poly1305_ietf_decrypt(opening->seed, NULL, NULL, file->sealed, SEALED,
                                                   file->public_key, CW_ED25519_PUBLIC, file->nonce,
                                                   key) != 0)
        return cw_err_set(err, CW_E_VERIFY, "wrong passphrase");
    return CW_OK;
}

static int get_seed(unsigned char *seed, const struct keyfile *file, const char *what,
                    struct cw_unlock *unlock, struct cw_err *err)
{
    struct opening opening = {.file = file, .seed = seed};
    int rc;

    if (file->locked && unlock == NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s' is encrypted, and no passphrase was given", what);
    if (file->locked)
        return cw_unlock_open(unlock, &file->cost, what, try_key, &opening, err);
    rc = cw_json_get_hex(seed, CW_ED25519_SEED, file->doc, "seed", err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", what);
}

int cw_keyfile_open(struct cw_secret **secret, const void *text, size_t len, const char *what,
                    struct cw_unlock *unlock, struct cw_err *err)
{
    AUTO_KEYFILE file = {.doc = NULL};
    unsigned char *seed;
    int rc = parse(&file, text, len, err);

    *secret = NULL;
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", what);
    seed = cw_guarded_new(CW_ED25519_SEED);
    if (seed == NULL)
        return cw_err_nomem(err);
    rc = get_seed(seed, &file, what, unlock, err);
    if (rc == CW_OK)
        rc = cw_secret_from_seed(secret, seed, err);
    sodium_free(seed);
    if (rc == CW_OK && memcmp(cw_secret_public(*secret), file.public_key, CW_ED25519_PUBLIC) != 0) {
        cw_secret_free(*secret);
        *secret = NULL;
        return cw_err_set(err, CW_E_VERIFY, "'%s': the secret half does not belong to the public half", what);
    }
    return rc;
}

/* Bytes only: see struct cw_secret. */
struct plain {
    char seed[HEX(CW_ED25519_SEED)];
    char text[512];
};

/* Written by hand into guarded memory, because jansson would leave copies of the seed on the heap; the
 * text is cw_json_format()'s. */
static int format_plain(struct cw_buf *buf, const struct cw_secret *secret, const char *public_hex,
                        struct cw_err *err)
{
    struct plain *plain = cw_guarded_new(sizeof *plain);

    if (plain == NULL)
        return cw_err_nomem(err);
    cw_hex_format(plain->seed, cw_secret_seed(secret), CW_ED25519_SEED);
    snprintf(plain->text, sizeof plain->text,
             "{\n \"_type\": \"" CW_KEYFILE_TYPE "\",\n \"format\": \"1.0\",\n \"keytype\": \"ed25519\",\n"
             " \"public\": \"%s\",\n \"seed\": \"%s\"\n}\n",
             public_hex, plain->seed);
    cw_buf_adds(buf, plain->text);
    sodium_free(plain);
    return cw_buf_check(buf, "key file", err);
}

static int seal(struct keyfile *file, const struct cw_secret *secret, struct cw_unlock *unlock,
                struct cw_err *err)
{
    const unsigned char *key;
    int rc = cw_unlock_seal(unlock, "new keys", &file->cost, &key, err);

    if (rc != CW_OK)
        return rc;
    randombytes_buf(file->nonce, sizeof file->nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(file->sealed, NULL, cw_secret_seed(secret), CW_ED25519_SEED,
                                               cw_secret_public(secret), CW_ED25519_PUBLIC, NULL, file->nonce,
                                               key);
    return CW_OK;
}

int cw_keyfile_format(struct cw_buf *buf, const struct cw_secret *secret, struct cw_unlock *unlock,
                      struct cw_err *err)
{
    struct keyfile file = {.doc = NULL};
    json_auto_t *doc = NULL;
    char public_hex[HEX(CW_ED25519_PUBLIC)], nonce[HEX(NONCE)], sealed[HEX(SEALED)];
    int rc;

    cw_hex_format(public_hex, cw_secret_public(secret), CW_ED25519_PUBLIC);
    if (unlock == NULL)
        return format_plain(buf, secret, public_hex, err);
    rc = seal(&file, secret, unlock, err);
    if (rc != CW_OK)
        return rc;
    cw_hex_format(nonce, file.nonce, sizeof file.nonce);
    cw_hex_format(sealed, file.sealed, sizeof file.sealed);
    doc = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "_type", CW_KEYFILE_TYPE, "format", "1.0",
                    "keytype", "ed25519", "public", public_hex, "kdf", cw_unlock_describe_cost(&file.cost),
                    "cipher", "xchacha20poly1305", "nonce", nonce, "sealed", sealed);
    return doc != NULL ? cw_json_format(buf, doc, err) : cw_err_nomem(err);
}
