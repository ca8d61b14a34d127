/* SPDX-License-Identifier: ISC */
/*
 * What tests of writers share; see writer.h.
 */
#include "writer.h"

#include "codec/canon.h"
#include "codec/json.h"
#include "tuf/write.h"
#include "unit.h"

static struct cw_err err;

json_t *writer_envelope(json_t *body, const struct cw_secret *secret)
{
    json_t *made;

    assert_cw_ok(cw_tuf_envelope_new(&made, body, &err), err);
    if (secret != NULL)
        assert_cw_ok(cw_tuf_envelope_sign(made, secret, &err), err);
    json_decref(body);
    return made;
}

void writer_is_alike(const struct cw_buf *canonical, const struct cw_buf *file, const json_t *doc)
{
    CW_AUTO_BUF theirs = CW_BUF_INIT(WRITER_TEXT_MAX);

    assert_cw_ok(cw_canon_format(&theirs, json_object_get(doc, "signed"), &err), err);
    assert_string_equal(cw_buf_text(canonical), cw_buf_text(&theirs));
    cw_buf_reset(&theirs);
    assert_cw_ok(cw_json_format(&theirs, doc, &err), err);
    assert_string_equal(cw_buf_text(file), cw_buf_text(&theirs));
}

void writer_is_guarded(const json_t *doc, writer_read_fn *read, const struct signer *signer)
{
    CW_AUTO_BUF text = CW_BUF_INIT(WRITER_TEXT_MAX);
    struct signer stranger;

    signer_new(&stranger, signer->role.name);
    assert_cw_ok(cw_json_format(&text, doc, &err), err);
    assert_cw_ok(read(text.data, text.len, &signer->role, &err), err);
    assert_cw_fails(CW_E_VERIFY, "", read(text.data, text.len, &stranger.role, &err), err);
    /* Every byte flipped: refused, or (white space, letters of no account in the envelope) read as the same. */
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i];

        text.data[i] ^= 1;
        (void)read(text.data, text.len, &signer->role, NULL);
        text.data[i] = was;
    }
    for (size_t len = 0; len + 1 < text.len; len++)
        assert_cw_fails(CW_E_VERIFY, "", read(text.data, len, &signer->role, &err), err);
    signer_clear(&stranger);
}
