/* SPDX-License-Identifier: ISC */
/*
 * Reading and signing the history's head: see sync/head.h.
 */
#include "sync/head.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "doc/envelope.h"
#include "fs/commit.h"
#include "sync/identity.h"
#include "tuf/meta.h"

#define HEAD_TYPE "causeway-history-head"
#define HEAD_MAX ((size_t)8 << 10) /* bytes of the file: eight times what it needs */

static int read_payload(struct cw_head *head, const struct cw_envelope *envelope, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    const char *sha256, *time;
    int rc = cw_json_parse(&doc, envelope->payload.data, envelope->payload.len, err);

    if (rc == CW_OK)
        rc = cw_json_check_format(doc, HEAD_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&head->seq, doc, "seq", 1, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&sha256, doc, "sha256", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&time, doc, "time", err);
    if (rc != CW_OK)
        return rc;
    snprintf(head->sha256, sizeof(head->sha256), "%s", sha256);
    snprintf(head->time, sizeof(head->time), "%s", time);
    return CW_OK;
}

static int verify(struct cw_envelope *envelope, const struct cw_buf *text, int site, struct cw_err *err)
{
    CW_AUTO_PUBLIC *key = NULL;
    json_auto_t *object = NULL;
    struct cw_identity identity;
    int rc = cw_identity_read(&identity, site, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_VERIFY, "the site has no identity that could have signed it");
    if (rc == CW_OK)
        rc = cw_identity_object(&object, &identity, err);
    if (rc == CW_OK)
        rc = cw_tuf_key_parse(&key, object, err);
    if (rc == CW_OK)
        rc = cw_envelope_parse(envelope, cw_buf_text(text), text->len, err);
    return rc == CW_OK
               ? cw_envelope_verify(envelope, CW_HEAD_PAYLOAD, (struct cw_public *const *)&key, 1, 1, err)
               : rc;
}

int cw_head_read(struct cw_head *head, int site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(HEAD_MAX);
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    int rc = cw_at_read_file(&text, site, CW_HEAD_FILE, err);

    if (rc != CW_OK)
        return rc;
    rc = verify(&envelope, &text, site, err);
    if (rc == CW_OK)
        rc = read_payload(head, &envelope, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, CW_HEAD_FILE);
}

int cw_head_sign(int site, int64_t now, int64_t seq, const char *sha256, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(HEAD_MAX);
    json_auto_t *payload = NULL;
    char time[CW_TIME_TEXT];
    bool there;
    int rc = cw_at_has(&there, site, CW_IDENTITY_KEY, err);

    if (rc != CW_OK || !there)
        return rc;
    cw_time_format(now, time);
    payload = json_pack("{s:s, s:s, s:I, s:s, s:s}", "_type", HEAD_TYPE, "format", "1.0", "seq",
                        (json_int_t)seq, "sha256", sha256, "time", time);
    if (payload == NULL)
        return cw_err_nomem(err);
    rc = cw_identity_sign(&text, site, now, CW_HEAD_PAYLOAD, payload, err);
    return rc == CW_OK ? cw_file_replace(site, CW_HEAD_FILE, text.data, text.len, 0644, err) : rc;
}
