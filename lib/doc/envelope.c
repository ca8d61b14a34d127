/* SPDX-License-Identifier: ISC */
/*
 * Reading, verifying and making DSSE envelopes.
 */
#include "doc/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"

#define FRAME_MAX 64      /* "DSSEv1", two lengths and the spaces between */
#define COORDINATE_MAX 48 /* bytes of r and s on P-384 */

int cw_envelope_signed_text(struct cw_buf *buf, const char *payload_type, const void *payload, size_t len,
                            struct cw_err *err)
{
    buf->max = FRAME_MAX + CW_ENVELOPE_TYPE_MAX + CW_ENVELOPE_PAYLOAD_MAX;
    cw_buf_addf(buf, "DSSEv1 %zu %s %zu ", strlen(payload_type), payload_type, len);
    cw_buf_add(buf, payload, len);
    return cw_buf_check(buf, "text to be signed", err);
}

/* ---- reading ---- */

static int decode(struct cw_buf *buf, const json_t *text, struct cw_err *err)
{
    if (!cw_base64_parse(buf, json_string_value(text), json_string_length(text)) && buf->failed == 0)
        return cw_err_set(err, CW_E_VERIFY, "is not base64");
    if (buf->failed == CW_E_FAIL)
        return cw_err_set(err, CW_E_VERIFY, "is more than %zu bytes", buf->max);
    if (cw_buf_check(buf, "envelope", err) != CW_OK)
        return buf->failed;
    return buf->len > 0 ? CW_OK : cw_err_set(err, CW_E_VERIFY, "is empty");
}

static int parse_payload(struct cw_envelope *envelope, const json_t *doc, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&envelope->payload_type, doc, "payloadType", err);

    if (rc == CW_OK &&
        (envelope->payload_type[0] == '\0' || strlen(envelope->payload_type) > CW_ENVELOPE_TYPE_MAX))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'payloadType' does not have 1 to %d bytes",
                        CW_ENVELOPE_TYPE_MAX);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, doc, "payload", err);
    if (rc != CW_OK)
        return rc;
    rc = decode(&envelope->payload, json_object_get(doc, "payload"), err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "field 'payload'");
}

static int parse_signature(struct cw_envelope_signature *signature, const json_t *item, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(sizeof signature->bytes);
    const char *text;
    int rc;

    if (!json_is_object(item))
        return cw_err_set(err, CW_E_VERIFY, "is not an object");
    rc = cw_json_get_str(&text, item, "sig", err);
    if (rc != CW_OK)
        return rc;
    rc = decode(&bytes, json_object_get(item, "sig"), err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "field 'sig'");
    memcpy(signature->bytes, bytes.data, bytes.len);
    signature->len = bytes.len;
    return CW_OK;
}

static int parse_signatures(struct cw_envelope *envelope, const json_t *doc, struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = cw_json_get_array(&list, doc, "signatures", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(list) < 1 || json_array_size(list) > CW_ENVELOPE_SIGNATURES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "has %zu signatures, not 1 to %d", json_array_size(list),
                          CW_ENVELOPE_SIGNATURES_MAX);
    envelope->signatures = calloc(json_array_size(list), sizeof *envelope->signatures);
    if (envelope->signatures == NULL)
        return cw_err_nomem(err);
    json_array_foreach (list, i, item) {
        rc = parse_signature(&envelope->signatures[envelope->signature_count++], item, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "signatures[%zu]", i);
    }
    return CW_OK;
}

static int parse(struct cw_envelope *envelope, const void *bytes, size_t len, struct cw_err *err)
{
    json_t *doc, *inner = NULL;
    int rc;

    if (len > CW_ENVELOPE_MAX)
        return cw_err_set(err, CW_E_VERIFY, "is larger than %zu bytes", CW_ENVELOPE_MAX);
    rc = cw_json_parse_foreign(&envelope->doc, bytes, len, err);
    doc = envelope->doc;
    if (rc == CW_OK && !json_is_object(doc))
        rc = cw_err_set(err, CW_E_VERIFY, "is not a JSON object");
    if (rc == CW_OK)
        rc = cw_json_opt_obj(&inner, doc, "dsseEnvelope", err);
    if (rc != CW_OK)
        return rc;
    doc = inner != NULL ? inner : doc;
    rc = parse_payload(envelope, doc, err);
    return rc == CW_OK ? parse_signatures(envelope, doc, err) : rc;
}

