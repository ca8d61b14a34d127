/* SPDX-License-Identifier: ISC */
/*
 * add --from sha256sums: the list of files that sha256sum(1) writes, its files beside it.
 */
#include "gen/from_sums.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gen/from_guess.h"
#include "gen/from_reader.h"

static bool take_hex(char out[CW_SHA256_TEXT], const char *text, size_t len)
{
    size_t i;

    if (len != CW_SHA256_TEXT - 1)
        return false;
    for (i = 0; i < len; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[len] = '\0';
    return true;
}

static int take_name(struct cw_sums_line *out, const char *text, size_t len, bool escaped, struct cw_err *err)
{
    size_t i, used = 0;

    if (len == 0)
        return cw_err_set(err, CW_E_VERIFY, "has no file name");
    if (len >= sizeof out->name)
        return cw_err_set(err, CW_E_VERIFY, "has a file name of more than %zu bytes", sizeof out->name - 1);
    for (i = 0; i < len; i++) {
        char c = text[i];

        if (c == '\0')
            return cw_err_set(err, CW_E_VERIFY,
                              "has a NUL byte; lists written with 'sha256sum -z' are not read");
        if (escaped && c == '\\') {
            i++;
            if (i == len || strchr("\\nr", text[i]) == NULL)
                return cw_err_set(err, CW_E_VERIFY, "has a backslash that escapes nothing");
            c = text[i] == 'n' ? '\n' : text[i] == 'r' ? '\r' : '\\';
        }
        out->name[used++] = c;
    }
    out->name[used] = '\0';
    return CW_OK;
}

/* "SHA256 (name) = HEX"; the name may itself hold ") = ". */
static int parse_tagged(struct cw_sums_line *out, const char *line, size_t len, size_t word, bool escaped,
                        struct cw_err *err)
{
    static const char middle[] = ") = ";
    size_t from = word + 2, at = len;

    if (word != strlen("SHA256") || memcmp(line, "SHA256", word) != 0)
        return cw_err_set(err, CW_E_VERIFY, "is a checksum of the kind '%.*s'; only SHA256 is read",
                          (int)(word < 20 ? word : 20), line);
    while (at > from && (at + sizeof middle - 1 > len || memcmp(line + at, middle, sizeof middle - 1) != 0))
        at--;
    if (at <= from)
        return cw_err_set(err, CW_E_VERIFY, "is not of the form 'SHA256 (name) = sum'");
    if (!take_hex(out->sha256, line + at + sizeof middle - 1, len - at - (sizeof middle - 1)))
        return cw_err_set(err, CW_E_VERIFY, "has no sum of 64 hexadecimal digits");
    return take_name(out, line + from, at - from, escaped, err);
}

int cw_sums_parse(struct cw_sums_line *out, const char *line, size_t len, struct cw_err *err)
{
    bool escaped;
    size_t word;

    *out = (struct cw_sums_line){.sha256 = ""};
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0 || line[0] == '#')
        return CW_OK;
    escaped = line[0] == '\\';
    line += escaped;
    len -= escaped;
    for (word = 0; word < len && isalnum((unsigned char)line[word]); word++)
        ;
    if (word + 1 < len && line[word] == ' ' && line[word + 1] == '(')
        return parse_tagged(out, line, len, word, escaped, err);
    if (!take_hex(out->sha256, line, word))
        return cw_err_set(err, CW_E_VERIFY,
                          "does not begin with 64 hexadecimal digits, as sha256sum writes it");
    if (word + 1 >= len || line[word] != ' ' || (line[word + 1] != ' ' && line[word + 1] != '*'))
        return cw_err_set(err, CW_E_VERIFY,
                          "has no two characters '  ' or ' *' between the sum and the name");
    return take_name(out, line + word + 2, len - word - 2, escaped, err);
}

static void take_line(struct cw_from_reader *r, const char *line, size_t len, unsigned number)
{
    struct cw_from_item item = {.name = NULL};
    struct cw_sums_line sum;
    struct cw_err err;

    snprintf(item.field, sizeof item.field, "line %u", number);
    if (cw_sums_parse(&sum, line, len, &err) != CW_OK) {
        cw_fields_wrong(&r->base.fields, item.field, "%s", err.text);
        return;
    }
    if (sum.sha256[0] == '\0' || (item.path = cw_from_path(r, sum.name, item.field)) == NULL)
        return;
    item.name = cw_str_basename(item.path);
    item.sums[CW_SHA256] = cw_from_keep(r, "%s", sum.sha256);
    item.left_out = cw_guess_companion(item.name);
    cw_from_take(r, &item);
}

int cw_from_sums(struct cw_from_reader *r, struct cw_err *err)
{
    const struct cw_from_head head = {.product = NULL};
    CW_AUTO_BUF list = CW_BUF_INIT(CW_FROM_TEXT_MAX);
    const char *text, *end;
    unsigned number;
    int rc = cw_from_load(r, &list, err);

    if (rc != CW_OK || !cw_from_begin(r, &head))
        return rc;
    text = cw_buf_text(&list);
    end = text + list.len;
    for (number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((newline != NULL ? newline : end) - text);

        take_line(r, text, len, number);
        text += len + (newline != NULL);
    }
    return CW_OK;
}
