/* SPDX-License-Identifier: ISC */
/*
 * In-toto statements: which are read, what they cover, what their predicates say.
 */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "doc/statement.h"

#define V1 "\"_type\": \"https://in-toto.io/Statement/v1\""
#define V01 "\"_type\": \"https://in-toto.io/Statement/v0.1\""
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define UPPER "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define SUBJECT(hex) "{\"name\": \"x\", \"digest\": {\"sha256\": \"" hex "\"}}"
#define ON_A "\"subject\": [" SUBJECT(A) "]"
#define TEST_RESULT "\"predicateType\": \"https://in-toto.io/attestation/test-result/v0.1\""
#define OTHER "\"predicateType\": \"https://example.com/p\""

/* As if it had been in an envelope. */
static int take(struct cw_statement *statement, const char *type, const char *text, struct cw_err *err)
{
    struct cw_envelope envelope = {.payload_type = type, .payload = CW_BUF_INIT(CW_ENVELOPE_PAYLOAD_MAX)};
    int rc;

    cw_buf_adds(&envelope.payload, text);
    rc = cw_statement_parse(statement, &envelope, err);
    cw_buf_clear(&envelope.payload);
    return rc;
}

static const struct {
    const char *type, *text;
    const char *error; /* NULL: read */
} texts[] = {
    {NULL, "{" V1 ", " ON_A ", " OTHER "}", NULL},
    {NULL, "{" V01 ", " ON_A ", " OTHER ", \"predicate\": {}}", NULL},
    {NULL, "{" V1 ", " ON_A ", " OTHER ", \"predicate\": null}", NULL},
    {NULL, "{" V1 ", " ON_A ", " OTHER ", \"predicate\": {\"score\": 7.5}, \"new\": 1}", NULL},
    {NULL, "{" V1 ", \"subject\": [{\"digest\": {\"gitCommit\": \"d20ace\"}}], " OTHER "}", NULL},
    {"application/vnd.in-toto.provenance+json", "{" V1 ", " ON_A ", " OTHER "}", NULL},
    {"application/vnd.in-toto", "{}", "not an in-toto statement"},
    {"application/vnd.in-totox+json", "{}", "not an in-toto statement"},
    {"application/json", "{" V1 ", " ON_A ", " OTHER "}", "payload is a 'application/json'"},
    {NULL, "[]", "is not a JSON object"},
    {NULL, "{", "line 1"},
    {NULL, "{" ON_A ", " OTHER "}", "field '_type' is missing"},
    {NULL, "{\"_type\": \"https://in-toto.io/Statement/v2\", " ON_A ", " OTHER "}", "Statement/v2"},
    {NULL, "{" V1 ", " V1 ", " ON_A ", " OTHER "}", "duplicate"},
    {NULL, "{" V1 ", " OTHER "}", "field 'subject' is missing"},
    {NULL, "{" V1 ", \"subject\": {}, " OTHER "}", "field 'subject' is not an array"},
    {NULL, "{" V1 ", \"subject\": [], " OTHER "}", "has 0 subjects"},
    {NULL, "{" V1 ", \"subject\": [" SUBJECT(A) ", 1], " OTHER "}", "subject[1]: is not an object"},
    {NULL, "{" V1 ", \"subject\": [{}], " OTHER "}", "subject[0]: field 'digest' is missing"},
    {NULL, "{" V1 ", \"subject\": [" SUBJECT("ab") "], " OTHER "}", "not 64 hex digits"},
    {NULL, "{" V1 ", \"subject\": [{\"digest\": {\"sha256\": 1}}], " OTHER "}", "is not a string"},
    {NULL, "{" V1 ", " ON_A "}", "field 'predicateType' is missing"},
    {NULL, "{" V1 ", " ON_A ", \"predicateType\": \"\"}", "is not a URI"},
    {NULL, "{" V1 ", " ON_A ", \"predicateType\": \"sbom\"}", "is not a URI"},
    {NULL, "{" V1 ", " ON_A ", \"predicateType\": \"https://a b\"}", "is not a URI"},
    {NULL, "{" V1 ", " ON_A ", \"predicateType\": \"https://a\\u001b[2J\"}", "is not a URI"},
    {NULL, "{" V1 ", " ON_A ", " OTHER ", \"predicate\": []}", "field 'predicate' is not an object"},
};

static void statements_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(texts); i++) {
        const char *type = texts[i].type != NULL ? texts[i].type : "application/vnd.in-toto+json";
        CW_AUTO_STATEMENT statement = {.doc = NULL};
        struct cw_err err = {.code = 0};
        int rc = take(&statement, type, texts[i].text, &err);

        if (texts[i].error == NULL ? rc != CW_OK
                                   : rc != CW_E_VERIFY || strstr(err.text, texts[i].error) == NULL)
            fail_msg("%s: %d '%s'", texts[i].text, rc, err.text);
        assert_true(rc == CW_OK || statement.doc == NULL);
    }
}

