/* SPDX-License-Identifier: ISC */
/*
 * Collecting mistakes; see gen/mistakes.h.
 */
#include "gen/mistakes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

#define ROOM_FOR_ONE (2 * (size_t)CW_ERR_TEXT_MAX + 4096) /* a text, a field and a path */

void cw_mistakes_add(struct cw_mistakes *mistakes, const char *file, unsigned line, const char *field,
                     const char *fmt, ...)
{
    struct cw_buf *text = &mistakes->text;
    char what[CW_ERR_TEXT_MAX], seen[CW_ERR_TEXT_MAX];
    va_list args;

    mistakes->count++;
    if (text->max - text->len < ROOM_FOR_ONE)
        return;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    cw_buf_adds(text, file);
    if (line > 0)
        cw_buf_addf(text, ":%u", line);
    cw_str_visible(seen, sizeof seen, field);
    cw_buf_addf(text, ": %s%s", seen, field[0] != '\0' ? ": " : "");
    cw_str_visible(seen, sizeof seen, what);
    cw_buf_addf(text, "%s\n", seen);
}

void cw_mistakes_print(const struct cw_mistakes *mistakes)
{
    fputs(cw_buf_text(&mistakes->text), stderr);
}

void cw_mistakes_clear(struct cw_mistakes *mistakes)
{
    cw_buf_clear(&mistakes->text);
    mistakes->count = 0;
}
