/* SPDX-License-Identifier: ISC */
/*
 * URLs as text: made from a base and a path, and shown without their secrets.
 */
#include <stdio.h>
#include <string.h>

#include "http/http.h"

#define URL_MAX ((size_t)8 * 1024)

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
