/* SPDX-License-Identifier: ISC */
/*
 * The publisher's half of TUF metadata: key objects, the signed bodies of the roles, and envelopes with their
 * signatures (https://theupdateframework.github.io/specification/v1.0.34/, section 4). What goes in, when,
 * and where it is stored is the caller's business; nothing here does I/O.
 */
#ifndef CW_TUF_WRITE_H
#define CW_TUF_WRITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "tuf/meta.h"

#define CW_TUF_SPEC_VERSION "1.0.34"
#define CW_TUF_TEXT_MAX                                                                                      \
    ((size_t)64 << 20) /* most bytes of an envelope's text: the canonical form of the largest targets file */

/* {"keytype": "ed25519", "keyval": {"public": hex}, "scheme": "ed25519"}. New reference: json_decref() it. */
int cw_tuf_key_new(json_t **key, const unsigned char public_key[CW_ED25519_PUBLIC], struct cw_err *err);
/* sha256 of the key object's canonical form. */
int cw_tuf_key_id(char out[CW_SHA256_TEXT], const json_t *key, struct cw_err *err);

/* {"_type", "spec_version", "version", "expires"}: what every signed body begins with. The caller owns
 * *signed_. */
int cw_tuf_signed_new(json_t **signed_, enum cw_tuf_type type, int64_t version, int64_t expires,
                      struct cw_err *err);
/* The same with the type's own fields, empty where they are containers:
 *   root       consistent_snapshot true, keys {}, roles: each top-level one with keyids [] and threshold 1
 *   targets    targets {}, and with_delegations: delegations {keys {}, roles []}
 *   snapshot, timestamp    meta {} */
int cw_tuf_root_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err);
int cw_tuf_targets_new(json_t **signed_, int64_t version, int64_t expires, bool with_delegations,
                       struct cw_err *err);
int cw_tuf_snapshot_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err);
int cw_tuf_timestamp_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err);

/* Lets an ed25519 key sign for a top-level role of a root body: adds it to keys and to the role's keyids
 * (sorted; twice is once). */
int cw_tuf_root_add_key(json_t *root, const char *role, const unsigned char public_key[CW_ED25519_PUBLIC],
                        struct cw_err *err);
/* The same for a key object of any kind. */
int cw_tuf_root_admit(json_t *root, const char *role, const json_t *key, struct cw_err *err);
int cw_tuf_root_set_threshold(json_t *root, const char *role, int64_t threshold, struct cw_err *err);

/* One delegation to be added or, where one of that name is there, put in its place. */
struct cw_tuf_delegation_spec {
    const char *name;
    const char *const *paths; /* NULL-terminated globs */
    const unsigned char (*keys)[CW_ED25519_PUBLIC];
    size_t key_count;
    const json_t *key_objects; /* array of keys of any kind, beside the others; NULL: none */
    int64_t threshold;
    bool terminating;
};
int cw_tuf_targets_delegate(json_t *targets, const struct cw_tuf_delegation_spec *spec, struct cw_err *err);

/* Turns a targets body without delegations into one whose targets lie in succinct hash bins (TAP 15): it loses its own targets,
 * and hands all to 2^bits bins that the keys of `role` (a delegation, its keyids among `keys`) sign. */
int cw_tuf_targets_split(json_t *targets, const char *prefix, unsigned bits, const json_t *keys,
                         const json_t *role, struct cw_err *err);

/* Says in a targets body: this path has these bytes. custom may be NULL and stays the caller's. Replaces
 * an earlier entry. */
int cw_tuf_targets_add(json_t *targets, const char *path, int64_t length, const char *sha256,
                       const json_t *custom, struct cw_err *err);
/* Says in a snapshot or timestamp body: "<role>.json" has this version and these bytes. sha256 NULL:
 * version only. */
int cw_tuf_meta_add(json_t *signed_, const char *role, int64_t version, int64_t length, const char *sha256,
                    struct cw_err *err);

/* {"signatures": [], "signed": signed_}; signed_ is borrowed (its count goes up) and may be changed until
 * the first signature. */
int cw_tuf_envelope_new(json_t **envelope, json_t *signed_, struct cw_err *err);
/* Adds this key's signature, or replaces it where its keyid is there already; signatures stay sorted by
 * keyid. */
int cw_tuf_envelope_sign(json_t *envelope, const struct cw_secret *secret, struct cw_err *err);
/* The same for a signature that was made elsewhere over the canonical form of the signed part; hex are its digits. */
int cw_tuf_envelope_put(json_t *envelope, const char *keyid, const char *hex, struct cw_err *err);
/* Appends the file's text, as deterministic as cw_json_format(). */
int cw_tuf_envelope_format(struct cw_buf *buf, const json_t *envelope, struct cw_err *err);

#endif
