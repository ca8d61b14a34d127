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
#include "crypt/sign.h"
#include "tuf/meta.h"
#include "tuf/write.h"

#define MATERIAL                                                                                             \
    32 /* bytes that tell one key from another: an ed25519 key itself, a digest for longer ones */

struct kind {
    const char *keytype, *scheme;
    /* What makes this key this key, in one form however it was written; false for a key that is not
     * well-formed. */
    bool (*material)(unsigned char material[MATERIAL], const json_t *keyval);
    bool (*verify)(const json_t *keyval, const char *sig, const struct cw_buf *text);
};

static bool ed25519_material(unsigned char material[MATERIAL], const json_t *keyval)
{
    const char *text = json_string_value(json_object_get(keyval, "public"));

    return text != NULL && cw_hex_parse(material, CW_ED25519_PUBLIC, text);
}

static bool ed25519_verify(const json_t *keyval, const char *sig, const struct cw_buf *text)
{
    unsigned char public_key[CW_ED25519_PUBLIC], signature[CW_ED25519_SIGNATURE];

    return ed25519_material(public_key, keyval) && cw_hex_parse(signature, sizeof signature, sig) &&
           cw_ed25519_verify(public_key, signature, text->data, text->len);
}

static const struct kind kinds[] = {
    {"ed25519", "ed25519", ed25519_material, ed25519_verify},
};

static const struct kind *kind_of(const json_t *key)
{
    const char *keytype = json_string_value(json_object_get(key, "keytype"));
    const char *scheme = json_string_value(json_object_get(key, "scheme"));

    for (size_t i = 0; keytype != NULL && scheme != NULL && i < CW_COUNT(kinds); i++) {
        if (strcmp(kinds[i].keytype, keytype) == 0 && strcmp(kinds[i].scheme, scheme) == 0)
            return &kinds[i];
    }
    return NULL;
}

/* The keys that have been counted. */
struct counted {
    struct {
        const struct kind *kind;
        unsigned char material[MATERIAL];
    } * keys;
    size_t count;
};

static bool is_counted(const struct counted *counted, const struct kind *kind,
                       const unsigned char material[MATERIAL])
{
    for (size_t i = 0; i < counted->count; i++) {
        if (counted->keys[i].kind == kind && memcmp(counted->keys[i].material, material, MATERIAL) == 0)
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

/* Counts one key if it has signed and was not counted under another keyid. */
static void count_key(struct counted *counted, const json_t *key, const char *sig, const struct cw_buf *text)
{
    const struct kind *kind = kind_of(key);
    const json_t *keyval = json_object_get(key, "keyval");
    unsigned char material[MATERIAL] = {0};

    if (kind == NULL || sig == NULL || sig[0] == '\0' || !kind->material(material, keyval) ||
        is_counted(counted, kind, material) || !kind->verify(keyval, sig, text))
        return;
    counted->keys[counted->count].kind = kind;
    memcpy(counted->keys[counted->count].material, material, MATERIAL);
    counted->count++;
}

int cw_tuf_verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    const json_t *signatures = json_object_get(meta->doc, "signatures");
    size_t i, keyids = json_array_size(role->keyids);
    struct counted counted = {.keys = NULL, .count = 0};
    CW_AUTO_FREE void *memory = calloc(keyids + 1, sizeof counted.keys[0]);
    json_t *keyid;
    int rc = memory != NULL ? cw_crypt_init(err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_canon_format(&text, meta->signed_, err);
    if (rc != CW_OK)
        return rc;
    counted.keys = memory;
    json_array_foreach (role->keyids, i, keyid) {
        const char *id = json_string_value(keyid);

        count_key(&counted, json_object_get(role->keys, id), signature_by(signatures, id), &text);
        if ((int64_t)counted.count >= role->threshold)
            return CW_OK;
    }
    return cw_err_set(err, CW_E_VERIFY, "signed by %zu of the %lld keys that role '%s' needs", counted.count,
                      (long long)role->threshold, role->name);
}
