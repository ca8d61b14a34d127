/* SPDX-License-Identifier: ISC */
/*
 * JSON as Causeway reads it: what is refused that others let pass, where a mistake lies, and what is written.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "codec/json.h"

#define WITH_LEN(text) (text), sizeof(text) - 1

static const struct {
    const char *text;
    size_t len;
    const char *error; /* NULL: accepted */
} texts[] = {
    {WITH_LEN("{}"), NULL},
    {WITH_LEN("[]"), NULL},
    {WITH_LEN(" {\"a\": [1, -2, true, false, null, \"x\"]}\r\n\t"), NULL},
    {WITH_LEN("{\"a\": \"\\ud83d\\ude00\"}"), NULL},
    {WITH_LEN("{\"a\": 9223372036854775807}"), NULL},
    {WITH_LEN("{\"a\": 1, \"a\": 2}"), "duplicate"},
    {WITH_LEN("{\"a\": 1, \"\\u0061\": 2}"), "duplicate"},
    {WITH_LEN("{\"x\": {\"a\": 1, \"b\": 2, \"a\": 1}}"), "duplicate"},
    {WITH_LEN("{\"a\": 1.0}"), "not an integer"},
    {WITH_LEN("[[{\"a\": [1e3]}]]"), "not an integer"},
    {WITH_LEN("{\"a\": 9223372036854775808}"), "line 1"},
    {WITH_LEN("{\"a\": 01}"), "line 1"},
    {WITH_LEN("{\"a\": +1}"), "line 1"},
    {WITH_LEN("{\"a\": NaN}"), "line 1"},
    {WITH_LEN("\xef\xbb\xbf{}"), "line 1"}, /* byte order mark */
    {WITH_LEN("{\"a\": \"\\ud83d\"}"), "line 1"},
    {WITH_LEN("{\"a\": \"\\ude00\\ud83d\"}"), "line 1"},
    {WITH_LEN("{\"a\": \"\\u0000\"}"), "line 1"},
    {WITH_LEN("{\"a\": \"\0\"}"), "line 1"},
    {WITH_LEN("{\"\\u0000\": 1}"), "line 1"},
    {WITH_LEN("{\"a\": \"\xff\"}"), "line 1"},
    {WITH_LEN("{\"a\": \"\xc0\x80\"}"), "line 1"},         /* overlong */
    {WITH_LEN("{\"a\": \"\xed\xa0\x80\"}"), "line 1"},     /* a surrogate in UTF-8 */
    {WITH_LEN("{\"a\": \"\xf5\x80\x80\x80\"}"), "line 1"}, /* beyond Unicode */
    {WITH_LEN("{\"a\": \"line\nline\"}"), "line 1"},
    {WITH_LEN("{\"a\": 1,}"), "line 1"},
    {WITH_LEN("{'a': 1}"), "line 1"},
    {WITH_LEN("{\"a\": 1} // why"), "line 1"},
    {WITH_LEN("{\"a\": 1}\n{}"), "line 2"},
    {WITH_LEN("{\n \"a\":\n 1\n \"b\"}"), "line 4, column 4"},
    {WITH_LEN("7"), "line 1"},
    {WITH_LEN("{"), "line 1"},
    {WITH_LEN(""), "line 1"},
};

static void texts_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(texts); i++) {
        json_auto_t *doc = NULL;
        struct cw_err err = {.code = 0};
        int rc = cw_json_parse(&doc, texts[i].text, texts[i].len, &err);

        if (texts[i].error == NULL && rc != CW_OK)
            fail_msg("text %zu: %s", i, err.text);
        if (texts[i].error != NULL &&
            (rc != CW_E_VERIFY || doc != NULL || strstr(err.text, texts[i].error) == NULL))
            fail_msg("text %zu: %d '%s' lacks '%s'", i, rc, err.text, texts[i].error);
    }
}

static void nest(struct cw_buf *buf, int depth)
{
    cw_buf_reset(buf);
    for (int i = 0; i < depth; i++)
        cw_buf_addc(buf, '[');
    for (int i = 0; i < depth; i++)
        cw_buf_addc(buf, ']');
}