int cw_envelope_parse(struct cw_envelope *envelope, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    *envelope = (struct cw_envelope){.payload = CW_BUF_INIT(CW_ENVELOPE_PAYLOAD_MAX)};
    rc = parse(envelope, bytes, len, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_envelope_clear(envelope);
    cw_err_prefix(err, "envelope");
    return rc;
}

void cw_envelope_clear(struct cw_envelope *envelope)
{
    json_decref(envelope->doc);
    cw_buf_clear(&envelope->payload);
    free(envelope->signatures);
    *envelope = (struct cw_envelope){.doc = NULL};
}

/* ---- verifying ---- */

/* An INTEGER of DER: no zeros in front but one where the first bit would be a sign. Gives the bytes
 * written. */
static size_t write_integer(unsigned char *out, const unsigned char *digits, size_t len)
{
    size_t pad;

    while (len > 1 && digits[0] == 0) {
        digits++;
        len--;
    }
    pad = digits[0] >> 7;
    out[0] = 2;
    out[1] = (unsigned char)(len + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, digits, len);
    return 2 + pad + len;
}

/* ECDSA's r and s, one behind the other (IEEE P1363; WebCrypto signs so), as the DER that libcrypto reads.
 * What is written is shorter than 128 bytes, so each length is one byte. */
static bool verify_joined(const struct cw_public *key, const struct cw_envelope_signature *signature,
                          const struct cw_buf *text)
{
    unsigned char der[2 + 2 * (3 + COORDINATE_MAX)];
    size_t half = signature->len / 2, len = 2;

    if (signature->len != 64 && signature->len != 2 * COORDINATE_MAX)
        return false;
    len += write_integer(der + len, signature->bytes, half);
    len += write_integer(der + len, signature->bytes + half, half);
    der[0] = 0x30;
    der[1] = (unsigned char)(len - 2);
    return cw_public_verify(key, der, len, text->data, text->len);
}

static bool has_signed(const struct cw_envelope *envelope, const struct cw_public *key,
                       const struct cw_buf *text)
{
    size_t i;

    for (i = 0; i < envelope->signature_count; i++) {
        const struct cw_envelope_signature *signature = &envelope->signatures[i];

        if (cw_public_verify(key, signature->bytes, signature->len, text->data, text->len) ||
            verify_joined(key, signature, text))
            return true;
    }
    return false;
}

int cw_envelope_signers(bool *signed_by, const struct cw_envelope *envelope, struct cw_public *const *keys,
                        size_t count, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(0);
    size_t i;
    int rc;

    if (count > CW_ENVELOPE_KEYS_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d keys for one document", CW_ENVELOPE_KEYS_MAX);
    rc = cw_envelope_signed_text(&text, envelope->payload_type, envelope->payload.data, envelope->payload.len,
                                 err);
    for (i = 0; i < count && rc == CW_OK; i++)
        signed_by[i] = has_signed(envelope, keys[i], &text);
    return rc;
}

size_t cw_envelope_count_keys(struct cw_public *const *keys, const bool *chosen, size_t count)
{
    size_t i, j, different = 0;

    for (i = 0; i < count; i++) {
        if (!chosen[i])
            continue;
        for (j = 0; j < i; j++) {
            if (chosen[j] &&
                memcmp(cw_public_material(keys[i]), cw_public_material(keys[j]), CW_PUBLIC_MATERIAL) == 0)
                break;
        }
        different += j == i;
    }
    return different;
}

int cw_envelope_verify(const struct cw_envelope *envelope, const char *payload_type,
                       struct cw_public *const *keys, size_t count, size_t threshold, struct cw_err *err)
{
    bool signed_by[CW_ENVELOPE_KEYS_MAX] = {false};
    size_t found;
    int rc = cw_envelope_signers(signed_by, envelope, keys, count, err);

    if (rc != CW_OK)
        return rc;
    if (strcmp(envelope->payload_type, payload_type) != 0)
        return cw_err_set(err, CW_E_VERIFY, "holds a '%s', not a '%s'", envelope->payload_type, payload_type);
    found = cw_envelope_count_keys(keys, signed_by, count);
    if (threshold < 1 || found < threshold)
        return cw_err_set(err, CW_E_VERIFY, "signed by %zu of the %zu keys that are needed", found,
                          threshold);
    return CW_OK;
}

/* ---- making ---- */

int cw_envelope_new(json_t **doc, const char *payload_type, const json_t *payload, struct cw_err *err)
{
    CW_AUTO_BUF body = CW_BUF_INIT(CW_ENVELOPE_PAYLOAD_MAX), text = CW_BUF_INIT(CW_ENVELOPE_MAX);
    int rc = cw_json_format_line(&body, payload, err);

    *doc = NULL;
    if (rc != CW_OK)
        return rc;
    if (payload_type[0] == '\0' || strlen(payload_type) > CW_ENVELOPE_TYPE_MAX)
        return cw_err_set(err, CW_E_FAIL, "payload type '%.40s' does not have 1 to %d bytes", payload_type,
                          CW_ENVELOPE_TYPE_MAX);
    cw_base64_format(&text, body.data, body.len);
    rc = cw_buf_check(&text, "payload", err);
    if (rc != CW_OK)
        return rc;
    *doc = json_pack("{s:s, s:s, s:[]}", "payloadType", payload_type, "payload", text.data, "signatures");
    return *doc != NULL ? CW_OK : cw_err_nomem(err);
}

static int sign(struct cw_buf *sig, const json_t *doc, const struct cw_secret *secret, struct cw_err *err)
{
    struct cw_envelope unsigned_ = {.payload = CW_BUF_INIT(CW_ENVELOPE_PAYLOAD_MAX)};
    CW_AUTO_BUF text = CW_BUF_INIT(0);
    unsigned char signature[CW_ED25519_SIGNATURE];
    int rc = parse_payload(&unsigned_, doc, err);

    if (rc == CW_OK)
        rc = cw_envelope_signed_text(&text, unsigned_.payload_type, unsigned_.payload.data,
                                     unsigned_.payload.len, err);
    cw_envelope_clear(&unsigned_);
    if (rc == CW_OK)
        rc = cw_ed25519_sign(signature, secret, text.data, text.len, err);
    if (rc != CW_OK)
        return rc;
    cw_base64_format(sig, signature, sizeof signature);
    return cw_buf_check(sig, "signature", err);
}

int cw_envelope_sign(json_t *doc, const struct cw_secret *secret, const char *keyid, struct cw_err *err)
{
    CW_AUTO_BUF sig = CW_BUF_INIT(2 * CW_ED25519_SIGNATURE);
    json_t *list = json_object_get(doc, "signatures"), *item;
    size_t i;
    int order = 1, rc = sign(&sig, doc, secret, err);

    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, item) {
        order = strcmp(json_string_value(json_object_get(item, "keyid")), keyid);
        if (order >= 0)
            break;
    }
    if (order != 0 && json_array_size(list) == CW_ENVELOPE_SIGNATURES_MAX)
        return cw_err_set(err, CW_E_FAIL, "has %d signatures, and takes no more", CW_ENVELOPE_SIGNATURES_MAX);
    item = json_pack("{s:s, s:s}", "keyid", keyid, "sig", sig.data);
    if (item == NULL ||
        (order == 0 ? json_array_set_new(list, i, item) : json_array_insert_new(list, i, item)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_envelope_format(struct cw_buf *buf, const json_t *doc, struct cw_err *err)
{
    return cw_json_format(buf, doc, err);
}
