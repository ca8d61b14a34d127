/* SPDX-License-Identifier: ISC */
/*
 * Composing metadata for publishing: key objects, signed bodies, envelopes. What is composed here is what
 * meta.c reads.
 */
#include "tuf/write.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/hex.h"
#include "codec/json.h"

/* 0 for jansson's 0, else the only thing that can have gone wrong with values we made ourselves. */
static int stored(int failed, struct cw_err *err)
{
    return failed == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_tuf_key_new(json_t **key, const unsigned char public_key[CW_ED25519_PUBLIC], struct cw_err *err)
{
    char hex[2 * CW_ED25519_PUBLIC + 1];

    cw_hex_format(hex, public_key, CW_ED25519_PUBLIC);
    *key =
        json_pack("{s:s, s:{s:s}, s:s}", "keytype", "ed25519", "keyval", "public", hex, "scheme", "ed25519");
    return *key != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_tuf_key_id(char out[CW_SHA256_TEXT], const json_t *key, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    int rc = cw_canon_format(&text, key, err);

    return rc == CW_OK ? cw_sha256(out, text.data, text.len, err) : rc;
}

int cw_tuf_signed_new(json_t **signed_, enum cw_tuf_type type, int64_t version, int64_t expires,
                      struct cw_err *err)
{
    char text[CW_TIME_TEXT];

    cw_time_format(expires, text);
    *signed_ = json_pack("{s:s, s:s, s:I, s:s}", "_type", cw_tuf_type_name(type), "spec_version",
                         CW_TUF_SPEC_VERSION, "version", (json_int_t)version, "expires", text);
    return *signed_ != NULL ? CW_OK : cw_err_nomem(err);
}

/* A body with fields of its own, which it takes over. */
static int body_new(json_t **signed_, enum cw_tuf_type type, int64_t version, int64_t expires, json_t *fields,
                    struct cw_err *err)
{
    json_auto_t *own = fields;
    json_auto_t *made = NULL;
    int rc = cw_tuf_signed_new(&made, type, version, expires, err);

    *signed_ = NULL;
    if (rc == CW_OK)
        rc = own != NULL ? stored(json_object_update(made, own), err) : cw_err_nomem(err);
    if (rc == CW_OK)
        *signed_ = json_incref(made);
    return rc;
}

int cw_tuf_root_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err)
{
    json_t *fields = json_pack("{s:b, s:{}, s:{s:{s:[], s:i}, s:{s:[], s:i}, s:{s:[], s:i}, s:{s:[], s:i}}}",
                               "consistent_snapshot", 1, "keys", "roles", "root", "keyids", "threshold", 1,
                               "timestamp", "keyids", "threshold", 1, "snapshot", "keyids", "threshold", 1,
                               "targets", "keyids", "threshold", 1);

    return body_new(signed_, CW_TUF_ROOT, version, expires, fields, err);
}

int cw_tuf_targets_new(json_t **signed_, int64_t version, int64_t expires, bool with_delegations,
                       struct cw_err *err)
{
    json_t *fields = with_delegations
                         ? json_pack("{s:{}, s:{s:{}, s:[]}}", "targets", "delegations", "keys", "roles")
                         : json_pack("{s:{}}", "targets");

    return body_new(signed_, CW_TUF_TARGETS, version, expires, fields, err);
}

int cw_tuf_snapshot_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err)
{
    return body_new(signed_, CW_TUF_SNAPSHOT, version, expires, json_pack("{s:{}}", "meta"), err);
}

int cw_tuf_timestamp_new(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err)
{
    return body_new(signed_, CW_TUF_TIMESTAMP, version, expires, json_pack("{s:{}}", "meta"), err);
}

/* Adds a keyid to an array of them, in order; twice is once. */
static int insert_keyid(json_t *keyids, const char *keyid, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < json_array_size(keyids); i++) {
        int order = strcmp(json_string_value(json_array_get(keyids, i)), keyid);

        if (order == 0)
            return CW_OK;
        if (order > 0)
            break;
    }
    return stored(json_array_insert_new(keyids, i, json_string(keyid)), err);
}

/* Adds a key to an object of keys and its id to a role's keyids. */
static int add_object(json_t *keys, json_t *keyids, const json_t *key, struct cw_err *err)
{
    char keyid[CW_SHA256_TEXT];
    int rc = cw_tuf_key_id(keyid, key, err);

    if (rc == CW_OK)
        rc = stored(json_object_set(keys, keyid, (json_t *)key), err);
    return rc == CW_OK ? insert_keyid(keyids, keyid, err) : rc;
}

