/* SPDX-License-Identifier: ISC */
/*
 * OLPC canonical JSON, byte for byte: whoever gets one byte wrong cannot verify anybody's signature.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "codec/canon.h"
#include "codec/json.h"

static const struct {
    const char *text, *canonical;
} cases[] = {
    {"{}", "{}"},
    {"[]", "[]"},
    {" { } ", "{}"},
    {"[ 1 , 2 ]", "[1,2]"},
    {"{\"b\": 1, \"a\": 2}", "{\"a\":2,\"b\":1}"},
    {"{\"a\": {\"d\": [true, false, null], \"c\": -7}}", "{\"a\":{\"c\":-7,\"d\":[true,false,null]}}"},
    /* keys in order of their bytes: capitals first, the shorter of two first, beyond ASCII last */
    {"{\"a\": 1, \"B\": 2, \"ab\": 3, \"A\": 4, \"_\": 5}", "{\"A\":4,\"B\":2,\"_\":5,\"a\":1,\"ab\":3}"},
    {"{\"\\u00e9\": 1, \"z\": 2}", "{\"z\":2,\"\xc3\xa9\":1}"},
    /* above U+FFFF: UTF-8 order differs from UTF-16's */
    {"{\"\\ud83d\\ude00\": 1, \"\\uffee\": 2}", "{\"\xef\xbf\xae\":2,\"\xf0\x9f\x98\x80\":1}"},
    {"{\"10\": 1, \"9\": 2, \"\": 3}", "{\"\":3,\"10\":1,\"9\":2}"},
    /* only '"' and '\' are escaped, in keys too */
    {"[\"\\\"\\\\\\/\"]", "[\"\\\"\\\\/\"]"},
    {"{\"\\\"\\\\\": 1}", "{\"\\\"\\\\\":1}"},
    {"[\"\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f\"]", "[\"\n\r\t\b\f\x01\x1f\x7f\"]"},
    {"[\"\\u00e9\\u20ac\\ud83d\\ude00\"]", "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]"},
    {"[\"\xc3\xa9\"]", "[\"\xc3\xa9\"]"},
    {"[\"e\\u0301\"]", "[\"e\xcc\x81\"]"}, /* nothing is normalised */
    {"[\"\"]", "[\"\"]"},
    {"[0, -0, 9223372036854775807, -9223372036854775808]", "[0,0,9223372036854775807,-9223372036854775808]"},
};

static void texts_become_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(cases); i++) {
        CW_AUTO_BUF buf = CW_BUF_INIT(4096);
        json_auto_t *doc = NULL;
        struct cw_err err;

        assert_cw_ok(cw_json_parse(&doc, cases[i].text, strlen(cases[i].text), &err), err);
        assert_cw_ok(cw_canon_format(&buf, doc, &err), err);
        assert_string_equal(buf.data, cases[i].canonical);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_canonical),
        cmocka_unit_test(bare_values_have_a_form),
        cmocka_unit_test(fractions_have_none),
        cmocka_unit_test(the_buffers_maximum_holds),
    };

    return cmocka_run_group_tests_name("canon", tests, NULL, NULL);
}
