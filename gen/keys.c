/* SPDX-License-Identifier: ISC */
/*
 * Finding, making and unlocking key files; see gen/keys.h.
 */
#include "gen/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "fs/walk.h"
#include "gen/repo.h"
#include "tuf/write.h"

#define PATH_MAX_KEY (sizeof CW_REPO_KEYS + CW_KEYS_NAME_MAX + 8)
#define SIGNER ".signer"
#define MISSING_SHOWN 8 /* names in one message; a person brings no more at once */

static void key_path(char path[PATH_MAX_KEY], const char *name, const char *suffix)
{
    snprintf(path, PATH_MAX_KEY, "%s/%s%s", CW_REPO_KEYS, name, suffix);
}

/* A new entry at the place its name has in the order. */
static int insert(struct cw_key **key, struct cw_keys *keys, const char *name, struct cw_err *err)
{
    size_t at;

    if (keys->count == CW_KEYS_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d keys", CW_KEYS_MAX);
    if (strlen(name) >= CW_KEYS_NAME_MAX)
        return cw_err_set(err, CW_E_FAIL, "key '%s': the name is longer than %d bytes", name,
                          CW_KEYS_NAME_MAX - 1);
    if (keys->count == keys->room) {
        size_t room = keys->room != 0 ? keys->room * 2 : 16;
        struct cw_key *items = reallocarray(keys->items, room, sizeof *items);

        if (items == NULL)
            return cw_err_nomem(err);
        keys->items = items;
        keys->room = room;
    }
    for (at = keys->count; at > 0 && strcmp(keys->items[at - 1].name, name) > 0; at--)
        ;
    memmove(keys->items + at + 1, keys->items + at, (keys->count - at) * sizeof *keys->items);
    keys->count++;
    *key = &keys->items[at];
    **key = (struct cw_key){.secret = NULL};
    snprintf((*key)->name, sizeof(*key)->name, "%s", name);
    return CW_OK;
}

void cw_key_clear(struct cw_key *key)
{
    json_decref(key->object);
    cw_signer_free(key->signer);
    cw_secret_free(key->secret);
    *key = (struct cw_key){.secret = NULL};
}

static int read_secret_file(struct cw_key *key, const struct cw_buf *text, struct cw_err *err)
{
    unsigned char public_key[CW_ED25519_PUBLIC];
    int rc = cw_keyfile_public(public_key, text->data, text->len, err);

    key->here = true;
    if (rc == CW_OK)
        rc = cw_tuf_key_new(&key->object, public_key, err);
    return rc == CW_OK ? cw_keyfile_is_locked(&key->locked, text->data, text->len, err) : rc;
}

static int read_public_file(struct cw_key *key, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_PUBLIC *parsed = NULL;
    int rc = cw_json_parse(&key->object, text->data, text->len, err);

    if (rc == CW_OK)
        rc = cw_tuf_key_parse(&parsed, key->object, err);
    return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
}

/* The kinds of files; a program's comes behind the public half in the order of names. */
static const struct kind {
    const char *suffix;
    size_t max;
    int (*read)(struct cw_key *key, const struct cw_buf *text, struct cw_err *err);
} kinds[] = {
    {".key", CW_KEYFILE_MAX, read_secret_file},
    {".pub", CW_PUBLIC_TEXT_MAX + 1024, read_public_file},
};

/* The same name with the other suffix may have come first: both files must hold the same key. */
static int add_file(struct cw_keys *keys, const char *path, const struct kind *kind, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(kind->max);
    __attribute__((cleanup(cw_key_clear))) struct cw_key found = {.secret = NULL};
    struct cw_key *key;
    char name[CW_PATH_MAX];
    char full[CW_PATH_MAX + sizeof CW_REPO_KEYS];
    int rc;

    snprintf(name, sizeof name, "%.*s", (int)(strlen(path) - strlen(kind->suffix)), path);
    snprintf(full, sizeof full, "%s/%s", CW_REPO_KEYS, path);
    rc = cw_at_read_file(&text, keys->dir, full, err);
    if (rc == CW_OK)
        rc = kind->read(&found, &text, err);
    if (rc == CW_OK)
        rc = cw_tuf_key_id(found.id, found.object, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", full);
    key = cw_keys_named(keys, name);
    if (key != NULL && strcmp(key->id, found.id) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s': its .key and .pub files hold different keys; remove the wrong one", full);
    if (key == NULL) {
        rc = insert(&key, keys, name, err);
        if (rc != CW_OK)
            return rc;
        memcpy(key->id, found.id, sizeof key->id);
        key->object = json_incref(found.object);
    }
    key->here = key->here || found.here;
    key->locked = key->locked || found.locked;
    return CW_OK;
}

static int add_signer(struct cw_keys *keys, const char *path, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SIGNER_FILE_MAX);
    char name[CW_PATH_MAX], full[CW_PATH_MAX + sizeof CW_REPO_KEYS];
    struct cw_key *key;
    int rc;

    snprintf(name, sizeof name, "%.*s", (int)(strlen(path) - strlen(SIGNER)), path);
    snprintf(full, sizeof full, "%s/%s", CW_REPO_KEYS, path);
    key = cw_keys_named(keys, name);
    if (key == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s': its public half '%s/%s.pub' is missing", full,
                          CW_REPO_KEYS, name);
    rc = cw_at_read_file(&text, keys->dir, full, err);
    if (rc == CW_OK)
        rc = cw_signer_parse(&key->signer, cw_buf_text(&text), text.len, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", full);
}

static int visit(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    size_t i;

    if (!S_ISREG(st->st_mode) || strchr(path, '/') != NULL || path[0] == '.')
        return CW_OK;
    for (i = 0; i < CW_COUNT(kinds); i++) {
        if (cw_str_ends(path, kinds[i].suffix))
            return add_file(ctx, path, &kinds[i], err);
    }
    return cw_str_ends(path, SIGNER) ? add_signer(ctx, path, err) : CW_OK;
}

int cw_keys_load(struct cw_keys *keys, int dir, struct cw_err *err)
{
    bool there;
    int rc = cw_crypt_init(err);

    *keys = (struct cw_keys){.dir = dir};
    if (rc == CW_OK)
        rc = cw_at_has(&there, dir, CW_REPO_KEYS, err);
    if (rc != CW_OK || !there) /* all of it carried away */
        return rc;
    rc = cw_walk(dir, CW_REPO_KEYS, visit, keys, err);
    if (rc != CW_OK)
        cw_keys_clear(keys);
    return rc;
}

void cw_keys_clear(struct cw_keys *keys)
{
    size_t i;

    for (i = 0; i < keys->count; i++)
        cw_key_clear(&keys->items[i]);
    free(keys->items);
    *keys = (struct cw_keys){.dir = keys->dir};
}

struct cw_key *cw_keys_find(const struct cw_keys *keys, const char *id)
{
    size_t i;

    for (i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].id, id) == 0)
            return &keys->items[i];
    }
    return NULL;
}

