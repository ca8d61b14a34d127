/* SPDX-License-Identifier: ISC */
/*
 * Finding a field's line by the words of a message; see sync/site_line.h.
 */
#include "sync/site_line.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "sync/site.h"

struct scan {
    const char *at, *end;
    unsigned line;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void step(struct scan *scan, size_t count)
{
    for (; count > 0 && scan->at < scan->end; count--)
        scan->line += *scan->at++ == '\n';
}

/* Behind a text in quotes, which ends on its line or is closed. */
static void skip_quoted(struct scan *scan, char quote)
{
    step(scan, 1);
    while (scan->at < scan->end && *scan->at != quote)
        step(scan, *scan->at == '\\' ? 2 : 1);
    step(scan, 1);
}

/* Behind a comment of one line, or of several: "--[[ ]]". */
static void skip_comment(struct scan *scan)
{
    bool is_long = scan->end - scan->at >= 4 && strncmp(scan->at, "--[[", 4) == 0;

    while (scan->at < scan->end &&
           (is_long ? scan->end - scan->at >= 2 && strncmp(scan->at, "]]", 2) != 0 : *scan->at != '\n'))
        step(scan, 1);
    step(scan, is_long ? 2 : 0);
}

/* Does what follows make it a field? "name =", but not "name ==". */
static bool is_field(const struct scan *scan, const char *behind)
{
    while (behind < scan->end && isspace((unsigned char)*behind))
        behind++;
    return behind < scan->end && *behind == '=' && (behind + 1 == scan->end || behind[1] != '=');
}

/* The word at the scan, as a name or as ["name"]; its length with all around it. 0: none. */
static size_t word_at(const struct scan *scan, const char **word, size_t *len)
{
    const char *at = scan->at;
    bool quoted = scan->end - at > 4 && at[0] == '[' && (at[1] == '"' || at[1] == '\'');

    at += quoted ? 2 : 0;
    *word = at;
    while (at < scan->end && (quoted ? *at != scan->at[1] && *at != '\n' : is_word(*at)))
        at++;
    *len = (size_t)(at - *word);
    if (quoted)
        at = scan->end - at >= 2 && at[1] == ']' ? at + 2 : scan->at;
    return (size_t)(at - scan->at);
}

/* Goes on behind the next field of that name, and gives its line; 0: there is none. */
static unsigned find_field(struct scan *scan, const char *name, size_t name_len)
{
    const char *word;
    size_t len, all;

    while (scan->at < scan->end) {
        if (scan->end - scan->at >= 2 && strncmp(scan->at, "--", 2) == 0) {
            skip_comment(scan);
        } else if (*scan->at == '"' || *scan->at == '\'') {
            skip_quoted(scan, *scan->at);
        } else if ((all = word_at(scan, &word, &len)) > 0) {
            unsigned line = scan->line;
            bool found = len == name_len && strncmp(word, name, len) == 0 && is_field(scan, scan->at + all);

            step(scan, all);
            if (found)
                return line;
        } else {
            step(scan, 1);
        }
    }
    return 0;
}

/* The first text in quotes of a message: the field itself. */
static const char *quoted_in(const char *message, size_t *len)
{
    const char *start = strchr(message, '\''), *end = start != NULL ? strchr(start + 1, '\'') : NULL;

    *len = end != NULL ? (size_t)(end - start) - 1 : 0;
    return start != NULL ? start + 1 : message;
}

unsigned cw_site_line(const char *text, size_t len, const char *message)
{
    struct scan scan = {.at = text, .end = text + len, .line = 1};
    const char *place = strstr(message, CW_SITE_MARKER ": "), *name;
    unsigned line = 0, last = 0;
    size_t name_len;

    if (place == NULL)
        return 0;
    place += strlen(CW_SITE_MARKER ": ");
    name = quoted_in(place, &name_len);
    /* "upstreams.acme: grace: …": words that lead there, each followed by '.' or ':'. */
    while ((len = strcspn(place, ".: ")) > 0 && (place[len] == '.' || place[len] == ':') && place < name) {
        last = find_field(&scan, place, len);
        if (last == 0)
            return line;
        line = last;
        place += len + 1;
        place += *place == ' ';
    }
    last = name_len > 0 ? find_field(&scan, name, name_len) : 0;
    return last != 0 ? last : line;
}
