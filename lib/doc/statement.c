/* SPDX-License-Identifier: ISC */
/*
 * Reading in-toto statements, and what is known of some types of predicates.
 */
#include "doc/statement.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"

#define PAYLOAD_PREFIX "application/vnd.in-toto" /* "+json", or ".<predicate>+json" */
#define PAYLOAD_SUFFIX "+json"

#define TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define SUMMARY "https://slsa.dev/verification_summary/"

/* A type ending in '/' stands for all that begin with it. */
static const struct {
    const char *name, *type;
} known[] = {
    {"test-result", TEST_RESULT},
    {"provenance", "https://slsa.dev/provenance/v1"},
    {"provenance", "https://slsa.dev/provenance/v1.0"},
    {"provenance", "https://slsa.dev/provenance/v1.1"},
    {"provenance", "https://slsa.dev/provenance/v0.2"},
    {"sbom", "https://spdx.dev/Document"},
    {"sbom", "https://spdx.dev/Document/"},
    {"sbom", "https://cyclonedx.org/bom"},
    {"sbom", "https://cyclonedx.org/bom/"},
    {"sbom", "https://cyclonedx.org/schema"}, /* what cosign wrote at first */
};

static bool is_type(size_t i, const char *type)
{
    return cw_str_ends(known[i].type, "/") ? cw_str_starts(type, known[i].type)
                                           : strcmp(type, known[i].type) == 0;
}

bool cw_predicate_matches(const char *wanted, const char *type)
{
    size_t i;

    if (strcmp(wanted, type) == 0)
        return true;
    for (i = 0; i < CW_COUNT(known); i++) {
        if (strcmp(known[i].name, wanted) == 0 && is_type(i, type))
            return true;
    }
    return false;
}

const char *cw_predicate_short(const char *type)
{
    size_t i;

    for (i = 0; i < CW_COUNT(known); i++) {
        if (is_type(i, type))
            return known[i].name;
    }
    return "attestation";
}

static bool is_uri(const char *text)
{
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        if (!isgraph((unsigned char)text[i]))
            return false;
    }
    return i <= CW_PREDICATE_MAX && isalpha((unsigned char)text[0]) && strchr(text, ':') != NULL;
}

int cw_predicate_check(const char *wanted, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < CW_COUNT(known); i++) {
        if (strcmp(known[i].name, wanted) == 0)
            return CW_OK;
    }
    if (is_uri(wanted))
        return CW_OK;
    return cw_err_set(err, CW_E_USAGE,
                      "'%.80s' is no predicate: write test-result, provenance, sbom, or a type's whole URI",
                      wanted);
}

static int check_payload_type(const char *type, struct cw_err *err)
{
    const char *rest = type + strlen(PAYLOAD_PREFIX);

    if (cw_str_starts(type, PAYLOAD_PREFIX) && cw_str_ends(rest, PAYLOAD_SUFFIX) &&
        (strcmp(rest, PAYLOAD_SUFFIX) == 0 || rest[0] == '.'))
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "payload is a '%s', not an in-toto statement ('%s%s')", type,
                      PAYLOAD_PREFIX, PAYLOAD_SUFFIX);
}

static int check_type(const json_t *doc, struct cw_err *err)
{
    const char *type;
    int rc = cw_json_get_str(&type, doc, "_type", err);

    if (rc != CW_OK || strcmp(type, "https://in-toto.io/Statement/v1") == 0 ||
        strcmp(type, "https://in-toto.io/Statement/v0.1") == 0)
        return rc;
    return cw_err_set(err, CW_E_VERIFY, "is a '%s'; known are in-toto's Statement/v1 and Statement/v0.1",
                      type);
}

