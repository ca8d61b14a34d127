/* SPDX-License-Identifier: ISC */
/*
 * What every request shares: a handle set up as the options want it, and what a failure of libcurl means. Inside
 * lib/http only.
 */
#ifndef CW_HTTP_EASY_H
#define CW_HTTP_EASY_H

#include <curl/curl.h>

#include "http/http.h"

/* Loads libcurl and starts it, once for all. Comes before any other use of it. */
int cw_http_start(struct cw_err *err);

/* A handle that follows no redirect by itself. bare: for another host than the one the options are for, so that it gets
 * no credentials. error_text (CURL_ERROR_SIZE bytes) lives as long as the handle. */
int cw_http_easy_new(CURL **curl, const struct cw_http_options *options, bool bare, char *error_text,
                     struct cw_err *err);

/* `shown` is the URL as messages may have it, error_text what libcurl left there. */
int cw_http_judge_code(CURLcode code, const char *shown, const char *error_text, struct cw_err *err);
/* CW_OK for 200 and 206. */
int cw_http_judge_status(long status, const char *shown, struct cw_err *err);
/* A proxy's answer to the wish for a tunnel (CONNECT), other than 200. */
int cw_http_judge_tunnel(long status, const char *shown, struct cw_err *err);
/* May the same request succeed if it is made again soon? */
bool cw_http_code_passes(CURLcode code);
bool cw_http_status_passes(long status);

/* limit.c: accounts for bytes that came; sleeps when they came too fast. limit may be NULL. */
void cw_http_limit_take(struct cw_http_limit *limit, size_t bytes);

#endif
