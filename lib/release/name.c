/* SPDX-License-Identifier: ISC */
/*
 * The portable names of release/name.h. What DOS and Windows refuse is refused everywhere, since sticks are
 * FAT and technicians have Windows.
 */
#include "release/name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Windows takes "con" and "con.anything" for the console, on any drive. */
static bool is_device(const char *name)
{
    static const char *const words[] = {"con", "prn", "aux", "nul", NULL};
    size_t i, len = strcspn(name, ".");

    for (i = 0; words[i] != NULL; i++) {
        if (len == strlen(words[i]) && strncasecmp(name, words[i], len) == 0)
            return true;
    }
    return len == 4 && (strncasecmp(name, "com", 3) == 0 || strncasecmp(name, "lpt", 3) == 0) &&
           name[3] >= '0' && name[3] <= '9';
}

int cw_name_check(const char *name, const char *what, struct cw_err *err)
{
    size_t i, len = strlen(name);

    if (len == 0)
        return cw_err_set(err, CW_E_VERIFY, "%s name is empty", what);
    if (len > CW_NAME_MAX)
        return cw_err_set(err, CW_E_VERIFY, "%s name '%.40s…' is longer than %d bytes", what, name,
                          CW_NAME_MAX);
    for (i = 0; i < len; i++) {
        if (!is_plain(name[i]) && isprint((unsigned char)name[i]))
            return cw_err_set(err, CW_E_VERIFY,
                              "%s name '%s' has the character '%c'; allowed are A-Z a-z 0-9 . _ -", what,
                              name, name[i]);
        if (!is_plain(name[i]))
            return cw_err_set(err, CW_E_VERIFY,
                              "%s name has the byte 0x%02x at offset %zu; allowed are A-Z a-z 0-9 . _ -",
                              what, (unsigned char)name[i], i);
    }
    if (name[0] == '.' || name[0] == '-')
        return cw_err_set(err, CW_E_VERIFY, "%s name '%s' starts with '%c'", what, name, name[0]);
    if (name[len - 1] == '.')
        return cw_err_set(err, CW_E_VERIFY, "%s name '%s' ends in '.'", what, name);
    if (is_device(name))
        return cw_err_set(err, CW_E_VERIFY, "%s name '%s' is a device on Windows: choose another", what,
                          name);
    return CW_OK;
}

static int check_unreserved(const char *name, const char *what, struct cw_err *err)
{
    static const char *const reserved[] = {"root",   "targets",  "snapshot", "timestamp",    "metadata",
                                           "deltas", "channels", "licenses", "attestations", NULL};
    size_t i;
    int rc = cw_name_check(name, what, err);

    for (i = 0; rc == CW_OK && reserved[i] != NULL; i++) {
        if (strcasecmp(name, reserved[i]) == 0)
            rc = cw_err_set(err, CW_E_VERIFY, "%s name '%s' is reserved: choose another", what, name);
    }
    return rc;
}

int cw_name_check_product(const char *name, struct cw_err *err)
{
    return check_unreserved(name, "product", err);
}

int cw_name_check_channel(const char *name, struct cw_err *err)
{
    return check_unreserved(name, "channel", err);
}

int cw_text_check(const char *text, const char *what, struct cw_err *err)
{
    const unsigned char *p;

    for (p = (const unsigned char *)text; *p != '\0'; p++) {
        /* 0xC2 0x80..0x9F are the C1 controls of Unicode in UTF-8, which terminals obey too. */
        if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f ||
            (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
            return cw_err_set(err, CW_E_VERIFY, "%s has a control character at byte %zu", what,
                              (size_t)(p - (const unsigned char *)text));
    }
    return CW_OK;
}
