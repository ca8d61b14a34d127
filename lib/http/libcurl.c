/* SPDX-License-Identifier: ISC */
/*
 * libcurl, loaded when the first URL is used (base/dynlib.h), unless configure had it linked.
 */
#define CURL_DISABLE_TYPECHECK /* what stands here are the functions themselves */
#include <curl/curl.h>
#include <stdarg.h>

#include "base/dynlib.h"
#include <config.h>
#include "http/easy.h"

#ifdef CW_LIBCURL_SONAME

/* clang-format off */
#define FUNCTIONS(F) \
    F(0, CURL *, curl_easy_init, void) \
    F(1, CURLcode, curl_easy_perform, CURL *) \
    F(1, const char *, curl_easy_strerror, CURLcode) \
    F(2, time_t, curl_getdate, const char *, const time_t *) \
    F(1, CURLcode, curl_global_init, long) \
    F(2, CURLMcode, curl_multi_add_handle, CURLM *, CURL *) \
    F(1, CURLMcode, curl_multi_cleanup, CURLM *) \
    F(2, CURLMsg *, curl_multi_info_read, CURLM *, int *) \
    F(0, CURLM *, curl_multi_init, void) \
    F(2, CURLMcode, curl_multi_perform, CURLM *, int *) \
    F(5, CURLMcode, curl_multi_poll, CURLM *, struct curl_waitfd *, unsigned int, int, int *) \
    F(2, CURLMcode, curl_multi_remove_handle, CURLM *, CURL *) \
    F(1, const char *, curl_multi_strerror, CURLMcode) \
    F(1, CURLMcode, curl_multi_wakeup, CURLM *) \
    F(2, struct curl_slist *, curl_slist_append, struct curl_slist *, const char *) \
    F(0, CURLU *, curl_url, void) \
    F(4, CURLUcode, curl_url_get, CW_CURLU_GET *, CURLUPart, char **, unsigned int) \
    F(4, CURLUcode, curl_url_set, CURLU *, CURLUPart, const char *, unsigned int)

#define PROCEDURES(F) \
    F(1, void, curl_easy_cleanup, CURL *) \
    F(1, void, curl_free, void *) \
    F(1, void, curl_slist_free_all, struct curl_slist *) \
    F(1, void, curl_url_cleanup, CURLU *)

/* Of one more argument, whose type follows from the option or the information. */
#define VARIADIC(F) \
    F(3, CURLcode, curl_easy_getinfo, ) \
    F(3, CURLcode, curl_easy_setopt, ) \
    F(3, CURLMcode, curl_multi_setopt, )
/* clang-format on */

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

FUNCTIONS(CW_DYNLIB_SLOT)
PROCEDURES(CW_DYNLIB_SLOT)
VARIADIC(CW_DYNLIB_SLOT)

static const struct cw_dynlib_symbol symbols[] = {FUNCTIONS(CW_DYNLIB_SYMBOL) PROCEDURES(CW_DYNLIB_SYMBOL)
                                                      VARIADIC(CW_DYNLIB_SYMBOL)};

static struct cw_dynlib libcurl = CW_DYNLIB_INIT(CW_LIBCURL_SONAME, symbols);

static int load(struct cw_err *err)
{
    return cw_dynlib_load(&libcurl, err);
}

FUNCTIONS(CW_DYNLIB_FUNCTION)
PROCEDURES(CW_DYNLIB_PROCEDURE)

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    CURLcode code;
    va_list args;

    va_start(args, info);
    code = real_curl_easy_getinfo(curl, info, va_arg(args, void *));
    va_end(args);
    return code;
}

/* CURLOPTTYPE_LONG and CURLOPTTYPE_OFF_T say how an option is passed; all else is a pointer. */
#define PASS_ON(set, handle, option, args)                                                                   \
    ((option) >= CURLOPTTYPE_OFF_T && (option) < CURLOPTTYPE_OFF_T + CURLOPTTYPE_OBJECTPOINT                 \
         ? set(handle, option, va_arg(args, curl_off_t))                                                     \
     : (option) < CURLOPTTYPE_OBJECTPOINT ? set(handle, option, va_arg(args, long))                          \
                                          : set(handle, option, va_arg(args, void *)))

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    CURLcode code;
    va_list args;

    va_start(args, option);
    code = PASS_ON(real_curl_easy_setopt, curl, option, args);
    va_end(args);
    return code;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    CURLMcode code;
    va_list args;

    va_start(args, option);
    code = PASS_ON(real_curl_multi_setopt, multi, option, args);
    va_end(args);
    return code;
}

#else

static int load(struct cw_err *err)
{
    (void)err;
    return CW_OK;
}

#endif

int cw_http_start(struct cw_err *err)
{
    int rc = load(err);

    if (rc == CW_OK && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        rc = cw_err_set(err, CW_E_FAIL, "unable to start libcurl");
    return rc;
}