static void subjects_are_told_by_their_hash(void **state)
{
    CW_AUTO_STATEMENT statement = {.doc = NULL};
    struct cw_err err;

    (void)state;
    assert_cw_ok(take(&statement, "application/vnd.in-toto+json",
                      "{" V1 ", \"subject\": [" SUBJECT(UPPER) ", {\"digest\": {\"sha1\": \"\"}}, " SUBJECT(
                          A) "], " OTHER "}",
                      &err),
                 err);
    assert_int_equal(statement.subject_count, 2);
    assert_true(cw_statement_covers(&statement, A));
    assert_true(cw_statement_covers(&statement, C));
    assert_false(cw_statement_covers(&statement, B));
}

static const struct {
    const char *type, *predicate;
    enum cw_result verdict;
} verdicts[] = {
    {TEST_RESULT, "{\"result\": \"PASSED\"}", CW_RESULT_PASSED},
    {TEST_RESULT, "{\"result\": \"PASSED\", \"failedTests\": []}", CW_RESULT_PASSED},
    {TEST_RESULT, "{\"result\": \"PASSED\", \"failedTests\": [\"x\"]}", CW_RESULT_FAILED},
    {TEST_RESULT, "{\"result\": \"WARNED\"}", CW_RESULT_WARNED},
    {TEST_RESULT, "{\"result\": \"WARNED\", \"failedTests\": [\"x\"]}", CW_RESULT_FAILED},
    {TEST_RESULT, "{\"result\": \"FAILED\"}", CW_RESULT_FAILED},
    {TEST_RESULT, "{\"result\": \"passed\"}", CW_RESULT_FAILED},
    {TEST_RESULT, "{\"result\": true}", CW_RESULT_FAILED},
    {TEST_RESULT, "{}", CW_RESULT_FAILED},
    {TEST_RESULT, "null", CW_RESULT_FAILED},
    {"\"predicateType\": \"https://slsa.dev/verification_summary/v1\"",
     "{\"verificationResult\": \"PASSED\"}", CW_RESULT_PASSED},
    {"\"predicateType\": \"https://slsa.dev/verification_summary/v1\"",
     "{\"verificationResult\": \"FAILED\"}", CW_RESULT_FAILED},
    {OTHER, "{\"result\": \"FAILED\"}", CW_RESULT_NONE},
};

static void failures_are_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(verdicts); i++) {
        CW_AUTO_STATEMENT statement = {.doc = NULL};
        char text[1024];
        struct cw_err err;

        snprintf(text, sizeof text, "{" V1 ", " ON_A ", %s, \"predicate\": %s}", verdicts[i].type,
                 verdicts[i].predicate);
        assert_cw_ok(take(&statement, "application/vnd.in-toto+json", text, &err), err);
        if (cw_statement_result(&statement) != verdicts[i].verdict)
            fail_msg("%s", text);
    }
}

static void short_names_stand_for_types(void **state)
{
    struct cw_err err;

    (void)state;
    assert_true(cw_predicate_matches("provenance", "https://slsa.dev/provenance/v1"));
    assert_true(cw_predicate_matches("provenance", "https://slsa.dev/provenance/v0.2"));
    assert_false(cw_predicate_matches("provenance", "https://slsa.dev/provenance/v9"));
    assert_true(cw_predicate_matches("sbom", "https://spdx.dev/Document/v2.3"));
    assert_true(cw_predicate_matches("sbom", "https://cyclonedx.org/bom"));
    assert_false(cw_predicate_matches("sbom", "https://cyclonedx.org/bomb"));
    assert_false(cw_predicate_matches("test-result", "https://slsa.dev/provenance/v1"));
    assert_true(cw_predicate_matches("https://example.com/p", "https://example.com/p"));
    assert_false(cw_predicate_matches("https://example.com/", "https://example.com/p"));
    assert_string_equal(cw_predicate_short("https://cyclonedx.org/bom/v1.4"), "sbom");
    assert_string_equal(cw_predicate_short("https://example.com/p"), "attestation");
    assert_cw_ok(cw_predicate_check("test-result", &err), err);
    assert_cw_ok(cw_predicate_check("https://example.com/p", &err), err);
    assert_cw_fails(CW_E_USAGE, "write test-result, provenance, sbom", cw_predicate_check("tests", &err),
                    err);
    assert_cw_fails(CW_E_USAGE, "no predicate", cw_predicate_check("", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_read_or_refused),
        cmocka_unit_test(subjects_are_told_by_their_hash),
        cmocka_unit_test(failures_are_seen),
        cmocka_unit_test(short_names_stand_for_types),
    };

    return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
