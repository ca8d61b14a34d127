/* SPDX-License-Identifier: ISC */
/*
 * One curl easy handle, used again and again so that connections stay open.
 */
#include "http/http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define REDIRECTS_MAX 5L
#define CONNECT_SECONDS 30
#define MIN_RATE 100 /* bytes per second: slower than any line a site still uses */
#define MIN_RATE_SECONDS 30
#define URL_MAX ((size_t)8 * 1024)

struct cw_http {
    CURL *curl;
    struct cw_http_options options;
    char curl_error[CURL_ERROR_SIZE];
    char shown[CW_HTTP_SHOWN_MAX]; /* the URL of this request in messages */
};

struct transfer {
    CURL *curl;
    const char *url; /* as it may be shown */
    uint64_t max, received;
    cw_http_sink *sink;
    void *ctx;
    struct cw_err *err;
    int rc; /* the sink's own failure */
};

/* libcurl reads the proxies' variables by itself, but leaves those of the authorities to its callers. */
static const char *find_ca_file(const struct cw_http_options *options)
{
    const char *file = options->ca_file;

    if (file == NULL)
        file = getenv("CURL_CA_BUNDLE");
    if (file == NULL || file[0] == '\0')
        file = getenv("SSL_CERT_FILE");
    return file != NULL && file[0] != '\0' ? file : NULL;
}

static int set_up(struct cw_http *http)
{
    const struct cw_http_options *o = &http->options;
    const char *ca_file = find_ca_file(o);
    CURL *c = http->curl;

    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXREDIRS, REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, http->curl_error) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)o->connect_seconds) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)o->min_rate) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)o->min_rate_seconds) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)o->total_seconds) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "causeway") == CURLE_OK &&
           (ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

int cw_http_new(struct cw_http **http, const struct cw_http_options *options, struct cw_err *err)
{
    struct cw_http *h;

    *http = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return cw_err_set(err, CW_E_FAIL, "unable to start libcurl");
    h = calloc(1, sizeof *h);
    if (h == NULL)
        return cw_err_nomem(err);
    if (options != NULL)
        h->options = *options;
    if (h->options.connect_seconds == 0)
        h->options.connect_seconds = CONNECT_SECONDS;
    if (h->options.min_rate == 0)
        h->options.min_rate = MIN_RATE;
    if (h->options.min_rate_seconds == 0)
        h->options.min_rate_seconds = MIN_RATE_SECONDS;
    h->curl = curl_easy_init();
    if (h->curl == NULL || !set_up(h)) {
        cw_http_free(h);
        return cw_err_set(err, CW_E_FAIL, "unable to set up libcurl");
    }
    *http = h;
    return CW_OK;
}

void cw_http_free(struct cw_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    free(http);
}

static int too_long(const struct transfer *t)
{
    return cw_err_set(t->err, CW_E_VERIFY, "'%s' is larger than the %" PRIu64 " bytes expected", t->url,
                      t->max);
}

static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t len = size * count;
    long status = 0;

    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) /* an error page: read past it, judged by its status */
        return (t->received += len) <= CURL_MAX_WRITE_SIZE * 4 ? len : 0;
    if (len > t->max - t->received) {
        t->rc = too_long(t);
        return 0;
    }
    t->received += len;
    t->rc = t->sink(t->ctx, data, len, t->err);
    return t->rc == CW_OK ? len : 0;
}

static int judge_failure(const struct cw_http *http, CURLcode code, struct cw_err *err)
{
    const char *text = http->curl_error[0] != '\0' ? http->curl_error : curl_easy_strerror(code);
    int kind = CW_E_TEMP;

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return cw_err_set(err, CW_E_VERIFY,
                          "unable to get '%s': %s; if the server's authority is a private one, name its "
                          "certificate's file in CURL_CA_BUNDLE",
                          http->shown, text);
    case CURLE_OUT_OF_MEMORY:
        return cw_err_nomem(err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_TOO_MANY_REDIRECTS:
        kind = CW_E_FAIL;
        break;
    default:
        break;
    }
    return cw_err_set(err, kind, "unable to get '%s': %s", http->shown, text);
}

static int judge_status(const char *url, long status, struct cw_err *err)
{
    switch (status) {
    case 200:
        return CW_OK;
    case 403:
    case 404:
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' is not there (HTTP status %ld)", url, status);
    case 408:
    case 425:
    case 429:
        return cw_err_set(err, CW_E_TEMP, "unable to get '%s': HTTP status %ld; try again later", url,
                          status);
    default:
        return cw_err_set(err, status >= 500 ? CW_E_TEMP : CW_E_FAIL, "unable to get '%s': HTTP status %ld",
                          url, status);
    }
}

int cw_http_get(struct cw_http *http, const char *url, uint64_t max, cw_http_sink *sink, void *ctx,
                struct cw_err *err)
{
    struct transfer t = {
        .curl = http->curl, .url = http->shown, .max = max, .sink = sink, .ctx = ctx, .err = err};
    bool secure = cw_str_starts(url, "https:");
    long status = 0;
    CURLcode code;

    http->curl_error[0] = '\0';
    cw_http_shown(http->shown, url);
    if (curl_easy_setopt(http->curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https") !=
            CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, receive) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &t) != CURLE_OK)
        return cw_err_set(err, CW_E_FAIL, "unable to set up libcurl for '%s'", http->shown);
    code = curl_easy_perform(http->curl);
    if (t.rc != CW_OK)
        return t.rc;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status != 200))
        return judge_failure(http, code, err);
    return judge_status(http->shown, status, err);
}

static int collect(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    cw_buf_add(ctx, data, len);
    return cw_buf_check(ctx, "response", err);
}

int cw_http_get_buf(struct cw_http *http, const char *url, struct cw_buf *buf, struct cw_err *err)
{
    return cw_http_get(http, url, buf->max - buf->len, collect, buf, err);
}

void cw_http_shown(char shown[CW_HTTP_SHOWN_MAX], const char *url)
{
    const char *host = strstr(url, "://");
    size_t scheme, authority, i;

    host = host != NULL ? host + 3 : url;
    scheme = (size_t)(host - url);
    authority = strcspn(host, "/?#");
    for (i = authority; i > 0 && host[i - 1] != '@'; i--)
        ;
    snprintf(shown, CW_HTTP_SHOWN_MAX, "%.*s%s", (int)scheme, url, host + i);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* The base without slashes at its end, and one. */
static int add_base(struct cw_buf *buf, const char *base, const char *path, struct cw_err *err)
{
    size_t len = strlen(base);

    if (strlen(base) + 3 * strlen(path) > URL_MAX)
        return cw_err_set(err, CW_E_FAIL, "URL of '%.200s' is too long", path);
    while (len > 0 && base[len - 1] == '/')
        len--;
    cw_buf_add(buf, base, len);
    cw_buf_addc(buf, '/');
    return CW_OK;
}

int cw_http_join(struct cw_buf *buf, const char *base, const char *path, struct cw_err *err)
{
    int rc = add_base(buf, base, path, err);

    if (rc != CW_OK)
        return rc;
    for (; *path != '\0'; path++) {
        if (is_unreserved(*path) || *path == '/')
            cw_buf_addc(buf, *path);
        else
            cw_buf_addf(buf, "%%%02X", (unsigned char)*path);
    }
    return cw_buf_check(buf, "URL", err);
}

int cw_http_join_encoded(struct cw_buf *buf, const char *base, const char *path, struct cw_err *err)
{
    int rc = add_base(buf, base, path, err);

    if (rc != CW_OK)
        return rc;
    cw_buf_adds(buf, path);
    return cw_buf_check(buf, "URL", err);
}
