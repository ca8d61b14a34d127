/* SPDX-License-Identifier: ISC */
/*
 * Patterns of delegated paths (specification section 4.5, PATHPATTERN). They are foreign data: fnmatch(3) is
 * not used because a pattern of many stars makes it try for ever, and because it follows the locale.
 */
#include "tuf/meta.h"

/* One character of UTF-8 text, whose form the JSON parser has checked. */
static const char *next_char(const char *p)
{
    for (p++; ((unsigned char)*p & 0xC0) == 0x80; p++)
        ;
    return p;
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

static bool in_set(const char *p, const char *end, unsigned char c)
{
    bool negated = p[1] == '!', found = false;

    for (p += negated ? 2 : 1; p < end - 1; p++) {
        unsigned char low = (unsigned char)p[0], high = low;

        if (p[1] == '-' && p + 2 < end - 1) {
            high = (unsigned char)p[2];
            p += 2;
        }
        found = found || (low <= c && c <= high);
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
        if (**path == '/' || !in_set(*pattern, end, (unsigned char)**path))
            return false;
        *pattern = end;
        (*path)++;
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
            path = ++from;
        }
    }
    return true;
}