static void depth_has_an_end(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(1 << 20);
    json_auto_t *deep = NULL, *deeper = NULL;
    struct cw_err err;

    (void)state;
    nest(&buf, CW_JSON_DEPTH_MAX);
    assert_cw_ok(cw_json_parse(&deep, buf.data, buf.len, &err), err);
    nest(&buf, CW_JSON_DEPTH_MAX + 1);
    assert_cw_fails(CW_E_VERIFY, "nested more than 64 deep", cw_json_parse(&deeper, buf.data, buf.len, &err),
                    err);
    nest(&buf, 400000);
    assert_cw_fails(CW_E_VERIFY, "nested", cw_json_parse(&deeper, buf.data, buf.len, &err), err);
}

/* Brackets within texts do not nest. */
static void brackets_in_texts_do_not_count(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(4096);
    json_auto_t *doc = NULL;
    struct cw_err err;

    (void)state;
    cw_buf_adds(&buf, "[\"\\\"");
    for (int i = 0; i < 100; i++)
        cw_buf_addc(&buf, '{');
    cw_buf_adds(&buf, "\"]");
    assert_cw_ok(cw_json_parse(&doc, buf.data, buf.len, &err), err);
}

static const char catalog[] = "{\n"                                      /* 1 */
                              "  \"format\": \"1.0\",\n"                 /* 2 */
                              "  \"products\": [\n"                      /* 3 */
                              "    {\"name\": \"a]}\\\"\", \"n\": 1},\n" /* 4 */
                              "    {\n"                                  /* 5 */
                              "      \"name\": \"b\",\n"                 /* 6 */
                              "      \"releases\": [ {}, [],\n"          /* 7 */
                              "        {\"version\":\n"                  /* 8 */
                              "           \"2.1.0\"}]\n"                 /* 9 */
                              "    }\n"                                  /* 10 */
                              "  ]\n"                                    /* 11 */
                              "}\n";

static const struct {
    const char *path;
    unsigned line;
} lines[] = {
    {"", 1},
    {"format", 2},
    {"products", 3},
    {"products[0]", 4},
    {"products[0].n", 4},
    {"products[1]", 5},
    {"products[1].name", 6},
    {"products[1].releases[0]", 7},
    {"products[1].releases[2]", 8},
    {"products[1].releases[2].version", 9},
    {"products[1].releases[2].missing", 8}, /* the nearest parent's */
    {"products[1].missing.deeper", 5},
    {"products[7].name", 3},
    {"format.deeper", 2},
};

static void a_mistake_has_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(lines); i++) {
        unsigned line = cw_json_line(catalog, sizeof catalog - 1, lines[i].path);

        if (line != lines[i].line)
            fail_msg("'%s' is on line %u, not %u", lines[i].path, lines[i].line, line);
    }
}

static void writing_is_deterministic(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(4096);
    json_auto_t *doc = json_pack("{s:[i, i], s:{s:s}, s:{}}", "b", 2, 1, "a", "x", "\xc3\xa9/\n", "c");
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_json_format(&buf, doc, &err), err);
    assert_string_equal(
        buf.data, "{\n \"a\": {\n  \"x\": \"\xc3\xa9/\\n\"\n },\n \"b\": [\n  2,\n  1\n ],\n \"c\": {}\n}\n");
    cw_buf_reset(&buf);
    assert_cw_ok(cw_json_format_line(&buf, doc, &err), err);
    assert_string_equal(buf.data, "{\"a\":{\"x\":\"\xc3\xa9/\\n\"},\"b\":[2,1],\"c\":{}}\n");
}

