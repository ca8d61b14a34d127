/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as an envelope, its signatures tried with a key of each kind, and its payload as a statement. And
 * as a statement at once, which random bytes inside base64 would never be.
 */
#include <string.h>

#include "base/mem.h"
#include "doc/statement.h"
#include "tests/fuzz/fuzz.h"

#define KEYS 3

/* Any point on the curve and any 32 bytes are keys, though nobody has their secret half. */
static struct cw_public *keys[KEYS];

static void make_keys(void)
{
    struct cw_err err;

    if (keys[0] != NULL)
        return;
    always(cw_public_parse(&keys[0], CW_PUBLIC_ED25519,
                           "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
                           &err) == CW_OK);
    always(cw_public_parse(&keys[1], CW_PUBLIC_ECDSA_P256,
                           "0467cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d2"
                           "380c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74",
                           &err) == CW_OK);
    always(cw_public_parse(&keys[2], CW_PUBLIC_ED25519,
                           "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
                           &err) == CW_OK);
}

static void look_at_statement(const struct cw_envelope *envelope)
{
    CW_AUTO_STATEMENT statement = {.doc = NULL};
    struct cw_err err = {.code = 0};

    if (cw_statement_parse(&statement, envelope, &err) != CW_OK) {
        always(statement.doc == NULL && statement.subjects == NULL && err.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < statement.subject_count; i++)
        always(cw_statement_covers(&statement, statement.subjects[i]));
    cw_statement_result(&statement);
    always(strlen(statement.predicate_type) <= CW_PREDICATE_MAX);
    always(cw_predicate_matches(statement.predicate_type, statement.predicate_type));
    cw_predicate_short(statement.predicate_type);
}

/* What the two equal keys say is the same, and they count once. */
static void look_at_signatures(const struct cw_envelope *envelope)
{
    bool signed_by[KEYS];
    struct cw_err err;

    always(cw_envelope_signers(signed_by, envelope, keys, KEYS, &err) == CW_OK);
    always(signed_by[0] == signed_by[2]);
    always(cw_envelope_count_keys(keys, signed_by, KEYS) <= 2);
    always(cw_envelope_verify(envelope, envelope->payload_type, keys, KEYS, 3, &err) == CW_E_VERIFY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cw_envelope bare = {.payload_type = "application/vnd.in-toto+json",
                               .payload = CW_BUF_INIT(CW_ENVELOPE_PAYLOAD_MAX)};
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    struct cw_err err = {.code = 0};

    make_keys();
    cw_buf_add(&bare.payload, data, size);
    look_at_statement(&bare);
    cw_buf_clear(&bare.payload);
    if (cw_envelope_parse(&envelope, data, size, &err) != CW_OK) {
        always(envelope.doc == NULL && err.text[0] != '\0');
        return 0;
    }
    look_at_signatures(&envelope);
    look_at_statement(&envelope);
    return 0;
}