struct cw_key *cw_keys_named(const struct cw_keys *keys, const char *name)
{
    size_t i;

    for (i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].name, name) == 0)
            return &keys->items[i];
    }
    return NULL;
}

static int store_one(const struct cw_keys *keys, const struct cw_key *key, const char *suffix,
                     const struct cw_buf *text, mode_t mode, struct cw_err *err)
{
    char path[PATH_MAX_KEY];

    key_path(path, key->name, suffix);
    return cw_file_replace(keys->dir, path, text->data, text->len, mode, err);
}

static int store_public(const struct cw_keys *keys, const struct cw_key *key, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX + 1024);
    int rc = cw_json_format(&text, key->object, err);

    return rc == CW_OK ? store_one(keys, key, ".pub", &text, 0644, err) : rc;
}

/* The secret half first: a public one alone would say that the key is elsewhere. */
static int store(const struct cw_keys *keys, const struct cw_key *key, struct cw_unlock *unlock,
                 struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT secret = CW_BUF_INIT(CW_KEYFILE_MAX);
    int rc = cw_keyfile_format(&secret, key->secret, unlock, err);

    if (rc == CW_OK)
        rc = store_one(keys, key, ".key", &secret, 0600, err);
    return rc == CW_OK ? store_public(keys, key, err) : rc;
}

/* The key of that name and public half, new or known; *known tells which. A key is in the repository once. */
static int entry(struct cw_key **key, bool *known, struct cw_keys *keys, const char *name,
                 const json_t *object, struct cw_err *err)
{
    char id[CW_SHA256_TEXT];
    int rc = cw_tuf_key_id(id, object, err);

    if (rc != CW_OK)
        return rc;
    *key = cw_keys_find(keys, id);
    *known = *key != NULL;
    if (*known && strcmp((*key)->name, name) != 0)
        return cw_err_set(err, CW_E_FAIL, "this is key '%s', which is there already", (*key)->name);
    if (!*known && cw_keys_named(keys, name) != NULL)
        return cw_err_set(err, CW_E_FAIL, "there is a key '%s' already", name);
    if (!*known)
        rc = insert(key, keys, name, err);
    if (rc != CW_OK || *known)
        return rc;
    memcpy((*key)->id, id, sizeof id);
    (*key)->object = json_incref((json_t *)object);
    return CW_OK;
}

int cw_keys_take(struct cw_keys *keys, const char *name, struct cw_secret **secret, struct cw_unlock *unlock,
                 struct cw_err *err)
{
    json_auto_t *object = NULL;
    struct cw_key *key;
    bool known;
    int rc = cw_tuf_key_new(&object, cw_secret_public(*secret), err);

    if (rc == CW_OK)
        rc = entry(&key, &known, keys, name, object, err);
    if (rc == CW_OK && key->here) /* one that was carried away may come back */
        return cw_err_set(err, CW_E_FAIL, "this is key '%s', which is there already", key->name);
    if (rc != CW_OK)
        return rc;
    key->here = true;
    key->locked = unlock != NULL;
    cw_secret_free(key->secret);
    key->secret = *secret;
    *secret = NULL;
    rc = store(keys, key, unlock, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "key '%s'", name);
}

