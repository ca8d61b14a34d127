/* SPDX-License-Identifier: ISC */
/*
 * What bins and the snapshot have in common as text; see tuf/plain.h.
 */
#include "tuf/plain.h"

#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "tuf/form.h"
#include "tuf/write.h"

/* ---- reading ---- */

static bool is_digest(struct cw_slice text)
{
    return text.len == CW_PLAIN_DIGEST && strspn(text.at, "0123456789abcdef") >= CW_PLAIN_DIGEST;
}

bool cw_plain_scan_hashes(struct cw_scan *scan, const char **sha256)
{
    struct cw_slice key, value;
    bool first = true;

    *sha256 = NULL;
    if (!cw_scan_open(scan, '{'))
        return false;
    while (cw_scan_member(scan, &first, &key)) {
        if (*sha256 != NULL || !cw_slice_is(key, "sha256") || !cw_scan_string(scan, &value) ||
            !is_digest(value))
            return false;
        *sha256 = value.at;
    }
    return !scan->odd && *sha256 != NULL;
}

static bool scan_time(struct cw_scan *scan, int64_t *when)
{
    struct cw_slice value;
    char text[CW_TIME_TEXT];

    if (!cw_scan_string(scan, &value) || value.len != sizeof text - 1)
        return false;
    memcpy(text, value.at, value.len);
    text[value.len] = '\0';
    return cw_time_parse(when, text, NULL) == CW_OK;
}

static bool scan_constant(struct cw_scan *scan, const char *text)
{
    struct cw_slice value;

    return cw_scan_string(scan, &value) && cw_slice_is(value, text);
}

struct reading {
    struct cw_plain *plain;
    const struct cw_plain_form *form;
    void *ctx;
    struct cw_slice signatures;
    bool listed;
};

static bool scan_signed(struct cw_scan *scan, struct reading *r, struct cw_err *err)
{
    struct cw_slice key;
    bool first = true, taken = true;

    if (!cw_scan_open(scan, '{'))
        return false;
    while (taken && cw_scan_member(scan, &first, &key)) {
        if (cw_slice_is(key, "_type"))
            taken = scan_constant(scan, r->form->type);
        else if (cw_slice_is(key, "expires"))
            taken = scan_time(scan, &r->plain->expires);
        else if (cw_slice_is(key, "spec_version"))
            taken = scan_constant(scan, CW_TUF_SPEC_VERSION);
        else if (cw_slice_is(key, r->form->list) && !r->listed)
            taken = r->listed = r->form->scan(scan, r->ctx, err);
        else
            taken = cw_slice_is(key, "version") && cw_scan_integer(scan, &r->plain->version);
    }
    return taken && !scan->odd;
}

/* What was passed over unread is either not there or part of what the signatures do not cover. */
static bool scan_file(struct cw_scan *scan, struct reading *r, struct cw_err *err)
{
    struct cw_slice key;
    bool first = true, taken = true;

    if (!cw_scan_open(scan, '{'))
        return false;
    while (taken && cw_scan_member(scan, &first, &key)) {
        if (cw_slice_is(key, "signatures"))
            taken = cw_scan_value(scan, &r->signatures);
        else
            taken = cw_slice_is(key, "signed") && scan_signed(scan, r, err);
    }
    return taken && cw_scan_is_done(scan) && r->signatures.at != NULL && r->plain->version > 0;
}

int cw_plain_read(struct cw_plain *plain, const struct cw_plain_form *form, void *ctx, const char *text,
                  size_t len, struct cw_err *err)
{
    struct reading r = {.plain = plain, .form = form, .ctx = ctx};
    struct cw_err cause = {.code = CW_OK};
    struct cw_scan scan;
    int rc;

    *plain = (struct cw_plain){.version = 0};
    cw_scan_init(&scan, text, len);
    if (!scan_file(&scan, &r, &cause))
        return cause.code == CW_E_NOMEM
                   ? cw_err_nomem(err)
                   : cw_err_set(err, CW_E_VERIFY, "is not written as Causeway writes it");
    rc = cw_json_parse(&plain->signatures, r.signatures.at, r.signatures.len, err);
    if (rc == CW_OK)
        rc = json_is_array(plain->signatures)
                 ? cw_tuf_form_signatures(plain->signatures, err)
                 : cw_err_set(err, CW_E_VERIFY, "field 'signatures' is not an array");
    if (rc != CW_OK)
        cw_plain_clear(plain);
    return rc;
}

void cw_plain_clear(struct cw_plain *plain)
{
    json_decref(plain->signatures);
    *plain = (struct cw_plain){.signatures = NULL};
}

/* ---- writing ---- */

bool cw_plain_is_plain(struct cw_slice text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == '"' || text.at[i] == '\\' ||
            (unsigned char)text.at[i] >= 0x7f)
            return false;
    }
    return text.len > 0;
}

void cw_plain_add_signatures(struct cw_buf *buf, const json_t *signatures)
{
    json_t *item;
    size_t i;

    cw_buf_adds(buf, "{\n \"signatures\": [");
    json_array_foreach (signatures, i, item) {
        cw_buf_addf(buf, "%s\n  {\n   \"keyid\": \"%s\",\n   \"sig\": \"%s\"\n  }", i > 0 ? "," : "",
                    json_string_value(json_object_get(item, "keyid")),
                    json_string_value(json_object_get(item, "sig")));
    }
    cw_buf_adds(buf, json_array_size(signatures) > 0 ? "\n ],\n" : "],\n");
}
