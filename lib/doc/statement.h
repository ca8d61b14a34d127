/* SPDX-License-Identifier: ISC */
/*
 * In-toto statements (https://github.com/in-toto/attestation, Statement v1; v0.1 is read too), the payload of
 * an attestation: some predicate holds of some files, which it names by their hash alone. What signed it is the
 * envelope's business.
 *
 * {"_type", "subject": [{"name", "digest": {"sha256": hex}}], "predicateType": URI, "predicate": {…}}
 */
#ifndef CW_DOC_STATEMENT_H
#define CW_DOC_STATEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "crypt/hash.h"
#include "doc/envelope.h"

#define CW_STATEMENT_SUBJECTS_MAX 65536 /* four times what the largest release has of artifacts, and more */
#define CW_PREDICATE_MAX 256            /* bytes of a predicate's type */

struct cw_statement {
    json_t *doc;                      /* owned */
    const char *predicate_type;       /* borrowed from doc */
    const json_t *predicate;          /* object, borrowed; NULL: none */
    char (*subjects)[CW_SHA256_TEXT]; /* sha256 of those that have one, lower case, sorted; owned */
    size_t subject_count;
};

/* Reads the payload of an envelope. CW_E_VERIFY for what is no statement. */
int cw_statement_parse(struct cw_statement *statement, const struct cw_envelope *envelope,
                       struct cw_err *err);
void cw_statement_clear(struct cw_statement *statement); /* harmless on a zeroed struct */
#define CW_AUTO_STATEMENT __attribute__((cleanup(cw_statement_clear))) struct cw_statement

/* Is this file one of its subjects? */
bool cw_statement_covers(const struct cw_statement *statement, const char *sha256);

/* What a predicate says of its subjects, where its type is one that says yes or no. */
enum cw_result { CW_RESULT_NONE, CW_RESULT_PASSED, CW_RESULT_WARNED, CW_RESULT_FAILED };
/* Test results: PASSED without failed tests, WARNED, or anything else; SLSA's verification summaries: PASSED or
 * anything else. Of all other types: none. */
enum cw_result cw_statement_result(const struct cw_statement *statement);

/* Short names for the types that releases are asked for: "test-result", "provenance" (SLSA's, of any version),
 * "sbom" (SPDX and CycloneDX). Does `type` answer to `wanted`, a short name or a type in full? */
bool cw_predicate_matches(const char *wanted, const char *type);
/* The short name of a type; "attestation" for those that have none. */
const char *cw_predicate_short(const char *type);
/* A short name or a URI; CW_E_USAGE lists the short ones. */
int cw_predicate_check(const char *wanted, struct cw_err *err);

#endif
