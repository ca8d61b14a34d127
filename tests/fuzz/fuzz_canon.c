/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as JSON, its canonical form and its deterministic text. What was read is written so that reading
 * it again gives the same.
 */
#include <string.h>

#include "base/buf.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "tests/fuzz/fuzz.h"

#define FORM_MAX ((size_t)8 << 20)

static void canonical_of(struct cw_buf *buf, const json_t *doc)
{
    struct cw_err err;

    always(cw_canon_format(buf, doc, &err) == CW_OK);
}

/* Where values begin is told of a text that is well-formed, for whatever path. */
static void look_for_lines(const uint8_t *text, size_t size)
{
    static const char *const paths[] = {"", "a", "a.b[1].c", "[0]", "[1][0].a", "b[2]", "x[9999999999]"};
    unsigned lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        unsigned line = cw_json_line(text, size, paths[i]);

        always(line >= 1 && line <= lines);
    }
}

/* The canonical form of `text`, which is well-formed, equals `canonical`. */
static void same_again(const char *text, size_t len, const struct cw_buf *canonical)
{
    CW_AUTO_BUF again = CW_BUF_INIT(FORM_MAX);
    json_auto_t *doc = NULL;
    struct cw_err err;

    always(cw_json_parse(&doc, text, len, &err) == CW_OK);
    canonical_of(&again, doc);
    always(again.len == canonical->len && memcmp(again.data, canonical->data, again.len) == 0);
}

/* Canonical JSON has control characters raw, which JSON forbids. */
static int has_control(const struct cw_buf *buf)
{
    for (size_t i = 0; i < buf->len; i++) {
        if ((unsigned char)buf->data[i] < 0x20)
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(FORM_MAX), text = CW_BUF_INIT(FORM_MAX);
    json_auto_t *doc = NULL;
    struct cw_err err;

    if (cw_json_parse(&doc, data, size, &err) != CW_OK) {
        always(doc == NULL && (err.code == CW_E_VERIFY || err.code == CW_E_NOMEM) && err.text[0] != '\0');
        return 0;
    }
    look_for_lines(data, size);
    canonical_of(&canonical, doc);
    always(cw_json_format(&text, doc, &err) == CW_OK);
    same_again(text.data, text.len, &canonical);
    if (!has_control(&canonical))
        same_again(canonical.data, canonical.len, &canonical);
    return 0;
}
