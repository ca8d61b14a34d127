/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen key: the keys themselves, and which of them sign for which role. The latter is said by signed metadata, so a change of
 * it is staged here and made by the next publish.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "cli/secret.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/pem.h"
#include "fs/commit.h"
#include "gen/commands.h"
#include "gen/keys.h"
#include "gen/public_file.h"
#include "gen/rekey.h"
#include "gen/repo.h"
#include "gen/state.h"
#include "gen/who.h"
#include "release/name.h"
#include "tuf/write.h"

static struct {
    struct cw_passphrase passphrase;
    bool plain, public_half;
    const char *signer, *to;
    int64_t timeout;
} given = {.passphrase = CW_PASSPHRASE_INIT, .timeout = CW_SIGNER_TIMEOUT};

const struct cw_option cmd_key_options[] = {
    {CW_OPTION_FLAG, "public", &given.public_half, NULL, "export the public half only"},
    {CW_OPTION_STRING, "to", &given.to, "DIR",
     "new: make the key in this folder, for a machine without a repository"},
    {CW_OPTION_STRING, "signer", &given.signer, "CMD",
     "import: the program that signs with the key whose public half FILE is"},
    {CW_OPTION_DURATION, "signer-timeout", &given.timeout, "TIME",
     "how long it may take for one signature (2m)"},
    {CW_OPTION_FLAG, "insecure-plain-keys", &given.plain, NULL,
     "do not encrypt the secret key that is written"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

struct work {
    struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_keys keys;
    struct cw_state state;
    struct cw_unlock *unlock; /* NULL: new keys are not encrypted */
    char **argv;              /* [0]: the verb */
    int argc;
};

static int open_keys(struct work *w, bool write, struct cw_err *err)
{
    int rc = cw_repo_open(&w->repo, w->cli, write, err);

    if (rc == CW_OK)
        rc = cw_keys_load(&w->keys, w->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_unlock_new(&w->unlock, cw_passphrase_ask, &given.passphrase, err);
    return rc;
}

static bool is_plain(const struct work *w)
{
    return given.plain || w->repo.config.plain_keys;
}

static const char *protection(const struct cw_key *key)
{
    if (key->here)
        return key->locked ? "" : "; it is NOT encrypted";
    return key->signer != NULL ? "; its signer signs with it" : "; it signs elsewhere";
}

static int report(const struct work *w, const struct cw_key *key, const char *what, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:s, s:s, s:b, s:b, s:b}", "name", key->name, "keyid", key->id, "here",
                                 key->here, "encrypted", key->locked, "signer", key->signer != NULL);

    if (doc == NULL)
        return cw_err_nomem(err);
    cw_cli_say(w->cli, "%s key '%s', keyid %s%s", what, key->name, key->id, protection(key));
    return cw_cli_json(w->cli, doc, err);
}

static int write_half(const char *name, const char *suffix, const struct cw_buf *text, mode_t mode,
                      struct cw_err *err)
{
    CW_AUTO_FREE char *path = cw_str_format("%s/%s%s", given.to, name, suffix);

    return path != NULL ? cw_secret_write_file(path, text, mode, err) : cw_err_nomem(err);
}

/* A pair of files that no repository knows yet: for who keeps a key on a machine of his own. */
static int make_apart(struct work *w, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT secret = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_BUF public = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_FD int dir = -1;
    struct cw_key key = {.here = true, .locked = !given.plain};
    int rc = cw_crypt_init(err);

    snprintf(key.name, sizeof key.name, "%s", w->argv[1]);
    if (rc == CW_OK)
        rc = cw_dir_create(&dir, given.to, err);
    if (rc == CW_OK)
        rc = cw_unlock_new(&w->unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_secret_new(&key.secret, err);
    if (rc == CW_OK)
        rc = cw_keyfile_format(&secret, key.secret, given.plain ? NULL : w->unlock, err);
    if (rc == CW_OK)
        rc = cw_tuf_key_new(&key.object, cw_secret_public(key.secret), err);
    if (rc == CW_OK)
        rc = cw_tuf_key_id(key.id, key.object, err);
    if (rc == CW_OK)
        rc = cw_json_format(&public, key.object, err);
    if (rc == CW_OK)
        rc = write_half(key.name, ".key", &secret, 0600, err);
    if (rc == CW_OK)
        rc = write_half(key.name, ".pub", &public, 0644, err);
    if (rc == CW_OK)
        rc = report(w, &key, "made", err);
    cw_key_clear(&key);
    return rc;
}

static int make(struct work *w, struct cw_err *err)
{
    int rc = cw_name_check(w->argv[1], "key", err);

    if (rc != CW_OK)
        return err->code = CW_E_USAGE;
    if (given.to != NULL)
        return make_apart(w, err);
    rc = open_keys(w, true, err);
    if (rc == CW_OK)
        rc = cw_keys_make(&w->keys, w->argv[1], is_plain(w) ? NULL : w->unlock, err);
    return rc == CW_OK ? report(w, cw_keys_named(&w->keys, w->argv[1]), "made", err) : rc;
}

/* Has it sign something, so that a wrong program is found now and not at a publish. */
static int try_signer(const struct cw_signer *signer, const json_t *object, const char *name,
                      struct cw_err *err)
{
    static const char text[] = "causeway-gen key import: is this the signer of this key?\n";
    CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);
    char id[CW_SHA256_TEXT];
    struct cw_signer_wish wish = {.keyid = id, .name = name, .role = "", .key = object};
    int rc = cw_tuf_key_id(id, object, err);

    return rc == CW_OK ? cw_signer_sign(&hex, signer, &wish, text, strlen(text), err) : rc;
}

static int import_public(struct work *w, const json_t *object, struct cw_err *err)
{
    CW_AUTO_SIGNER *signer = NULL;
    int rc = CW_OK;

    if (given.signer != NULL)
        rc = cw_signer_new(&signer, given.signer, given.timeout, err);
    if (rc == CW_OK && signer != NULL)
        rc = try_signer(signer, object, w->argv[1], err);
    return rc == CW_OK ? cw_keys_take_public(&w->keys, w->argv[1], object, &signer, err) : rc;
}

static int import_secret(struct work *w, struct cw_err *err)
{
    CW_AUTO_SECRET *secret = NULL;
    int rc;

    if (given.signer != NULL)
        return cw_err_set(err, CW_E_USAGE, "'%s' is no public half: '--signer' takes that of its key",
                          w->argv[2]);
    rc = cw_secret_read_file(&secret, w->argv[2], w->unlock, &given.passphrase, err);
    return rc == CW_OK ? cw_keys_take(&w->keys, w->argv[1], &secret, is_plain(w) ? NULL : w->unlock, err)
                       : rc;
}

static int import(struct work *w, struct cw_err *err)
{
    json_auto_t *object = NULL;
    int rc = cw_name_check(w->argv[1], "key", err);

    if (rc != CW_OK)
        return err->code = CW_E_USAGE;
    rc = open_keys(w, true, err);
    if (rc == CW_OK)
        rc = cw_public_file_read(&object, w->argv[2], err);
    if (rc == CW_OK)
        rc = object != NULL ? import_public(w, object, err) : import_secret(w, err);
    return rc == CW_OK ? report(w, cw_keys_named(&w->keys, w->argv[1]), "took in", err) : rc;
}

/* PEM of Ed25519 is made; keys of other kinds have it in their key object. */
static int write_public(struct cw_buf *text, const struct cw_key *key, struct cw_err *err)
{
    const char *public = json_string_value(json_object_get(json_object_get(key->object, "keyval"), "public"));
    unsigned char bytes[CW_ED25519_PUBLIC];

    if (cw_hex_parse(bytes, sizeof bytes, public))
        return cw_pem_write_public(text, bytes, err);
    cw_buf_adds(text, public);
    return cw_buf_check(text, "key", err);
}

static int export(struct work *w, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_PEM_MAX);
    struct cw_key *key;
    int rc = open_keys(w, false, err);

    if (rc != CW_OK)
        return rc;
    key = cw_keys_named(&w->keys, w->argv[1]);
    if (key == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "there is no key '%s'; 'causeway-gen key list' shows them",
                          w->argv[1]);
    if (!key->here && !given.public_half)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "the secret half of key '%s' is not here; --public exports the other", key->name);
    if (given.public_half)
        rc = write_public(&text, key, err);
    else
        rc = cw_keys_unlock(&w->keys, key, w->unlock, err);
    if (rc == CW_OK && !given.public_half)
        rc = cw_pem_write_secret(&text, key->secret, w->argv[2], given.plain ? NULL : cw_passphrase_ask,
                                 &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_secret_write_file(w->argv[2], &text, given.public_half ? 0644 : 0600, err);
    if (rc == CW_OK)
        cw_cli_say(w->cli, "wrote the %s half of key '%s' to '%s'", given.public_half ? "public" : "secret",
                   key->name, w->argv[2]);
    return rc;
}

