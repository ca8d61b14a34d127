/* SPDX-License-Identifier: ISC */
/*
 * What site.lua says of people: who may approve plans by which keys, which groups they form, and who may break
 * the glass. Pure; the keys themselves are read by sync/deploy/people.c.
 */
#include <string.h>

#include "base/str.h"
#include "codec/json.h"
#include "release/name.h"
#include "sync/site.h"

/* A list of texts that was written as one text, or as a list. New reference; NULL: it is neither, or no memory. */
static json_t *texts_of(const json_t *value)
{
    json_t *item;
    size_t i;

    if (json_is_string(value))
        return json_pack("[O]", value);
    if (!json_is_array(value) || json_array_size(value) == 0)
        return NULL;
    json_array_foreach (value, i, item) {
        if (!json_is_string(item))
            return NULL;
    }
    return json_incref((json_t *)value);
}

/* {name: text or list of texts}, as {name: list}. */
static int take_lists(json_t *made, const json_t *config, const char *key, const char *what, const char *like,
                      struct cw_err *err)
{
    const json_t *value = json_object_get(config, key);
    const char *name;
    json_t *entry;

    if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
        return CW_OK;
    if (!json_is_object(value))
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a table with names, as in %s", key, like);
    json_object_foreach ((json_t *)value, name, entry) {
        json_t *list = texts_of(entry);

        if (list == NULL)
            return cw_err_set(err, CW_E_FAIL, "%s.%s: expected a text or a list of texts, as in %s", key,
                              name, like);
        if (json_object_set_new(made, name, list) != 0)
            return cw_err_nomem(err);
        if (cw_name_check(name, what, err) != CW_OK)
            return cw_err_prefix(err, "%s", key);
    }
    return CW_OK;
}

static int check_keys(const json_t *approvers, struct cw_err *err)
{
    const char *name;
    json_t *list;
    size_t count = 0;

    json_object_foreach ((json_t *)approvers, name, list)
        count += json_array_size(list);
    if (count > CW_APPROVER_KEYS_MAX)
        return cw_err_set(err, CW_E_FAIL, "approvers: more than %d keys", CW_APPROVER_KEYS_MAX);
    return CW_OK;
}

static int unknown(const char *where, const char *name, const json_t *known, struct cw_err *err)
{
    const char *names[CW_APPROVER_KEYS_MAX + 1] = {NULL}, *near, *other;
    size_t count = 0;
    json_t *value;

    json_object_foreach ((json_t *)known, other, value) {
        if (count < CW_APPROVER_KEYS_MAX)
            names[count++] = other;
    }
    near = cw_str_nearest(name, names);
    return cw_err_set(err, CW_E_FAIL, "%s: there is no approver '%s'%s%s%s", where, name,
                      near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                      near != NULL ? "'?)" : "");
}

static int check_groups(const json_t *groups, const json_t *approvers, struct cw_err *err)
{
    const char *group;
    json_t *list, *item;
    size_t i;

    json_object_foreach ((json_t *)groups, group, list) {
        char where[CW_NAME_MAX + 16];

        snprintf(where, sizeof(where), "groups.%s", group);
        if (json_object_get(approvers, group) != NULL)
            return cw_err_set(err, CW_E_FAIL, "%s: an approver has that name", where);
        json_array_foreach (list, i, item) {
            if (json_object_get(approvers, json_string_value(item)) == NULL)
                return unknown(where, json_string_value(item), approvers, err);
        }
    }
    return CW_OK;
}

bool cw_people_has(const json_t *persons, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach (persons, i, item) {
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

int cw_people_add(json_t *persons, const char *name, struct cw_err *err)
{
    if (!cw_people_has(persons, name) && json_array_append_new(persons, json_string(name)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* Names of persons and groups, as persons. */
static int resolve(json_t *persons, const json_t *names, const json_t *people, struct cw_err *err)
{
    const json_t *approvers = json_object_get(people, "approvers"), *member;
    const json_t *groups = json_object_get(people, "groups");
    json_t *item;
    size_t i, k;
    int rc = CW_OK;

    json_array_foreach (names, i, item) {
        const char *name = json_string_value(item);
        const json_t *group = json_object_get(groups, name);

        if (group == NULL && json_object_get(approvers, name) == NULL)
            return unknown("break_glass", name, approvers, err);
        if (group == NULL)
            rc = cw_people_add(persons, name, err);
        json_array_foreach (group, k, member) {
            if (rc == CW_OK)
                rc = cw_people_add(persons, json_string_value(member), err);
        }
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int take_break_glass(json_t *people, const json_t *config, struct cw_err *err)
{
    const json_t *value = json_object_get(config, "break_glass");
    json_auto_t *names = value != NULL ? texts_of(value) : NULL;
    json_t *persons = json_object_get(people, "break_glass");
    int rc;

    if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
        return CW_OK;
    if (names == NULL)
        return cw_err_set(err, CW_E_FAIL,
                          "'break_glass' is not a list of approvers, as in { \"alice\", \"bob\" }");
    rc = resolve(persons, names, people, err);
    if (rc == CW_OK && json_array_size(persons) < 2)
        rc = cw_err_set(err, CW_E_FAIL, "break_glass: two persons at least have to be named");
    return rc;
}

int cw_site_configure_people(struct cw_site *site, struct cw_err *err)
{
    int rc;

    site->people = json_pack("{s:{}, s:{}, s:[]}", "approvers", "groups", "break_glass");
    if (site->people == NULL)
        return cw_err_nomem(err);
    site->approvers = json_object_get(site->people, "approvers");
    site->groups = json_object_get(site->people, "groups");
    site->break_glass = json_object_get(site->people, "break_glass");
    rc = take_lists((json_t *)site->approvers, site->config, "approvers", "approver",
                    "approvers = { alice = \"keys/alice.pub\" }", err);
    if (rc == CW_OK)
        rc = check_keys(site->approvers, err);
    if (rc == CW_OK)
        rc = take_lists((json_t *)site->groups, site->config, "groups", "group",
                        "groups = { safety = { \"alice\", \"bob\" } }", err);
    if (rc == CW_OK)
        rc = check_groups(site->groups, site->approvers, err);
    return rc == CW_OK ? take_break_glass(site->people, site->config, err) : rc;
}
