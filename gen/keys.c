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
#define MISSING_SHOWN 8 /* names in one message; a person brings no more at once */

static int key_id(struct cw_key *key, struct cw_err *err)
{
    json_auto_t *object = NULL;
    int rc = cw_tuf_key_new(&object, key->public_key, err);

    return rc == CW_OK ? cw_tuf_key_id(key->id, object, err) : rc;
}

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

static int read_secret_file(struct cw_key *key, const struct cw_buf *text, struct cw_err *err)
{
    int rc = cw_keyfile_public(key->public_key, text->data, text->len, err);

    key->here = true;
    return rc == CW_OK ? cw_keyfile_is_locked(&key->locked, text->data, text->len, err) : rc;
}

static int read_public_file(struct cw_key *key, const struct cw_buf *text, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *keyval = NULL;
    const char *hex = NULL;
    int rc = cw_json_parse(&doc, text->data, text->len, err);

    if (rc == CW_OK)
        rc = cw_json_get_obj(&keyval, doc, "keyval", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&hex, keyval, "public", err);
    if (rc == CW_OK && !cw_hex_parse(key->public_key, sizeof key->public_key, hex))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'public' is not an ed25519 key");
    return rc;
}

/* The same name with the other suffix may have come first: both files must hold the same key. */
static int add_file(struct cw_keys *keys, const char *path, bool secret, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    struct cw_key found = {.secret = NULL};
    struct cw_key *key;
    char name[CW_PATH_MAX];
    char full[CW_PATH_MAX + sizeof CW_REPO_KEYS];
    int rc;

    snprintf(name, sizeof name, "%.*s", (int)(strlen(path) - 4), path);
    snprintf(full, sizeof full, "%s/%s", CW_REPO_KEYS, path);
    rc = cw_at_read_file(&text, keys->dir, full, err);
    if (rc == CW_OK)
        rc = secret ? read_secret_file(&found, &text, err) : read_public_file(&found, &text, err);
    if (rc == CW_OK)
        rc = key_id(&found, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", full);
    key = cw_keys_named(keys, name);
    if (key != NULL && strcmp(key->id, found.id) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s': its .key and .pub files hold different keys; remove the wrong one", full);
    if (key == NULL)
        rc = insert(&key, keys, name, err);
    if (rc != CW_OK)
        return rc;
    memcpy(key->id, found.id, sizeof key->id);
    memcpy(key->public_key, found.public_key, sizeof key->public_key);
    key->here = key->here || found.here;
    key->locked = key->locked || found.locked;
    return CW_OK;
}

static int visit(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    bool secret = cw_str_ends(path, ".key");

    if (!S_ISREG(st->st_mode) || strchr(path, '/') != NULL || path[0] == '.' ||
        (!secret && !cw_str_ends(path, ".pub")))
        return CW_OK;
    return add_file(ctx, path, secret, err);
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
        cw_secret_free(keys->items[i].secret);
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

/* The secret half first: a public one alone would say that the key is elsewhere. */
static int store(const struct cw_keys *keys, const struct cw_key *key, struct cw_unlock *unlock,
                 struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT secret = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_BUF public = CW_BUF_INIT(CW_KEYFILE_MAX);
    json_auto_t *object = NULL;
    char path[PATH_MAX_KEY];
    int rc = cw_keyfile_format(&secret, key->secret, unlock, err);

    if (rc == CW_OK)
        rc = cw_tuf_key_new(&object, key->public_key, err);
    if (rc == CW_OK)
        rc = cw_json_format(&public, object, err);
    if (rc != CW_OK)
        return rc;
    key_path(path, key->name, ".key");
    rc = cw_file_replace(keys->dir, path, secret.data, secret.len, 0600, err);
    key_path(path, key->name, ".pub");
    return rc == CW_OK ? cw_file_replace(keys->dir, path, public.data, public.len, 0644, err) : rc;
}

int cw_keys_take(struct cw_keys *keys, const char *name, struct cw_secret **secret, struct cw_unlock *unlock,
                 struct cw_err *err)
{
    struct cw_key new = {.here = true, .locked = unlock != NULL};
    struct cw_key *key;
    int rc;

    memcpy(new.public_key, cw_secret_public(*secret), sizeof new.public_key);
    rc = key_id(&new, err);
    if (rc != CW_OK)
        return rc;
    key = cw_keys_find(keys, new.id);
    if (key != NULL &&
        (key->here || strcmp(key->name, name) != 0)) /* one that was carried away may come back */
        return cw_err_set(err, CW_E_FAIL, "this is key '%s', which is there already", key->name);
    if (key == NULL && cw_keys_named(keys, name) != NULL)
        return cw_err_set(err, CW_E_FAIL, "there is a key '%s' already", name);
    if (key == NULL)
        rc = insert(&key, keys, name, err);
    if (rc != CW_OK)
        return rc;
    snprintf(new.name, sizeof new.name, "%s", key->name);
    new.secret = *secret;
    *secret = NULL;
    *key = new;
    rc = store(keys, key, unlock, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "key '%s'", name);
}

int cw_keys_make(struct cw_keys *keys, const char *name, struct cw_unlock *unlock, struct cw_err *err)
{
    CW_AUTO_SECRET *secret = NULL;
    int rc = cw_secret_new(&secret, err);

    return rc == CW_OK ? cw_keys_take(keys, name, &secret, unlock, err) : rc;
}

static int say_missing(const struct cw_keys *keys, const struct cw_tuf_role *role, size_t have,
                       struct cw_err *err)
{
    CW_AUTO_BUF list = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    const json_t *id;
    size_t i, shown = 0;

    json_array_foreach (role->keyids, i, id) {
        const struct cw_key *key = cw_keys_find(keys, json_string_value(id));

        if ((key != NULL && key->here) || shown++ >= MISSING_SHOWN)
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
                   const struct cw_tuf_role *role, struct cw_err *err)
{
    const json_t *id;
    size_t i, j;

    *count = 0;
    if (role->threshold < 1 || role->threshold > CW_KEYS_ROLE_MAX)
        return cw_err_set(err, CW_E_FAIL, "role '%s': a threshold of %lld is more than this version can sign",
                          role->name, (long long)role->threshold);
    for (i = 0; i < keys->count && *count < (size_t)role->threshold; i++) {
        if (!keys->items[i].here)
            continue;
        json_array_foreach (role->keyids, j, id) {
            if (strcmp(json_string_value(id), keys->items[i].id) == 0) {
                chosen[(*count)++] = &keys->items[i];
                break;
            }
        }
    }
    return *count < (size_t)role->threshold ? say_missing(keys, role, *count, err) : CW_OK;
}

int cw_keys_unlock(const struct cw_keys *keys, struct cw_key *key, struct cw_unlock *unlock,
                   struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    char path[PATH_MAX_KEY];
    int rc;

    if (key->secret != NULL)
        return CW_OK;
    key_path(path, key->name, ".key");
    rc = cw_at_read_file(&text, keys->dir, path, err);
    return rc == CW_OK ? cw_keyfile_open(&key->secret, text.data, text.len, path, unlock, err) : rc;
}