static int list(struct work *w, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "keys");
    int rc = doc != NULL ? open_keys(w, false, err) : cw_err_nomem(err);

    for (size_t i = 0; i < w->keys.count && rc == CW_OK; i++) {
        const struct cw_key *key = &w->keys.items[i];

        cw_cli_say(w->cli, "%-28s %.16s  %s", key->name, key->id, cw_key_place(key));
        if (json_array_append_new(json_object_get(doc, "keys"),
                                  json_pack("{s:s, s:s, s:b, s:b, s:b}", "name", key->name, "keyid", key->id,
                                            "here", key->here, "encrypted", key->locked, "signer",
                                            key->signer != NULL)) != 0)
            rc = cw_err_nomem(err);
    }
    return rc == CW_OK ? cw_cli_json(w->cli, doc, err) : rc;
}

static void say_role(const struct cw_cli *cli, const json_t *role)
{
    const char *kind = json_string_value(json_object_get(role, "kind"));
    const char *name = json_string_value(json_object_get(role, "role"));
    long long threshold = json_integer_value(json_object_get(role, "threshold"));
    bool own = strcmp(kind, name) == 0;
    CW_AUTO_BUF with = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    const json_t *other;
    size_t i;

    json_array_foreach (json_object_get(role, "with"), i, other)
        cw_buf_addf(&with, "%s%s", i > 0 ? ", " : "", json_string_value(other));
    if (threshold == 1)
        cw_cli_say(cli, "  alone  %s%s%s", own ? "" : kind, own ? "" : " ", name);
    else
        cw_cli_say(cli, "  %s%s%s, with %lld of: %s", own ? "" : kind, own ? "" : " ", name, threshold - 1,
                   cw_buf_text(&with));
}