/* The public half first: a program is named beside it. */
int cw_keys_take_public(struct cw_keys *keys, const char *name, const json_t *object,
                        struct cw_signer **signer, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SIGNER_FILE_MAX);
    struct cw_key *key;
    bool known;
    int rc = entry(&key, &known, keys, name, object, err);

    if (rc == CW_OK && known && *signer == NULL)
        return cw_err_set(err, CW_E_FAIL, "this is key '%s', which is there already", key->name);
    if (rc == CW_OK && !known)
        rc = store_public(keys, key, err);
    if (rc == CW_OK && *signer != NULL) {
        cw_keys_lend(key, signer);
        rc = cw_signer_format(&text, key->signer, err);
        if (rc == CW_OK)
            rc = store_one(keys, key, SIGNER, &text, 0644, err);
    }
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "key '%s'", name);
}

void cw_keys_lend(struct cw_key *key, struct cw_signer **signer)
{
    cw_signer_free(key->signer);
    key->signer = *signer;
    *signer = NULL;
}

bool cw_key_signs(const struct cw_key *key)
{
    return key->here || key->signer != NULL;
}

const char *cw_key_place(const struct cw_key *key)
{
    if (key->here)
        return key->locked ? "here, encrypted" : "here, NOT encrypted";
    return key->signer != NULL ? "with a signer" : "elsewhere";
}

int cw_keys_make(struct cw_keys *keys, const char *name, struct cw_unlock *unlock, struct cw_err *err)
{
    CW_AUTO_SECRET *secret = NULL;
    int rc = cw_secret_new(&secret, err);

    return rc == CW_OK ? cw_keys_take(keys, name, &secret, unlock, err) : rc;
}

static int say_missing(const struct cw_keys *keys, const struct cw_tuf_role *role, const json_t *signatures,
                       size_t have, struct cw_err *err)
{
    CW_AUTO_BUF list = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    const json_t *id;
    size_t i, shown = 0;

    json_array_foreach (role->keyids, i, id) {
        const struct cw_key *key = cw_keys_find(keys, json_string_value(id));

        if ((key != NULL && cw_key_signs(key)) || cw_tuf_has_signed(signatures, json_string_value(id)) ||
            shown++ >= MISSING_SHOWN)
            continue;
        cw_buf_addf(&list, "%s'%s'", list.len > 0 ? ", " : "",
                    key != NULL ? key->name : json_string_value(id));
    }
    return cw_err_set(
        err, CW_E_NOTFOUND,
        "role '%s' needs %lld of its %zu keys, here %s %zu: bring %lld more into '%s/' for this, of: %s",
        role->name, (long long)role->threshold, json_array_size(role->keyids), have == 1 ? "is" : "are", have,
        (long long)role->threshold - (long long)have, CW_REPO_KEYS, cw_buf_text(&list));
}

int cw_keys_choose(struct cw_key *chosen[CW_KEYS_ROLE_MAX], size_t *count, const struct cw_keys *keys,
                   const struct cw_tuf_role *role, const json_t *signatures, struct cw_err *err)
{
    const json_t *id;
    size_t i, have = 0;

    *count = 0;
    if (role->threshold < 1 || role->threshold > CW_KEYS_ROLE_MAX)
        return cw_err_set(err, CW_E_FAIL, "role '%s': a threshold of %lld is more than this version can sign",
                          role->name, (long long)role->threshold);
    json_array_foreach (role->keyids, i, id)
        have += cw_tuf_has_signed(signatures, json_string_value(id));
    for (i = 0; i < keys->count && have + *count < (size_t)role->threshold; i++) {
        struct cw_key *key = &keys->items[i];

        if (cw_key_signs(key) && cw_tuf_role_names(role, key->id) && !cw_tuf_has_signed(signatures, key->id))
            chosen[(*count)++] = key;
    }
    return have + *count < (size_t)role->threshold ? say_missing(keys, role, signatures, have + *count, err)
                                                   : CW_OK;
}

int cw_keys_unlock(const struct cw_keys *keys, struct cw_key *key, struct cw_unlock *unlock,
                   struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    char path[PATH_MAX_KEY];
    int rc;

    if (key->secret != NULL || !key->here)
        return CW_OK;
    key_path(path, key->name, ".key");
    rc = cw_at_read_file(&text, keys->dir, path, err);
    return rc == CW_OK ? cw_keyfile_open(&key->secret, text.data, text.len, path, unlock, err) : rc;
}

int cw_key_sign(struct cw_buf *hex, const struct cw_key *key, const char *role, const void *data, size_t len,
                struct cw_err *err)
{
    const struct cw_signer_wish wish = {
        .keyid = key->id, .name = key->name, .role = role, .key = key->object};
    unsigned char signature[CW_ED25519_SIGNATURE];
    char text[2 * CW_ED25519_SIGNATURE + 1];
    int rc;

    if (key->secret == NULL)
        return cw_signer_sign(hex, key->signer, &wish, data, len, err);
    rc = cw_ed25519_sign(signature, key->secret, data, len, err);
    if (rc != CW_OK)
        return rc;
    cw_hex_format(text, signature, sizeof signature);
    cw_buf_adds(hex, text);
    return cw_buf_check(hex, "a signature", err);
}
