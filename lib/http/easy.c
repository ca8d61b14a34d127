/* SPDX-License-Identifier: ISC */
/*
 * Setting libcurl's handles up, and reading its failures.
 */
#include "http/easy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define CONNECT_SECONDS 30
#define MIN_RATE 100 /* bytes per second: slower than any line a site still uses */
#define MIN_RATE_SECONDS 30
#define RECEIVE_BYTES 65536L        /* asked for at once */
#define RECEIVE_BYTES_LIMITED 4096L /* where a rate is kept: the pauses stay short */

static unsigned or_else(unsigned value, unsigned otherwise)
{
    return value != 0 ? value : otherwise;
}

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

static bool set_limits(CURL *c, const struct cw_http_options *o)
{
    return curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)or_else(o->connect_seconds, CONNECT_SECONDS)) ==
               CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)or_else(o->min_rate, MIN_RATE)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME,
                            (long)or_else(o->min_rate_seconds, MIN_RATE_SECONDS)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_BUFFERSIZE,
                            o->limit != NULL ? RECEIVE_BYTES_LIMITED : RECEIVE_BYTES) == CURLE_OK;
}

static bool set_up(CURL *c, const struct cw_http_options *o, char *error_text)
{
    const char *ca_file = find_ca_file(o);

    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "causeway") == CURLE_OK &&
           (ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK) &&
           (o->proxy == NULL || curl_easy_setopt(c, CURLOPT_PROXY, o->proxy) == CURLE_OK) && set_limits(c, o);
}

static int set_bearer(CURL *c, const char *path, struct cw_err *err)
{
    char token[CW_HTTP_TOKEN_MAX] = "";
    FILE *file = fopen(path, "re");
    size_t len;
    bool good;

    if (file == NULL)
        return cw_err_set(err, CW_E_FAIL, "unable to read the bearer token's file '%s': %s", path,
                          strerror(errno));
    good = fgets(token, sizeof token, file) != NULL;
    fclose(file);
    len = strcspn(token, "\r\n");
    token[len] = '\0';
    if (!good || len == 0 || len + 2 >= sizeof token ||
        strspn(token, "!\"#$%&'()*+,-./0123456789:;<=>?@"
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                      "abcdefghijklmnopqrstuvwxyz{|}~") != len)
        return cw_err_set(err, CW_E_FAIL, "'%s' has no token in its first line", path);
    return curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
                   curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK
               ? CW_OK
               : cw_err_nomem(err);
}

static int set_credentials(CURL *c, const struct cw_http_options *o, struct cw_err *err)
{
    const char *key = o->key_file != NULL ? o->key_file : o->cert_file;

    if (o->cert_file != NULL && (curl_easy_setopt(c, CURLOPT_SSLCERT, o->cert_file) != CURLE_OK ||
                                 curl_easy_setopt(c, CURLOPT_SSLKEY, key) != CURLE_OK))
        return cw_err_nomem(err);
    if (o->netrc && curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL) != CURLE_OK)
        return cw_err_set(err, CW_E_FAIL, "this libcurl does not read .netrc");
    return o->bearer_file != NULL ? set_bearer(c, o->bearer_file, err) : CW_OK;
}

int cw_http_easy_new(CURL **curl, const struct cw_http_options *options, bool bare, char *error_text,
                     struct cw_err *err)
{
    int rc = cw_http_start(err);

    *curl = NULL;
    if (rc != CW_OK)
        return rc;
    *curl = curl_easy_init();
    if (*curl == NULL || !set_up(*curl, options, error_text))
        rc = cw_err_set(err, CW_E_FAIL, "unable to set up libcurl");
    if (rc == CW_OK && !bare)
        rc = set_credentials(*curl, options, err);
    if (rc != CW_OK) {
        curl_easy_cleanup(*curl);
        *curl = NULL;
    }
    return rc;
}

int cw_http_judge_code(CURLcode code, const char *shown, const char *error_text, struct cw_err *err)
{
    const char *text = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
    int kind = CW_E_TEMP;

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return cw_err_set(err, CW_E_VERIFY,
                          "unable to get '%s': %s; if the server's authority is a private one, name its "
                          "certificate's file in CURL_CA_BUNDLE, or as the source's ca in site.lua",
                          shown, text);
    case CURLE_OUT_OF_MEMORY:
        return cw_err_nomem(err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        kind = CW_E_FAIL;
        break;
    default:
        break;
    }
    return cw_err_set(err, kind, "unable to get '%s': %s", shown, text);
}

int cw_http_judge_status(long status, const char *shown, struct cw_err *err)
{
    switch (status) {
    case 200:
    case 206:
        return CW_OK;
    case 403:
    case 404:
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' is not there (HTTP status %ld)", shown, status);
    case 400: /* what nginx says to who brings no certificate that it accepts */
        return cw_err_set(
            err, CW_E_FAIL, "unable to get '%s': HTTP status 400%s", shown,
            cw_str_starts(shown, "https://")
                ? "; if the server wants a client's certificate, name one that it accepts as the "
                  "source's cert in site.lua"
                : "");
    case 401:
        return cw_err_set(
            err, CW_E_FAIL,
            "unable to get '%s': HTTP status 401: the server wants a login; give the source a bearer "
            "token, netrc or a certificate in site.lua",
            shown);
    case 407:
        return cw_err_set(
            err, CW_E_FAIL,
            "unable to get '%s': HTTP status 407: the proxy wants a login; write user:password@ into "
            "its URL",
            shown);
    case 511:
        return cw_err_set(err, CW_E_TEMP,
                          "unable to get '%s': HTTP status 511: this network wants a login first", shown);
    default:
        break;
    }
    if (status >= 500)
        return cw_err_set(err, CW_E_TEMP, "unable to get '%s': HTTP status %ld", shown, status);
    if (cw_http_status_passes(status))
        return cw_err_set(err, CW_E_TEMP, "unable to get '%s': HTTP status %ld; try again later", shown,
                          status);
    return cw_err_set(err, CW_E_FAIL, "unable to get '%s': HTTP status %ld", shown, status);
}

int cw_http_judge_tunnel(long status, const char *shown, struct cw_err *err)
{
    if (status == 407)
        return cw_http_judge_status(status, shown, err);
    return cw_err_set(err, status >= 500 || cw_http_status_passes(status) ? CW_E_TEMP : CW_E_FAIL,
                      "unable to get '%s': the proxy refuses to pass it on: HTTP status %ld", shown, status);
}

bool cw_http_code_passes(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

bool cw_http_status_passes(long status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 ||
           (status >= 502 && status <= 504);
}
