/* SPDX-License-Identifier: ISC */
/*
 * Delegations of a targets file: their form, which paths they cover, and the keys they trust. They come as a
 * list of named roles or as succinct hash bins (TAP 15): one description that stands for 2^bit_length roles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "codec/json.h"
#include "tuf/form.h"
#include "tuf/meta.h"

/* Both are TAP 15's own limits; more bits than 32 would need more of the hash than it looks at. */
#define BITS_MIN 1
#define BITS_MAX 32

static bool is_top_level(const char *name)
{
    return strcmp(name, "root") == 0 || strcmp(name, "timestamp") == 0 || strcmp(name, "snapshot") == 0 ||
           strcmp(name, "targets") == 0;
}

/* A delegated role is kept beside the top-level ones under its own name, so it must not be one of theirs. */
static int check_name(const char *name, size_t room, struct cw_err *err)
{
    if (name[0] == '\0' || strlen(name) >= room)
        return cw_err_set(err, CW_E_VERIFY, "role name '%s' is empty or longer than %zu bytes", name,
                          room - 1);
    if (is_top_level(name))
        return cw_err_set(err, CW_E_VERIFY, "role name '%s' is a top-level role's", name);
    return CW_OK;
}

static int check_paths(const json_t *role, struct cw_err *err)
{
    json_t *paths = NULL, *prefixes = NULL;
    int rc = cw_json_opt_array(&paths, role, "paths", err);

    if (rc == CW_OK)
        rc = cw_json_opt_array(&prefixes, role, "path_hash_prefixes", err);
    if (rc != CW_OK)
        return rc;
    if ((paths == NULL) == (prefixes == NULL))
        return cw_err_set(err, CW_E_VERIFY, "needs one of 'paths' and 'path_hash_prefixes'");
    return paths != NULL ? cw_tuf_form_strings(paths, "paths", err)
                         : cw_tuf_form_strings(prefixes, "path_hash_prefixes", err);
}

