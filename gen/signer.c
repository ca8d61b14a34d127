/* SPDX-License-Identifier: ISC */
/*
 * Asking a program for a signature; see gen/signer.h. How the process is run is in gen/signer_run.c.
 */
#include "gen/signer.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "gen/signer_run.h"
#include "tuf/meta.h"

#define BLANKS " \t\r\n"
#define WORDS_MAX 64 /* a program and its arguments */

static int signer_new(struct cw_signer **signer, int64_t timeout, struct cw_err *err)
{
    *signer = calloc(1, sizeof **signer);
    if (*signer == NULL)
        return cw_err_nomem(err);
    (*signer)->timeout = timeout;
    (*signer)->words = calloc(WORDS_MAX + 1, sizeof *(*signer)->words);
    return (*signer)->words != NULL ? CW_OK : cw_err_nomem(err);
}

static int add_word(struct cw_signer *signer, size_t at, const char *word, size_t len, struct cw_err *err)
{
    if (at == WORDS_MAX)
        return cw_err_set(err, CW_E_USAGE, "a signer of more than %d words: put them into a script",
                          WORDS_MAX);
    signer->words[at] = strndup(word, len);
    return signer->words[at] != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_signer_new(struct cw_signer **signer, const char *line, int64_t timeout, struct cw_err *err)
{
    size_t count = 0;
    int rc = signer_new(signer, timeout, err);

    for (line += strspn(line, BLANKS); rc == CW_OK && *line != '\0'; line += strspn(line, BLANKS)) {
        size_t len = strcspn(line, BLANKS);

        rc = add_word(*signer, count++, line, len, err);
        line += len;
    }
    if (rc == CW_OK && count == 0)
        rc = cw_err_set(err, CW_E_USAGE, "'--signer' names no program");
    return rc;
}

int cw_signer_parse(struct cw_signer **signer, const void *text, size_t len, struct cw_err *err)
{
    static const char *const known[] = {"_type", "format", "command", "timeout", NULL};
    json_auto_t *doc = NULL;
    json_t *command = NULL, *word;
    const char *timeout;
    int64_t seconds = 0;
    size_t i;
    int rc = cw_json_parse(&doc, text, len, err);

    if (rc == CW_OK)
        rc = cw_json_check_format(doc, CW_SIGNER_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_only(doc, known, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&command, doc, "command", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&timeout, doc, "timeout", err);
    if (rc == CW_OK && (cw_duration_parse(&seconds, timeout, err) != CW_OK || seconds <= 0))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'timeout' is no length of time");
    if (rc == CW_OK)
        rc = signer_new(signer, seconds, err);
    json_array_foreach (command, i, word) {
        if (rc == CW_OK && !json_is_string(word))
            rc = cw_err_set(err, CW_E_VERIFY, "field 'command' is not a list of words");
        if (rc == CW_OK)
            rc = add_word(*signer, i, json_string_value(word), json_string_length(word), err);
    }
    if (rc == CW_OK && json_array_size(command) == 0)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'command' names no program");
    return rc;
}

int cw_signer_format(struct cw_buf *buf, const struct cw_signer *signer, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:s, s:s, s:[], s:o}", "_type", CW_SIGNER_TYPE, "format", "1.0", "command",
                                 "timeout", json_sprintf("%llds", (long long)signer->timeout));
    size_t i;

    if (doc == NULL)
        return cw_err_nomem(err);
    for (i = 0; signer->words[i] != NULL; i++) {
        if (json_array_append_new(json_object_get(doc, "command"), json_string(signer->words[i])) != 0)
            return cw_err_set(err, CW_E_USAGE, "'--signer' must be UTF-8");
    }
    return cw_json_format(buf, doc, err);
}

void cw_signer_free(struct cw_signer *signer)
{
    size_t i;

    if (signer == NULL)
        return;
    for (i = 0; signer->words != NULL && signer->words[i] != NULL; i++)
        free(signer->words[i]);
    free(signer->words);
    free(signer);
}

/* ---- what it answered ---- */

/* The bytes written in hexadecimal digits or base64, blanks around them left out; empty for neither. */
static void decode(struct cw_buf *bytes, const struct cw_buf *answer, bool hex)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SIGNER_OUTPUT_MAX);
    size_t i;

    cw_buf_reset(bytes);
    for (i = 0; i < answer->len; i++) {
        if (strchr(BLANKS, answer->data[i]) == NULL || answer->data[i] == '\0')
            cw_buf_addc(&text, answer->data[i]);
    }
    if (text.len == 0)
        return;
    if (!hex) {
        if (!cw_base64_parse(bytes, text.data, text.len))
            cw_buf_reset(bytes);
        return;
    }
    cw_buf_add(bytes, text.data, text.len / 2); /* room for what follows */
    if (text.len % 2 != 0 || bytes->failed != 0 || !cw_hex_parse(bytes->data, text.len / 2, text.data))
        cw_buf_reset(bytes);
}

/* Which of the three forms it is decides the key: only one of them verifies. */
static int accept(struct cw_buf *out, const struct cw_buf *answer, const struct cw_public *key,
                  const void *data, size_t len, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_SIGNER_OUTPUT_MAX);
    CW_AUTO_FREE char *text = NULL;
    int form;

    for (form = 0; form < 3; form++) {
        const struct cw_buf *tried = form == 0 ? answer : &bytes;

        if (form > 0)
            decode(&bytes, answer, form == 1);
        if (tried->len == 0 || tried->len > CW_SIGNATURE_MAX ||
            !cw_public_verify(key, tried->data, tried->len, data, len))
            continue;
        text = malloc(2 * tried->len + 1);
        if (text == NULL)
            return cw_err_nomem(err);
        cw_hex_format(text, tried->data, tried->len);
        cw_buf_adds(out, text);
        return cw_buf_check(out, "a signature", err);
    }
    return cw_err_set(
        err, CW_E_VERIFY,
        "answered %zu bytes, which are no signature by this key over what it was given: does it "
        "sign with the right key?",
        answer->len);
}

int cw_signer_sign(struct cw_buf *hex, const struct cw_signer *signer, const struct cw_signer_wish *wish,
                   const void *data, size_t len, struct cw_err *err)
{
    CW_AUTO_BUF answer = CW_BUF_INIT(CW_SIGNER_OUTPUT_MAX);
    CW_AUTO_PUBLIC *key = NULL;
    const struct cw_signer_variable variables[] = {
        {"CAUSEWAY_KEYID", wish->keyid},
        {"CAUSEWAY_KEY_NAME", wish->name},
        {"CAUSEWAY_ROLE", wish->role},
        {"CAUSEWAY_KEYTYPE", json_string_value(json_object_get(wish->key, "keytype"))},
        {"CAUSEWAY_SCHEME", json_string_value(json_object_get(wish->key, "scheme"))},
        {NULL, NULL},
    };
    int rc = cw_tuf_key_parse(&key, wish->key, err);

    if (rc == CW_OK)
        rc = cw_signer_run(&answer, signer, variables, data, len, err);
    if (rc == CW_OK)
        rc = accept(hex, &answer, key, data, len, err);
    return rc == CW_OK ? CW_OK
                       : cw_err_prefix(err, "key '%s': its signer '%s'", wish->name, signer->words[0]);
}
