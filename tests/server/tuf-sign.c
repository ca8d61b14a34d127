/* SPDX-License-Identifier: ISC */
/*
 * The signer of the repository simulator (tufsim.py), which cannot sign Ed25519 itself. One JSON object a
 * line on standard input, one answer a line: {"key": NAME} gives the key object and its keyid, {"signed":
 * {…}, "keys": [NAME…]} the envelope. A key is made of its name, so that nothing is to be kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "tuf/write.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

static int secret_of(struct cw_secret **secret, const char *name, struct cw_err *err)
{
    unsigned char seed[CW_ED25519_SEED];
    char hex[CW_SHA256_TEXT];
    int rc = cw_sha256(hex, name, strlen(name), err);

    if (rc != CW_OK || !cw_hex_parse(seed, sizeof seed, hex))
        return rc != CW_OK ? rc : cw_err_set(err, CW_E_FAIL, "no seed");
    return cw_secret_from_seed(secret, seed, err);
}

static int tell_key(json_t **answer, const char *name, struct cw_err *err)
{
    CW_AUTO_SECRET *secret = NULL;
    json_auto_t *key = NULL;
    char id[CW_SHA256_TEXT];
    int rc = secret_of(&secret, name, err);

    if (rc == CW_OK)
        rc = cw_tuf_key_new(&key, cw_secret_public(secret), err);
    if (rc == CW_OK)
        rc = cw_tuf_key_id(id, key, err);
    if (rc != CW_OK)
        return rc;
    *answer = json_pack("{s:O, s:s}", "key", key, "keyid", id);
    return *answer != NULL ? CW_OK : cw_err_nomem(err);
}

static int sign(json_t **envelope, json_t *signed_, const json_t *keys, struct cw_err *err)
{
    json_t *name;
    size_t i;
    int rc = cw_tuf_envelope_new(envelope, signed_, err);

    json_array_foreach (keys, i, name) {
        CW_AUTO_SECRET *secret = NULL;

        if (rc == CW_OK)
            rc = secret_of(&secret, json_string_value(name), err);
        if (rc == CW_OK)
            rc = cw_tuf_envelope_sign(*envelope, secret, err);
    }
    return rc;
}

static int answer_line(const char *line, size_t len, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(LINE_MAX_BYTES);
    json_auto_t *ask = NULL, *answer = NULL;
    int rc = cw_json_parse(&ask, line, len, err);

    if (rc != CW_OK)
        return rc;
    if (json_object_get(ask, "key") != NULL)
        rc = tell_key(&answer, json_string_value(json_object_get(ask, "key")), err);
    else
        rc = sign(&answer, json_object_get(ask, "signed"), json_object_get(ask, "keys"), err);
    if (rc == CW_OK)
        rc = cw_json_format_line(&text, answer, err);
    if (rc == CW_OK && (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0))
        rc = cw_err_set(err, CW_E_FAIL, "unable to answer");
    return rc;
}

int main(void)
{
    CW_AUTO_FREE char *line = NULL;
    size_t room = 0;
    ssize_t n;
    struct cw_err err = {.code = CW_OK};
    int rc = cw_crypt_init(&err);

    while (rc == CW_OK && (n = getline(&line, &room, stdin)) > 0)
        rc = answer_line(line, (size_t)n, &err);
    if (rc != CW_OK)
        fprintf(stderr, "tuf-sign: %s\n", err.text);
    return rc == CW_OK ? 0 : 1;
}
