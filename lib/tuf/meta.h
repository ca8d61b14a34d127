/* SPDX-License-Identifier: ISC */
/*
 * TUF metadata in memory: what the four top-level roles and delegated targets say
 * (https://theupdateframework.github.io/specification/v1.0.34/, section 4). Parsing checks form only; whether
 * signatures, versions and expiry hold is asked of cw_tuf_verify() and the update state machine.
 */
#ifndef CW_TUF_META_H
#define CW_TUF_META_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/hash.h"
#include "crypt/verify.h"

#define CW_TUF_NAME_MAX 256 /* bytes of a role's name with NUL */
#define CW_TUF_ROOT_MAX                                                                                      \
    512000 /* most bytes of each role's file; root and timestamp as other clients have it */
#define CW_TUF_TIMESTAMP_MAX 16384
#define CW_TUF_SNAPSHOT_MAX 5000000 /* 16,384 bins with hashes, a million targets: 3 MB */
#define CW_TUF_TARGETS_MAX 5000000
#define CW_TUF_ROOT_ROTATIONS_MAX 256 /* roots taken in one run */
#define CW_TUF_DELEGATIONS_MAX 32     /* delegated roles visited for one target */
#define CW_TUF_KEYIDS_MAX                                                                                    \
    1024 /* of one role, and signatures of one file: each may cost hashing the whole file */

enum cw_tuf_type { CW_TUF_ROOT, CW_TUF_TIMESTAMP, CW_TUF_SNAPSHOT, CW_TUF_TARGETS };

/* The "_type" text of a type: "root", … */
const char *cw_tuf_type_name(enum cw_tuf_type type);

/* One parsed file. Everything hangs off doc; the pointers below are borrowed from it. */
struct cw_tuf_meta {
    enum cw_tuf_type type;
    json_t *doc;           /* {"signatures": […], "signed": {…}}; owned */
    const json_t *signed_; /* the signed part */
    int64_t version;
    int64_t expires; /* seconds since 1970 */
};

/* Parses bytes as a file of that type. CW_E_VERIFY for anything malformed or of another type or
 * spec_version major. */
int cw_tuf_meta_parse(struct cw_tuf_meta *meta, enum cw_tuf_type type, const void *bytes, size_t len,
                      struct cw_err *err);
/* The same of a tree that was made here instead of read; doc is taken over. */
int cw_tuf_meta_take(struct cw_tuf_meta *meta, enum cw_tuf_type type, json_t *doc, struct cw_err *err);
void cw_tuf_meta_clear(struct cw_tuf_meta *meta); /* harmless on a zeroed struct */

/* Does this root say that metadata and targets bear their version or hash in their names? */
bool cw_tuf_root_is_consistent(const struct cw_tuf_meta *root);

/* A role's keys and threshold as root or a delegation states them. Borrowed from the metadata they were
 * found in. */
struct cw_tuf_role {
    char name[CW_TUF_NAME_MAX];
    const json_t *keys;   /* object: keyid → key */
    const json_t *keyids; /* array of strings */
    int64_t threshold;
    bool terminating;
};

/* Is this one of the role's keys? */
bool cw_tuf_role_names(const struct cw_tuf_role *role, const char *keyid);
/* Is there a signature by that key, whatever it is worth? signatures: array as envelopes have it; NULL: none. */
bool cw_tuf_has_signed(const json_t *signatures, const char *keyid);

/* A top-level role's keys out of a root. */
int cw_tuf_root_role(struct cw_tuf_role *role, const struct cw_tuf_meta *root, const char *name,
                     struct cw_err *err);

/* The delegations of a targets file, in order. Succinct hash bins (TAP 15) are as many delegations as
 * there are bins. */
size_t cw_tuf_delegation_count(const struct cw_tuf_meta *targets);
int cw_tuf_delegation_at(struct cw_tuf_role *role, const struct cw_tuf_meta *targets, size_t index,
                         struct cw_err *err);
