/* SPDX-License-Identifier: ISC */
/*
 * The keys that a folder that was carried wants signatures of, and those signatures; see gen/folder.h.
 */
#include <string.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "gen/folder.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* The key of that id in one of the role's needs; NULL: none wants it. */
static const json_t *wanted_key(const struct cw_folder_role *role, const char *keyid)
{
    size_t i;

    for (i = 0; i < role->need_count; i++) {
        if (cw_tuf_role_names(&role->needs[i], keyid))
            return json_object_get(role->needs[i].keys, keyid);
    }
    return NULL;
}

int cw_folder_check(const struct cw_folder_role *role, const char *keyid, const char *hex, struct cw_err *err)
{
    const json_t *object = wanted_key(role, keyid);
    size_t len = strlen(hex) / 2;
    CW_AUTO_FREE unsigned char *bytes = malloc(len + 1);
    CW_AUTO_PUBLIC *key = NULL;
    int rc;

    if (bytes == NULL)
        return cw_err_nomem(err);
    if (object == NULL)
        return cw_err_set(err, CW_E_VERIFY, "role '%s': key %.16s does not sign for it", role->role, keyid);
    rc = cw_tuf_key_parse(&key, object, err);
    if (rc == CW_OK && (!cw_hex_parse(bytes, len, hex) ||
                        !cw_public_verify(key, bytes, len, role->canonical.data, role->canonical.len)))
        rc = cw_err_set(err, CW_E_VERIFY, "role '%s': the signature by key %.16s does not hold", role->role,
                        keyid);
    return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
}

const char *cw_folder_key_name(const struct cw_folder *folder, const char *keyid)
{
    const char *name = json_string_value(json_object_get(json_object_get(folder->doc, "names"), keyid));

    return name != NULL ? name : keyid;
}

const json_t *cw_folder_key(const char **keyid, const struct cw_folder *folder, const char *word)
{
    const json_t *id;
    size_t i, k, n;

    for (i = 0; i < folder->count; i++) {
        for (k = 0; k < folder->roles[i].need_count; k++) {
            json_array_foreach (folder->roles[i].needs[k].keyids, n, id) {
                const char *text = json_string_value(id);

                if (strcmp(text, word) != 0 && strcmp(cw_folder_key_name(folder, text), word) != 0)
                    continue;
                if (keyid != NULL)
                    *keyid = text;
                return json_object_get(folder->roles[i].needs[k].keys, text);
            }
        }
    }
    return NULL;
}

bool cw_folder_wants(const struct cw_folder_role *role, const char *keyid)
{
    return wanted_key(role, keyid) != NULL;
}

bool cw_folder_has(const struct cw_folder_role *role, const char *keyid)
{
    return cw_tuf_has_signed(role->signatures, keyid);
}

int cw_folder_add(bool *added, struct cw_folder_role *role, const char *keyid, const char *hex,
                  struct cw_err *err)
{
    int rc = cw_folder_check(role, keyid, hex, err);

    *added = rc == CW_OK && !cw_folder_has(role, keyid);
    return *added ? cw_tuf_envelope_put(role->meta.doc, keyid, hex, err) : rc;
}

int cw_folder_write(struct cw_folder *folder, const struct cw_folder_role *role, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    CW_AUTO_OUT out = CW_OUT_INIT;
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, role->version, role->role, err);

    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(&text, role->meta.doc, err);
    if (rc == CW_OK && role->bin_of == NULL)
        return cw_file_replace(folder->dir, path, text.data, text.len, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_open(&out, folder->dir, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, text.data, text.len, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&folder->batch, &out, err);
    return rc == CW_OK && cw_batch_is_full(&folder->batch) ? cw_folder_finish(folder, err) : rc;
}

int cw_folder_finish(struct cw_folder *folder, struct cw_err *err)
{
    return cw_batch_commit(&folder->batch, err);
}

/* One need of a role. */
static int sign_need(bool *signed_, const struct cw_folder *folder, struct cw_folder_role *role,
                     const struct cw_tuf_role *need, const struct cw_keys *keys, struct cw_unlock *unlock,
                     struct cw_err *err)
{
    struct cw_key *chosen[CW_KEYS_ROLE_MAX];
    size_t i, count;
    bool added;
    int rc = cw_keys_choose(chosen, &count, keys, need, role->signatures, err);

