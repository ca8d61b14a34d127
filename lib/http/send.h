/* SPDX-License-Identifier: ISC */
/*
 * One request that hands something on: a file or a text as its body, a bounded answer, one time limit for all of
 * it. Made for devices and their small servers: it goes straight to the host that the URL names (no proxy, no
 * redirect is followed), waits for no "100 Continue", and its token goes to nobody else. Getting trees is
 * http.h's.
 */
#ifndef CW_HTTP_SEND_H
#define CW_HTTP_SEND_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_HTTP_BEARER_MAX 4096 /* bytes; servers refuse headers that are longer than this or twice this */

struct cw_http_request {
    const char *method;  /* "GET", "PUT" or "POST" */
    const char *url;     /* http or https; a user and password in it are refused, use a token */
    int body;            /* a regular file, read from where it stands; -1: text, or none */
    uint64_t length;     /* of what is left of it */
    const char *text;    /* the body when there is no file; NULL: none */
    const char *type;    /* of the body; NULL: application/octet-stream */
    const char *token;   /* sent as "Authorization: Bearer …"; in no message; NULL: none */
    const char *ca_file; /* PEM; NULL: as http.h has it */
    unsigned seconds;    /* for all of it; at least 1 */
};

/* True for a token that can stand in a header: printable ASCII without spaces, not empty, not too long. */
int cw_http_token_check(const char *token, struct cw_err *err);
/* http or https, with a host, without user, password or fragment. CW_E_VERIFY says what is wrong. */
int cw_http_url_check(const char *url, struct cw_err *err);

/* CW_OK when an answer came, whatever it says: *status is its code, `answer` the first bytes of its body up to
 * answer->max (NULL: not wanted). A body that is shorter than length is CW_E_FAIL. No answer within the time, or
 * no connection: CW_E_TEMP; a certificate that does not hold: CW_E_VERIFY. */
int cw_http_send(long *status, struct cw_buf *answer, const struct cw_http_request *request,
                 struct cw_err *err);

#endif
