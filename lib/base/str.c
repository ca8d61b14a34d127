/* SPDX-License-Identifier: ISC */
/*
 * The string questions of base/str.h.
 */
#include "base/str.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

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

bool cw_str_to_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char digits[24];
    size_t len = strspn(text, "0123456789");
    const char *unit = text[len] != '\0' ? strchr(units, text[len]) : NULL;
    const char *rest = text + len + (unit != NULL);
    uint64_t n, step = 1000;
    const char *power;

    if (len >= sizeof digits || (text[len] != '\0' && unit == NULL))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (unit != NULL && *rest == 'i') {
        step = 1024;
        rest++;
    }
    rest += unit != NULL && *rest == 'B';
    if (*rest != '\0' || !cw_str_to_u64(digits, UINT64_MAX, &n) || n == 0)
        return false;
    for (power = units; unit != NULL && power <= unit; power++) {
        if (n > UINT64_MAX / step)
            return false;
        n *= step;
    }
    *bytes = n;
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

int cw_str_compare_folded(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
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

size_t cw_str_printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    static const struct {
        unsigned char first, last, low, high; /* of the lead byte; of the byte behind it */
        size_t len;
    } forms[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t i, k;

    for (i = 0; i < CW_COUNT(forms); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (forms[i].len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
            return 0;
        for (k = 2; k < forms[i].len; k++) {
            if (p[k] < 0x80 || p[k] > 0xbf)
                return 0;
        }
        return forms[i].len;
    }
    return 0;
}

void cw_str_visible(char *out, size_t size, const char *text)
{
    size_t used = 0, n;

    for (; *text != '\0'; text += n > 0 ? n : 1) {
        size_t wanted;

        n = cw_str_printable(text);
        wanted = n > 0 ? n : 4;
        if (used + wanted >= size)
            break;
        if (n > 0)
            memcpy(out + used, text, n);
        else
            snprintf(out + used, size - used, "\\x%02x", (unsigned char)*text);
        used += wanted;
    }
    out[used] = '\0';
}
