/* SPDX-License-Identifier: ISC */
/*
 * Parsing metadata and looking things up in it. The form of each type is checked by form.c, signatures by
 * verify.c, and whether a file may be trusted now is for the update state machine to say.
 */
#include "tuf/meta.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "tuf/form.h"

#define FILENAME_MAX_BYTES ((size_t)255)            /* what filesystems take for one name */
#define ROLE_FILENAME_MAX (FILENAME_MAX_BYTES - 20) /* a version in front takes up to 20 of them */

const char *cw_tuf_type_name(enum cw_tuf_type type)
{
    static const char *const names[] = {[CW_TUF_ROOT] = "root",
                                        [CW_TUF_TIMESTAMP] = "timestamp",
                                        [CW_TUF_SNAPSHOT] = "snapshot",
                                        [CW_TUF_TARGETS] = "targets"};

    return names[type];
}

static int check_type(const json_t *signed_, enum cw_tuf_type type, struct cw_err *err)
{
    const char *got;
    int rc = cw_json_get_str(&got, signed_, "_type", err);

    if (rc == CW_OK && strcmp(got, cw_tuf_type_name(type)) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "is '%s' metadata, not '%s'", got, cw_tuf_type_name(type));
    return rc;
}

/* "1.0" or "1.0.34": two or three numbers, the first of which is 1. */
static int check_spec_version(const json_t *signed_, struct cw_err *err)
{
    const char *text, *p;
    int parts, rc = cw_json_get_str(&text, signed_, "spec_version", err);

    if (rc != CW_OK)
        return rc;
    for (p = text, parts = 1; strspn(p, "0123456789") > 0; parts++) {
        p += strspn(p, "0123456789");
        if (*p != '.' || parts == 3)
            break;
        p++;
    }
    if (*p != '\0' || parts < 2 || !cw_str_starts(text, "1."))
        return cw_err_set(err, CW_E_VERIFY, "spec_version '%s' is not supported, only 1.x", text);
    return CW_OK;
}

static int read_common(struct cw_tuf_meta *meta, struct cw_err *err)
{
    const char *expires;
    int rc = check_type(meta->signed_, meta->type, err);

    if (rc == CW_OK)
        rc = check_spec_version(meta->signed_, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&meta->version, meta->signed_, "version", 1, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&expires, meta->signed_, "expires", err);
    if (rc == CW_OK && cw_time_parse(&meta->expires, expires, err) != CW_OK)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'expires': '%s' is not a time like 2030-01-31T12:00:00Z",
                        expires);
    return rc;
}

static int check(struct cw_tuf_meta *meta, struct cw_err *err)
{
    json_t *signatures, *signed_;
    int rc;

    if (!json_is_object(meta->doc))
        return cw_err_set(err, CW_E_VERIFY, "is not a JSON object");
    rc = cw_json_get_obj(&signed_, meta->doc, "signed", err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&signatures, meta->doc, "signatures", err);
    if (rc == CW_OK)
        rc = cw_tuf_form_signatures(signatures, err);
    if (rc != CW_OK)
        return rc;
    meta->signed_ = signed_;
    rc = read_common(meta, err);
    return rc == CW_OK ? cw_tuf_form_check(signed_, meta->type, err) : rc;
}

int cw_tuf_meta_parse(struct cw_tuf_meta *meta, enum cw_tuf_type type, const void *bytes, size_t len,
                      struct cw_err *err)
{
    json_t *doc;
    int rc = cw_json_parse(&doc, bytes, len, err);

    *meta = (struct cw_tuf_meta){.type = type};
    return rc == CW_OK ? cw_tuf_meta_take(meta, type, doc, err) : rc;
}

int cw_tuf_meta_take(struct cw_tuf_meta *meta, enum cw_tuf_type type, json_t *doc, struct cw_err *err)
{
    int rc;

    *meta = (struct cw_tuf_meta){.type = type, .doc = doc};
    rc = check(meta, err);
    if (rc != CW_OK)
        cw_tuf_meta_clear(meta);
    return rc;
}

void cw_tuf_meta_clear(struct cw_tuf_meta *meta)
{
    json_decref(meta->doc);
    *meta = (struct cw_tuf_meta){.type = meta->type};
}

bool cw_tuf_root_is_consistent(const struct cw_tuf_meta *root)
{
    return json_is_true(json_object_get(root->signed_, "consistent_snapshot"));
}

int cw_tuf_root_role(struct cw_tuf_role *role, const struct cw_tuf_meta *root, const char *name,
                     struct cw_err *err)
{
    const json_t *found = json_object_get(json_object_get(root->signed_, "roles"), name);

