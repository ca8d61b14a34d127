/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen sign: shows what a folder that was carried here changes, and signs it. Needs no repository: the folder and a key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/passphrase.h"
#include "cli/secret.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/lock.h"
#include "fs/root.h"
#include "gen/commands.h"
#include "gen/folder.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define ANSWER_MAX 16

static struct {
    struct cw_passphrase passphrase;
    struct cw_cli_list keys;
    const char *signer;
    int64_t timeout;
    bool yes;
} given = {.passphrase = CW_PASSPHRASE_INIT, .timeout = CW_SIGNER_TIMEOUT};

const struct cw_option cmd_sign_options[] = {
    {CW_OPTION_LIST, "key", &given.keys, "KEY",
     "the file of a secret key; with --signer the name or id of one; may be repeated"},
    {CW_OPTION_STRING, "signer", &given.signer, "CMD", "the program that signs with KEY"},
    {CW_OPTION_DURATION, "signer-timeout", &given.timeout, "TIME",
     "how long it may take for one signature (2m)"},
    {CW_OPTION_FLAG, "yes", &given.yes, NULL, "sign without asking"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

struct signing {
    const struct cw_cli *cli;
    const char *path;
    struct cw_folder folder;
    struct cw_key keys[CW_KEYS_ROLE_MAX]; /* found with nobody's help but the command line's */
    size_t key_count;
    json_t *changes, *missing;
    json_t *signed_; /* [{"role", "key"}] */
};

/* ---- the keys ---- */

static int name_key(struct cw_key *key, const struct signing *s, const json_t *object, struct cw_err *err)
{
    int rc = cw_tuf_key_id(key->id, object, err);

    key->object = json_incref((json_t *)object);
    snprintf(key->name, sizeof key->name, "%s", cw_folder_key_name(&s->folder, key->id));
    return rc;
}

static int take_signer(struct cw_key *key, const struct signing *s, const char *word, struct cw_err *err)
{
    const json_t *object = cw_folder_key(NULL, &s->folder, word);

    if (object == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "no role of this ceremony wants a signature by a key '%s'",
                          word);
    return name_key(key, s, object, err);
}

static int take_file(struct cw_key *key, const struct signing *s, const char *path, struct cw_unlock *unlock,
                     struct cw_err *err)
{
    json_auto_t *object = NULL;
    int rc = cw_secret_read_file(&key->secret, path, unlock, &given.passphrase, err);

    if (rc == CW_OK)
        rc = cw_tuf_key_new(&object, cw_secret_public(key->secret), err);
    return rc == CW_OK ? name_key(key, s, object, err) : rc;
}

/* Whose signatures the folder lacks, for who came with another key. */
static int refuse_key(const struct signing *s, const struct cw_key *key, const char *word, struct cw_err *err)
{
    CW_AUTO_BUF wanted = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    json_auto_t *missing = NULL;
    const json_t *row, *name;
    size_t i, k;
    int rc = cw_folder_missing(&missing, &s->folder, err);

    json_array_foreach (missing, i, row) {
        cw_buf_addf(&wanted, "%sfor %s%s:", i > 0 ? "; " : "",
                    json_string_value(json_object_get(row, "role")), cw_folder_row_keys(row));
        json_array_foreach (json_object_get(row, "of"), k, name)
            cw_buf_addf(&wanted, "%s '%s'", k > 0 ? "," : "", json_string_value(name));
    }
    if (rc != CW_OK)
        return rc;
    return cw_err_set(
        err, CW_E_VERIFY,
        "'%s': no role of this ceremony wants a signature by this key (keyid %.16s); wanted are %s", word,
        key->id, i > 0 ? cw_buf_text(&wanted) : "none any more");
}

static int check_wanted(const struct signing *s, const struct cw_key *key, const char *word,
                        struct cw_err *err)
{
    size_t i;

    for (i = 0; i < s->folder.count; i++) {
        if (cw_folder_wants(&s->folder.roles[i], key->id))
            return CW_OK;
    }
    return refuse_key(s, key, word, err);
}

static int take_keys(struct signing *s, struct cw_unlock *unlock, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < given.keys.count && rc == CW_OK; i++) {
        struct cw_key *key = &s->keys[s->key_count++];
        const char *word = given.keys.items[i];

        if (given.signer != NULL) {
            rc = take_signer(key, s, word, err);
            if (rc == CW_OK)
                rc = cw_signer_new(&key->signer, given.signer, given.timeout, err);
        } else {
            rc = take_file(key, s, word, unlock, err);
        }
        if (rc == CW_OK)
            rc = check_wanted(s, key, word, err);
    }
    return rc;
}

/* ---- asking ---- */

/* The answer is a whole word, so that no stray key signs. */
static int ask(const struct signing *s, struct cw_err *err)
{
    CW_AUTO_FD int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    char answer[ANSWER_MAX] = "";
    ssize_t got;

    if (given.yes)
        return CW_OK;
    if (tty < 0)
        return cw_err_set(err, CW_E_USAGE,
                          "no terminal to ask whether to sign: give --yes where a person has read it");
    dprintf(tty, "\nsign this with");
    for (size_t i = 0; i < s->key_count; i++)
        dprintf(tty, "%s '%s'", i > 0 ? " and" : "", s->keys[i].name);
    dprintf(tty, "? Then type yes: ");
    got = cw_fd_read(tty, answer, sizeof answer - 1);
    if (got < 0)
        return cw_err_errno(err, errno, "unable to read the answer from the terminal");
    if (strcmp(answer, "yes\n") != 0)
        return cw_err_set(err, CW_E_FAIL, "not signed: the answer was not 'yes'");
    return CW_OK;
}

/* ---- signing ---- */

/* The bins of a product that one key signs become one row. */
static int note_signed(struct signing *s, const struct cw_folder_role *role, const struct cw_key *key,
                       struct cw_err *err)
{
    json_t *row, *bins;
    size_t i;

    if (role->bin_of != NULL) {
        json_array_foreach (s->signed_, i, row) {
            bins = json_object_get(row, "bins");
            if (bins != NULL && strcmp(json_string_value(json_object_get(row, "role")), role->bin_of) == 0 &&
                strcmp(json_string_value(json_object_get(row, "key")), key->name) == 0)
                return json_integer_set(bins, json_integer_value(bins) + 1) == 0 ? CW_OK : cw_err_nomem(err);
        }
    }
    row = cw_json_pack("{s:s, s:s, s:o*}", "role", cw_folder_subject(role), "key", key->name, "bins",
                       role->bin_of != NULL ? json_integer(1) : NULL);
    return json_array_append_new(s->signed_, row) == 0 ? CW_OK : cw_err_nomem(err);
}

static int sign_role(struct signing *s, struct cw_folder_role *role, struct cw_err *err)
{
    bool changed = false;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < s->key_count && rc == CW_OK; i++) {
        CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);
        const struct cw_key *key = &s->keys[i];
        bool added;

        if (!cw_folder_wants(role, key->id) || cw_folder_has(role, key->id))
            continue;
        rc = cw_folder_open_role(role, &s->folder, err);
        if (rc == CW_OK)
            rc = cw_key_sign(&hex, key, role->role, role->canonical.data, role->canonical.len, err);
        if (rc == CW_OK)
            rc = cw_folder_add(&added, role, key->id, hex.data, err);
        if (rc == CW_OK)
            rc = note_signed(s, role, key, err);
        changed = changed || rc == CW_OK;
    }
    if (rc == CW_OK && changed)
        rc = cw_folder_write(&s->folder, role, err);
    cw_folder_rest_role(role);
    return rc;
}

