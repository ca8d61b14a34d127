/* SPDX-License-Identifier: ISC */
/*
 * Small files that will soon be wanted, fetched many at a time by a thread of its own while its owner looks at those that
 * came before. It is a help and no more: what it does not have is to be got as if it had never been asked, and what went
 * wrong with it is told then.
 */
#ifndef CW_HTTP_AHEAD_H
#define CW_HTTP_AHEAD_H

#include "http/http.h"

#define CW_AHEAD_FILES 64                    /* expected and not taken yet; more are not fetched */
#define CW_AHEAD_FILE_MAX ((size_t)64 << 10) /* bytes of one; of a longer one nothing is kept */

struct cw_ahead;

/* The options are borrowed; how often they would try counts for nothing here. */
int cw_ahead_new(struct cw_ahead **ahead, const struct cw_http_options *options, struct cw_err *err);
/* Ends the thread; what is under way is dropped. NULL is harmless. */
void cw_ahead_free(struct cw_ahead *ahead);

/* This URL, of at most max bytes, will be asked for, and after those that were expected before: see to it, if there is room. */
void cw_ahead_expect(struct cw_ahead *ahead, const char *url, size_t max);
/* Appends its bytes to buf, waiting if they are under way. False: it was not expected or did not come, and buf is as it was. */
bool cw_ahead_take(struct cw_ahead *ahead, const char *url, struct cw_buf *buf);
/* The same without waiting: false also while it is under way. */
bool cw_ahead_take_if_here(struct cw_ahead *ahead, const char *url, struct cw_buf *buf);

#endif
