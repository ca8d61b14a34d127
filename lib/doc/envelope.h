/* SPDX-License-Identifier: ISC */
/*
 * Signed documents as DSSE envelopes (https://github.com/secure-systems-lab/dsse, protocol 1.0.0): a payload
 * of a named type, and signatures over both. Every signed document that is not TUF's own is one of these:
 * attestations of other people's tools, and Causeway's own kinds, each with a payload type of its own, so that
 * no document can be taken for one of another kind.
 *
 * {"payloadType": text, "payload": base64, "signatures": [{"keyid": text, "sig": base64}]}
 * signed is "DSSEv1 <bytes of type> <type> <bytes of payload> <payload>". Unknown members are ignored; a
 * Sigstore bundle, which holds an envelope as "dsseEnvelope", is read as that envelope. Which keys may sign is
 * for the caller to know: a keyid in an envelope is a hint that nobody has signed, and is not looked at.
 *
 *     making:     cw_envelope_new(), cw_envelope_sign() for each key, cw_envelope_format()
 *     verifying:  cw_envelope_parse(), cw_envelope_verify(), and only then look at the payload
 */
#ifndef CW_DOC_ENVELOPE_H
#define CW_DOC_ENVELOPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/sign.h"
#include "crypt/verify.h"

#define CW_ENVELOPE_MAX ((size_t)16 << 20) /* bytes of its text: a bill of materials of a whole image */
#define CW_ENVELOPE_PAYLOAD_MAX (CW_ENVELOPE_MAX / 4 * 3) /* what base64 leaves of that */
#define CW_ENVELOPE_TYPE_MAX 256      /* bytes of a payload type; media types and URIs are shorter */
#define CW_ENVELOPE_SIGNATURES_MAX 16 /* each is tried with each key, over the whole payload */
#define CW_ENVELOPE_KEYS_MAX 64       /* as many as a role of TUF may have */

struct cw_envelope_signature {
    unsigned char bytes[CW_SIGNATURE_MAX];
    size_t len;
};

struct cw_envelope {
    json_t *doc;                              /* owned */
    const char *payload_type;                 /* borrowed from doc */
    struct cw_buf payload;                    /* owned; proves nothing before it was verified */
    struct cw_envelope_signature *signatures; /* owned */
    size_t signature_count;
};

/* CW_E_VERIFY for what is no envelope: not JSON, a field missing or of the wrong type, not base64, no payload,
 * no signature, past a maximum. */
int cw_envelope_parse(struct cw_envelope *envelope, const void *bytes, size_t len, struct cw_err *err);
void cw_envelope_clear(struct cw_envelope *envelope); /* harmless on a zeroed struct */
#define CW_AUTO_ENVELOPE __attribute__((cleanup(cw_envelope_clear))) struct cw_envelope

/* Which of the keys made one of its signatures: fills signed_by[count]; count at most CW_ENVELOPE_KEYS_MAX. A
 * key that stands in the list twice is true twice. ECDSA signatures may be in DER or, as some tools write them,
 * r and s one behind the other. Fails only where memory does. */
int cw_envelope_signers(bool *signed_by, const struct cw_envelope *envelope, struct cw_public *const *keys,
                        size_t count, struct cw_err *err);
/* Is it of this type, and signed by at least `threshold` (1 or more) different ones of these keys? One key
 * counts once, however often and in whatever notations it is listed. CW_E_VERIFY says which does not hold. */
int cw_envelope_verify(const struct cw_envelope *envelope, const char *payload_type,
                       struct cw_public *const *keys, size_t count, size_t threshold, struct cw_err *err);
/* How many different keys are marked in `chosen`. */
size_t cw_envelope_count_keys(struct cw_public *const *keys, const bool *chosen, size_t count);

/* A new envelope without signatures around a JSON document, which is written into it in the deterministic form
 * of cw_json_format_line(). The caller owns *doc. CW_E_FAIL past a maximum. */
int cw_envelope_new(json_t **doc, const char *payload_type, const json_t *payload, struct cw_err *err);
/* Adds this key's signature, or replaces the one under the same keyid; they stay sorted by keyid. */
int cw_envelope_sign(json_t *doc, const struct cw_secret *secret, const char *keyid, struct cw_err *err);
/* Appends the file's text, as deterministic as cw_json_format(). */
int cw_envelope_format(struct cw_buf *buf, const json_t *doc, struct cw_err *err);

/* Appends what is signed, DSSE's pre-authentication encoding, to an empty buffer, and sets its maximum. */
int cw_envelope_signed_text(struct cw_buf *buf, const char *payload_type, const void *payload, size_t len,
                            struct cw_err *err);

#endif
