/* SPDX-License-Identifier: ISC */
/*
 * What the head of an answer says about a transfer. Inside lib/http only.
 */
#ifndef CW_HTTP_ANSWER_H
#define CW_HTTP_ANSWER_H

#include <curl/curl.h>

#include "http/transfer.h"

/* Before a request: nothing is known of its answer. */
void cw_answer_clear(struct cw_transfer_run *run);
/* One line of the head. */
void cw_answer_header(struct cw_transfer *transfer, const char *line, size_t len);
/* The whole head, before the first byte of the body: calls begin() if the answer is good. Not CW_OK: the transfer ends,
 * or is begun again if run.again says so. */
int cw_answer_judge(struct cw_transfer *transfer, CURL *curl, struct cw_err *err);
/* Where a redirect leads, by the rules of http.h; into run.location. *bare: that is another host. */
int cw_answer_follow(struct cw_transfer *transfer, CURL *curl, struct cw_err *err);
/* Is the URL that is asked now of another scheme, host or port than the transfer's own? */
bool cw_answer_is_elsewhere(const struct cw_transfer *transfer);

#endif
