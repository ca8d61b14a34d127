/* SPDX-License-Identifier: ISC */
/*
 * Inside lib/tuf: files as the publisher writes them, read and written as text in one pass, without a tree. For those two that list
 * things by the thousand, bins and the snapshot, a tree would cost ten times the file in memory and most of the time.
 *
 * Only exactly what is written here is read here, in any spacing; clients read every file by cw_tuf_meta_parse().
 */
#ifndef CW_TUF_PLAIN_H
#define CW_TUF_PLAIN_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/scan.h"
#include "tuf/meta.h"

#define CW_PLAIN_DIGEST (CW_SHA256_TEXT - 1) /* digits of a sha256, which nothing terminates */

/* ---- reading ---- */

struct cw_plain { /* a file but for its list */
    int64_t version, expires;
    json_t *signatures; /* array; owned */
};

struct cw_plain_form {
    const char *type; /* "_type" */
    const char *list; /* the one member of its own */
    /* Reads that member's value. False where it is not as it is written; err is set where memory failed. */
    bool (*scan)(struct cw_scan *scan, void *ctx, struct cw_err *err);
};

/* Reads a file; what it signs is not looked at. CW_E_VERIFY. */
int cw_plain_read(struct cw_plain *plain, const struct cw_plain_form *form, void *ctx, const char *text,
                  size_t len, struct cw_err *err);
void cw_plain_clear(struct cw_plain *plain);
/* {"sha256": digest}. */
bool cw_plain_scan_hashes(struct cw_scan *scan, const char **sha256);

/* ---- writing ---- */

/* Does this text need no escape in either form? Names and paths are made of portable characters, so none does; what does is refused. */
bool cw_plain_is_plain(struct cw_slice text);
/* The file's head up to what is signed. signatures: [{"keyid", "sig"}]. */
void cw_plain_add_signatures(struct cw_buf *buf, const json_t *signatures);

#endif
