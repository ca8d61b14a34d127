/* SPDX-License-Identifier: ISC */
/*
 * Names that every filesystem takes, and texts that no terminal obeys.
 */
#include "unit.h"

#include "base/mem.h"
#include "release/name.h"

static void good_names_pass(void **state)
{
    static const char *const good[] = {"gateway", "plc-7", "A_b.c", "0",    "console",
                                       "com10",   "lpt",   "x.con", "a..b", "_"};
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(good); i++)
        assert_cw_ok(cw_name_check(good[i], "file", &err), err);
}

static void bad_names_say_why(void **state)
{
    static const struct {
        const char *name, *why;
    } cases[] = {
        {"", "file name is empty"},
        {".hidden", "starts with '.'"},
        {"..", "starts with '.'"},
        {"-rf", "starts with '-'"},
        {"end.", "ends in '.'"},
        {"a/b", "the character '/'"},
        {"a b", "the character ' '"},
        {"a\\b", "the character '\\'"},
        {"a\nb", "the byte 0x0a at offset 1"},
        {"\xc3\xa4", "the byte 0xc3 at offset 0"},
        {"CON", "device on Windows"},
        {"nul.txt", "device on Windows"},
        {"Com1", "device on Windows"},
        {"lpt9.tar.gz", "device on Windows"},
    };
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++)
        assert_cw_fails(CW_E_VERIFY, cases[i].why, cw_name_check(cases[i].name, "file", &err), err);
}

static void length_is_bounded(void **state)
{
    char name[CW_NAME_MAX + 2];
    struct cw_err err;

    (void)state;
    memset(name, 'a', sizeof name);
    name[CW_NAME_MAX] = '\0';
    assert_cw_ok(cw_name_check(name, "file", &err), err);
    name[CW_NAME_MAX] = 'a';
    name[CW_NAME_MAX + 1] = '\0';
    assert_cw_fails(CW_E_VERIFY, "longer than 180 bytes", cw_name_check(name, "file", &err), err);
}

static void reserved_words_are_refused_in_any_case(void **state)
{
    static const char *const words[] = {"root",   "Targets",  "SNAPSHOT", "timestamp",   "metadata",
                                        "deltas", "channels", "licenses", "attestations"};
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(words); i++) {
        assert_cw_fails(CW_E_VERIFY, "is reserved", cw_name_check_product(words[i], &err), err);
        assert_cw_fails(CW_E_VERIFY, "is reserved", cw_name_check_channel(words[i], &err), err);
        assert_cw_ok(cw_name_check(words[i], "file", &err), err);
    }
    assert_cw_ok(cw_name_check_product("rooted", &err), err);
}

static void texts_cannot_steer_a_terminal(void **state)
{
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_text_check("two lines\n\tand \xc3\xa4 \xe2\x80\xa6", "notes", &err), err);
    assert_cw_fails(CW_E_VERIFY, "control character at byte 1", cw_text_check("a\x1b[2J", "notes", &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "control character", cw_text_check("a\rb", "notes", &err), err);
    assert_cw_fails(CW_E_VERIFY, "control character",
                    cw_text_check("a\xc2\x9b"
                                  "2J",
                                  "notes", &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "control character", cw_text_check("\x7f", "notes", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_pass),
        cmocka_unit_test(bad_names_say_why),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(reserved_words_are_refused_in_any_case),
        cmocka_unit_test(texts_cannot_steer_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
