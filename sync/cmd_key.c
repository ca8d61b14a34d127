/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync key: keys of persons who approve. Such a key belongs to the person, not to a site, so no site is
 * needed; site.lua names its public half.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/secret.h"
#include "crypt/pem.h"
#include "fs/root.h"
#include "sync/commands.h"
#include "tuf/write.h"

#define PUBLIC_END ".pub"

static struct {
    struct cw_passphrase passphrase;
    bool plain;
} given = {.passphrase = CW_PASSPHRASE_INIT};

const struct cw_option cmd_key_options[] = {
    {CW_OPTION_FLAG, "insecure-plain-keys", &given.plain, NULL,
     "do not encrypt the secret key that is written"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

static int show(const struct cw_cli *cli, const struct cw_secret *secret, const char *said,
                struct cw_err *err)
{
    CW_AUTO_BUF pem = CW_BUF_INIT(CW_PEM_MAX);
    json_auto_t *key = NULL, *doc = NULL;
    char id[CW_SHA256_TEXT];
    int rc = cw_tuf_key_new(&key, cw_secret_public(secret), err);

    if (rc == CW_OK)
        rc = cw_tuf_key_id(id, key, err);
    if (rc == CW_OK)
        rc = cw_pem_write_public(&pem, cw_secret_public(secret), err);
    if (rc != CW_OK)
        return rc;
    doc = json_pack("{s:s, s:s}", "keyid", id, "public", cw_buf_text(&pem));
    if (doc == NULL)
        return cw_err_nomem(err);
    if (said != NULL)
        cw_cli_say(cli, "%s, keyid %s", said, id);
    else
        cw_cli_say(cli, "%.*s", (int)pem.len - 1, cw_buf_text(&pem));
    return cw_cli_json(cli, doc, err);
}

/* The public half first: a secret file without it would have to be opened to be of use. */
static int write_both(const struct cw_secret *secret, struct cw_unlock *unlock, const char *path,
                      struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_BUF pem = CW_BUF_INIT(CW_PEM_MAX);
    char public[CW_PATH_MAX];
    int rc = cw_keyfile_format(&text, secret, unlock, err);

    if (strlen(path) + sizeof PUBLIC_END > sizeof public)
        return cw_err_set(err, CW_E_USAGE, "'%s' is too long a name", path);
    snprintf(public, sizeof public, "%s" PUBLIC_END, path);
    if (rc == CW_OK)
        rc = cw_pem_write_public(&pem, cw_secret_public(secret), err);
    if (rc == CW_OK)
        rc = cw_secret_write_file(public, &pem, 0644, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_secret_write_file(path, &text, 0600, err);
    if (rc != CW_OK)
        unlink(public);
    return rc;
}

static int make(const struct cw_cli *cli, const char *path, struct cw_unlock *unlock, struct cw_err *err)
{
    CW_AUTO_SECRET *secret = NULL;
    char said[CW_PATH_MAX + 64];
    int rc = cw_secret_new(&secret, err);

    if (rc == CW_OK)
        rc = write_both(secret, given.plain ? NULL : unlock, path, err);
    if (rc != CW_OK)
        return rc;
    snprintf(said, sizeof said, "made '%s', and its public half '%s" PUBLIC_END "'%s", path, path,
             given.plain ? "; it is NOT encrypted" : "");
    return show(cli, secret, said, err);
}

int cmd_key(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;
    CW_AUTO_SECRET *secret = NULL;
    bool new = strcmp(argv[1], "new") == 0;
    int rc;

    (void)argc;
    if (!new &&strcmp(argv[1], "public") != 0)
        return cw_err_set(err, CW_E_USAGE, "'%s' is not a key command: new or public", argv[1]);
    rc = cw_crypt_init(err);
    if (rc == CW_OK)
        rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK && new)
        return make(cli, argv[2], unlock, err);
    if (rc == CW_OK)
        rc = cw_secret_read_file(&secret, argv[2], unlock, &given.passphrase, err);
    return rc == CW_OK ? show(cli, secret, NULL, err) : rc;
}
