/* SPDX-License-Identifier: ISC */
/*
 * The attestations that were given for releases: envelopes around in-toto statements, byte for byte as they came,
 *
 *     attestations/<product>@<version>/<sha256>.json
 *
 * kept for every channel that the release may still enter. Each proves itself by its signatures, whenever it is
 * used; that it lies here says nothing.
 */
#ifndef CW_GEN_ATTEST_H
#define CW_GEN_ATTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "crypt/hash.h"
#include "doc/envelope.h"
#include "doc/statement.h"
#include "fs/root.h"
#include "release/manifest.h"

#define CW_ATTEST_FOLDER "attestations"

/* One of them, read. */
struct cw_attested {
    char sha256[CW_SHA256_TEXT];
    char path[CW_PATH_MAX]; /* beneath the repository, or as the user named it */
    struct cw_buf bytes;
    struct cw_envelope envelope;
    struct cw_statement statement;
};

/* Reads bytes that were already put into attested->bytes. CW_E_VERIFY for what is no attestation. */
int cw_attested_read(struct cw_attested *attested, struct cw_err *err);
void cw_attested_clear(struct cw_attested *attested);
#define CW_ATTESTED_INIT                                                                                     \
    {                                                                                                        \
        .bytes = CW_BUF_INIT(CW_ENVELOPE_MAX)                                                                \
    }
#define CW_AUTO_ATTESTED __attribute__((cleanup(cw_attested_clear))) struct cw_attested

/* The release as statements speak of it. */
struct cw_attest_release {
    struct cw_manifest manifest;
    char sha256[CW_SHA256_TEXT]; /* of the manifest's text, as published or as it would be now */
};
void cw_attest_release_clear(struct cw_attest_release *release);
/* Takes a manifest's body, staged or published. */
int cw_attest_release_set(struct cw_attest_release *release, const json_t *doc, struct cw_err *err);

/* Is the statement about the whole release, by its manifest, or about this artifact? */
bool cw_attest_covers(const struct cw_attested *attested, const struct cw_attest_release *release,
                      size_t artifact);
/* About how many of the artifacts. */
size_t cw_attest_count(const struct cw_attested *attested, const struct cw_attest_release *release);

/* dir is the repository's folder. Calls fn for each attestation of a release, one at a time, in the order of their
 * hashes; each is gone when fn returns. */
typedef int cw_attest_fn(void *ctx, const struct cw_attested *attested, struct cw_err *err);
int cw_attest_each(int dir, const char *product, const char *version, cw_attest_fn *fn, void *ctx,
                   struct cw_err *err);
/* Keeps one, durable. *is_new: it was not there yet. CW_E_FAIL past CW_ATTESTATIONS_MAX. With dry_run nothing is
 * written. */
int cw_attest_keep(bool *is_new, int dir, const char *product, const char *version,
                   const struct cw_attested *attested, bool dry_run, struct cw_err *err);
/* "attestations/<product>@<version>/<sha256>.json", or the folder when sha256 is NULL. */
int cw_attest_path(char path[CW_PATH_MAX], const char *product, const char *version, const char *sha256,
                   struct cw_err *err);

#endif
