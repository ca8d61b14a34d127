/* SPDX-License-Identifier: ISC */
/*
 * Do enough keys of a role stand behind a file? Each kind of key is a row of one table; keys of other kinds
 * are not known to us, so they count for nothing and harm nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/canon.h"
#include "codec/hex.h"
#include "tuf/meta.h"
#include "tuf/write.h"

/* The kinds of key, as metadata names them. The scheme's name as a keytype is how older tools
 * wrote it. */
static const struct {
    const char *keytype, *scheme;
    enum cw_public_kind kind;
} kinds[] = {
    {"ecdsa", "ecdsa-sha2-nistp256", CW_PUBLIC_ECDSA_P256},
    {"ecdsa", "ecdsa-sha2-nistp384", CW_PUBLIC_ECDSA_P384},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", CW_PUBLIC_ECDSA_P256},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", CW_PUBLIC_ECDSA_P384},
    {"ed25519", "ed25519", CW_PUBLIC_ED25519},
    {"rsa", "rsassa-pss-sha256", CW_PUBLIC_RSA_PSS_SHA256},
};

int cw_tuf_key_parse(struct cw_public **parsed, const json_t *key, struct cw_err *err)
{
    const char *keytype = json_string_value(json_object_get(key, "keytype"));
    const char *scheme = json_string_value(json_object_get(key, "scheme"));
    const char *text = json_string_value(json_object_get(json_object_get(key, "keyval"), "public"));

    for (size_t i = 0; keytype != NULL && scheme != NULL && i < CW_COUNT(kinds); i++) {
        if (strcmp(kinds[i].keytype, keytype) != 0 || strcmp(kinds[i].scheme, scheme) != 0)
            continue;
        if (text == NULL)
            return cw_err_set(err, CW_E_VERIFY, "keyval has no 'public'");
        return cw_public_parse(parsed, kinds[i].kind, text, err);
    }
    return cw_err_set(err, CW_E_NOTFOUND, "no known type and scheme");
}

/* The keys that have been counted, by their material: one key counts once under whatever keyids and in
 * whatever notations it is listed. */
struct counted {
    unsigned char (*materials)[CW_PUBLIC_MATERIAL];
    size_t count;
};

static bool is_counted(const struct counted *counted, const unsigned char *material)
{
    for (size_t i = 0; i < counted->count; i++) {
        if (memcmp(counted->materials[i], material, CW_PUBLIC_MATERIAL) == 0)
            return true;
    }
    return false;
}

static const char *signature_by(const json_t *signatures, const char *keyid)
{
    json_t *item;
    size_t i;

    json_array_foreach (signatures, i, item) {
        if (strcmp(json_string_value(json_object_get(item, "keyid")), keyid) == 0)
            return json_string_value(json_object_get(item, "sig"));
    }
    return NULL;
}

static bool has_signed(const struct cw_public *key, const char *sig, const struct cw_buf *text)
{
    unsigned char signature[CW_SIGNATURE_MAX];
    size_t digits = strlen(sig);

    return digits % 2 == 0 && digits / 2 <= sizeof signature && cw_hex_parse(signature, digits / 2, sig) &&
           cw_public_verify(key, signature, digits / 2, text->data, text->len);
}

/* Counts one key if it has signed and was not counted under another keyid. Fails only where memory does. */
static int count_key(struct counted *counted, const json_t *key, const char *sig, const struct cw_buf *text,
                     struct cw_err *err)
{
    CW_AUTO_PUBLIC *parsed = NULL;
    int rc;

    if (key == NULL || sig == NULL || sig[0] == '\0') /* listed but not yet signed */
        return CW_OK;
    rc = cw_tuf_key_parse(&parsed, key, err);
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND || rc == CW_E_VERIFY ? CW_OK : rc;
    if (is_counted(counted, cw_public_material(parsed)) || !has_signed(parsed, sig, text))
        return CW_OK;
    memcpy(counted->materials[counted->count++], cw_public_material(parsed), CW_PUBLIC_MATERIAL);
    return CW_OK;
}

bool cw_tuf_role_names(const struct cw_tuf_role *role, const char *keyid)
{
    const json_t *id;
    size_t i;

    json_array_foreach (role->keyids, i, id) {
        if (strcmp(json_string_value(id), keyid) == 0)
            return true;
    }
    return false;
}

bool cw_tuf_has_signed(const json_t *signatures, const char *keyid)
{
    const json_t *row;
    size_t i;

    json_array_foreach (signatures, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "keyid")), keyid) == 0)
            return true;
    }
    return false;
}

int cw_tuf_verify_text(const json_t *signatures, const struct cw_buf *canonical,
                       const struct cw_tuf_role *role, struct cw_err *err)
{
    size_t i, keyids = json_array_size(role->keyids);
    struct counted counted = {.materials = NULL, .count = 0};
    CW_AUTO_FREE void *memory = calloc(keyids + 1, sizeof counted.materials[0]);
    json_t *keyid;

    if (memory == NULL)
        return cw_err_nomem(err);
    counted.materials = memory;
    json_array_foreach (role->keyids, i, keyid) {
        const char *id = json_string_value(keyid);
        int rc = count_key(&counted, json_object_get(role->keys, id), signature_by(signatures, id), canonical,
                           err);

        if (rc != CW_OK)
            return rc;
        if ((int64_t)counted.count >= role->threshold)
            return CW_OK;
    }
    return cw_err_set(err, CW_E_VERIFY, "signed by %zu of the %lld keys that role '%s' needs", counted.count,
                      (long long)role->threshold, role->name);
}

int cw_tuf_verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    int rc = cw_canon_format(&text, meta->signed_, err);

    return rc == CW_OK ? cw_tuf_verify_text(json_object_get(meta->doc, "signatures"), &text, role, err) : rc;
}
