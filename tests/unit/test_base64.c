/* SPDX-License-Identifier: ISC */
/*
 * Base64: the vectors of RFC 4648, section 10, both alphabets, and what is no base64.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "codec/base64.h"

static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xef\xbe", "/+++"},
    {"\xfb\xff", "+/8="},
};

static void vectors_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(vectors); i++) {
        CW_AUTO_BUF text = CW_BUF_INIT(64), bytes = CW_BUF_INIT(64);
        size_t len = strlen(vectors[i].bytes);

        cw_base64_format(&text, vectors[i].bytes, len);
        assert_string_equal(cw_buf_text(&text), vectors[i].text);
        assert_true(cw_base64_parse(&bytes, vectors[i].text, strlen(vectors[i].text)));
        assert_int_equal(bytes.len, len);
        assert_memory_equal(cw_buf_text(&bytes), vectors[i].bytes, len);
    }
}

static const struct {
    const char *text;
    const char *bytes; /* NULL: refused */
} texts[] = {
    {"Zg", "f"},          {"Zm8", "fo"},       {"_--_", "\xff\xef\xbf"},
    {"-_8=", "\xfb\xff"}, {"-_8", "\xfb\xff"}, {"-/8=", NULL}, /* of each alphabet one */
    {"Zg=", NULL},        {"Zg===", NULL},     {"Z", NULL},
    {"Zm9vZ", NULL},      {"=", NULL},         {"====", NULL},
    {"Zg==Zg==", NULL},   {"Zh==", NULL}, /* bits left over */
    {"Zm9=", NULL},       {"Zm9v\n", NULL},    {" Zm9v", NULL},
    {"Zm 9", NULL},       {"Zm9\xc3", NULL},
};

static void both_alphabets_are_read_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(texts); i++) {
        CW_AUTO_BUF bytes = CW_BUF_INIT(64);
        bool good = cw_base64_parse(&bytes, texts[i].text, strlen(texts[i].text));

        if (good != (texts[i].bytes != NULL))
            fail_msg("'%s' is %s", texts[i].text, good ? "read" : "refused");
        if (good)
            assert_string_equal(cw_buf_text(&bytes), texts[i].bytes);
    }
}

static void every_byte_survives(void **state)
{
    unsigned char all[256 + 2];

    (void)state;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)(i * 7);
    for (size_t len = sizeof all - 3; len <= sizeof all; len++) {
        CW_AUTO_BUF text = CW_BUF_INIT(512), bytes = CW_BUF_INIT(512);

        cw_base64_format(&text, all, len);
        assert_true(cw_base64_parse(&bytes, text.data, text.len));
        assert_int_equal(bytes.len, len);
        assert_memory_equal(bytes.data, all, len);
    }
}

/* A buffer that is full says so itself. */
static void a_full_buffer_remembers(void **state)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(2);
    struct cw_err err;

    (void)state;
    cw_base64_parse(&bytes, "Zm9v", 4);
    assert_cw_fails(CW_E_FAIL, "payload", cw_buf_check(&bytes, "payload", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_go_both_ways),
        cmocka_unit_test(both_alphabets_are_read_and_nothing_else),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(a_full_buffer_remembers),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
