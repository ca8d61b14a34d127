/* SPDX-License-Identifier: ISC */
/*
 * Public keys of other people's tools, however they wrote them down, as the key objects of metadata.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/sign.h"
#include "tuf/meta.h"

#define BEGIN_PUBLIC "-----BEGIN PUBLIC KEY-----"
#define END_PUBLIC "-----END PUBLIC KEY-----"

/* What a SubjectPublicKeyInfo of Ed25519 begins with (RFC 8410); the key's 32 bytes follow. */
static const unsigned char ed25519_info[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                             0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static json_t *key_object(const char *keytype, const char *scheme, const char *text)
{
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", keytype, "scheme", scheme, "keyval", "public", text);
}

/* The text between the lines of PEM, decoded; empty for what is none. */
static void decode_pem(struct cw_buf *der, const char *begin, const char *end)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX);

    for (begin += strlen(BEGIN_PUBLIC); begin < end; begin++) {
        if (strchr(" \t\r\n", *begin) == NULL)
            cw_buf_addc(&text, *begin);
    }
    if (text.failed != 0 || !cw_base64_parse(der, cw_buf_text(&text), text.len))
        cw_buf_reset(der);
}

/* Gives the key of the first kind that takes it; *object stays NULL if none does. */
static int try_kinds(json_t **object, const char *pem, struct cw_err *err)
{
    static const struct {
        const char *keytype, *scheme;
    } kinds[] = {
        {"ecdsa", "ecdsa-sha2-nistp256"}, {"ecdsa", "ecdsa-sha2-nistp384"}, {"rsa", "rsassa-pss-sha256"}};
    size_t i;

    for (i = 0; i < CW_COUNT(kinds); i++) {
        CW_AUTO_PUBLIC *key = NULL;
        json_t *made = key_object(kinds[i].keytype, kinds[i].scheme, pem);
        int rc = made != NULL ? cw_tuf_key_parse(&key, made, err) : cw_err_nomem(err);

        if (rc == CW_OK) {
            *object = made;
            return CW_OK;
        }
        json_decref(made);
        if (rc != CW_E_VERIFY)
            return rc;
    }
    return CW_OK;
}

static int read_pem(json_t **object, const char *begin, struct cw_err *err)
{
    CW_AUTO_BUF der = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX), pem = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX);
    const char *end = strstr(begin, END_PUBLIC);
    char hex[2 * CW_ED25519_PUBLIC + 1];
    int rc;

    if (end == NULL)
        return cw_err_set(err, CW_E_VERIFY, "its PEM has no end");
    decode_pem(&der, begin, end);
    if (der.len == sizeof ed25519_info + CW_ED25519_PUBLIC &&
        memcmp(der.data, ed25519_info, sizeof ed25519_info) == 0) {
        cw_hex_format(hex, der.data + sizeof ed25519_info, CW_ED25519_PUBLIC);
        *object = key_object("ed25519", "ed25519", hex);
        return *object != NULL ? CW_OK : cw_err_nomem(err);
    }
    cw_buf_add(&pem, begin, (size_t)(end - begin));
    cw_buf_adds(&pem, END_PUBLIC "\n");
    rc = cw_buf_check(&pem, "key", err);
    if (rc == CW_OK)
        rc = try_kinds(object, pem.data, err);
    if (rc == CW_OK && *object == NULL)
        rc = cw_err_set(
            err, CW_E_VERIFY,
            "is no key of a kind that is known: Ed25519, ECDSA on P-256 or P-384, RSA of 2048 bits "
            "and more");
    return rc;
}

/* Only what makes the key, so that its keyid does not depend on a tool's remarks. */
static int read_object(json_t **object, const char *text, size_t len, struct cw_err *err)
{
    CW_AUTO_PUBLIC *key = NULL;
    json_auto_t *doc = NULL;
    const char *keytype, *scheme, *public;
    json_t *keyval;
    int rc = cw_json_parse(&doc, text, len, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&keytype, doc, "keytype", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&scheme, doc, "scheme", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&keyval, doc, "keyval", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&public, keyval, "public", err);
    if (rc == CW_OK)
        rc = cw_tuf_key_parse(&key, doc, err);
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
    *object = key_object(keytype, scheme, public);
    return *object != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_tuf_key_read(json_t **object, const char *text, size_t len, struct cw_err *err)
{
    const char *begin;

    *object = NULL;
    if (memchr(text, '\0', len) != NULL || len > CW_PUBLIC_TEXT_MAX)
        return cw_err_set(err, CW_E_VERIFY, "is no text of a public key");
    begin = strstr(text, BEGIN_PUBLIC);
    if (begin != NULL)
        return read_pem(object, begin, err);
    if (text[strspn(text, " \t\r\n")] == '{' && strstr(text, "\"causeway-key\"") == NULL)
        return read_object(object, text, len, err);
    if (strstr(text, "PRIVATE KEY") != NULL || strstr(text, "\"causeway-key\"") != NULL)
        return cw_err_set(err, CW_E_VERIFY, "is a secret key: give its public half");
    return cw_err_set(err, CW_E_VERIFY, "is neither PEM (\"BEGIN PUBLIC KEY\") nor a key of TUF");
}
