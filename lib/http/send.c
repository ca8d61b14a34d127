/* SPDX-License-Identifier: ISC */
/*
 * One request with a handle of its own: see http/send.h.
 */
#include "http/send.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "http/easy.h"
#include "http/http.h"

#define CONNECT_SECONDS 30L

struct exchange {
    const struct cw_http_request *request;
    struct cw_buf *answer;
    CURL *curl;
    struct curl_slist *headers;
    uint64_t sent;
    int read_errno; /* of the body's file; 0: none */
    bool is_short;  /* the file ended before its length */
    char shown[CW_HTTP_SHOWN_MAX];
    char curl_error[CURL_ERROR_SIZE];
};

int cw_http_token_check(const char *token, struct cw_err *err)
{
    size_t len = strlen(token), i;

    if (len == 0)
        return cw_err_set(err, CW_E_FAIL, "the token is empty");
    if (len > CW_HTTP_BEARER_MAX)
        return cw_err_set(err, CW_E_FAIL, "the token is longer than %d bytes", CW_HTTP_BEARER_MAX);
    for (i = 0; i < len; i++) {
        if (token[i] <= ' ' || token[i] > '~')
            return cw_err_set(
                err, CW_E_FAIL,
                "the token has a byte that is no visible ASCII character: one line with nothing "
                "but the token is expected");
    }
    return CW_OK;
}

int cw_http_url_check(const char *url, struct cw_err *err)
{
    const char *host = cw_str_starts(url, "https://")  ? url + 8
                       : cw_str_starts(url, "http://") ? url + 7
                                                       : NULL;
    size_t authority = host != NULL ? strcspn(host, "/?#") : 0, i;

    for (i = 0; url[i] != '\0'; i++) {
        if (url[i] <= ' ' || url[i] > '~')
            return cw_err_set(err, CW_E_VERIFY, "URL '%.200s' has a byte that must be percent-encoded in one",
                              url);
    }
    if (host == NULL || authority == 0)
        return cw_err_set(err, CW_E_VERIFY, "'%.200s' is not a URL like https://plc-1.plant.example/firmware",
                          url);
    if (memchr(host, '@', authority) != NULL)
        return cw_err_set(err, CW_E_VERIFY, "a URL names no user or password here: use a token_file");
    if (strchr(url, '#') != NULL)
        return cw_err_set(err, CW_E_VERIFY, "URL '%.200s' has a '#', which no server ever sees", url);
    return CW_OK;
}

static size_t give(char *out, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    uint64_t left = exchange->request->length - exchange->sent;
    size_t room = size * count;
    ssize_t n;

    if (left == 0)
        return 0;
    do
        n = read(exchange->request->body, out, room < left ? room : (size_t)left);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        exchange->read_errno = n < 0 ? errno : 0;
        exchange->is_short = n == 0;
        return CURL_READFUNC_ABORT;
    }
    exchange->sent += (uint64_t)n;
    return (size_t)n;
}

/* What is over the bound is read and dropped: the status is what counts. */
static size_t take(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t len = size * count;

    if (exchange->answer != NULL) {
        size_t room = exchange->answer->max - exchange->answer->len;

        cw_buf_add(exchange->answer, data, len < room ? len : room);
    }
    return len;
}

static int add_header(struct exchange *exchange, const char *name, const char *value, struct cw_err *err)
{
    char *line = cw_str_format("%s: %s", name, value);
    struct curl_slist *longer = line != NULL ? curl_slist_append(exchange->headers, line) : NULL;

    if (line != NULL) /* a token may be in it */
        explicit_bzero(line, strlen(line));
    free(line);
    if (longer == NULL)
        return cw_err_nomem(err);
    exchange->headers = longer;
    return CW_OK;
}

static int set_headers(struct exchange *exchange, struct cw_err *err)
{
    const struct cw_http_request *request = exchange->request;
    bool has_body = request->body >= 0 || request->text != NULL;
    struct curl_slist *longer = curl_slist_append(NULL, "Expect:");
    int rc = longer != NULL ? CW_OK : cw_err_nomem(err);

    exchange->headers = longer;
    if (rc == CW_OK && has_body)
        rc = add_header(exchange, "Content-Type",
                        request->type != NULL ? request->type : "application/octet-stream", err);
    if (rc == CW_OK && request->token != NULL) {
        rc = cw_http_token_check(request->token, err);
        if (rc == CW_OK) {
            char value[CW_HTTP_BEARER_MAX + 16];

            snprintf(value, sizeof value, "Bearer %s", request->token);
            rc = add_header(exchange, "Authorization", value, err);
            explicit_bzero(value, sizeof value);
        }
    }
    return rc;
}

