/* SPDX-License-Identifier: ISC */
/*
 * Patterns of delegated paths (specification section 4.5, PATHPATTERN). They are foreign data: fnmatch(3) is
 * not used because a pattern of many stars makes it try for ever, and because it follows the locale.
 */
#include <string.h>

#include "tuf/meta.h"

/* Behind one character of UTF-8 text. A byte that belongs to none counts as one: metadata's form was checked
 * by the JSON parser, the path's by nobody. */
static const char *next_char(const char *p)
{
    for (p++; ((unsigned char)*p & 0xC0) == 0x80; p++)
        ;
    return p;
}

/* Orders characters by their code points, as UTF-8 does bytewise; the NUL ends any of them. */
static int compare_chars(const char *a, const char *b)
{
    size_t len_a = (size_t)(next_char(a) - a), len_b = (size_t)(next_char(b) - b);
    int order = memcmp(a, b, len_a < len_b ? len_a : len_b);

    return order != 0 ? order : (len_a > len_b) - (len_a < len_b);
}

/* Behind the ']' of the set that starts at p ('['), or NULL when it has none and '[' is a character like
 * any other. */
static const char *set_end(const char *p)
{
    p += p[1] == '!' ? 2 : 1;
    if (*p == ']')
        p++;
    for (; *p != ']'; p++) {
        if (*p == '\0' || *p == '/')
            return NULL;
    }
    return p + 1;
}

/* Is the character at c in the set from p to end? A '-' that is first or last in it stands for itself. */
static bool in_set(const char *p, const char *end, const char *c)
{
    bool negated = p[1] == '!', found = false;

    p += negated ? 2 : 1;
    while (p < end - 1) {
        const char *low = p, *high = p;

        p = next_char(p);
        if (*p == '-' && p + 1 < end - 1) {
            high = p + 1;
            p = next_char(high);
        }
        found = found || (compare_chars(low, c) <= 0 && compare_chars(c, high) <= 0);
    }
    return found != negated;
}

/* Moves both behind one character when they match there. */
static bool match_one(const char **pattern, const char **path)
{
    const char *end = **pattern == '[' ? set_end(*pattern) : NULL;

    if (**path == '\0')
        return false;
    if (**pattern == '?' && **path != '/') {
        (*pattern)++;
        *path = next_char(*path);
        return true;
    }
    if (end != NULL) {
        if (**path == '/' || !in_set(*pattern, end, *path))
            return false;
        *pattern = end;
        *path = next_char(*path);
        return true;
    }
    if (**pattern != **path)
        return false;
    (*pattern)++;
    (*path)++;
    return true;
}

/* Going back to the last star is enough: no star crosses '/', so where one part of the path ends is never
 * in question. */
bool cw_tuf_pattern_matches(const char *pattern, const char *path)
{
    const char *star = NULL, *from = NULL;

    while (*pattern != '\0' || *path != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            from = path;
        } else if (!match_one(&pattern, &path)) {
            if (star == NULL || *from == '\0' || *from == '/')
                return false;
            pattern = star;
            path = from = next_char(from);
        }
    }
    return true;
}