static int check_named(const json_t *role, json_t *seen, struct cw_err *err)
{
    const char *name;
    bool terminating;
    int rc;

    if (!json_is_object(role))
        return cw_err_set(err, CW_E_VERIFY, "is not an object");
    rc = cw_json_get_str(&name, role, "name", err);
    if (rc == CW_OK)
        rc = check_name(name, CW_TUF_NAME_MAX, err);
    if (rc == CW_OK && json_object_get(seen, name) != NULL)
        rc = cw_err_set(err, CW_E_VERIFY, "role '%s' is there twice", name);
    if (rc == CW_OK && json_object_set_new(seen, name, json_true()) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_tuf_form_role(role, err);
    if (rc == CW_OK && json_object_get(role, "terminating") == NULL)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'terminating' is missing");
    if (rc == CW_OK)
        rc = cw_json_opt_bool(&terminating, role, "terminating", err);
    return rc == CW_OK ? check_paths(role, err) : rc;
}

static int check_list(const json_t *roles, struct cw_err *err)
{
    json_auto_t *seen = json_object();
    json_t *role;
    size_t i;

    if (seen == NULL)
        return cw_err_nomem(err);
    json_array_foreach (roles, i, role) {
        if (check_named(role, seen, err) != CW_OK)
            return cw_err_prefix(err, "delegation %zu", i);
    }
    return CW_OK;
}

static int check_bins(const json_t *bins, struct cw_err *err)
{
    const char *prefix;
    int64_t bits;
    int rc = cw_tuf_form_role(bins, err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&bits, bins, "bit_length", BITS_MIN, BITS_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&prefix, bins, "name_prefix", err);
    if (rc == CW_OK) /* "-" and eight digits follow */
        rc = check_name(prefix, CW_TUF_NAME_MAX - 9, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "succinct_roles");
}

int cw_tuf_form_delegations(const json_t *delegations, struct cw_err *err)
{
    json_t *keys, *roles = NULL, *bins = NULL;
    int rc = cw_json_get_obj(&keys, delegations, "keys", err);

    if (rc == CW_OK)
        rc = cw_tuf_form_keys(keys, err);
    if (rc == CW_OK)
        rc = cw_json_opt_array(&roles, delegations, "roles", err);
    if (rc == CW_OK)
        rc = cw_json_opt_obj(&bins, delegations, "succinct_roles", err);
    if (rc == CW_OK && (roles == NULL) == (bins == NULL))
        rc = cw_err_set(err, CW_E_VERIFY, "needs one of 'roles' and 'succinct_roles'");
    if (rc == CW_OK)
        rc = bins != NULL ? check_bins(bins, err) : check_list(roles, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "delegations");
}

static const json_t *delegations_of(const struct cw_tuf_meta *targets)
{
    return json_object_get(targets->signed_, "delegations");
}

static const json_t *bins_of(const struct cw_tuf_meta *targets)
{
    return json_object_get(delegations_of(targets), "succinct_roles");
}

/* The number of a bin stands at the end of its name: there may be billions of them. */
static size_t first_to_try(const json_t *bins, const char *name)
{
    const char *dash = bins != NULL ? strrchr(name, '-') : NULL;

    if (bins == NULL)
        return 0;
    return dash != NULL ? strtoul(dash + 1, NULL, 16) : SIZE_MAX;
}

int cw_tuf_delegation_named(struct cw_tuf_role *role, const struct cw_tuf_meta *targets, const char *name,
                            struct cw_err *err)
{
    const json_t *bins = bins_of(targets);
    size_t i, count = cw_tuf_delegation_count(targets);
    int rc = CW_OK;

    for (i = first_to_try(bins, name); i < count && rc == CW_OK; i++) {
        rc = cw_tuf_delegation_at(role, targets, i, err);
        if (rc == CW_OK && strcmp(role->name, name) == 0)
            return CW_OK;
        if (bins != NULL)
            break;
    }
    return rc != CW_OK ? rc : cw_err_set(err, CW_E_NOTFOUND, "targets delegates nothing to role '%s'", name);
}

bool cw_tuf_delegation_bins(const struct cw_tuf_meta *targets)
{
    return bins_of(targets) != NULL;
}

static unsigned bits_of(const json_t *bins)
{
    return (unsigned)json_integer_value(json_object_get(bins, "bit_length"));
}

size_t cw_tuf_delegation_count(const struct cw_tuf_meta *targets)
{
    const json_t *bins = bins_of(targets);

    if (bins == NULL)
        return json_array_size(json_object_get(delegations_of(targets), "roles"));
    return bits_of(bins) < 8 * sizeof(size_t) ? (size_t)1 << bits_of(bins) : SIZE_MAX;
}

/* The bin's number in as many hexadecimal digits as the highest one needs. */
static void name_bin(char name[CW_TUF_NAME_MAX], const json_t *bins, size_t index)
{
    const char *prefix = json_string_value(json_object_get(bins, "name_prefix"));
    size_t digits = (bits_of(bins) + 3) / 4;
    char number[9];

    snprintf(number, sizeof number, "%08x", (unsigned)index);
    snprintf(name, CW_TUF_NAME_MAX, "%s-%s", prefix, number + sizeof number - 1 - digits);
}

int cw_tuf_delegation_at(struct cw_tuf_role *role, const struct cw_tuf_meta *targets, size_t index,
                         struct cw_err *err)
{
    const json_t *bins = bins_of(targets), *found = bins;

    if (index >= cw_tuf_delegation_count(targets))
        return cw_err_set(err, CW_E_FAIL, "there is no delegation %zu", index);
    if (bins == NULL)
        found = json_array_get(json_object_get(delegations_of(targets), "roles"), index);
    if (bins != NULL)
        name_bin(role->name, bins, index);
    else
        snprintf(role->name, sizeof role->name, "%s", json_string_value(json_object_get(found, "name")));
    role->keys = json_object_get(delegations_of(targets), "keys");
    role->keyids = json_object_get(found, "keyids");
    role->threshold = json_integer_value(json_object_get(found, "threshold"));
    role->terminating = bins != NULL || json_is_true(json_object_get(found, "terminating"));
    return CW_OK;
}

/* The bin a path falls into: the first bits of its sha256. */
static bool bin_of(size_t *index, const json_t *bins, const char *path)
{
    char digest[CW_SHA256_TEXT];

    if (cw_sha256(digest, path, strlen(path), NULL) != CW_OK)
        return false;
    digest[8] = '\0';
    *index = strtoul(digest, NULL, 16) >> (BITS_MAX - bits_of(bins));
    return true;
}

static bool has_hash_prefix(const json_t *prefixes, const char *path)
{
    char digest[CW_SHA256_TEXT];
    json_t *prefix;
    size_t i;

    if (cw_sha256(digest, path, strlen(path), NULL) != CW_OK)
        return false;
    json_array_foreach (prefixes, i, prefix) {
        if (cw_str_starts(digest, json_string_value(prefix)))
            return true;
    }
    return false;
}

bool cw_tuf_delegation_covers(const struct cw_tuf_meta *targets, size_t index, const char *path)
{
    const json_t *bins = bins_of(targets), *role, *prefixes;
    json_t *pattern;
    size_t i;

    if (bins != NULL)
        return bin_of(&i, bins, path) && i == index;
    role = json_array_get(json_object_get(delegations_of(targets), "roles"), index);
    prefixes = json_object_get(role, "path_hash_prefixes");
    if (prefixes != NULL)
        return has_hash_prefix(prefixes, path);
    json_array_foreach (json_object_get(role, "paths"), i, pattern) {
        if (cw_tuf_pattern_matches(json_string_value(pattern), path))
            return true;
    }
    return false;
}

bool cw_tuf_delegation_find(const struct cw_tuf_meta *targets, const char *path, size_t *index)
{
    const json_t *bins = bins_of(targets);
    size_t count = cw_tuf_delegation_count(targets), bin;

    if (bins != NULL) {
        if (!bin_of(&bin, bins, path) || bin < *index)
            return false;
        *index = bin;
        return true;
    }
    for (; *index < count; (*index)++) {
        if (cw_tuf_delegation_covers(targets, *index, path))
            return true;
    }
    return false;
}
