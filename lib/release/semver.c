/* SPDX-License-Identifier: ISC */
/*
 * Versions are compared as texts: without leading zeros, the longer number is the greater one, so no number
 * overflows.
 */
#include "release/semver.h"

#include <stdio.h>
#include <string.h>

#include "release/name.h"

/* One piece of a version, between dots. */
struct piece {
    const char *text;
    size_t len;
};

static struct piece next_piece(const char **p, const char *stops)
{
    struct piece piece = {.text = *p, .len = strcspn(*p, stops)};

    *p += piece.len;
    return piece;
}

static bool is_number(struct piece piece)
{
    return piece.len > 0 && strspn(piece.text, "0123456789") >= piece.len;
}

static bool has_leading_zero(struct piece piece)
{
    return piece.len > 1 && piece.text[0] == '0';
}

static int bad(const char *version, const char *why, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "'%s' is not a version as semver.org has it: %s", version, why);
}

static int check_prerelease(const char *version, const char *p, struct cw_err *err)
{
    for (;;) {
        struct piece piece = next_piece(&p, ".");

        if (piece.len == 0)
            return bad(version, "an empty pre-release identifier", err);
        if (strspn(piece.text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") < piece.len)
            return bad(version, "pre-release identifiers have letters, digits and '-'", err);
        if (is_number(piece) && has_leading_zero(piece))
            return bad(version, "a number starts with 0", err);
        if (*p == '\0')
            return CW_OK;
        p++;
    }
}

int cw_semver_check(const char *version, struct cw_err *err)
{
    const char *p = version;
    int i;

    if (strchr(version, '+') != NULL)
        return cw_err_set(
            err, CW_E_VERIFY,
            "version '%.64s' has build metadata ('+'), which does not order versions: leave it out", version);
    if (cw_name_check(version, "version", err) != CW_OK)
        return CW_E_VERIFY;
    for (i = 0; i < 3; i++) {
        struct piece piece = next_piece(&p, ".-");

        if (!is_number(piece))
            return bad(version, "it starts with three numbers, like 1.4.2", err);
        if (has_leading_zero(piece))
            return bad(version, "a number starts with 0", err);
        if (i < 2 && *p++ != '.')
            return bad(version, "it starts with three numbers, like 1.4.2", err);
    }
    if (*p == '-')
        return check_prerelease(version, p + 1, err);
    return *p == '\0' ? CW_OK : bad(version, "more than three numbers", err);
}

static int compare_numbers(struct piece a, struct piece b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.text, b.text, a.len);
}

/* Section 11.4: numbers before words, numbers by value, words by ASCII, the shorter of two with equal start
 * first. */
static int compare_identifiers(struct piece a, struct piece b)
{
    bool number_a = is_number(a), number_b = is_number(b);
    int order;

    if (number_a && number_b)
        return compare_numbers(a, b);
    if (number_a != number_b)
        return number_a ? -1 : 1;
    order = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);
    if (order == 0 && a.len != b.len)
        order = a.len < b.len ? -1 : 1;
    return order;
}

static int compare_prereleases(const char *a, const char *b)
{
    for (;;) {
        int order = compare_identifiers(next_piece(&a, "."), next_piece(&b, "."));

        if (order != 0)
            return order;
        if (*a == '\0' || *b == '\0')
            return (*a != '\0') - (*b != '\0');
        a++;
        b++;
    }
}

int cw_semver_compare(const char *a, const char *b)
{
    int i;

    for (i = 0; i < 3; i++) {
        int order = compare_numbers(next_piece(&a, ".-"), next_piece(&b, ".-"));

        if (order != 0)
            return order;
        if (i < 2) {
            a++;
            b++;
        }
    }
    if (*a == '-' && *b == '-')
        return compare_prereleases(a + 1, b + 1);
    return (*b == '-') - (*a == '-');
}

enum op { OP_ANY, OP_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL, OP_CARET, OP_TILDE };

struct condition {
    enum op op;
    char version[CW_RANGE_MAX + 1]; /* "" for OP_ANY */
};

/* Takes the next condition off *p; false at the end of the range. */
static bool next_condition(struct condition *condition, const char **p)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = {{">=", OP_GREATER_EQUAL}, {"<=", OP_LESS_EQUAL}, {">", OP_GREATER}, {"<", OP_LESS},
               {"=", OP_EQUAL},          {"^", OP_CARET},       {"~", OP_TILDE}};
    size_t i, len;

    *p += strspn(*p, " ,");
    if (**p == '\0')
        return false;
    len = strcspn(*p, " ,");
    condition->op = OP_EQUAL;
    condition->version[0] = '\0';
    if (len == 1 && **p == '*') {
        condition->op = OP_ANY;
        *p += len;
        return true;
    }
    for (i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t op_len = strlen(ops[i].text);

        if (strncmp(*p, ops[i].text, op_len) == 0) {
            condition->op = ops[i].op;
            *p += op_len;
            len -= op_len;
            break;
        }
    }
    snprintf(condition->version, sizeof condition->version, "%.*s", (int)len, *p);
    *p += len;
    return true;
}

int cw_semver_range_check(const char *range, struct cw_err *err)
{
    struct condition condition;
    const char *p = range;
    bool any = false;

    if (strlen(range) > CW_RANGE_MAX)
        return cw_err_set(err, CW_E_VERIFY, "range '%.40s…' is longer than %d bytes", range, CW_RANGE_MAX);
    while (next_condition(&condition, &p)) {
        any = true;
        if (condition.op == OP_ANY)
            continue;
        if (condition.version[0] == '\0')
            return cw_err_set(err, CW_E_VERIFY, "range '%s': an operator without a version right behind it",
                              range);
        if (cw_semver_check(condition.version, err) != CW_OK)
            return cw_err_prefix(err, "range '%s'", range);
    }
    return any ? CW_OK : cw_err_set(err, CW_E_VERIFY, "range is empty: '*' takes any version");
}

/* How many leading numbers '^' holds: up to the first that is not 0. */
static int caret_numbers(const char *base)
{
    if (strncmp(base, "0.", 2) != 0)
        return 1;
    return strncmp(base, "0.0.", 4) != 0 ? 2 : 3;
}

static bool same_numbers(const char *a, const char *b, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (compare_numbers(next_piece(&a, ".-"), next_piece(&b, ".-")) != 0)
            return false;
        if (i < 2) {
            a++;
            b++;
        }
    }
    return true;
}

static bool holds(const struct condition *condition, const char *version)
{
    int order = condition->op != OP_ANY ? cw_semver_compare(version, condition->version) : 0;

    switch (condition->op) {
    case OP_ANY:
        return true;
    case OP_EQUAL:
        return order == 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    case OP_GREATER_EQUAL:
        return order >= 0;
    case OP_CARET:
        return order >= 0 && same_numbers(version, condition->version, caret_numbers(condition->version));
    case OP_TILDE:
        return order >= 0 && same_numbers(version, condition->version, 2);
    }
    return false;
}

bool cw_semver_in_range(const char *version, const char *range)
{
    struct condition condition;
    const char *p = range;

    while (next_condition(&condition, &p)) {
        if (!holds(&condition, version))
            return false;
    }
    return true;
}