    if (found == NULL || strlen(name) >= CW_TUF_NAME_MAX)
        return cw_err_set(err, CW_E_VERIFY, "root version %lld has no role '%s'", (long long)root->version,
                          name);
    snprintf(role->name, sizeof role->name, "%s", name);
    role->keys = json_object_get(root->signed_, "keys");
    role->keyids = json_object_get(found, "keyids");
    role->threshold = json_integer_value(json_object_get(found, "threshold"));
    role->terminating = false;
    return CW_OK;
}

static void read_file(struct cw_tuf_file *file, const json_t *entry)
{
    const json_t *length = json_object_get(entry, "length");

    file->version = json_integer_value(json_object_get(entry, "version"));
    file->length = length != NULL ? json_integer_value(length) : -1;
    file->hashes = json_object_get(entry, "hashes");
    file->custom = json_object_get(entry, "custom");
}

int cw_tuf_meta_file(struct cw_tuf_file *file, const struct cw_tuf_meta *meta, const char *role,
                     struct cw_err *err)
{
    char name[CW_TUF_NAME_MAX + sizeof ".json"];
    const json_t *entry = NULL;

    if (strlen(role) < CW_TUF_NAME_MAX) {
        snprintf(name, sizeof name, "%s.json", role);
        entry = json_object_get(json_object_get(meta->signed_, "meta"), name);
    }
    if (entry == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "%s version %lld does not list role '%s'",
                          cw_tuf_type_name(meta->type), (long long)meta->version, role);
    read_file(file, entry);
    return CW_OK;
}

int cw_tuf_target_file(struct cw_tuf_file *file, const struct cw_tuf_meta *targets, const char *path,
                       struct cw_err *err)
{
    const json_t *entry = json_object_get(json_object_get(targets->signed_, "targets"), path);

    if (entry == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "no target '%s'", path);
    read_file(file, entry);
    file->version = 0;
    return CW_OK;
}

static int check_hash(const char *algorithm, const char *expected, const void *bytes, size_t len,
                      struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    char got[CW_HASH_TEXT_MAX];
    bool is_sha512 = strcmp(algorithm, "sha512") == 0;
    int rc;

    if (!is_sha512 && strcmp(algorithm, "sha256") != 0)
        return cw_err_set(err, CW_E_VERIFY, "hash algorithm '%s' is not supported", algorithm);
    rc = cw_hash_new(&hash, is_sha512 ? CW_SHA512 : CW_SHA256, err);
    if (rc == CW_OK)
        rc = cw_hash_update(hash, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, got, err);
    if (rc == CW_OK && strcmp(got, expected) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "%s differs: expected %s, got %s", algorithm, expected, got);
    return rc;
}

int cw_tuf_file_check(const struct cw_tuf_file *file, const void *bytes, size_t len, struct cw_err *err)
{
    const char *algorithm;
    json_t *value;
    int rc = CW_OK;

    if (file->length >= 0 && (uint64_t)file->length != len)
        return cw_err_set(err, CW_E_VERIFY, "length differs: expected %lld bytes, got %zu",
                          (long long)file->length, len);
    json_object_foreach ((json_t *)file->hashes, algorithm, value) {
        rc = check_hash(algorithm, json_string_value(value), bytes, len, err);
        if (rc != CW_OK)
            return rc;
    }
    return rc;
}

const char *cw_tuf_file_sha256(const struct cw_tuf_file *file)
{
    return json_string_value(json_object_get(file->hashes, "sha256"));
}

/* Percent-encoded as a URL's part is (RFC 3986, section 2.3): no '/' is left. */
static void add_encoded(struct cw_buf *buf, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const char *p;

    for (p = text; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL)
            cw_buf_addc(buf, *p);
        else
            cw_buf_addf(buf, "%%%02X", (unsigned char)*p);
    }
}

int cw_tuf_role_filename(struct cw_buf *buf, const char *role, struct cw_err *err)
{
    size_t before = buf->len;

    add_encoded(buf, role);
    cw_buf_adds(buf, ".json");
    if (role[0] == '\0' || buf->len - before > ROLE_FILENAME_MAX)
        return cw_err_set(err, CW_E_VERIFY, "role name '%s' cannot be a file name", role);
    return cw_buf_check(buf, "a file name", err);
}

int cw_tuf_target_filename(struct cw_buf *buf, const char *path, struct cw_err *err)
{
    size_t before = buf->len;

    add_encoded(buf, path);
    if (path[0] == '\0' || strcmp(path, ".") == 0 || strcmp(path, "..") == 0 ||
        buf->len - before > FILENAME_MAX_BYTES)
        return cw_err_set(err, CW_E_VERIFY, "target path '%s' cannot be a file name", path);
    return cw_buf_check(buf, "a file name", err);
}