/* The delegation to a role of that name. CW_E_NOTFOUND: there is none. */
int cw_tuf_delegation_named(struct cw_tuf_role *role, const struct cw_tuf_meta *targets, const char *name,
                            struct cw_err *err);
/* Does this file delegate to succinct hash bins? */
bool cw_tuf_delegation_bins(const struct cw_tuf_meta *targets);
/* Does delegation number `index` cover this target path? */
bool cw_tuf_delegation_covers(const struct cw_tuf_meta *targets, size_t index, const char *path);
/* The first delegation at or behind *index that covers this path; false when there is none. Bins are found
 * without trying each. */
bool cw_tuf_delegation_find(const struct cw_tuf_meta *targets, const char *path, size_t *index);
/* Does a pattern of "paths" match? '*', '?' and '[…]' as in glob(7), of characters and not of bytes, none of
 * which ever crosses '/'. None takes longer than its length times the path's. */
bool cw_tuf_pattern_matches(const char *pattern, const char *path);

/* Enough distinct keys of the role signed this file: section 5.3.4 and its like. CW_E_VERIFY names role,
 * threshold and how many. Known are ed25519, ecdsa-sha2-nistp256 and nistp384 (keytype "ecdsa" or the
 * scheme's name) and rsassa-pss-sha256, as crypt/verify.h has them. Keys of other types or schemes, and keys
 * that are malformed, do not count and do no harm; one key counts once under however many keyids and in
 * however many notations. */
int cw_tuf_verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, struct cw_err *err);
/* The same for who has no tree of the file: its "signatures", and the canonical form of its signed part. */
int cw_tuf_verify_text(const json_t *signatures, const struct cw_buf *canonical,
                       const struct cw_tuf_role *role, struct cw_err *err);
/* A key object as metadata has it. CW_E_NOTFOUND for a key of no kind known here, CW_E_VERIFY for one that is not
 * well-formed. The caller owns *parsed. */
int cw_tuf_key_parse(struct cw_public **parsed, const json_t *key, struct cw_err *err);
/* A public key's text as such an object: PEM (Ed25519, ECDSA on P-256 and P-384, RSA) or a key object. New
 * reference. CW_E_VERIFY for what is neither. */
int cw_tuf_key_read(json_t **object, const char *text, size_t len, struct cw_err *err);

/* What snapshot says of a role's file, or timestamp of snapshot. */
struct cw_tuf_file {
    int64_t version;      /* 0 for targets */
    int64_t length;       /* -1: not stated */
    const json_t *hashes; /* object: algorithm → hex; NULL: not stated */
    const json_t *custom; /* NULL: none */
};
/* CW_E_NOTFOUND when the snapshot or timestamp does not list "<role>.json". */
int cw_tuf_meta_file(struct cw_tuf_file *file, const struct cw_tuf_meta *meta, const char *role,
                     struct cw_err *err);
/* A target by its path in this targets file; CW_E_NOTFOUND. */
int cw_tuf_target_file(struct cw_tuf_file *file, const struct cw_tuf_meta *targets, const char *path,
                       struct cw_err *err);

/* Checks bytes in memory against what is stated: length and every hash (an unknown algorithm fails). */
int cw_tuf_file_check(const struct cw_tuf_file *file, const void *bytes, size_t len, struct cw_err *err);
/* Its sha256, borrowed; NULL when not stated. */
const char *cw_tuf_file_sha256(const struct cw_tuf_file *file);

/* A role's name as one file name, "<role>.json": percent-encoded where it is not plain (section 5.6.2
 * leaves this to us; python-tuf does the same). CW_E_VERIFY when no filesystem would take it with a
 * version in front. */
int cw_tuf_role_filename(struct cw_buf *buf, const char *role, struct cw_err *err);
/* The same for a target's whole path, without an ending. */
int cw_tuf_target_filename(struct cw_buf *buf, const char *path, struct cw_err *err);

#endif
