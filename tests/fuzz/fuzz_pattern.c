/* SPDX-License-Identifier: ISC */
/*
 * A pattern, a NUL and a path. Where the pattern has no sets the answer is compared with one found by a
 * table, which is slower and cannot be wrong in the same way.
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tuf/meta.h"

#define LONGEST 64 /* bytes of pattern and path that the table takes */

/* table[i][j]: the pattern from i on matches the path from j on. ASCII only, where a byte is a character. */
static bool by_table(const char *pattern, const char *path)
{
    bool table[LONGEST + 1][LONGEST + 1] = {{false}};
    size_t m = strlen(pattern), n = strlen(path);

    for (size_t i = m + 1; i-- > 0;) {
        for (size_t j = n + 1; j-- > 0;) {
            if (i == m)
                table[i][j] = j == n;
            else if (pattern[i] == '*')
                table[i][j] = table[i + 1][j] || (j < n && path[j] != '/' && table[i][j + 1]);
            else
                table[i][j] = j < n && table[i + 1][j + 1] &&
                              (pattern[i] == path[j] || (pattern[i] == '?' && path[j] != '/'));
        }
    }
    return table[0][0];
}

static bool is_plain(const char *text)
{
    if (strlen(text) > LONGEST)
        return false;
    for (; *text != '\0'; text++) {
        if (*text == '[' || (unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CW_AUTO_FREE char *pattern = calloc(1, size + 2);
    char *path;
    bool matches;

    always(pattern != NULL);
    if (size > 0)
        memcpy(pattern, data, size);
    path = pattern + strlen(pattern) + 1;
    matches = cw_tuf_pattern_matches(pattern, path);
    if (is_plain(pattern) && is_plain(path))
        always(matches == by_table(pattern, path));
    return 0;
}
