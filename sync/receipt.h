/* SPDX-License-Identifier: ISC */
/*
 * Writing a site's receipt (lib/doc/receipt.h): what it holds, runs and trusts.
 *
 *   receipts/last.json   the one written last, by which the next one knows its counter
 *
 * Order: the history's entry, receipts/last.json, and only then is the receipt handed out; so no two that leave the
 * site have one counter. Killed in between, a counter is used again by a receipt that nobody has seen.
 */
#ifndef CW_SYNC_RECEIPT_H
#define CW_SYNC_RECEIPT_H

#include "base/buf.h"
#include "sync/site.h"

#define CW_RECEIPTS "receipts"

struct cw_receipt_made {
    int64_t counter;
    uint64_t files, bytes; /* that it says the site holds */
    uint64_t left_out;     /* files past the limit of one receipt */
    uint64_t damaged;      /* files that a pull found damaged, and that still are */
};

/* Appends the receipt's text; the caller holds the site's lock. A file counts as held when it lies in a mirror under
 * its name; hashed are only those that a pull found damaged. */
int cw_receipt_write(struct cw_buf *text, struct cw_receipt_made *made, const struct cw_site *site,
                     int64_t now, struct cw_err *err);

#endif
