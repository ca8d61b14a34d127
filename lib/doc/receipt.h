/* SPDX-License-Identifier: ISC */
/*
 * A receipt: what a site says that it holds, runs and trusts, signed by its identity. The carrier takes it to where
 * bundles are made, and to whoever looks after many sites. To make a bundle it is a hint: a wrong one costs a trip.
 *
 * An envelope (doc/envelope.h) of type CW_RECEIPT_TYPE around
 * {"_type": "causeway-receipt", "format": "1.0", "site": name, "identity": hex of the public key that signs it,
 *  "counter": n, greater in each receipt of a site, "time",
 *  "history": {"seq": n, "sha256": of the last entry's line},
 *  "generation": n (absent: nothing is installed),
 *  "runs": [{"product", "version", "platform", "upstream"}], sorted by product,
 *  "upstreams": [{"name", "channel", "wanted": {"products"?: [pattern], "platforms"?: [name]},
 *                 "root": {"version", "sha256"}, "serial"?, "channel_sha256"?}], sorted by name,
 *  "files": {sha256: length}, the artifacts in its mirrors, "files_left_out"?: how many there are beside these}
 * The last two of an upstream are absent before its first pull. The text is deterministic. The limits below hold for
 * each receipt: a site that has more leaves out files, those of its present sets last.
 */
#ifndef CW_DOC_RECEIPT_H
#define CW_DOC_RECEIPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypt/hash.h"
#include "doc/envelope.h"

#define CW_RECEIPT_TYPE "application/vnd.causeway.receipt+json"
#define CW_RECEIPT_DOC "causeway-receipt"
#define CW_RECEIPT_FILES_MAX 80000     /* 90 bytes each at most: 7 MB, and 10 MB as base64 */
#define CW_RECEIPT_MAX CW_ENVELOPE_MAX /* bytes of its text */
#define CW_RECEIPT_COUNTER_MAX INT64_C(9007199254740991)

struct cw_receipt {
    json_t *doc; /* the payload, checked; owned; what is not below is read from here */
    const char *site, *identity;
    char keyid[CW_SHA256_TEXT]; /* of the identity, as TUF counts it: the site's fingerprint */
    int64_t counter, time;
    const json_t *upstreams; /* array */
    const json_t *files;     /* object */
};

/* Reads a receipt, and checks that the identity it names has signed it. Whether that is the site's is not known here:
 * compare keyid with what you were told. CW_E_VERIFY: no receipt, not signed so, or of an unknown format. */
int cw_receipt_parse(struct cw_receipt *receipt, const void *bytes, size_t len, struct cw_err *err);
void cw_receipt_clear(struct cw_receipt *receipt); /* harmless on a zeroed struct */
#define CW_AUTO_RECEIPT __attribute__((cleanup(cw_receipt_clear))) struct cw_receipt

/* Does it say that the site holds this file? */
bool cw_receipt_holds(const struct cw_receipt *receipt, const char *sha256, uint64_t length);
/* What it says of the publisher whose root of that version has that hash; NULL: nothing. Borrowed. */
const json_t *cw_receipt_upstream(const struct cw_receipt *receipt, int64_t root_version, const char *sha256);

#endif