static int sign_all(struct signing *s, struct cw_err *err)
{
    struct cw_progress progress;
    size_t i;
    int rc = ask(s, err);

    cw_folder_begin(&s->folder, &progress, "signing");
    for (i = 0; i < s->folder.count && rc == CW_OK; i++)
        rc = sign_role(s, &s->folder.roles[i], err);
    cw_folder_end(&s->folder);
    return rc == CW_OK ? cw_folder_finish(&s->folder, err) : rc;
}

static int report(struct signing *s, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    const json_t *row;
    size_t i;
    int rc = cw_folder_missing(&s->missing, &s->folder, err);

    if (rc != CW_OK)
        return rc;
    cw_cli_say(s->cli, "%s", "");
    json_array_foreach (s->signed_, i, row) {
        char name[CW_FOLDER_ROW_NAME];

        cw_folder_row_name(name, row);
        cw_cli_say(s->cli, "signed %s with '%s'", name, json_string_value(json_object_get(row, "key")));
    }
    if (s->key_count > 0 && !s->cli->dry_run && i == 0)
        cw_cli_say(s->cli, "all of it was signed by this key before");
    cw_folder_say_missing(s->missing, s->cli);
    if (json_array_size(s->missing) == 0)
        cw_cli_say(s->cli, "no signature is missing: bring the folder back, and run 'publish' there");
    doc = json_pack("{s:O, s:O, s:O}", "changes", s->changes, "signed", s->signed_, "missing", s->missing);
    return doc != NULL ? cw_cli_json(s->cli, doc, err) : cw_err_nomem(err);
}

