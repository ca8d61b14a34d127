/* SPDX-License-Identifier: ISC */
/*
 * Counting persons: see sync/deploy/quorum.h.
 */
#include "sync/deploy/quorum.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"

#define NAMES_SHOWN 5 /* of those who could approve */

static bool has(const json_t *list, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static int check_one(const json_t *quorum, struct cw_err *err)
{
    static const char *const fields[] = {"count", "from", NULL};
    json_t *from = NULL, *name;
    int64_t count;
    size_t i;
    int rc = json_is_object(quorum) ? cw_json_only(quorum, fields, err)
                                    : cw_err_set(err, CW_E_VERIFY, "is no list of objects");

    if (rc == CW_OK)
        rc = cw_json_get_int(&count, quorum, "count", 1, CW_QUORUM_COUNT_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_opt_array(&from, quorum, "from", err);
    if (rc == CW_OK && from != NULL && json_array_size(from) == 0)
        return cw_err_set(err, CW_E_VERIFY, "'from' names nobody");
    json_array_foreach (from, i, name) {
        if (rc == CW_OK && !json_is_string(name))
            rc = cw_err_set(err, CW_E_VERIFY, "'from' has an entry that is not a string");
    }
    return rc;
}

int cw_quorum_check(const json_t *quorums, struct cw_err *err)
{
    size_t i, count = json_array_size(quorums);
    int rc = CW_OK;

    if (count == 0 || count > CW_QUORUMS_MAX)
        return cw_err_set(err, CW_E_VERIFY,
                          "is not a number, nor a list of at most %d like { count = 2, from = "
                          "{ \"alice\", \"bob\" } }",
                          CW_QUORUMS_MAX);
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = check_one(json_array_get(quorums, i), err);
    return rc;
}

static int add_person(json_t *persons, const char *name, struct cw_err *err)
{
    if (!has(persons, name) && json_array_append_new(persons, json_string(name)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_group(json_t *persons, const json_t *group, struct cw_err *err)
{
    json_t *member;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (group, i, member) {
        if (rc == CW_OK)
            rc = add_person(persons, json_string_value(member), err);
    }
    return rc;
}

/* The persons who may approve for this quorum; *unknown: a name that is nobody's. */
static int candidates(json_t *persons, const char **unknown, const json_t *from, const json_t *people,
                      struct cw_err *err)
{
    const json_t *approvers = json_object_get(people, "approvers"),
                 *groups = json_object_get(people, "groups");
    const char *person;
    json_t *item;
    size_t i;
    int rc = CW_OK;

    if (from == NULL) {
        json_object_foreach ((json_t *)approvers, person, item) {
            if (rc == CW_OK)
                rc = add_person(persons, person, err);
        }
        return rc;
    }
    json_array_foreach (from, i, item) {
        const char *name = json_string_value(item);
        const json_t *group = json_object_get(groups, name);

        if (group == NULL && approvers != NULL && json_object_get(approvers, name) == NULL)
            *unknown = name;
        else if (rc == CW_OK)
            rc = group != NULL ? add_group(persons, group, err) : add_person(persons, name, err);
    }
    return rc;
}

/* "alice, bob or carol"; out keeps room for the words before it. */
static void name_them(char *out, size_t size, const json_t *persons)
{
    size_t i, count = json_array_size(persons), shown = count > NAMES_SHOWN ? NAMES_SHOWN : count;
    char more[32];

    out[0] = '\0';
    snprintf(more, sizeof(more), " or %zu others", count - shown);
    for (i = 0; i < shown; i++) {
        size_t len = strlen(out);
        const char *joint = i == 0 ? "" : i + 1 == count ? " or " : ", ";

        snprintf(out + len, size - len, "%s%.40s", joint, json_string_value(json_array_get(persons, i)));
    }
    if (count > shown)
        snprintf(out + strlen(out), size - strlen(out), "%s", more);
}

static void say_missing(char *out, size_t size, int64_t missing, size_t given, const json_t *left)
{
    char names[160];

    name_them(names, sizeof(names), left);
    if (missing == 1)
        snprintf(out, size, "needs one %sapproval%s%s", given > 0 ? "more " : "",
                 names[0] != '\0' ? " of " : "", names);
    else
        snprintf(out, size, "needs %lld %sapprovals%s%s", (long long)missing, given > 0 ? "more " : "",
                 names[0] != '\0' ? " of " : "", names);
}

static int missing_of(char out[CW_GATE_WAITS_MAX], const json_t *quorum, const json_t *approved,
                      const json_t *people, struct cw_err *err)
{
    json_auto_t *persons = json_array(), *left = json_array();
    const json_t *from = json_object_get(quorum, "from"), *approvers = json_object_get(people, "approvers");
    int64_t count = json_integer_value(json_object_get(quorum, "count"));
    const char *unknown = NULL;
    size_t i, given = 0;
    json_t *person;
    int rc = persons != NULL && left != NULL ? candidates(persons, &unknown, from, people, err)
                                             : cw_err_nomem(err);

    out[0] = '\0';
    if (rc != CW_OK)
        return rc;
    if (unknown != NULL) {
        snprintf(out, CW_GATE_WAITS_MAX, "asks for an approval of '%.64s', whom site.lua does not name",
                 unknown);
        return CW_OK;
    }
    if (approvers == NULL && from == NULL)
        given = json_array_size(approved);
    json_array_foreach (persons, i, person) {
        bool done = has(approved, json_string_value(person));

        given += done ? 1 : 0;
        if (!done && json_array_append(left, person) != 0)
            return cw_err_nomem(err);
    }
    if ((int64_t)given >= count)
        return CW_OK;
    if ((approvers != NULL || from != NULL) && count > (int64_t)json_array_size(persons))
        snprintf(out, CW_GATE_WAITS_MAX, "asks for %lld approvals, but only %zu could give one",
                 (long long)count, json_array_size(persons));
    else
        say_missing(out, CW_GATE_WAITS_MAX, count - (int64_t)given, given, left);
    return CW_OK;
}

int cw_quorum_missing(char waits[CW_GATE_WAITS_MAX], const json_t *quorums, const json_t *approved,
                      const json_t *people, struct cw_err *err)
{
    json_t *quorum;
    size_t i;

    waits[0] = '\0';
    json_array_foreach (quorums, i, quorum) {
        char one[CW_GATE_WAITS_MAX];
        size_t len = strlen(waits);
        int rc = missing_of(one, quorum, approved, people, err);

        if (rc != CW_OK)
            return rc;
        if (one[0] != '\0')
            snprintf(waits + len, CW_GATE_WAITS_MAX - len, "%s%s", len > 0 ? ", and " : "", one);
    }
    return CW_OK;
}
