/* SPDX-License-Identifier: ISC */
/*
 * Small files that will soon be wanted, fetched many at a time by a thread of its own while its owner looks at those that
 * came before. It is a help and no more: what it does not have is to be got as if it had never been asked, and what went
 * wrong with it is told then.
 */
#ifndef CW_HTTP_AHEAD_H
#define CW_HTTP_AHEAD_H

#include "http/http.h"

#define CW_AHEAD_FILES 64                /* expected and not taken yet; more are not fetched */
#define CW_AHEAD_BYTES ((size_t)8 << 20) /* of all these; what would be more is not kept */

struct cw_ahead;

/* The options are borrowed; how often they would try counts for nothing here. */
int cw_ahead_new(struct cw_ahead **ahead, const struct cw_http_options *options, struct cw_err *err);
/* Ends the thread; what is under way is dropped. NULL is harmless. */
void cw_ahead_free(struct cw_ahead *ahead);

/* This URL, of at most max bytes, will be asked for, and after those that were expected before: see to it, if there is room. */
void cw_ahead_expect(struct cw_ahead *ahead, const char *url, size_t max);
/* What came of it, waiting if it is under way: *rc is CW_OK, and its bytes were appended to buf; or CW_E_NOTFOUND, with err. False: it
 * was not expected, or did not come; buf is as it was. */
bool cw_ahead_take(struct cw_ahead *ahead, const char *url, struct cw_buf *buf, int *rc, struct cw_err *err);
/* Its bytes, without waiting. False: they are not here. */
bool cw_ahead_take_if_here(struct cw_ahead *ahead, const char *url, struct cw_buf *buf);

#endif
