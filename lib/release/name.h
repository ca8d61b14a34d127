/* SPDX-License-Identifier: ISC */
/*
 * Names that survive every filesystem and URL on the way: products, versions, platforms, channels, file
 * names. And the rule for free text that people will see on their terminals.
 */
#ifndef CW_RELEASE_NAME_H
#define CW_RELEASE_NAME_H

#include "base/err.h"

/* Bytes, without NUL; with "<sha256>." before it, still a file name on every filesystem. */
#define CW_NAME_MAX 180

/* [A-Za-z0-9._-], not starting with '.' or '-', not ending in '.', no DOS device name, at most CW_NAME_MAX
 * bytes. `what` is for the message: "product", "file". CW_E_VERIFY says which rule and names it. */
int cw_name_check(const char *name, const char *what, struct cw_err *err);
/* Also refuses the reserved words (root, targets, snapshot, timestamp, metadata, deltas, channels, licenses,
 * attestations), in any case. */
int cw_name_check_product(const char *name, struct cw_err *err);
/* A channel's role is named like the channel, so the same words are refused. */
int cw_name_check_channel(const char *name, struct cw_err *err);

/* Notes and reasons: no control characters but newline and tab, so that no text can steer a terminal. */
int cw_text_check(const char *text, const char *what, struct cw_err *err);

#endif
