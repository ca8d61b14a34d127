/* SPDX-License-Identifier: ISC */
/*
 * Reading a report back: who signed it, and whether its list of files is the one that was signed. See
 * sync/report.h.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "doc/envelope.h"
#include "fs/root.h"
#include "sync/report.h"

/* The JSON document: the file, or what stands in the page's script. */
static int find_document(const char **text, size_t *len, const struct cw_buf *file, struct cw_err *err)
{
    const char *start = strstr(cw_buf_text(file), CW_REPORT_SCRIPT), *end;

    *text = cw_buf_text(file);
    *len = file->len;
    if (file->len > 0 && (*text)[0] == '{')
        return CW_OK;
    end = start != NULL ? strstr(start, CW_REPORT_SCRIPT_END) : NULL;
    if (end == NULL)
        return cw_err_set(err, CW_E_VERIFY, "is neither a report nor a page that holds one");
    *text = start + strlen(CW_REPORT_SCRIPT);
    *len = (size_t)(end - *text);
    return CW_OK;
}

static int verify_envelope(json_t **payload, const json_t *envelope_doc,
                           const unsigned char public_key[CW_ED25519_PUBLIC], struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_ENVELOPE_MAX);
    CW_AUTO_ENVELOPE envelope = {0};
    CW_AUTO_PUBLIC *key = NULL;
    char hex[2 * CW_ED25519_PUBLIC + 1];
    int rc = cw_json_format(&text, envelope_doc, err);

    cw_hex_format(hex, public_key, CW_ED25519_PUBLIC);
    if (rc == CW_OK)
        rc = cw_envelope_parse(&envelope, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        rc = cw_public_parse(&key, CW_PUBLIC_ED25519, hex, err);
    if (rc == CW_OK)
        rc =
            cw_envelope_verify(&envelope, CW_REPORT_PAYLOAD_TYPE, (struct cw_public *const *)&key, 1, 1, err);
    if (rc == CW_OK)
        rc = cw_json_parse(payload, cw_buf_text(&envelope.payload), envelope.payload.len, err);
    return rc == CW_OK ? cw_json_check_format(*payload, CW_REPORT_TYPE, err) : rc;
}

static int check_list(const json_t *doc, const json_t *payload, struct cw_err *err)
{
    const char *list, *stated = NULL;
    char sha256[CW_SHA256_TEXT];
    json_t *about;
    int rc = cw_json_get_str(&list, doc, "list", err);

    if (rc == CW_OK)
        rc = cw_json_get_obj(&about, payload, "list", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&stated, about, "sha256", err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, list, strlen(list), err);
    if (rc == CW_OK && strcmp(sha256, stated) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "its list of files is not the one that was signed");
    return rc;
}

static int check(json_t **payload, const struct cw_buf *file,
                 const unsigned char public_key[CW_ED25519_PUBLIC], struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *envelope;
    const char *text;
    size_t len;
    int rc = find_document(&text, &len, file, err);

    if (rc == CW_OK)
        rc = cw_json_parse(&doc, text, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(doc, CW_REPORT_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&envelope, doc, "envelope", err);
    if (rc == CW_OK)
        rc = verify_envelope(payload, envelope, public_key, err);
    return rc == CW_OK ? check_list(doc, *payload, err) : rc;
}

int cw_report_check(json_t **payload, const char *path, const unsigned char public_key[CW_ED25519_PUBLIC],
                    struct cw_err *err)
{
    CW_AUTO_BUF file = CW_BUF_INIT(CW_REPORT_MAX);
    CW_AUTO_FD int dir = -1;
    const char *name;
    int rc = cw_dir_open_parent(&dir, &name, path, err);

    *payload = NULL;
    if (rc == CW_OK)
        rc = cw_at_read_file(&file, dir, name, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "unable to read the report '%s'", path);
    rc = check(payload, &file, public_key, err);
    if (rc != CW_OK) {
        json_decref(*payload);
        *payload = NULL;
        return cw_err_prefix(err, "'%s'", path);
    }
    return CW_OK;
}
