/* SPDX-License-Identifier: ISC */
/*
 * The one-pass reader of codec/scan.h.
 */
#include "codec/scan.h"

#include <string.h>

#define INTEGER_MAX INT64_C(9007199254740991) /* what every JSON reader holds exactly */

void cw_scan_init(struct cw_scan *scan, const char *text, size_t len)
{
    *scan = (struct cw_scan){.p = text, .end = text + len};
}

static bool odd(struct cw_scan *scan)
{
    scan->odd = true;
    return false;
}

/* The next character that is no white space; NUL at the end, or when something was odd. */
static char next(struct cw_scan *scan)
{
    if (scan->odd)
        return '\0';
    while (scan->p < scan->end &&
           (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\t' || *scan->p == '\r'))
        scan->p++;
    return scan->p < scan->end ? *scan->p : '\0';
}

bool cw_scan_is_done(struct cw_scan *scan)
{
    return next(scan) == '\0' && !scan->odd && scan->p == scan->end;
}

bool cw_scan_open(struct cw_scan *scan, char bracket)
{
    if (next(scan) != bracket)
        return odd(scan);
    scan->p++;
    return true;
}

bool cw_scan_string(struct cw_scan *scan, struct cw_slice *out)
{
    const char *start, *quote;

    if (next(scan) != '"')
        return odd(scan);
    start = scan->p + 1;
    quote = memchr(start, '"', (size_t)(scan->end - start));
    if (quote == NULL || memchr(start, '\\', (size_t)(quote - start)) != NULL)
        return odd(scan);
    *out = (struct cw_slice){.at = start, .len = (size_t)(quote - start)};
    scan->p = quote + 1;
    return true;
}

bool cw_scan_integer(struct cw_scan *scan, int64_t *out)
{
    char c = next(scan);
    int64_t value = 0;

    if (c < '0' || c > '9')
        return odd(scan);
    if (c == '0' && scan->p + 1 < scan->end && scan->p[1] >= '0' && scan->p[1] <= '9')
        return odd(scan);
    for (; scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9'; scan->p++) {
        value = value * 10 + (*scan->p - '0');
        if (value > INTEGER_MAX)
            return odd(scan);
    }
    if (scan->p < scan->end && (*scan->p == '.' || *scan->p == 'e' || *scan->p == 'E'))
        return odd(scan);
    *out = value;
    return true;
}

static bool skip_string(struct cw_scan *scan)
{
    for (scan->p++; scan->p < scan->end && *scan->p != '"'; scan->p++) {
        if (*scan->p == '\\')
            scan->p++;
    }
    if (scan->p >= scan->end)
        return odd(scan);
    scan->p++;
    return true;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E';
}

static bool skip_word(struct cw_scan *scan)
{
    const char *start = scan->p;

    while (scan->p < scan->end && is_word(*scan->p))
        scan->p++;
    return scan->p > start ? true : odd(scan);
}

bool cw_scan_value(struct cw_scan *scan, struct cw_slice *out)
{
    const char *start = NULL;
    size_t depth = 0;

    do {
        char c = next(scan);

        start = start == NULL ? scan->p : start;
        if (c == '"') {
            if (!skip_string(scan))
                return false;
        } else if (c == '{' || c == '[') {
            depth++;
            scan->p++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
            scan->p++;
        } else if ((c == ',' || c == ':') && depth > 0) {
            scan->p++;
        } else if (!skip_word(scan)) {
            return false;
        }
    } while (depth > 0);
    if (out != NULL)
        *out = (struct cw_slice){.at = start, .len = (size_t)(scan->p - start)};
    return true;
}

/* At a comma or the closing bracket, or at the first of all. */
static bool more(struct cw_scan *scan, bool *first, char closing)
{
    char c = next(scan);

    if (c == closing && !scan->odd) {
        scan->p++;
        return false;
    }
    if (!*first) {
        if (c != ',')
            return odd(scan);
        scan->p++;
    }
    *first = false;
    return !scan->odd;
}

bool cw_scan_member(struct cw_scan *scan, bool *first, struct cw_slice *key)
{
    if (!more(scan, first, '}') || !cw_scan_string(scan, key))
        return false;
    if (next(scan) != ':')
        return odd(scan);
    scan->p++;
    return true;
}

bool cw_scan_item(struct cw_scan *scan, bool *first)
{
    return more(scan, first, ']');
}

bool cw_slice_is(struct cw_slice slice, const char *text)
{
    return strlen(text) == slice.len && memcmp(slice.at, text, slice.len) == 0;
}

bool cw_slice_equal(struct cw_slice a, struct cw_slice b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}