    if (rc == CW_E_NOTFOUND) /* as many as there are */
        rc = CW_OK;
    if (rc == CW_OK && count > 0)
        rc = cw_folder_open_role(role, folder, err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        CW_AUTO_BUF hex = CW_BUF_INIT(2 * CW_SIGNATURE_MAX);

        rc = cw_keys_unlock(keys, chosen[i], unlock, err);
        if (rc == CW_OK)
            rc = cw_key_sign(&hex, chosen[i], role->role, role->canonical.data, role->canonical.len, err);
        if (rc == CW_OK)
            rc = cw_folder_add(&added, role, chosen[i]->id, hex.data, err);
        *signed_ = *signed_ || (rc == CW_OK && added);
    }
    return rc;
}

int cw_folder_sign_here(struct cw_folder *folder, const struct cw_keys *keys, struct cw_unlock *unlock,
                        struct cw_err *err)
{
    struct cw_progress progress;
    size_t i, k;
    int rc = CW_OK;

    cw_folder_begin(folder, &progress, "signing");
    for (i = 0; i < folder->count && rc == CW_OK; i++) {
        struct cw_folder_role *role = &folder->roles[i];
        bool signed_ = false;

        for (k = 0; k < role->need_count && rc == CW_OK; k++)
            rc = sign_need(&signed_, folder, role, &role->needs[k], keys, unlock, err);
        if (rc == CW_OK && signed_)
            rc = cw_folder_write(folder, role, err);
        cw_folder_rest_role(role);
    }
    cw_folder_end(folder);
    if (rc == CW_OK)
        rc = cw_folder_finish(folder, err);
    if (rc == CW_OK)
        cw_err_clear(err);
    return rc;
}

/* The bins of a product that lack the same become one row. */
static bool join_bins(json_t *missing, const char *product, int64_t lacking, const json_t *of)
{
    json_t *row = json_array_get(missing, json_array_size(missing) - 1), *bins = json_object_get(row, "bins");

    return bins != NULL && strcmp(json_string_value(json_object_get(row, "role")), product) == 0 &&
           json_integer_value(json_object_get(row, "missing")) == lacking &&
           json_equal(json_object_get(row, "of"), of) &&
           json_integer_set(bins, json_integer_value(bins) + 1) == 0;
}

/* In the order of people, not of keyids. */
static int insert_name(json_t *names, const char *name, struct cw_err *err)
{
    size_t at = json_array_size(names);

    while (at > 0 && strcmp(json_string_value(json_array_get(names, at - 1)), name) > 0)
        at--;
    return json_array_insert_new(names, at, json_string(name)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* Where the next root changes the role's keys, both sets sign, and each lacks its own. */
static const char *by(const struct cw_folder_role *role, const struct cw_tuf_role *need)
{
    return role->need_count < 2 ? NULL : need == &role->needs[0] ? "old" : "new";
}

static int add_missing(json_t *missing, const struct cw_folder *folder, const struct cw_folder_role *role,
                       const struct cw_tuf_role *need, struct cw_err *err)
{
    json_auto_t *of = json_array();
    const char *name = cw_folder_subject(role);
    int64_t lacking = need->threshold;
    const json_t *id;
    size_t i;

    json_array_foreach (need->keyids, i, id) {
        if (cw_folder_has(role, json_string_value(id)))
            lacking--;
        else if (insert_name(of, cw_folder_key_name(folder, json_string_value(id)), err) != CW_OK)
            return err->code;
    }
    if (lacking <= 0 || (role->bin_of != NULL && join_bins(missing, name, lacking, of)))
        return CW_OK;
    return json_array_append_new(missing,
                                 cw_json_pack("{s:s, s:s*, s:I, s:O, s:o*}", "role", name, "keys",
                                              by(role, need), "missing", (json_int_t)lacking, "of", of,
                                              "bins", role->bin_of != NULL ? json_integer(1) : NULL)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

int cw_folder_missing(json_t **missing, const struct cw_folder *folder, struct cw_err *err)
{
    size_t i, k;
    int rc = CW_OK;

    *missing = json_array();
    for (i = 0; i < folder->count && rc == CW_OK; i++) {
        const struct cw_folder_role *role = &folder->roles[i];

        for (k = 0; k < role->need_count && rc == CW_OK; k++)
            rc = add_missing(*missing, folder, role, &role->needs[k], err);
    }
    return rc;
}
