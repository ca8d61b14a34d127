/* SPDX-License-Identifier: ISC */
/*
 * A growing byte buffer with a stated maximum, always NUL-terminated behind its length.
 * A failed append (no memory, or over the maximum) is remembered: later appends do nothing and
 * cw_buf_check() reports it, so that callers may append many times and check once.
 */
#ifndef CW_BASE_BUF_H
#define CW_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct cw_buf {
    char *data;  /* NULL while empty */
    size_t len;  /* bytes in use, without the NUL */
    size_t room; /* bytes allocated */
    size_t max;  /* the most len may become */
    int failed;  /* 0, CW_E_NOMEM or CW_E_FAIL (over max) */
};

#define CW_BUF_INIT(maximum)                                                                                 \
    {                                                                                                        \
        .data = NULL, .len = 0, .room = 0, .max = (maximum), .failed = 0                                     \
    }

void cw_buf_init(struct cw_buf *buf, size_t max);
void cw_buf_clear(struct cw_buf *buf); /* frees; keeps max */
void cw_buf_reset(struct cw_buf *buf); /* empties, keeps the memory */

/* Makes room for `more` bytes behind len and gives their place, for who writes them there himself and then raises len and ends them
 * with NUL. NULL: failed. */
char *cw_buf_reserve(struct cw_buf *buf, size_t more);

static inline void cw_buf_add(struct cw_buf *buf, const void *data, size_t len)
{
    bool fits = buf->failed == 0 && len < buf->room - buf->len && len <= buf->max - buf->len;
    char *at = fits ? buf->data + buf->len : cw_buf_reserve(buf, len);

    if (at == NULL)
        return;
    if (len > 0)
        memcpy(at, data, len);
    at[len] = '\0';
    buf->len += len;
}

static inline void cw_buf_adds(struct cw_buf *buf, const char *text)
{
    cw_buf_add(buf, text, strlen(text));
}

static inline void cw_buf_addc(struct cw_buf *buf, char c)
{
    cw_buf_add(buf, &c, 1);
}

/* The decimal digits of a number: for where it comes by the thousand, which snprintf() would make dear. */
void cw_buf_addu(struct cw_buf *buf, uint64_t value);
void cw_buf_addf(struct cw_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0, or the first failure with a text naming what was being built. */
int cw_buf_check(const struct cw_buf *buf, const char *what, struct cw_err *err);

/* The text; "" while empty. Borrowed. */
const char *cw_buf_text(const struct cw_buf *buf);

/* Hands the memory to the caller (free it with free()); the buffer is empty afterwards. NULL when failed or
 * empty. */
char *cw_buf_take(struct cw_buf *buf);

#define CW_AUTO_BUF __attribute__((cleanup(cw_buf_clear))) struct cw_buf

#endif