static bool set_body(struct exchange *exchange)
{
    const struct cw_http_request *request = exchange->request;
    CURL *c = exchange->curl;

    if (request->body >= 0)
        return curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_READFUNCTION, give) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_READDATA, exchange) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->length) == CURLE_OK;
    if (request->text == NULL)
        return true;
    return curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->text)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->text) == CURLE_OK;
}

static const char *find_ca_file(const struct cw_http_request *request)
{
    const char *file = request->ca_file;

    if (file == NULL)
        file = getenv("CURL_CA_BUNDLE");
    if (file == NULL || file[0] == '\0')
        file = getenv("SSL_CERT_FILE");
    return file != NULL && file[0] != '\0' ? file : NULL;
}

static bool set_up(struct exchange *exchange)
{
    const struct cw_http_request *request = exchange->request;
    const char *ca_file = find_ca_file(request);
    CURL *c = exchange->curl;

    return curl_easy_setopt(c, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, exchange->curl_error) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)request->seconds) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "causeway") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, exchange) == CURLE_OK && set_body(exchange) &&
           curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK &&
           (ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

static int judge(const struct exchange *exchange, CURLcode code, long status, struct cw_err *err)
{
    const char *text = exchange->curl_error[0] != '\0' ? exchange->curl_error : curl_easy_strerror(code);
    int kind = CW_E_TEMP;

    if (exchange->is_short)
        return cw_err_set(err, CW_E_FAIL, "'%s': the file ended after %llu of %llu bytes", exchange->shown,
                          (unsigned long long)exchange->sent, (unsigned long long)exchange->request->length);
    if (exchange->read_errno != 0)
        return cw_err_errno(err, exchange->read_errno, "unable to read what is sent to '%s'",
                            exchange->shown);
    /* An answer before all was sent (401, 413) breaks the sending; the answer is what to tell. One that says yes to half of it
     * is no answer. */
    if (code == CURLE_SEND_ERROR && status >= 300)
        return CW_OK;
    if (code == CURLE_OK && status < 300 && exchange->request->body >= 0 &&
        exchange->sent != exchange->request->length)
        return cw_err_set(err, CW_E_TEMP, "'%s': answered %ld after %llu of %llu bytes", exchange->shown,
                          status, (unsigned long long)exchange->sent,
                          (unsigned long long)exchange->request->length);
    if (code == CURLE_OK)
        return CW_OK;
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return cw_err_nomem(err);
    case CURLE_PEER_FAILED_VERIFICATION:
        kind = CW_E_VERIFY;
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
        kind = CW_E_FAIL;
        break;
    default:
        break;
    }
    return cw_err_set(err, kind, "%s '%s': %s", exchange->request->method, exchange->shown, text);
}

int cw_http_send(long *status, struct cw_buf *answer, const struct cw_http_request *request,
                 struct cw_err *err)
{
    struct exchange exchange = {.request = request, .answer = answer};
    int rc = cw_http_url_check(request->url, err);

    *status = 0;
    if (rc == CW_OK)
        rc = cw_http_start(err);
    if (rc != CW_OK)
        return rc;
    cw_http_shown(exchange.shown, request->url);
    exchange.curl = curl_easy_init();
    rc = exchange.curl != NULL ? set_headers(&exchange, err) : cw_err_nomem(err);
    if (rc == CW_OK && !set_up(&exchange))
        rc = cw_err_set(err, CW_E_FAIL, "unable to set up libcurl for '%s'", exchange.shown);
    if (rc == CW_OK) {
        CURLcode code = curl_easy_perform(exchange.curl);

        curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, status);
        rc = judge(&exchange, code, *status, err);
    }
    curl_slist_free_all(exchange.headers);
    curl_easy_cleanup(exchange.curl);
    return rc;
}