static void fields_are_named_when_wrong(void **state)
{
    json_auto_t *doc =
        json_pack("{s:s, s:i, s:[], s:{}, s:b}", "text", "x", "number", 7, "list", "object", "flag", 1);
    static const char *const known[] = {"text", "number", "list", "object", "flagg", NULL};
    const char *text = "kept";
    int64_t number;
    json_t *value;
    bool flag = false;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_json_get_str(&text, doc, "text", &err), err);
    assert_string_equal(text, "x");
    assert_cw_fails(CW_E_VERIFY, "field 'none' is missing", cw_json_get_str(&text, doc, "none", &err), err);
    assert_cw_fails(CW_E_VERIFY, "field 'number' is not a string",
                    cw_json_get_str(&text, doc, "number", &err), err);
    assert_cw_ok(cw_json_get_int(&number, doc, "number", 7, 7, &err), err);
    assert_int_equal(number, 7);
    assert_cw_fails(CW_E_VERIFY, "field 'number' is not between 8 and 9",
                    cw_json_get_int(&number, doc, "number", 8, 9, &err), err);
    assert_cw_fails(CW_E_VERIFY, "field 'list' is not an object", cw_json_get_obj(&value, doc, "list", &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "field 'object' is not an array",
                    cw_json_get_array(&value, doc, "object", &err), err);
    assert_cw_ok(cw_json_opt_bool(&flag, doc, "flag", &err), err);
    assert_true(flag);
    assert_cw_ok(cw_json_opt_bool(&flag, doc, "none", &err), err);
    assert_true(flag);
    assert_cw_fails(CW_E_VERIFY, "field 'text' is not true or false",
                    cw_json_opt_bool(&flag, doc, "text", &err), err);
    assert_cw_fails(CW_E_VERIFY, "unknown field 'flag' (did you mean 'flagg'?)",
                    cw_json_only(doc, known, &err), err);
}

static const struct {
    const char *text, *error;
} formats[] = {
    {"{\"_type\": \"causeway-x\", \"format\": \"1.0\"}", NULL},
    {"{\"_type\": \"causeway-x\", \"format\": \"1.7\"}", NULL},
    {"{\"_type\": \"causeway-x\", \"format\": \"2.0\"}",
     "has format '2.0'; this version of Causeway reads format 1"},
    {"{\"_type\": \"causeway-x\", \"format\": \"10.0\"}", "has format '10.0'"},
    {"{\"_type\": \"causeway-x\"}", "field 'format' is missing"},
    {"{\"_type\": \"causeway-y\", \"format\": \"1.0\"}", "is a 'causeway-y' document, not a 'causeway-x'"},
    {"[]", "is not a JSON object"},
};

static void unknown_majors_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(formats); i++) {
        json_auto_t *doc = NULL;
        struct cw_err err;

        assert_cw_ok(cw_json_parse(&doc, formats[i].text, strlen(formats[i].text), &err), err);
        if (formats[i].error == NULL)
            assert_cw_ok(cw_json_check_format(doc, "causeway-x", &err), err);
        else
            assert_cw_fails(CW_E_VERIFY, formats[i].error, cw_json_check_format(doc, "causeway-x", &err),
                            err);
    }
}

/* Other people's documents may have any number, and are as strict otherwise. */
static void foreign_documents_have_any_number(void **state)
{
    static const char good[] = "{\"score\": 7.5, \"size\": 18446744073709551615, \"n\": [1, -2e3]}";
    static const char *const bad[] = {"{\"a\": 1.5, \"a\": 2}", "{\"a\": 1e999}", "{\"a\": .5}", "[1,]"};
    json_auto_t *doc = NULL;
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "line 1", cw_json_parse(&doc, good, strlen(good), &err), err);
    assert_cw_ok(cw_json_parse_foreign(&doc, good, strlen(good), &err), err);
    assert_true(json_is_real(json_object_get(doc, "score")));
    assert_true(json_is_real(json_object_get(doc, "size")));
    for (size_t i = 0; i < CW_COUNT(bad); i++) {
        json_auto_t *none = NULL;

        assert_cw_fails(CW_E_VERIFY, "line 1", cw_json_parse_foreign(&none, bad[i], strlen(bad[i]), &err),
                        err);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_strictly),
        cmocka_unit_test(depth_has_an_end),
        cmocka_unit_test(brackets_in_texts_do_not_count),
        cmocka_unit_test(a_mistake_has_a_line),
        cmocka_unit_test(writing_is_deterministic),
        cmocka_unit_test(fields_are_named_when_wrong),
        cmocka_unit_test(unknown_majors_are_refused_by_name),
        cmocka_unit_test(foreign_documents_have_any_number),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
