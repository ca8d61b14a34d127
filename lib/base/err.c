/* SPDX-License-Identifier: ISC */
/*
 * Error texts of fixed size: setting one never allocates, so it works when memory is what failed.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t written)
{
    if (written >= CW_ERR_TEXT_MAX)
        memcpy(text + CW_ERR_TEXT_MAX - 4, "...", 4);
}

static void set_text(struct cw_err *err, int code, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);

    err->code = code;
    mark_cut(err->text, n < 0 ? 0 : (size_t)n);
}

int cw_err_set(struct cw_err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return code;
    va_start(ap, fmt);
    set_text(err, code, fmt, ap);
    va_end(ap);
    return code;
}

static int code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return CW_E_SPACE;
    case ENOENT:
        return CW_E_NOTFOUND;
    case ENOMEM:
        return CW_E_NOMEM;
    default:
        return CW_E_FAIL;
    }
}

int cw_err_errno(struct cw_err *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    size_t len;
    int n, code = code_of_errno(errnum);

    if (err == NULL)
        return code;
    va_start(ap, fmt);
    set_text(err, code, fmt, ap);
    va_end(ap);
    len = strlen(err->text);
    n = snprintf(err->text + len, sizeof err->text - len, ": %s", strerror(errnum));
    mark_cut(err->text, len + (n < 0 ? 0 : (size_t)n));
    return code;
}

int cw_err_prefix(struct cw_err *err, const char *fmt, ...)
{
    char old[CW_ERR_TEXT_MAX];
    va_list ap;
    size_t len;
    int n, code;

    if (err == NULL)
        return CW_E_FAIL;
    code = err->code;
    memcpy(old, err->text, sizeof old);
    va_start(ap, fmt);
    set_text(err, code, fmt, ap);
    va_end(ap);
    len = strlen(err->text);
    n = snprintf(err->text + len, sizeof err->text - len, ": %s", old);
    mark_cut(err->text, len + (n < 0 ? 0 : (size_t)n));
    return code;
}

int cw_err_nomem(struct cw_err *err)
{
    return cw_err_set(err, CW_E_NOMEM, "out of memory");
}

void cw_err_clear(struct cw_err *err)
{
    err->code = CW_OK;
    err->text[0] = '\0';
}

int cw_err_exit_code(int code)
{
    if (code >= 0)
        return 0;
    return code < CW_E_ROLLED_BACK ? 1 : -code;
}
