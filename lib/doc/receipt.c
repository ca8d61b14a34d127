/* SPDX-License-Identifier: ISC */
/*
 * Reading receipts: see doc/receipt.h. Each is foreign bytes until its signature was checked, and a stranger's word
 * after that.
 */
#include "doc/receipt.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/hex.h"
#include "codec/json.h"

#define KEY_TEXT_MAX ((size_t)512)
#define SITE_NAME_MAX 180 /* as lib/release/name.h has it */
#define LIST_MAX 4096     /* of upstreams, products, patterns: hundreds of times what a site has */

static int check_text(const char *text, const char *what, struct cw_err *err)
{
    size_t i, step;

    for (i = 0; text[i] != '\0'; i += step) {
        step = cw_str_printable(text + i);
        if (step == 0)
            return cw_err_set(err, CW_E_VERIFY, "%s has a character that is not printable", what);
    }
    if (i == 0 || i > SITE_NAME_MAX)
        return cw_err_set(err, CW_E_VERIFY, "%s is empty, or longer than %d bytes", what, SITE_NAME_MAX);
    return CW_OK;
}

static int get_text(const char **value, const json_t *obj, const char *key, struct cw_err *err)
{
    int rc = cw_json_get_str(value, obj, key, err);

    return rc == CW_OK ? check_text(*value, key, err) : rc;
}

static int check_hash(const json_t *obj, const char *key, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, obj, key, err);

    if (rc == CW_OK && !cw_hex_is_sha256(text))
        rc = cw_err_set(err, CW_E_VERIFY, "field '%s' is not 64 lower-case hex digits", key);
    return rc;
}

/* The keyid of TUF: the hash of the key object's canonical form. */
static int set_keyid(char keyid[CW_SHA256_TEXT], const char *public_key, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(KEY_TEXT_MAX);
    json_auto_t *key = json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval",
                                 "public", public_key);
    int rc = key != NULL ? cw_canon_format(&text, key, err) : cw_err_nomem(err);

    return rc == CW_OK ? cw_sha256(keyid, cw_buf_text(&text), text.len, err) : rc;
}

static int check_signature(struct cw_receipt *receipt, const struct cw_envelope *envelope, struct cw_err *err)
{
    struct cw_public *key = NULL;
    int rc = cw_public_parse(&key, CW_PUBLIC_ED25519, receipt->identity, err);

    if (rc == CW_OK)
        rc = cw_envelope_verify(envelope, CW_RECEIPT_TYPE, &key, 1, 1, err);
    cw_public_free(key);
    return rc == CW_OK ? set_keyid(receipt->keyid, receipt->identity, err) : rc;
}

