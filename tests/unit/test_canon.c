/* SPDX-License-Identifier: ISC */
/*
 * OLPC canonical JSON, byte for byte: whoever gets one byte wrong cannot verify anybody's signature.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "tests/unit/data.h"

/* tests/data/canon.json: a case has its canonical form, or a part of the error's text. */
static void texts_become_canonical_or_are_refused(void **state)
{
    json_auto_t *table = data_load("canon");
    json_t *item;
    size_t i, len;

    (void)state;
    data_each (table, i, item) {
        const char *canonical = json_string_value(json_object_get(item, "canonical"));
        CW_AUTO_FREE char *text = data_bytes(item, &len);
        CW_AUTO_BUF buf = CW_BUF_INIT(4096);
        json_auto_t *doc = NULL;
        struct cw_err err = {.code = 0};
        int rc = cw_json_parse(&doc, text, len, &err);

        if (canonical == NULL) {
            if (rc != CW_E_VERIFY || strstr(err.text, data_text(item, "error")) == NULL)
                fail_msg("case %zu, '%s': %d '%s'", i, text, rc, err.text);
            continue;
        }
        if (rc != CW_OK)
            fail_msg("case %zu, '%s': %s", i, text, err.text);
        assert_cw_ok(cw_canon_format(&buf, doc, &err), err);
        assert_string_equal(cw_buf_text(&buf), canonical);
    }
}

static void bare_values_have_a_form(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(64);
    json_auto_t *text = json_string("a\"b"), *number = json_integer(7);
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_canon_format(&buf, text, &err), err);
    assert_cw_ok(cw_canon_format(&buf, number, &err), err);
    assert_string_equal(buf.data, "\"a\\\"b\"7");
}

static void fractions_have_none(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(64);
    json_auto_t *doc = json_pack("{s:[f]}", "a", 1.0);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "not an integer", cw_canon_format(&buf, doc, &err), err);
}

static void the_buffers_maximum_holds(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(8);
    json_auto_t *doc = json_string("123456789");
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_FAIL, "canonical JSON is larger than the 8 bytes allowed",
                    cw_canon_format(&buf, doc, &err), err);
}

static void integers_of_any_size(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(200);
    json_auto_t *doc = json_pack("[I, I, I, I, I]", (json_int_t)0, (json_int_t)-1, (json_int_t)1090,
                                 (json_int_t)INT64_MAX, (json_int_t)INT64_MIN);
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_canon_format(&buf, doc, &err), err);
    assert_string_equal(cw_buf_text(&buf), "[0,-1,1090,9223372036854775807,-9223372036854775808]");
}

/* Few members are sorted elsewhere than many. */
static void members_however_many_are_sorted(void **state)
{
    static const char letters[] = "zyxwvutsrqponmlkjihgfedcba";
    struct cw_err err;

    (void)state;
    for (size_t count = 0; count <= sizeof letters - 1; count++) {
        CW_AUTO_BUF buf = CW_BUF_INIT(2000);
        CW_AUTO_BUF wanted = CW_BUF_INIT(2000);
        json_auto_t *doc = json_object();

        cw_buf_addc(&wanted, '{');
        for (size_t i = 0; i < count; i++) {
            char key[] = {letters[i], '\0'};

            json_object_set_new(doc, key, json_true());
            cw_buf_addf(&wanted, "%s\"%c\":true", i > 0 ? "," : "", letters[count - 1 - i]);
        }
        cw_buf_addc(&wanted, '}');
        assert_cw_ok(cw_canon_format(&buf, doc, &err), err);
        assert_string_equal(cw_buf_text(&buf), cw_buf_text(&wanted));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_canonical_or_are_refused),
        cmocka_unit_test(bare_values_have_a_form),
        cmocka_unit_test(fractions_have_none),
        cmocka_unit_test(the_buffers_maximum_holds),
        cmocka_unit_test(integers_of_any_size),
        cmocka_unit_test(members_however_many_are_sorted),
    };

    return cmocka_run_group_tests_name("canon", tests, NULL, NULL);
}