static int add_key(json_t *keys, json_t *keyids, const unsigned char public_key[CW_ED25519_PUBLIC],
                   struct cw_err *err)
{
    json_auto_t *key = NULL;
    int rc = cw_tuf_key_new(&key, public_key, err);

    return rc == CW_OK ? add_object(keys, keyids, key, err) : rc;
}

static int root_role(json_t **found, json_t *root, const char *role, struct cw_err *err)
{
    *found = json_object_get(json_object_get(root, "roles"), role);
    return *found != NULL ? CW_OK : cw_err_set(err, CW_E_FAIL, "a root has no role '%s'", role);
}

int cw_tuf_root_add_key(json_t *root, const char *role, const unsigned char public_key[CW_ED25519_PUBLIC],
                        struct cw_err *err)
{
    json_t *found;
    int rc = root_role(&found, root, role, err);

    return rc == CW_OK
               ? add_key(json_object_get(root, "keys"), json_object_get(found, "keyids"), public_key, err)
               : rc;
}

int cw_tuf_root_admit(json_t *root, const char *role, const json_t *key, struct cw_err *err)
{
    json_t *found;
    int rc = root_role(&found, root, role, err);

    return rc == CW_OK ? add_object(json_object_get(root, "keys"), json_object_get(found, "keyids"), key, err)
                       : rc;
}

int cw_tuf_root_set_threshold(json_t *root, const char *role, int64_t threshold, struct cw_err *err)
{
    json_t *found;
    int rc = root_role(&found, root, role, err);

    return rc == CW_OK ? stored(json_object_set_new(found, "threshold", json_integer(threshold)), err) : rc;
}

static int delegation_new(json_t **role, json_t *keys, const struct cw_tuf_delegation_spec *spec,
                          struct cw_err *err)
{
    json_auto_t *made =
        json_pack("{s:s, s:[], s:[], s:b, s:I}", "name", spec->name, "keyids", "paths", "terminating",
                  (int)spec->terminating, "threshold", (json_int_t)spec->threshold);
    int rc = made != NULL ? CW_OK : cw_err_nomem(err);

    for (size_t i = 0; rc == CW_OK && i < spec->key_count; i++)
        rc = add_key(keys, json_object_get(made, "keyids"), spec->keys[i], err);
    for (size_t i = 0; rc == CW_OK && i < json_array_size(spec->key_objects); i++)
        rc = add_object(keys, json_object_get(made, "keyids"), json_array_get(spec->key_objects, i), err);
    for (size_t i = 0; rc == CW_OK && spec->paths[i] != NULL; i++)
        rc = stored(json_array_append_new(json_object_get(made, "paths"), json_string(spec->paths[i])), err);
    if (rc == CW_OK)
        *role = json_incref(made);
    return rc;
}

static bool uses_key(const json_t *roles, const char *keyid)
{
    json_t *role, *id;
    size_t i, j;

    json_array_foreach (roles, i, role) {
        json_array_foreach (json_object_get(role, "keyids"), j, id) {
            if (strcmp(json_string_value(id), keyid) == 0)
                return true;
        }
    }
    return false;
}

/* The keys of a delegation that is no more, without those that others name: a key that none names would only confuse a reader. */
static void drop_unused_keys(json_t *keys, const json_t *roles, const json_t *former)
{
    json_t *id;
    size_t i;

    json_array_foreach (json_object_get(former, "keyids"), i, id) {
        if (!uses_key(roles, json_string_value(id)))
            json_object_del(keys, json_string_value(id));
    }
}

static size_t find_delegation(const json_t *roles, const char *name)
{
    json_t *role;
    size_t i;

    json_array_foreach (roles, i, role) {
        if (strcmp(json_string_value(json_object_get(role, "name")), name) == 0)
            break;
    }
    return i;
}

int cw_tuf_targets_delegate(json_t *targets, const struct cw_tuf_delegation_spec *spec, struct cw_err *err)
{
    json_t *delegations = json_object_get(targets, "delegations"),
           *keys = json_object_get(delegations, "keys");
    json_t *roles = json_object_get(delegations, "roles");
    json_auto_t *role = NULL, *former = NULL;
    size_t i;
    int rc;

    if (keys == NULL || roles == NULL)
        return cw_err_set(err, CW_E_FAIL, "this targets body has no list of delegations");
    rc = delegation_new(&role, keys, spec, err);
    if (rc != CW_OK)
        return rc;
    i = find_delegation(roles, spec->name);
    former = json_incref(json_array_get(roles, i));
    rc = stored(former != NULL ? json_array_set(roles, i, role) : json_array_append(roles, role), err);
    if (rc == CW_OK)
        drop_unused_keys(keys, roles, former);
    return rc;
}

