/* SPDX-License-Identifier: ISC */
/*
 * Opening a folder that was carried, and the signatures in it; see gen/folder.h. What is particular to hash bins is in gen/folder_bins.c,
 * how it is made in gen/folder_make.c, what it says in gen/folder_words.c.
 */
#include "gen/folder.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "fs/lock.h"
#include "gen/folder_load.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define ROLES_MAX 10000 /* to be signed in one ceremony */

static enum cw_tuf_type type_of(const char *role)
{
    return strcmp(role, "root") == 0 ? CW_TUF_ROOT : CW_TUF_TARGETS;
}

static int altered(const char *path, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "'%s' is not what it was when the ceremony was opened", path);
}

/* ---- loading ---- */

static int check_file(const struct cw_folder *folder, const char *path, const char *sha256,
                      struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char found[CW_SHA256_TEXT];
    int rc = cw_at_open_file(&fd, folder->dir, path, err);

    if (rc == CW_OK)
        rc = cw_sha256_fd(found, NULL, fd, path, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing", path);
    return rc != CW_OK || (sha256 != NULL && strcmp(found, sha256) == 0) ? rc : altered(path, err);
}

static int read_doc(struct cw_folder *folder, struct cw_err *err)
{
    static const char *const known[] = {"_type", "format", "composed", "first", "renew",
                                        "sign",  "files",  "names",    NULL};
    json_t *part, *value;
    const char *text, *path;
    bool first = false;
    int64_t composed;
    int rc = cw_at_read_file(&folder->text, folder->dir, CW_FOLDER_FILE, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_NOTFOUND, "holds no '%s': it is no folder of a ceremony", CW_FOLDER_FILE);
    if (rc == CW_OK)
        rc = cw_json_parse(&folder->doc, folder->text.data, folder->text.len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(folder->doc, CW_FOLDER_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_only(folder->doc, known, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, folder->doc, "composed", err);
    if (rc == CW_OK)
        rc = cw_time_parse(&composed, text, err);
    if (rc == CW_OK)
        rc = cw_json_opt_bool(&first, folder->doc, "first", err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&part, folder->doc, "renew", err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&part, folder->doc, "sign", err);
    if (rc == CW_OK && (json_array_size(part) < 1 || json_array_size(part) > ROLES_MAX))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'sign' has %zu roles", json_array_size(part));
    if (rc == CW_OK)
        rc = cw_json_get_obj(&part, folder->doc, "names", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&part, folder->doc, "files", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", CW_FOLDER_FILE);
    json_object_foreach (part, path, value) {
        rc = check_file(folder, path, json_string_value(value), err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static bool is_first(const struct cw_folder *folder)
{
    return json_is_true(json_object_get(folder->doc, "first"));
}

int cw_folder_read_meta(struct cw_tuf_meta *meta, const struct cw_folder *folder, const char *path,
                        enum cw_tuf_type type, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    int rc = cw_at_read_file(&text, folder->dir, path, err);

    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(meta, type, text.data, text.len, err);
    if (rc == CW_E_NOTFOUND)
        rc = err->code = CW_E_INCOMPLETE;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

const char *cw_folder_trusted_path(const struct cw_folder *folder, const char *role)
{
    const char *path;
    json_t *value;

    json_object_foreach (json_object_get(folder->doc, "files"), path, value) {
        char name[CW_TUF_NAME_MAX];
        int64_t version;

        if (cw_str_starts(path, "trusted/") &&
            cw_tree_split_metadata(path + strlen("trusted/"), &version, name) && strcmp(name, role) == 0)
            return path;
    }
    return NULL;
}

int cw_folder_verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, const char *path,
                     struct cw_err *err)
{
    int rc = cw_tuf_verify(meta, role, err);

    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

/* root and targets in force, which must sign for themselves. */
static int load_trusted(struct cw_folder *folder, struct cw_err *err)
{
    const char *root = cw_folder_trusted_path(folder, "root"),
               *targets = cw_folder_trusted_path(folder, "targets");
    struct cw_tuf_role role;
    int rc;

    if (is_first(folder))
        return root == NULL && targets == NULL
                   ? CW_OK
                   : cw_err_set(err, CW_E_VERIFY,
                                "says that it is a first ceremony, and has metadata in force");
    if (root == NULL || targets == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "holds no root and targets in force");
    snprintf(folder->fingerprint, sizeof folder->fingerprint, "%s",
             json_string_value(json_object_get(json_object_get(folder->doc, "files"), root)));
    rc = cw_folder_read_meta(&folder->root, folder, root, CW_TUF_ROOT, err);
    if (rc == CW_OK)
        rc = cw_tuf_root_role(&role, &folder->root, "root", err);
    if (rc == CW_OK)
        rc = cw_folder_verify(&folder->root, &role, root, err);
    if (rc == CW_OK)
        rc = cw_folder_read_meta(&folder->targets, folder, targets, CW_TUF_TARGETS, err);
    if (rc == CW_OK)
        rc = cw_tuf_root_role(&role, &folder->root, "targets", err);
    return rc == CW_OK ? cw_folder_verify(&folder->targets, &role, targets, err) : rc;
}

/* What ceremony.json says of it. */
static int read_row(struct cw_folder_role *role, const json_t *row, struct cw_err *err)
{
    int rc = cw_json_get_str(&role->role, row, "role", err);

    cw_buf_init(&role->canonical, CW_TUF_TEXT_MAX);
    if (rc == CW_OK)
        rc = cw_json_get_str(&role->sha256, row, "sha256", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&role->bin_of, row, "bin_of", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&role->version, row, "version", 1, CW_TREE_VERSION_MAX, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s': field 'sign'", CW_FOLDER_FILE);
}

/* The signatures that are known stay known. */
static int join_signatures(struct cw_folder_role *role, struct cw_err *err)
{
    if (role->signatures == NULL)
        role->signatures = json_incref(json_object_get(role->meta.doc, "signatures"));
    else if (json_object_set(role->meta.doc, "signatures", role->signatures) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_folder_open_role(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    char path[CW_PATH_MAX], found[CW_SHA256_TEXT];
    int rc;

    if (role->meta.doc != NULL)
        return CW_OK;
    rc = cw_tree_metadata_path(path, role->version, role->role, err);
    if (rc == CW_OK)
        rc = cw_folder_read_meta(&role->meta, folder, path, type_of(role->role), err);
    if (rc == CW_OK)
        rc = cw_canon_format(&role->canonical, role->meta.signed_, err);
    if (rc == CW_OK)
        rc = cw_sha256(found, role->canonical.data, role->canonical.len, err);
    if (rc == CW_OK && (strcmp(found, role->sha256) != 0 || role->meta.version != role->version))
        rc = altered(path, err);
    if (rc == CW_OK && role->bin_of != NULL)
        rc = cw_folder_read_bin_before(role, folder, err);
    role->expires = role->meta.expires;
    if (role->bin_of != NULL && folder->progress != NULL) {
        cw_progress_files(folder->progress, 1);
        cw_progress_add(folder->progress, role->canonical.len);
    }
    return rc == CW_OK ? join_signatures(role, err) : rc;
}

void cw_folder_begin(struct cw_folder *folder, struct cw_progress *progress, const char *what)
{
    size_t i, bins = 0;

    for (i = 0; i < folder->count; i++)
        bins += folder->roles[i].bin_of != NULL;
    if (folder->cli == NULL || bins == 0)
        return;
    cw_progress_start(progress, folder->cli, what, 0);
    progress->files_total = bins;
    folder->progress = progress;
}

void cw_folder_end(struct cw_folder *folder)
{
    if (folder->progress != NULL)
        cw_progress_end(folder->progress);
    folder->progress = NULL;
}

void cw_folder_rest_role(struct cw_folder_role *role)
{
    if (role->bin_of == NULL)
        return;
    cw_tuf_meta_clear(&role->meta);
    cw_tuf_meta_clear(&role->before);
    cw_buf_clear(&role->canonical);
}

struct cw_folder_role *cw_folder_find(const struct cw_folder *folder, const char *role)
{
    size_t i;

    for (i = 0; i < folder->count; i++) {
        if (strcmp(folder->roles[i].role, role) == 0)
            return &folder->roles[i];
    }
    return NULL;
}

const char *cw_folder_subject(const struct cw_folder_role *role)
{
    return role->bin_of != NULL ? role->bin_of : role->role;
}

size_t cw_folder_run(const struct cw_folder *folder, size_t first)
{
    const char *product = folder->roles[first].bin_of;
    size_t count = 1;

    while (product != NULL && first + count < folder->count && folder->roles[first + count].bin_of != NULL &&
           strcmp(folder->roles[first + count].bin_of, product) == 0)
        count++;
    return count;
}

/* Whose signatures a top-level role takes: by the root in force and by the next, where they differ. */
static int need_of_top(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    const struct cw_folder_role *next = cw_folder_find(folder, "root");
    const struct cw_tuf_role *old = &role->needs[0];
    struct cw_tuf_role *new;
    int rc = CW_OK;

    if (!is_first(folder))
        rc = cw_tuf_root_role(&role->needs[role->need_count++], &folder->root, role->role, err);
    if (rc != CW_OK || next == NULL)
        return rc;
    new = &role->needs[role->need_count];
    rc = cw_tuf_root_role(new, &next->meta, role->role, err);
    if (rc == CW_OK &&
        !(role->need_count == 1 && old->threshold == new->threshold &&json_equal(old->keyids, new->keyids)))
        role->need_count++;
    return rc;
}

static int find_needs(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    const struct cw_folder_role *targets = cw_folder_find(folder, "targets");

    if (strcmp(role->role, "root") == 0 || strcmp(role->role, "targets") == 0)
        return need_of_top(role, folder, err);
    role->need_count = 1;
    if (role->bin_of != NULL)
        return cw_folder_bin_need(&role->needs[0], role, folder, err);
    return cw_tuf_delegation_named(&role->needs[0], targets != NULL ? &targets->meta : &folder->targets,
                                   role->role, err);
}

/* What is in force of the role, and that the new one follows it. */
static int find_before(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    const char *path = cw_folder_trusted_path(folder, role->role);
    struct cw_tuf_role keys;
    int64_t before = 0;
    int rc = CW_OK;

    if (path != NULL)
        rc = cw_folder_read_meta(&role->before, folder, path, type_of(role->role), err);
    if (rc == CW_OK && path != NULL && strcmp(role->role, "root") != 0 &&
        strcmp(role->role, "targets") != 0) {
        rc = cw_tuf_delegation_named(&keys, &folder->targets, role->role, err);
        if (rc == CW_OK)
            rc = cw_folder_verify(&role->before, &keys, path, err);
    }
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
    if (path != NULL)
        before = role->before.version;
    else if (cw_tuf_delegation_named(&keys, &folder->targets, role->role, NULL) == CW_OK)
        return cw_err_set(err, CW_E_INCOMPLETE, "what is in force of role '%s' is missing", role->role);
    if (role->meta.version != before + 1)
        return cw_err_set(err, CW_E_VERIFY, "role '%s' goes from version %lld to %lld", role->role,
                          (long long)before, (long long)role->meta.version);
    return CW_OK;
}

static int check_signatures(const struct cw_folder_role *role, struct cw_err *err)
{
    json_t *list = role->signatures;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < json_array_size(list) && rc == CW_OK; i++) {
        const json_t *row = json_array_get(list, i);
        const char *sig = json_string_value(json_object_get(row, "sig"));

        if (sig[0] == '\0') /* another tool's mark for one that is to come */
            json_array_remove(list, i--);
        else
            rc = cw_folder_check(role, json_string_value(json_object_get(row, "keyid")), sig, err);
    }
    return rc;
}

/* A keyid that names another key than it is of would make the words wrong. */
static int check_ids(const json_t *keys, const char *role, struct cw_err *err)
{
    const char *keyid;
    json_t *key;
    int rc = CW_OK;

    json_object_foreach ((json_t *)keys, keyid, key) {
        char id[CW_SHA256_TEXT];

        rc = cw_tuf_key_id(id, key, err);
        if (rc == CW_OK && strcmp(id, keyid) != 0)
            rc = cw_err_set(err, CW_E_VERIFY, "role '%s': keyid %.16s is not of the key that it names", role,
                            keyid);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int check_all_ids(const struct cw_folder_role *role, struct cw_err *err)
{
    int rc = check_ids(json_object_get(role->meta.signed_, "keys"), role->role, err);

    return rc == CW_OK
               ? check_ids(json_object_get(json_object_get(role->meta.signed_, "delegations"), "keys"),
                           role->role, err)
               : rc;
}

/* All roles are in memory but bins. */
static int check_role(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    int rc = cw_folder_open_role(role, folder, err);

    if (rc == CW_OK)
        rc = check_all_ids(role, err);
    if (rc == CW_OK)
        rc = find_needs(role, folder, err);
    if (rc == CW_OK && role->bin_of == NULL)
        rc = find_before(role, folder, err);
    if (rc == CW_OK)
        rc = check_signatures(role, err);
    cw_folder_rest_role(role);
    return rc;
}

static int load_roles(struct cw_folder *folder, struct cw_err *err)
{
    const json_t *list = json_object_get(folder->doc, "sign"), *row;
    const struct cw_folder_role *root;
    struct cw_progress progress;
    size_t i;
    int rc = CW_OK;

    folder->roles = calloc(json_array_size(list), sizeof *folder->roles);
    if (folder->roles == NULL)
        return cw_err_nomem(err);
    json_array_foreach (list, i, row) {
        struct cw_folder_role *role = &folder->roles[folder->count++];

        rc = read_row(role, row, err);
        if (rc == CW_OK && role->bin_of == NULL)
            rc = cw_folder_open_role(role, folder, err);
        if (rc != CW_OK)
            return rc;
    }
    rc = cw_folder_load_products(folder, err);
    cw_folder_begin(folder, &progress, "checking");
    for (i = 0; i < folder->count && rc == CW_OK; i++)
        rc = check_role(&folder->roles[i], folder, err);
    cw_folder_end(folder);
    root = cw_folder_find(folder, "root");
    if (rc == CW_OK && is_first(folder) && root != NULL)
        rc = cw_sha256(folder->fingerprint, root->canonical.data, root->canonical.len, err);
    return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
}

int cw_folder_load(struct cw_folder *folder, int dir, const struct cw_cli *cli, struct cw_err *err)
{
    int rc;

    *folder = (struct cw_folder){.dir = dir, .cli = cli};
    cw_batch_init(&folder->batch, dir);
    cw_buf_init(&folder->text, CW_FOLDER_MAX);
    rc = read_doc(folder, err);
    if (rc == CW_OK)
        rc = load_trusted(folder, err);
    return rc == CW_OK ? load_roles(folder, err) : rc;
}

void cw_folder_clear(struct cw_folder *folder)
{
    size_t i;

    cw_batch_clear(&folder->batch);
    for (i = 0; i < folder->count; i++) {
        cw_tuf_meta_clear(&folder->roles[i].meta);
        cw_tuf_meta_clear(&folder->roles[i].before);
        cw_buf_clear(&folder->roles[i].canonical);
        json_decref(folder->roles[i].signatures);
    }
    free(folder->roles);
    for (i = 0; i < folder->product_count; i++)
        cw_tuf_meta_clear(&folder->products[i].meta);
    free(folder->products);
    cw_tuf_meta_clear(&folder->root);
    cw_tuf_meta_clear(&folder->targets);
    cw_buf_clear(&folder->text);
    json_decref(folder->doc);
    cw_fd_close_(&folder->dir);
    *folder = (struct cw_folder)CW_FOLDER_INIT;
}
