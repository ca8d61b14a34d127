/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a receipt, and as what a receipt says, signed by a key that all the world has: a stranger may sign what he
 * likes, too.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "doc/receipt.h"
#include "tests/fuzz/fuzz.h"

/* The secret half of the identity that the corpus names. */
static struct cw_secret *signer(void)
{
    static const unsigned char seed[CW_ED25519_SEED] = {0};
    static struct cw_secret *secret;
    struct cw_err err;

    if (secret == NULL)
        always(cw_crypt_init(&err) == CW_OK && cw_secret_from_seed(&secret, seed, &err) == CW_OK);
    return secret;
}

static void look_at_receipt(const struct cw_receipt *receipt)
{
    const json_t *length, *upstream;
    const char *sha256;
    size_t i;

    always(receipt->counter >= 1 && receipt->site[0] != '\0' && strlen(receipt->keyid) == 64);
    json_object_foreach ((json_t *)receipt->files, sha256, length)
        always(cw_receipt_holds(receipt, sha256, (uint64_t)json_integer_value(length)));
    json_array_foreach (receipt->upstreams, i, upstream) {
        const json_t *root = json_object_get(upstream, "root");

        always(cw_receipt_upstream(receipt, json_integer_value(json_object_get(root, "version")),
                                   json_string_value(json_object_get(root, "sha256"))) != NULL);
    }
}

static void look_at_text(const void *text, size_t len)
{
    CW_AUTO_RECEIPT receipt = {.doc = NULL};
    struct cw_err err = {.code = 0};
    int rc = cw_receipt_parse(&receipt, text, len, &err);

    if (rc == CW_OK)
        look_at_receipt(&receipt);
    else
        always(rc == CW_E_VERIFY && receipt.doc == NULL && err.text[0] != '\0');
}

/* What it says is parsed only to be written again; bytes that are no JSON never get as far as a payload. */
static void look_at_payload(const uint8_t *data, size_t size)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_RECEIPT_MAX);
    json_auto_t *payload = NULL, *envelope = NULL;
    struct cw_err err;

    if (cw_json_parse(&payload, data, size, &err) != CW_OK ||
        cw_envelope_new(&envelope, CW_RECEIPT_TYPE, payload, &err) != CW_OK)
        return;
    always(cw_envelope_sign(envelope, signer(), "stranger", &err) == CW_OK);
    always(cw_envelope_format(&text, envelope, &err) == CW_OK);
    look_at_text(cw_buf_text(&text), text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look_at_text(data, size);
    look_at_payload(data, size);
    return 0;
}
