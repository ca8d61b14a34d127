/* SPDX-License-Identifier: ISC */
/*
 * Who a site is: an Ed25519 key made once, by which it signs what it says of itself (receipts, reports, heads of
 * its history). The keyid, as TUF counts it, is its fingerprint.
 *
 *   keys/identity.key   the secret half, plain (lib/crypt/keyfile.h), mode 0600: a site signs without a person
 *   keys/identity.pub   the public half, as a key object of TUF's
 *
 * Once there the key is never overwritten. It is written before its public half, which is made again from it where
 * a crash or a person took that away.
 *
 * The secret half is in memory only inside cw_identity_sign(), guarded and wiped, so no confined child ever
 * inherits it: none is started in there, and each is a fork of a process that does not hold the key.
 */
#ifndef CW_SYNC_IDENTITY_H
#define CW_SYNC_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/hash.h"
#include "crypt/sign.h"

#define CW_IDENTITY_KEY "keys/identity.key"
#define CW_IDENTITY_PUB "keys/identity.pub"

struct cw_identity {
    unsigned char public_key[CW_ED25519_PUBLIC];
    char id[CW_SHA256_TEXT]; /* the keyid */
};

/* The public half. CW_E_NOTFOUND: a site of before there were identities; CW_E_VERIFY: a file that is no key. */
int cw_identity_read(struct cw_identity *identity, int site, struct cw_err *err);
/* The same of any site, from a copy of its identity.pub. */
int cw_identity_read_file(struct cw_identity *identity, const char *path, struct cw_err *err);
/* A site's own, making the key where there is none and noting that in the history; the caller holds the site's lock.
 * A public half whose secret one is gone is CW_E_FAIL: whoever took it away may still have it. */
int cw_identity_ensure(struct cw_identity *identity, int site, int64_t now, struct cw_err *err);

/* The public half as a key object of TUF's; new reference. */
int cw_identity_object(json_t **key, const struct cw_identity *identity, struct cw_err *err);

/* Appends the text of an envelope (lib/doc/envelope.h) around the payload, signed by the site. An older site gets its
 * key now; the caller holds the lock. */
int cw_identity_sign(struct cw_buf *text, int site, int64_t now, const char *payload_type,
                     const json_t *payload, struct cw_err *err);

#endif