/* Who signs holds the lock from before he reads, so that nobody's signature is written over. Takes dir over. */
static int lock_and_load(struct signing *s, int dir, struct cw_err *err)
{
    int rc = CW_OK;

    if (given.keys.count > 0 && !s->cli->dry_run) {
        rc = cw_lock_folder(dir, s->path, err);
        if (rc == CW_OK)
            rc = cw_sweep(dir, CW_TREE_METADATA, err);
    }
    if (rc != CW_OK) {
        close(dir);
        return rc;
    }
    return cw_folder_load(&s->folder, dir, s->cli, err);
}

static int open_folder(struct signing *s, struct cw_err *err)
{
    int dir, rc = cw_crypt_init(err);

    if (rc == CW_OK)
        rc = cw_dir_open(&dir, s->path, err);
    if (rc == CW_OK)
        rc = lock_and_load(s, dir, err);
    if (rc == CW_OK)
        rc = cw_folder_changes(&s->changes, &s->folder, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", s->path);
    cw_folder_say(&s->folder, s->changes, s->cli);
    s->signed_ = json_array();
    return s->signed_ != NULL ? CW_OK : cw_err_nomem(err);
}

static int check_options(struct cw_err *err)
{
    if (given.signer != NULL && given.keys.count != 1)
        return cw_err_set(err, CW_E_USAGE, "'--signer' signs with one key: name it by --key");
    if (given.keys.count > CW_KEYS_ROLE_MAX)
        return cw_err_set(err, CW_E_USAGE, "more than %d keys", CW_KEYS_ROLE_MAX);
    return CW_OK;
}

int cmd_sign(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct signing s = {.cli = cli, .path = argv[1], .folder = CW_FOLDER_INIT};
    CW_AUTO_UNLOCK *unlock = NULL;
    int rc = check_options(err);

    (void)argc;
    if (rc == CW_OK)
        rc = open_folder(&s, err);
    if (rc == CW_OK)
        rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = take_keys(&s, unlock, err);
    if (rc == CW_OK && s.key_count > 0 && !cli->dry_run)
        rc = sign_all(&s, err);
    if (rc == CW_OK)
        rc = report(&s, err);
    for (size_t i = 0; i < s.key_count; i++)
        cw_key_clear(&s.keys[i]);
    json_decref(s.changes);
    json_decref(s.missing);
    json_decref(s.signed_);
    cw_folder_clear(&s.folder);
    return rc;
}
