/* SPDX-License-Identifier: ISC */
/*
 * The form of metadata (specification section 4): required fields and their types. Unknown fields are let be,
 * since they are signed over and may mean something to a later version.
 */
#include "tuf/form.h"

#include <string.h>

#include "codec/json.h"

int cw_tuf_form_strings(const json_t *array, const char *key, struct cw_err *err)
{
    json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        if (!json_is_string(item))
            return cw_err_set(err, CW_E_VERIFY, "%s[%zu] is not a string", key, i);
    }
    return CW_OK;
}

/* Each keyid may cost hashing the whole file. */
static int check_count(const json_t *array, const char *what, struct cw_err *err)
{
    if (json_array_size(array) > CW_TUF_KEYIDS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "has %zu %s, more than %d", json_array_size(array), what,
                          CW_TUF_KEYIDS_MAX);
    return CW_OK;
}

int cw_tuf_form_signatures(const json_t *signatures, struct cw_err *err)
{
    json_auto_t *seen = json_object();
    json_t *item;
    size_t i;

    if (seen == NULL)
        return cw_err_nomem(err);
    if (check_count(signatures, "signatures", err) != CW_OK)
        return CW_E_VERIFY;
    json_array_foreach (signatures, i, item) {
        const char *keyid, *sig;

        if (!json_is_object(item))
            return cw_err_set(err, CW_E_VERIFY, "signatures[%zu] is not an object", i);
        if (cw_json_get_str(&keyid, item, "keyid", err) != CW_OK ||
            cw_json_get_str(&sig, item, "sig", err) != CW_OK)
            return cw_err_prefix(err, "signatures[%zu]", i);
        if (json_object_get(seen, keyid) != NULL)
            return cw_err_set(err, CW_E_VERIFY, "signatures[%zu]: keyid '%s' has signed twice", i, keyid);
        if (json_object_set_new(seen, keyid, json_true()) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

int cw_tuf_form_keys(const json_t *keys, struct cw_err *err)
{
    const char *keyid;
    json_t *key;

    json_object_foreach ((json_t *)keys, keyid, key) {
        const char *text;
        json_t *value;

        if (!json_is_object(key))
            return cw_err_set(err, CW_E_VERIFY, "key '%s' is not an object", keyid);
        if (cw_json_get_str(&text, key, "keytype", err) != CW_OK ||
            cw_json_get_str(&text, key, "scheme", err) != CW_OK ||
            cw_json_get_obj(&value, key, "keyval", err) != CW_OK)
            return cw_err_prefix(err, "key '%s'", keyid);
    }
    return CW_OK;
}

static int check_keyids(const json_t *keyids, struct cw_err *err)
{
    json_auto_t *seen = json_object();
    json_t *item;
    size_t i;

    if (seen == NULL)
        return cw_err_nomem(err);
    if (check_count(keyids, "keyids", err) != CW_OK)
        return CW_E_VERIFY;
    json_array_foreach (keyids, i, item) {
        if (json_object_get(seen, json_string_value(item)) != NULL)
            return cw_err_set(err, CW_E_VERIFY, "keyid '%s' is there twice", json_string_value(item));
        if (json_object_set_new(seen, json_string_value(item), json_true()) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

int cw_tuf_form_role(const json_t *role, struct cw_err *err)
{
    json_t *keyids;
    int64_t threshold;
    int rc = cw_json_get_array(&keyids, role, "keyids", err);

    if (rc == CW_OK)
        rc = cw_tuf_form_strings(keyids, "keyids", err);
    if (rc == CW_OK)
        rc = check_keyids(keyids, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&threshold, role, "threshold", 1, INT32_MAX, err);
    return rc;
}

static int check_root(const json_t *signed_, struct cw_err *err)
{
    static const enum cw_tuf_type all[] = {CW_TUF_ROOT, CW_TUF_TIMESTAMP, CW_TUF_SNAPSHOT, CW_TUF_TARGETS};
    json_t *keys, *roles, *role;
    bool consistent;
    int rc = cw_json_opt_bool(&consistent, signed_, "consistent_snapshot", err);

    if (rc == CW_OK)
        rc = cw_json_get_obj(&keys, signed_, "keys", err);
    if (rc == CW_OK)
        rc = cw_tuf_form_keys(keys, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&roles, signed_, "roles", err);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && rc == CW_OK; i++) {
        rc = cw_json_get_obj(&role, roles, cw_tuf_type_name(all[i]), err);
        if (rc == CW_OK && cw_tuf_form_role(role, err) != CW_OK)
            rc = cw_err_prefix(err, "role '%s'", cw_tuf_type_name(all[i]));
    }
    return rc;
}

static int check_hashes(const json_t *file, bool required, struct cw_err *err)
{
    json_t *hashes = NULL, *value;
    const char *name;
    int rc = required ? cw_json_get_obj(&hashes, file, "hashes", err)
                      : cw_json_opt_obj(&hashes, file, "hashes", err);

    if (rc != CW_OK || hashes == NULL)
        return rc;
    if (json_object_size(hashes) == 0)
        return cw_err_set(err, CW_E_VERIFY, "field 'hashes' is empty");
    json_object_foreach (hashes, name, value) {
        if (!json_is_string(value))
            return cw_err_set(err, CW_E_VERIFY, "hash '%s' is not a string", name);
    }
    return CW_OK;
}

static int check_meta_file(const json_t *file, struct cw_err *err)
{
    int64_t number;
    int rc;

    if (!json_is_object(file))
        return cw_err_set(err, CW_E_VERIFY, "is not an object");
    rc = cw_json_get_int(&number, file, "version", 1, INT64_MAX, err);
    if (rc == CW_OK && json_object_get(file, "length") != NULL)
        rc = cw_json_get_int(&number, file, "length", 0, INT64_MAX, err);
    return rc == CW_OK ? check_hashes(file, false, err) : rc;
}

static int check_meta(const json_t *signed_, const char *required, struct cw_err *err)
{
    const char *name;
    json_t *meta, *file;
    int rc = cw_json_get_obj(&meta, signed_, "meta", err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach (meta, name, file) {
        if (check_meta_file(file, err) != CW_OK)
            return cw_err_prefix(err, "meta '%s'", name);
    }
    if (json_object_get(meta, required) == NULL)
        return cw_err_set(err, CW_E_VERIFY, "meta '%s' is missing", required);
    return CW_OK;
}

static int check_target(const json_t *file, struct cw_err *err)
{
    int64_t length;
    json_t *custom;
    int rc;

    if (!json_is_object(file))
        return cw_err_set(err, CW_E_VERIFY, "is not an object");
    rc = cw_json_get_int(&length, file, "length", 0, INT64_MAX, err);
    if (rc == CW_OK)
        rc = check_hashes(file, true, err);
    return rc == CW_OK ? cw_json_opt_obj(&custom, file, "custom", err) : rc;
}

static int check_targets(const json_t *signed_, struct cw_err *err)
{
    const char *path;
    json_t *targets, *file, *delegations = NULL;
    int rc = cw_json_get_obj(&targets, signed_, "targets", err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach (targets, path, file) {
        if (check_target(file, err) != CW_OK)
            return cw_err_prefix(err, "target '%s'", path);
    }
    rc = cw_json_opt_obj(&delegations, signed_, "delegations", err);
    return rc == CW_OK && delegations != NULL ? cw_tuf_form_delegations(delegations, err) : rc;
}

int cw_tuf_form_check(const json_t *signed_, enum cw_tuf_type type, struct cw_err *err)
{
    switch (type) {
    case CW_TUF_ROOT:
        return check_root(signed_, err);
    case CW_TUF_TIMESTAMP:
        return check_meta(signed_, "snapshot.json", err);
    case CW_TUF_SNAPSHOT:
        return check_meta(signed_, "targets.json", err);
    case CW_TUF_TARGETS:
        return check_targets(signed_, err);
    }
    return cw_err_set(err, CW_E_FAIL, "no such type of metadata");
}