static int check_texts(const json_t *obj, const char *key, struct cw_err *err)
{
    json_t *list = NULL, *item;
    size_t i;
    int rc = cw_json_opt_array(&list, obj, key, err);

    if (rc != CW_OK || list == NULL)
        return rc;
    if (json_array_size(list) > LIST_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field '%s' has more than %d entries", key, LIST_MAX);
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return cw_err_set(err, CW_E_VERIFY, "%s[%zu] is not a string", key, i);
        rc = check_text(json_string_value(item), key, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int check_upstream(const json_t *obj, struct cw_err *err)
{
    json_t *wanted, *root;
    const char *text;
    int64_t number;
    int rc = get_text(&text, obj, "name", err);

    if (rc == CW_OK)
        rc = get_text(&text, obj, "channel", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&wanted, obj, "wanted", err);
    if (rc == CW_OK)
        rc = check_texts(wanted, "products", err);
    if (rc == CW_OK)
        rc = check_texts(wanted, "platforms", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&root, obj, "root", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&number, root, "version", 1, CW_RECEIPT_COUNTER_MAX, err);
    if (rc == CW_OK)
        rc = check_hash(root, "sha256", err);
    if (rc == CW_OK && json_object_get(obj, "serial") != NULL)
        rc = cw_json_get_int(&number, obj, "serial", 1, CW_RECEIPT_COUNTER_MAX, err);
    if (rc == CW_OK && json_object_get(obj, "channel_sha256") != NULL)
        rc = check_hash(obj, "channel_sha256", err);
    return rc;
}

static int check_run(const json_t *obj, struct cw_err *err)
{
    static const char *const fields[] = {"product", "version", "platform", "upstream"};
    const char *text;
    int rc = CW_OK;

    for (size_t i = 0; i < CW_COUNT(fields) && rc == CW_OK; i++)
        rc = get_text(&text, obj, fields[i], err);
    return rc;
}

static int check_each(const json_t *doc, const char *key, int (*check)(const json_t *, struct cw_err *),
                      struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = cw_json_get_array(&list, doc, key, err);

    if (rc == CW_OK && json_array_size(list) > LIST_MAX)
        rc = cw_err_set(err, CW_E_VERIFY, "field '%s' has more than %d entries", key, LIST_MAX);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, item) {
        rc = json_is_object(item) ? check(item, err) : cw_err_set(err, CW_E_VERIFY, "is not an object");
        if (rc != CW_OK)
            return cw_err_prefix(err, "%s[%zu]", key, i);
    }
    return CW_OK;
}

static int check_files(const json_t *files, struct cw_err *err)
{
    const char *sha256;
    json_t *length;

    if (json_object_size(files) > CW_RECEIPT_FILES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field 'files' has more than %d entries", CW_RECEIPT_FILES_MAX);
    json_object_foreach ((json_t *)files, sha256, length) {
        if (!cw_hex_is_sha256(sha256) || !json_is_integer(length) || json_integer_value(length) < 0)
            return cw_err_set(err, CW_E_VERIFY, "field 'files' has an entry that is no hash with a length");
    }
    return CW_OK;
}

static int check_history(const json_t *doc, struct cw_err *err)
{
    json_t *history;
    int64_t seq;
    int rc = cw_json_get_obj(&history, doc, "history", err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&seq, history, "seq", 1, CW_RECEIPT_COUNTER_MAX, err);
    return rc == CW_OK ? check_hash(history, "sha256", err) : rc;
}

static int read_head(struct cw_receipt *receipt, struct cw_err *err)
{
    const char *time;
    int64_t generation;
    int rc = cw_json_check_format(receipt->doc, CW_RECEIPT_DOC, err);

    if (rc == CW_OK)
        rc = get_text(&receipt->site, receipt->doc, "site", err);
    if (rc == CW_OK)
        rc = check_hash(receipt->doc, "identity", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&receipt->identity, receipt->doc, "identity", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&receipt->counter, receipt->doc, "counter", 1, CW_RECEIPT_COUNTER_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&time, receipt->doc, "time", err);
    if (rc == CW_OK && cw_time_parse(&receipt->time, time, NULL) != CW_OK)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'time' is not a time");
    if (rc == CW_OK && json_object_get(receipt->doc, "generation") != NULL)
        rc = cw_json_get_int(&generation, receipt->doc, "generation", 1, CW_RECEIPT_COUNTER_MAX, err);
    return rc;
}

static int read_body(struct cw_receipt *receipt, struct cw_err *err)
{
    json_t *files;
    int rc = check_history(receipt->doc, err);

    if (rc == CW_OK)
        rc = check_each(receipt->doc, "runs", check_run, err);
    if (rc == CW_OK)
        rc = check_each(receipt->doc, "upstreams", check_upstream, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&files, receipt->doc, "files", err);
    if (rc == CW_OK)
        rc = check_files(files, err);
    if (rc != CW_OK)
        return rc;
    receipt->upstreams = json_object_get(receipt->doc, "upstreams");
    receipt->files = files;
    return CW_OK;
}

int cw_receipt_parse(struct cw_receipt *receipt, const void *bytes, size_t len, struct cw_err *err)
{
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    int rc = cw_envelope_parse(&envelope, bytes, len, err);

    *receipt = (struct cw_receipt){.doc = NULL};
    if (rc == CW_OK && strcmp(envelope.payload_type, CW_RECEIPT_TYPE) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "is a document of another kind than a receipt");
    if (rc == CW_OK)
        rc = cw_json_parse(&receipt->doc, cw_buf_text(&envelope.payload), envelope.payload.len, err);
    if (rc == CW_OK)
        rc = read_head(receipt, err);
    if (rc == CW_OK)
        rc = check_signature(receipt, &envelope, err);
    if (rc == CW_OK)
        rc = read_body(receipt, err);
    if (rc != CW_OK)
        cw_receipt_clear(receipt);
    return rc;
}

void cw_receipt_clear(struct cw_receipt *receipt)
{
    json_decref(receipt->doc);
    *receipt = (struct cw_receipt){.doc = NULL};
}

bool cw_receipt_holds(const struct cw_receipt *receipt, const char *sha256, uint64_t length)
{
    const json_t *held = json_object_get(receipt->files, sha256);

    return held != NULL && (uint64_t)json_integer_value(held) == length;
}

const json_t *cw_receipt_upstream(const struct cw_receipt *receipt, int64_t root_version, const char *sha256)
{
    const json_t *upstream;
    size_t i;

    json_array_foreach (receipt->upstreams, i, upstream) {
        const json_t *root = json_object_get(upstream, "root");

        if (json_integer_value(json_object_get(root, "version")) == root_version &&
            strcmp(json_string_value(json_object_get(root, "sha256")), sha256) == 0)
            return upstream;
    }
    return NULL;
}
