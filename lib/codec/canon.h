/* SPDX-License-Identifier: ISC */
/*
 * OLPC canonical JSON, the form that TUF signatures are made over
 * (http://wiki.laptop.org/go/Canonical_JSON; TUF specification 1.0.34, section 4.2).
 */
#ifndef CW_CODEC_CANON_H
#define CW_CODEC_CANON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the canonical form: keys sorted as UTF-8 bytes, no white space, only '"' and '\' escaped, all other
 * characters raw, integers only. CW_E_VERIFY for a number that is not an integer. */
int cw_canon_format(struct cw_buf *buf, const json_t *value, struct cw_err *err);

#endif
