/* SPDX-License-Identifier: ISC */
/*
 * The site's own key: see sync/identity.h.
 */
#include "sync/identity.h"

#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/keyfile.h"
#include "doc/envelope.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "sync/history.h"
#include "tuf/write.h"

int cw_identity_object(json_t **key, const struct cw_identity *identity, struct cw_err *err)
{
    return cw_tuf_key_new(key, identity->public_key, err);
}

static int set_id(struct cw_identity *identity, struct cw_err *err)
{
    json_auto_t *object = NULL;
    int rc = cw_identity_object(&object, identity, err);

    return rc == CW_OK ? cw_tuf_key_id(identity->id, object, err) : rc;
}

static int parse_public(struct cw_identity *identity, const struct cw_buf *text, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *keyval;
    const char *hex;
    int rc = cw_json_parse(&doc, cw_buf_text(text), text->len, err);

    if (rc == CW_OK)
        rc = cw_json_get_obj(&keyval, doc, "keyval", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&hex, keyval, "public", err);
    if (rc == CW_OK && !cw_hex_parse(identity->public_key, sizeof identity->public_key, hex))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'public' is not an ed25519 key");
    return rc == CW_OK ? set_id(identity, err) : rc;
}

int cw_identity_read(struct cw_identity *identity, int site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_KEYFILE_MAX);
    int rc = cw_at_read_file(&text, site, CW_IDENTITY_PUB, err);

    if (rc != CW_OK)
        return rc;
    rc = parse_public(identity, &text, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", CW_IDENTITY_PUB);
}

int cw_identity_read_file(struct cw_identity *identity, const char *path, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_FD int dir = -1;
    const char *name;
    int rc = cw_crypt_init(err);

    if (rc == CW_OK)
        rc = cw_dir_open_parent(&dir, &name, path, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, dir, name, err);
    if (rc == CW_OK)
        rc = parse_public(identity, &text, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

static int write_public(const struct cw_identity *identity, int site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_KEYFILE_MAX);
    json_auto_t *object = NULL;
    int rc = cw_identity_object(&object, identity, err);

    if (rc == CW_OK)
        rc = cw_json_format(&text, object, err);
    return rc == CW_OK ? cw_file_replace(site, CW_IDENTITY_PUB, cw_buf_text(&text), text.len, 0644, err) : rc;
}

static int record(const struct cw_identity *identity, int site, int64_t now, struct cw_err *err)
{
    json_auto_t *data = json_pack("{s:s}", "keyid", identity->id);

    return data != NULL ? cw_history_append(site, now, "identity", data, err) : cw_err_nomem(err);
}

static int make(struct cw_identity *identity, int site, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    CW_AUTO_SECRET *secret = NULL;
    int rc = cw_secret_new(&secret, err);

    if (rc != CW_OK)
        return rc;
    memcpy(identity->public_key, cw_secret_public(secret), sizeof identity->public_key);
    rc = set_id(identity, err);
    if (rc == CW_OK)
        rc = cw_keyfile_format(&text, secret, NULL, err);
    if (rc == CW_OK)
        rc = cw_file_replace(site, CW_IDENTITY_KEY, text.data, text.len, 0600, err);
    return rc;
}

/* The public half of a key that is there; its secret half stays in the file's text, which is wiped. */
static int derive(struct cw_identity *identity, int site, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    int rc = cw_at_read_file(&text, site, CW_IDENTITY_KEY, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_keyfile_public(identity->public_key, text.data, text.len, err);
    if (rc == CW_OK)
        rc = set_id(identity, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", CW_IDENTITY_KEY);
}

int cw_identity_ensure(struct cw_identity *identity, int site, int64_t now, struct cw_err *err)
{
    bool secret_there, public_there;
    int rc = cw_crypt_init(err);

    if (rc == CW_OK)
        rc = cw_at_has(&secret_there, site, CW_IDENTITY_KEY, err);
    if (rc == CW_OK)
        rc = cw_at_has(&public_there, site, CW_IDENTITY_PUB, err);
    if (rc != CW_OK)
        return rc;
    if (secret_there && public_there)
        return cw_identity_read(identity, site, err);
    if (public_there)
        return cw_err_set(
            err, CW_E_FAIL,
            "'%s' is missing: put it back, or remove '%s' too and let the site get a new identity",
            CW_IDENTITY_KEY, CW_IDENTITY_PUB);
    rc = secret_there ? derive(identity, site, err) : make(identity, site, err);
    if (rc == CW_OK)
        rc = write_public(identity, site, err);
    return rc != CW_OK || secret_there ? rc : record(identity, site, now, err);
}

/* The key of the file must be the one whose keyid the site shows. */
static int open_secret(struct cw_secret **secret, const struct cw_identity *identity, int site,
                       struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_KEYFILE_MAX);
    int rc = cw_at_read_file(&text, site, CW_IDENTITY_KEY, err);

    if (rc == CW_OK)
        rc = cw_keyfile_open(secret, text.data, text.len, CW_IDENTITY_KEY, NULL, err);
    if (rc == CW_OK &&
        memcmp(cw_secret_public(*secret), identity->public_key, sizeof identity->public_key) != 0)
        rc =
            cw_err_set(err, CW_E_VERIFY, "'%s' and '%s' are halves of different keys; put the right one back",
                       CW_IDENTITY_KEY, CW_IDENTITY_PUB);
    return rc;
}

int cw_identity_sign(struct cw_buf *text, int site, int64_t now, const char *payload_type,
                     const json_t *payload, struct cw_err *err)
{
    struct cw_identity identity;
    CW_AUTO_SECRET *secret = NULL;
    json_auto_t *doc = NULL;
    int rc = cw_identity_ensure(&identity, site, now, err);

    if (rc == CW_OK)
        rc = cw_envelope_new(&doc, payload_type, payload, err);
    if (rc == CW_OK)
        rc = open_secret(&secret, &identity, site, err);
    if (rc == CW_OK)
        rc = cw_envelope_sign(doc, secret, identity.id, err);
    return rc == CW_OK ? cw_envelope_format(text, doc, err) : rc;
}
