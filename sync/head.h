/* SPDX-License-Identifier: ISC */
/*
 * The history's end, signed by the site: history.head.json, an envelope of lib/doc around
 *
 * {"_type": "causeway-history-head", "format": "1.0", "seq": n, "sha256": of that line, "time"}
 *
 * written after each line. It is what shows that lines were cut off. A crash between the two leaves one line that it
 * does not cover yet. A head that does not fit what lies before a new line is left as it is: nothing that
 * somebody changed gets signed by going on. Without an identity (sync/identity.h) there is no head.
 */
#ifndef CW_SYNC_HEAD_H
#define CW_SYNC_HEAD_H

#include <stdint.h>

#include "base/err.h"
#include "crypt/hash.h"

#define CW_HEAD_FILE "history.head.json"
#define CW_HEAD_PAYLOAD "application/vnd.causeway.history-head+json"

struct cw_head {
    int64_t seq;
    char sha256[CW_SHA256_TEXT];
    char time[24];
};

/* The signed head. CW_E_NOTFOUND: there is none; CW_E_VERIFY: it is not, or not by this site. */
int cw_head_read(struct cw_head *head, int site, struct cw_err *err);
/* Signs a line as the new end. With no identity it does nothing. The caller holds the site's lock. */
int cw_head_sign(int site, int64_t now, int64_t seq, const char *sha256, struct cw_err *err);

#endif
