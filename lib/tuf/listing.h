/* SPDX-License-Identifier: ISC */
/*
 * The snapshot as the publisher writes it: a table of every role's file in force, read from its text and written as text and canonical
 * form in one pass each (tuf/plain.h). A product in hash bins has thousands of rows in it, and each publish reads and writes them all.
 *
 * Only what cw_listing_format() writes is read here; clients read a snapshot by cw_tuf_meta_parse().
 */
#ifndef CW_TUF_LISTING_H
#define CW_TUF_LISTING_H

#include "codec/scan.h"
#include "tuf/meta.h"

struct cw_listed {        /* texts borrowed from what the listing was read from, but where own is set */
    struct cw_slice file; /* "<role>.json" */
    int64_t version;
    int64_t length;     /* -1: not stated */
    const char *sha256; /* 64 digits, not terminated; NULL: not stated */
    char *own;          /* what this row's texts lie in; NULL: they are borrowed */
};

struct cw_listing {
    int64_t version, expires;
    struct cw_listed *rows;
    size_t sorted, count,
        room; /* rows[0] to rows[sorted - 1] are in the order of the file, later ones were put since */
};

void cw_listing_clear(struct cw_listing *listing);
#define CW_AUTO_LISTING __attribute__((cleanup(cw_listing_clear))) struct cw_listing

/* Reads a file, and verifies its signatures by a role's keys unless `role` is NULL. CW_E_VERIFY. `text` must outlive the listing. */
int cw_listing_read(struct cw_listing *listing, const char *text, size_t len, const struct cw_tuf_role *role,
                    struct cw_err *err);
/* A listing of the same rows, which borrows from `from`. */
int cw_listing_copy(struct cw_listing *listing, const struct cw_listing *from, struct cw_err *err);

/* Of a sorted listing; CW_E_NOTFOUND: it does not list that role. */
int cw_listing_find(const struct cw_listed **row, const struct cw_listing *listing, const char *role,
                    struct cw_err *err);
/* The role that a row is of. */
void cw_listed_role(char role[CW_TUF_NAME_MAX], const struct cw_listed *row);
/* Checks bytes in memory against what a row states. */
int cw_listed_check(const struct cw_listed *row, const void *bytes, size_t len, struct cw_err *err);

/* Says: this role's file has this version and these bytes (length -1 and sha256 NULL: version only), in place of what was said of
 * it. A role may be put once. */
int cw_listing_put(struct cw_listing *listing, const char *role, int64_t version, int64_t length,
                   const char *sha256, struct cw_err *err);
/* Into the order of the file, as finding and writing need it. CW_E_FAIL where a role was put twice. */
int cw_listing_sort(struct cw_listing *listing, struct cw_err *err);

/* Appends what is signed. */
int cw_listing_canon(struct cw_buf *buf, const struct cw_listing *listing, struct cw_err *err);
/* Appends the file, exactly as cw_json_format() would. signatures: [{"keyid", "sig"}]. */
int cw_listing_format(struct cw_buf *buf, const struct cw_listing *listing, const json_t *signatures,
                      struct cw_err *err);

#endif