static void say_who(const struct cw_cli *cli, const json_t *doc)
{
    const json_t *key, *item;
    size_t i, k;

    json_array_foreach (json_object_get(doc, "keys"), i, key) {
        cw_cli_say(cli, "%s", json_string_value(json_object_get(key, "name")));
        json_array_foreach (json_object_get(key, "roles"), k, item)
            say_role(cli, item);
    }
    json_array_foreach (json_object_get(doc, "warnings"), i, item)
        cw_cli_warn(cli, "%s", json_string_value(item));
}

static int who(struct work *w, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = open_keys(w, false, err);

    if (rc == CW_OK)
        rc = cw_state_load(&w->state, w->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_who(&doc, &w->state, &w->keys, err);
    if (rc != CW_OK)
        return rc;
    say_who(w->cli, doc);
    return cw_cli_json(w->cli, doc, err);
}

/* A key by its name or by the beginning of its id, among those whose public half is here. */
static struct cw_key *find_key(const struct work *w, const char *word, struct cw_err *err)
{
    struct cw_key *key = cw_keys_named(&w->keys, word);

    if (key == NULL)
        key = cw_keys_find(&w->keys, word);
    if (key == NULL)
        cw_err_set(err, CW_E_NOTFOUND, "there is no key '%s'; 'causeway-gen key list' shows them", word);
    return key;
}

/* remove and add are words from the command line, or NULL. */
static int change(struct work *w, const char *remove, const char *add, int64_t threshold, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    struct cw_key *new = NULL;
    const struct cw_key *old;
    const char *role = w->argv[1];
    int rc = open_keys(w, true, err);

    if (rc == CW_OK)
        rc = cw_state_load(&w->state, w->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_rekey_load(&doc, w->repo.dir, err);
    if (rc == CW_OK && add != NULL && (new = find_key(w, add, err)) == NULL)
        rc = err->code;
    if (rc != CW_OK)
        return rc;
    old = remove != NULL ? find_key(w, remove, NULL) : NULL; /* else its id, as the metadata has it */
    if (remove != NULL && old == NULL && strspn(remove, "0123456789abcdef") != strlen(remove)) {
        (void)find_key(w, remove, err);
        return err->code;
    }
    rc = cw_rekey_change(doc, &w->state, role, old != NULL ? old->id : remove, new, threshold, err);
    if (rc == CW_OK)
        rc = cw_rekey_store(w->repo.dir, doc, err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(w->cli, "staged: role '%s'%s%s%s%s; next: '%s publish'", role,
               remove != NULL ? " without key " : "", remove != NULL ? remove : "",
               add != NULL ? " with key " : "", add != NULL ? add : "", w->cli->program->name);
    return cw_cli_json(w->cli, json_object_get(json_object_get(doc, "roles"), role), err);
}

static int rotate(struct work *w, struct cw_err *err)
{
    return change(w, w->argv[2], w->argv[3], 0, err);
}

static int add(struct work *w, struct cw_err *err)
{
    return change(w, NULL, w->argv[2], 0, err);
}

static int take_away(struct work *w, struct cw_err *err)
{
    return change(w, w->argv[2], NULL, 0, err);
}

static int set_threshold(struct work *w, struct cw_err *err)
{
    uint64_t threshold;

    if (!cw_str_to_u64(w->argv[2], CW_KEYS_ROLE_MAX, &threshold) || threshold == 0)
        return cw_err_set(err, CW_E_USAGE, "a threshold is a number from 1 to %d, not '%s'", CW_KEYS_ROLE_MAX,
                          w->argv[2]);
    return change(w, NULL, NULL, (int64_t)threshold, err);
}

/* Forgets staged changes. */
static int undo(struct work *w, struct cw_err *err)
{
    json_auto_t *none = json_pack("{s:{}}", "roles");
    json_auto_t *doc = NULL;
    struct cw_err ignored;
    const char *role;
    json_t *change;
    int rc = none != NULL ? cw_repo_open(&w->repo, w->cli, true, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        (void)cw_rekey_load(&doc, w->repo.dir, &ignored); /* what cannot be read goes, too */
    if (rc == CW_OK)
        rc = cw_rekey_store(w->repo.dir, none, err);
    if (rc != CW_OK)
        return rc;
    json_object_foreach (json_object_get(doc, "roles"), role, change) {
        cw_cli_say(w->cli, "forgot what was staged for the keys of %s", role);
    }
    cw_cli_say(w->cli, "no change of keys is staged");
    return CW_OK;
}

static const struct {
    const char *verb;
    int (*run)(struct work *w, struct cw_err *err);
    int args;
} verbs[] = {
    {"list", list, 0},     {"new", make, 1},         {"import", import, 2},
    {"export", export, 2}, {"who", who, 0},          {"rotate", rotate, 3},
    {"add", add, 2},       {"remove", take_away, 2}, {"threshold", set_threshold, 2},
    {"undo", undo, 0},
};

int cmd_key(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct work w = {.cli = cli, .repo = CW_REPO_INIT, .argv = argv + 1, .argc = argc - 2};
    int rc = cw_err_set(
        err, CW_E_USAGE,
        "'key %s': it is 'key list', 'key new NAME', 'key import NAME FILE', 'key export NAME FILE', 'key "
        "who', 'key rotate ROLE OLD NEW', 'key add ROLE NAME', 'key remove ROLE NAME', 'key threshold ROLE "
        "N' or 'key undo'",
        argv[1]);

    for (size_t i = 0; i < CW_COUNT(verbs); i++) {
        if (strcmp(verbs[i].verb, argv[1]) == 0 && verbs[i].args == w.argc) {
            cw_err_clear(err);
            rc = verbs[i].run(&w, err);
            break;
        }
    }
    cw_unlock_free(w.unlock);
    cw_state_clear(&w.state);
    cw_keys_clear(&w.keys);
    cw_repo_close(&w.repo);
    return rc;
}