/* Subjects without a sha256 (commits, say) are passed over. */
static int parse_subject(struct cw_statement *statement, const json_t *subject, struct cw_err *err)
{
    json_t *digest = NULL;
    const char *hex = NULL;
    unsigned char bytes[32];
    int rc;

    if (!json_is_object(subject))
        return cw_err_set(err, CW_E_VERIFY, "is not an object");
    rc = cw_json_get_obj(&digest, subject, "digest", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&hex, digest, "sha256", err);
    if (rc != CW_OK || hex == NULL)
        return rc;
    if (!cw_hex_parse(bytes, sizeof bytes, hex))
        return cw_err_set(err, CW_E_VERIFY, "field 'sha256' is not 64 hex digits");
    cw_hex_format(statement->subjects[statement->subject_count++], bytes, sizeof bytes);
    return CW_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int parse_subjects(struct cw_statement *statement, struct cw_err *err)
{
    json_t *list, *subject;
    size_t i;
    int rc = cw_json_get_array(&list, statement->doc, "subject", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(list) < 1 || json_array_size(list) > CW_STATEMENT_SUBJECTS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "has %zu subjects, not 1 to %d", json_array_size(list),
                          CW_STATEMENT_SUBJECTS_MAX);
    statement->subjects = calloc(json_array_size(list), sizeof *statement->subjects);
    if (statement->subjects == NULL)
        return cw_err_nomem(err);
    json_array_foreach (list, i, subject) {
        rc = parse_subject(statement, subject, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "subject[%zu]", i);
    }
    qsort(statement->subjects, statement->subject_count, sizeof *statement->subjects, compare);
    return CW_OK;
}

static int parse(struct cw_statement *statement, const struct cw_envelope *envelope, struct cw_err *err)
{
    json_t *predicate = NULL;
    int rc = check_payload_type(envelope->payload_type, err);

    if (rc == CW_OK)
        rc = cw_json_parse_foreign(&statement->doc, envelope->payload.data, envelope->payload.len, err);
    if (rc == CW_OK && !json_is_object(statement->doc))
        rc = cw_err_set(err, CW_E_VERIFY, "is not a JSON object");
    if (rc == CW_OK)
        rc = check_type(statement->doc, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&statement->predicate_type, statement->doc, "predicateType", err);
    if (rc == CW_OK && !is_uri(statement->predicate_type))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'predicateType' is not a URI of at most %d bytes",
                        CW_PREDICATE_MAX);
    if (rc == CW_OK && !json_is_null(json_object_get(statement->doc, "predicate")))
        rc = cw_json_opt_obj(&predicate, statement->doc, "predicate", err);
    statement->predicate = predicate;
    return rc == CW_OK ? parse_subjects(statement, err) : rc;
}

int cw_statement_parse(struct cw_statement *statement, const struct cw_envelope *envelope, struct cw_err *err)
{
    int rc;

    *statement = (struct cw_statement){.doc = NULL};
    rc = parse(statement, envelope, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_statement_clear(statement);
    cw_err_prefix(err, "statement");
    return rc;
}

void cw_statement_clear(struct cw_statement *statement)
{
    json_decref(statement->doc);
    free(statement->subjects);
    *statement = (struct cw_statement){.doc = NULL};
}

bool cw_statement_covers(const struct cw_statement *statement, const char *sha256)
{
    return statement->subject_count > 0 && bsearch(sha256, statement->subjects, statement->subject_count,
                                                   sizeof *statement->subjects, compare) != NULL;
}

static bool says(const json_t *predicate, const char *key, const char *word)
{
    const char *value = json_string_value(json_object_get(predicate, key));

    return value != NULL && strcmp(value, word) == 0;
}

enum cw_result cw_statement_result(const struct cw_statement *statement)
{
    const json_t *predicate = statement->predicate;

    if (strcmp(statement->predicate_type, TEST_RESULT) == 0) {
        if (json_array_size(json_object_get(predicate, "failedTests")) > 0)
            return CW_RESULT_FAILED; /* whatever the result says */
        if (says(predicate, "result", "WARNED"))
            return CW_RESULT_WARNED;
        return says(predicate, "result", "PASSED") ? CW_RESULT_PASSED : CW_RESULT_FAILED;
    }
    if (cw_str_starts(statement->predicate_type, SUMMARY))
        return says(predicate, "verificationResult", "PASSED") ? CW_RESULT_PASSED : CW_RESULT_FAILED;
    return CW_RESULT_NONE;
}
