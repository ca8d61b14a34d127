/* SPDX-License-Identifier: ISC */
/*
 * Getting files over http and https with libcurl. One struct cw_http keeps connections alive between
 * requests. Only http and https are spoken, also after redirects (at most five, never from https to http; to another
 * scheme, host or port neither password, token nor certificate is sent); a transfer slower than the minimum rate ends.
 * Many files at a time, and such that were begun before: http/transfer.h.
 */
#ifndef CW_HTTP_HTTP_H
#define CW_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_HTTP_TRIES 5            /* for callers that want a request tried again */
#define CW_HTTP_RETRY_MS 500       /* before the second try; twice as long before each that follows ... */
#define CW_HTTP_RETRY_MS_MAX 30000 /* ... up to this, or what was asked for if that is more */
#define CW_HTTP_TRIES_OF_SEVERAL 3 /* the same where another server can be asked */
#define CW_HTTP_RETRY_AFTER_MAX 60 /* seconds that a server may ask us to wait within a run */
#define CW_HTTP_RATE_MIN 1024      /* bytes per second that a limit may be; slower is no transfer */
#define CW_HTTP_TOKEN_MAX ((size_t)8192)

/* How a server is to be spoken to. All texts are borrowed for as long as what was made with them. */
struct cw_http_options {
    const char *ca_file;         /* PEM; NULL: what CURL_CA_BUNDLE or SSL_CERT_FILE name, else the system's */
    const char *cert_file;       /* PEM: a client's certificate, for servers that want one; NULL: none */
    const char *key_file;        /* PEM: its key; NULL: it is in cert_file */
    const char *bearer_file;     /* its first line is a token for "Authorization: Bearer"; NULL: none */
    bool netrc;                  /* user and password as ~/.netrc has them for the host */
    const char *proxy;           /* URL of one; "": none; NULL: what the environment says (http_proxy, ...) */
    unsigned connect_seconds;    /* 0: 30 */
    unsigned min_rate;           /* bytes per second over min_rate_seconds; 0: 100 */
    unsigned min_rate_seconds;   /* 0: 30 */
    unsigned total_seconds;      /* the longest that one try may take; 0: as long as the rate is kept */
    unsigned tries;              /* how often in a row a transfer may fail without getting on; 0: once */
    unsigned retry_ms;           /* the pause before the second try; 0: CW_HTTP_RETRY_MS */
    struct cw_http_limit *limit; /* shared by all that is got with it; NULL: as fast as it comes */
};

/* A bound on bytes per second for all transfers of a program together, whatever their threads. Threads that are over it
 * sleep, and TCP slows the servers down. */
struct cw_http_limit;
int cw_http_limit_new(struct cw_http_limit **limit, uint64_t bytes_per_second, struct cw_err *err);
void cw_http_limit_free(struct cw_http_limit *limit);

struct cw_http;

int cw_http_new(struct cw_http **http, const struct cw_http_options *options, struct cw_err *err);
void cw_http_free(struct cw_http *http);

/* Takes the bytes of a response in order. Non-zero ends the transfer and is its result. */
typedef int cw_http_sink(void *ctx, const void *data, size_t len, struct cw_err *err);

/* GET url, at most max bytes. 403 and 404 are CW_E_NOTFOUND; network trouble, time-outs and 5xx
 * CW_E_TEMP; a web page (text/html) where the URL's path does not name one CW_E_TEMP; more than max bytes CW_E_VERIFY;
 * what the certificate check says CW_E_VERIFY. The text names the URL. Content codings are not asked for and not undone.
 * A try after the first goes on where that ended, where the server says that the file is the same. */
int cw_http_get(struct cw_http *http, const char *url, uint64_t max, cw_http_sink *sink, void *ctx,
                struct cw_err *err);
/* The same into memory (buf's max is the limit). */
int cw_http_get_buf(struct cw_http *http, const char *url, struct cw_buf *buf, struct cw_err *err);

/* base + "/" + path with each part of path percent-encoded as needed (RFC 3986). */
int cw_http_join(struct cw_buf *buf, const char *base, const char *path, struct cw_err *err);
/* The same for a path that is percent-encoded already. */
int cw_http_join_encoded(struct cw_buf *buf, const char *base, const char *path, struct cw_err *err);

/* A URL as messages and logs may show it: without the user and password that may stand before the host. */
#define CW_HTTP_SHOWN_MAX 1024
void cw_http_shown(char shown[CW_HTTP_SHOWN_MAX], const char *url);

#endif
