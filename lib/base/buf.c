/* SPDX-License-Identifier: ISC */
/*
 * The growing buffer of base/buf.h.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

void cw_buf_init(struct cw_buf *buf, size_t max)
{
    *buf = (struct cw_buf)CW_BUF_INIT(max);
}

void cw_buf_clear(struct cw_buf *buf)
{
    free(buf->data);
    cw_buf_init(buf, buf->max);
}

void cw_buf_reset(struct cw_buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

static bool make_room(struct cw_buf *buf, size_t more)
{
    size_t room = buf->room != 0 ? buf->room : FIRST_ROOM;
    char *data;

    if (buf->failed != 0)
        return false;
    if (more > buf->max - buf->len) {
        buf->failed = CW_E_FAIL;
        return false;
    }
    if (buf->len + more + 1 <= buf->room)
        return true;
    while (room < buf->len + more + 1)
        room *= 2;
    data = realloc(buf->data, room);
    if (data == NULL) {
        buf->failed = CW_E_NOMEM;
        return false;
    }
    buf->data = data;
    buf->room = room;
    return true;
}

void cw_buf_add(struct cw_buf *buf, const void *data, size_t len)
{
    if (!make_room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void cw_buf_adds(struct cw_buf *buf, const char *text)
{
    cw_buf_add(buf, text, strlen(text));
}

void cw_buf_addc(struct cw_buf *buf, char c)
{
    cw_buf_add(buf, &c, 1);
}

void cw_buf_addu(struct cw_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    cw_buf_add(buf, digits + at, sizeof digits - at);
}

void cw_buf_addf(struct cw_buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        buf->failed = CW_E_FAIL;
    else if (make_room(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

int cw_buf_check(const struct cw_buf *buf, const char *what, struct cw_err *err)
{
    if (buf->failed == CW_E_NOMEM)
        return cw_err_nomem(err);
    if (buf->failed != 0)
        return cw_err_set(err, CW_E_FAIL, "%s is larger than the %zu bytes allowed", what, buf->max);
    return CW_OK;
}

const char *cw_buf_text(const struct cw_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *cw_buf_take(struct cw_buf *buf)
{
    char *data = buf->data;

    if (buf->failed != 0) {
        cw_buf_clear(buf);
        return NULL;
    }
    cw_buf_init(buf, buf->max);
    return data;
}