int cw_tuf_targets_split(json_t *targets, const char *prefix, unsigned bits, const json_t *keys,
                         const json_t *role, struct cw_err *err)
{
    json_auto_t *delegations =
        json_pack("{s:{}, s:{s:i, s:O*, s:s, s:O*}}", "keys", "succinct_roles", "bit_length", (int)bits,
                  "keyids", json_object_get(role, "keyids"), "name_prefix", prefix, "threshold",
                  json_object_get(role, "threshold"));
    json_t *own = json_object_get(delegations, "keys"), *keyid;
    size_t i;

    if (delegations == NULL)
        return cw_err_nomem(err);
    json_array_foreach (json_object_get(role, "keyids"), i, keyid) {
        const char *id = json_string_value(keyid);

        if (json_object_set(own, id, json_object_get(keys, id)) != 0)
            return cw_err_nomem(err);
    }
    if (json_object_set(targets, "delegations", delegations) != 0)
        return cw_err_nomem(err);
    return stored(json_object_set_new(targets, "targets", json_object()), err);
}

int cw_tuf_targets_add(json_t *targets, const char *path, int64_t length, const char *sha256,
                       const json_t *custom, struct cw_err *err)
{
    json_auto_t *file = json_pack("{s:I, s:{s:s}}", "length", (json_int_t)length, "hashes", "sha256", sha256);

    if (file == NULL || (custom != NULL && json_object_set(file, "custom", (json_t *)custom) != 0))
        return cw_err_nomem(err);
    return stored(json_object_set(json_object_get(targets, "targets"), path, file), err);
}

int cw_tuf_meta_add(json_t *signed_, const char *role, int64_t version, int64_t length, const char *sha256,
                    struct cw_err *err)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_TUF_NAME_MAX + 8);
    json_auto_t *file = sha256 == NULL ? json_pack("{s:I}", "version", (json_int_t)version)
                                       : json_pack("{s:I, s:I, s:{s:s}}", "version", (json_int_t)version,
                                                   "length", (json_int_t)length, "hashes", "sha256", sha256);
    int rc;

    if (file == NULL)
        return cw_err_nomem(err);
    cw_buf_addf(&name, "%s.json", role);
    rc = cw_buf_check(&name, "a role's name", err);
    return rc == CW_OK ? stored(json_object_set(json_object_get(signed_, "meta"), name.data, file), err) : rc;
}

int cw_tuf_envelope_new(json_t **envelope, json_t *signed_, struct cw_err *err)
{
    *envelope = json_pack("{s:[], s:O}", "signatures", "signed", signed_);
    return *envelope != NULL ? CW_OK : cw_err_nomem(err);
}

static int put_signature(json_t *signatures, const char *keyid, const char *sig, struct cw_err *err)
{
    json_auto_t *made = json_pack("{s:s, s:s}", "keyid", keyid, "sig", sig);
    size_t i;

    if (made == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < json_array_size(signatures); i++) {
        int order = strcmp(json_string_value(json_object_get(json_array_get(signatures, i), "keyid")), keyid);

        if (order == 0)
            return stored(json_array_set(signatures, i, made), err);
        if (order > 0)
            break;
    }
    return stored(json_array_insert(signatures, i, made), err);
}

int cw_tuf_envelope_sign(json_t *envelope, const struct cw_secret *secret, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *key = NULL;
    unsigned char signature[CW_ED25519_SIGNATURE];
    char keyid[CW_SHA256_TEXT], hex[2 * CW_ED25519_SIGNATURE + 1];
    int rc = cw_tuf_key_new(&key, cw_secret_public(secret), err);

    if (rc == CW_OK)
        rc = cw_tuf_key_id(keyid, key, err);
    if (rc == CW_OK)
        rc = cw_canon_format(&text, json_object_get(envelope, "signed"), err);
    if (rc == CW_OK)
        rc = cw_ed25519_sign(signature, secret, text.data, text.len, err);
    if (rc != CW_OK)
        return rc;
    cw_hex_format(hex, signature, sizeof signature);
    return put_signature(json_object_get(envelope, "signatures"), keyid, hex, err);
}

int cw_tuf_envelope_put(json_t *envelope, const char *keyid, const char *hex, struct cw_err *err)
{
    return put_signature(json_object_get(envelope, "signatures"), keyid, hex, err);
}

int cw_tuf_envelope_format(struct cw_buf *buf, const json_t *envelope, struct cw_err *err)
{
    return cw_json_format(buf, envelope, err);
}
