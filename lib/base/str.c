/* SPDX-License-Identifier: ISC */
/*
 * The string questions of base/str.h.
 */
#include "base/str.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CW_STR_WORD_MAX 64 /* longer words get no suggestion */

bool cw_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool cw_str_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), tail = strlen(suffix);

    return len >= tail && memcmp(text + len - tail, suffix, tail) == 0;
}

const char *cw_str_basename(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

bool cw_str_to_u64(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t n = 0;
    const char *p;

    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (p = text; *p != '\0'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (*p < '0' || *p > '9' || n > (max - digit) / 10 || digit > max)
            return false;
        n = n * 10 + digit;
    }
    *value = n;
    return true;
}

char *cw_str_format(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

const char *cw_str_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

void cw_str_bytes(uint64_t n, char out[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)n;
    size_t unit = 0;

    while (value >= 1024 && unit < 6) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* Levenshtein's distance, for words short enough to be typed. */
static size_t distance(const char *a, const char *b)
{
    size_t row[CW_STR_WORD_MAX + 1], i, j, la = strlen(a), lb = strlen(b);

    if (la > CW_STR_WORD_MAX || lb > CW_STR_WORD_MAX)
        return SIZE_MAX;
    for (j = 0; j <= lb; j++)
        row[j] = j;
    for (i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *cw_str_nearest(const char *text, const char *const *list)
{
    const char *nearest = NULL;
    size_t best = 3;

    for (; *list != NULL; list++) {
        size_t d = distance(text, *list);

        if (d < best && d < strlen(text)) {
            best = d;
            nearest = *list;
        }
    }
    return nearest;
}

bool cw_str_glob(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, FNM_PATHNAME) == 0;
}
