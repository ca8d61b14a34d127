/* SPDX-License-Identifier: ISC */
/*
 * The growing buffer of base/buf.h.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Twice as much as before, or as much as is asked for at once; never more than may be used. */
static size_t next_room(const struct cw_buf *buf, size_t needed)
{
    size_t room = buf->room != 0 ? 2 * buf->room : FIRST_ROOM;

    room = room < needed ? needed : room;
    return room <= buf->max ? room : buf->max + 1;
}

char *cw_buf_reserve(struct cw_buf *buf, size_t more)
{
    size_t room;
    char *data;

    if (buf->failed != 0)
        return NULL;
    if (more > buf->max - buf->len) {
        buf->failed = CW_E_FAIL;
        return NULL;
    }
    if (more < buf->room - buf->len)
        return buf->data + buf->len;
    room = next_room(buf, buf->len + more + 1);
    data = realloc(buf->data, room);
    if (data == NULL) {
        buf->failed = CW_E_NOMEM;
        return NULL;
    }
    buf->data = data;
    buf->room = room;
    return data + buf->len;
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
    char *at = NULL;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        buf->failed = CW_E_FAIL;
    else
        at = cw_buf_reserve(buf, (size_t)n);
    if (at != NULL) {
        vsnprintf(at, (size_t)n + 1, fmt, again);
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
