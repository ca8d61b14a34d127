/* SPDX-License-Identifier: ISC */
/*
 * The steps of a mirror's run: roots and top-level roles, all delegated roles, targets, and then metadata in the order of publishing,
 * timestamp.json last. Until that is written the mirror is the one before.
 */
#include "sync/tuf/mirror.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fs/lock.h"
#include "sync/tuf/mirror_parts.h"

#define TIMESTAMP_PATH "metadata/timestamp.json"
#define BATCH_ROLES 256 /* each holds a descriptor of its folder */

bool cw_mirroring_is_consistent(const struct cw_mirroring *mirroring)
{
    return cw_tuf_root_is_consistent(cw_tuf_update_meta(mirroring->update, "root"));
}

/* The path of a role's file in the mirror; version 0: its name bears none. */
static int role_path(char path[CW_PATH_MAX], int64_t version, const char *role, struct cw_err *err)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);
    int n, rc = cw_tuf_role_filename(&name, role, err);

    if (rc != CW_OK)
        return rc;
    n = version > 0 ? snprintf(path, CW_PATH_MAX, "metadata/%lld.%s", (long long)version, cw_buf_text(&name))
                    : snprintf(path, CW_PATH_MAX, "metadata/%s", cw_buf_text(&name));
    return n > 0 && n < CW_PATH_MAX ? CW_OK
                                    : cw_err_set(err, CW_E_VERIFY, "role name '%s' is too long", role);
}

/* The mirror's own copy of what is wanted. */
static int load(void *ctx, const struct cw_tuf_update *update, const struct cw_tuf_want *want,
                struct cw_buf *bytes, struct cw_err *err)
{
    const struct cw_mirroring *mirroring = ctx;
    const struct cw_tuf_meta *snapshot = cw_tuf_update_meta(update, "snapshot");
    struct cw_tuf_file file = {.version = 0};
    char path[CW_PATH_MAX];
    int rc = CW_OK;

    if (strcmp(want->role, "snapshot") == 0)
        file.version = mirroring->snapshot;
    else if (strcmp(want->role, "timestamp") != 0 && snapshot != NULL)
        rc = cw_tuf_meta_file(&file, snapshot, want->role, err);
    if (!cw_tuf_root_is_consistent(cw_tuf_update_meta(update, "root")))
        file.version = 0;
    if (rc == CW_OK)
        rc = role_path(path, file.version, want->role, err);
    return rc == CW_OK ? cw_remote_read_copy(bytes, mirroring->dir, path, err) : rc;
}

/* Roots wait in files, because there may be many; all else stays in the machine until its turn. */
static int store(void *ctx, const struct cw_tuf_want *want, struct cw_err *err)
{
    if (strcmp(want->role, "root") != 0)
        return CW_OK;
    return cw_mirroring_add_root(ctx, want->version, want->bytes, want->len, err);
}

int cw_mirroring_drive(struct cw_mirroring *mirroring, struct cw_err *err)
{
    const struct cw_remote_copies copies = {.ctx = mirroring, .load = load, .store = store};

    return cw_remote_drive(mirroring->remote, &copies, mirroring->update, err);
}

/* Which snapshot is the mirror's? The state machine asks for it before the server says anything. */
static int read_timestamp(struct cw_mirroring *mirroring, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TIMESTAMP_MAX);
    struct cw_tuf_meta meta;
    struct cw_tuf_file file;
    int rc = cw_remote_read_copy(&bytes, mirroring->dir, TIMESTAMP_PATH, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    mirroring->was_complete = true;
    if (cw_tuf_meta_parse(&meta, CW_TUF_TIMESTAMP, cw_buf_text(&bytes), bytes.len, NULL) != CW_OK)
        return CW_OK; /* damaged: as good as none */
    if (cw_tuf_meta_file(&file, &meta, "snapshot", NULL) == CW_OK)
        mirroring->snapshot = file.version;
    cw_tuf_meta_clear(&meta);
    return CW_OK;
}

static int refresh(struct cw_mirroring *mirroring, struct cw_err *err)
{
    struct cw_buf root = CW_BUF_INIT(0);
    int rc = cw_mirroring_read_roots(mirroring, &root, err);

    if (rc == CW_OK)
        rc = read_timestamp(mirroring, err);
    if (rc == CW_OK)
        rc = cw_tuf_update_new(&mirroring->update, &mirroring->options->params, cw_buf_text(&root), root.len,
                               err);
    cw_buf_clear(&root);
    if (rc == CW_OK)
        rc = cw_mirroring_drive(mirroring, err);
    return rc == CW_OK && !mirroring->was_complete ? cw_mirroring_fetch_old_roots(mirroring, err) : rc;
}

static int add_role(struct cw_mirroring *mirroring, json_t *seen, const char *name, struct cw_err *err)
{
    if (json_object_set_new(seen, name, json_true()) != 0 ||
        json_array_append_new(mirroring->roles, json_string(name)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* A static server decodes what is asked for and looks for a file of that name, or in that folder. */
static void check_servable(const struct cw_mirroring *mirroring, const char *role)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);

    if (cw_tuf_role_filename(&name, role, NULL) == CW_OK && strchr(cw_buf_text(&name), '%') != NULL)
        cw_cli_warn(mirroring->cli,
                    "role '%s' is kept as '%s', which a static web server gives only to who asks for it "
                    "encoded twice",
                    role, cw_buf_text(&name));
}

/* Takes in a delegation that the snapshot lists; a client would not ask for another. */
static int follow_delegation(struct cw_mirroring *mirroring, json_t *seen, const char *delegator,
                             size_t index, size_t *bytes, struct cw_err *err)
{
    struct cw_tuf_role role;
    struct cw_tuf_file file;
    size_t len = 0;
    int rc = cw_tuf_delegation_at(&role, cw_tuf_update_meta(mirroring->update, delegator), index, err);

    if (rc != CW_OK || json_object_get(seen, role.name) != NULL)
        return rc;
    if (cw_tuf_meta_file(&file, cw_tuf_update_meta(mirroring->update, "snapshot"), role.name, NULL) !=
        CW_OK) {
        cw_cli_warn(mirroring->cli, "role '%s' is delegated to, but the snapshot does not list it",
                    role.name);
        return json_object_set_new(seen, role.name, json_true()) == 0 ? CW_OK : cw_err_nomem(err);
    }
    if (json_array_size(mirroring->roles) >= CW_TUF_MIRROR_ROLES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "there are more than %d roles", CW_TUF_MIRROR_ROLES_MAX);
    rc = cw_tuf_update_take(mirroring->update, delegator, index, err);
    if (rc == CW_OK)
        rc = cw_mirroring_drive(mirroring, err);
    if (rc != CW_OK)
        return rc;
    check_servable(mirroring, role.name);
    (void)cw_tuf_update_bytes(mirroring->update, role.name, &len);
    *bytes += len;
    if (*bytes > CW_TUF_MIRROR_METADATA_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the roles have more than %zu bytes", CW_TUF_MIRROR_METADATA_MAX);
    return add_role(mirroring, seen, role.name, err);
}

static int collect_roles(struct cw_mirroring *mirroring, struct cw_err *err)
{
    json_auto_t *seen = json_object();
    size_t i, index, bytes = 0;
    int rc;

    mirroring->roles = json_array();
    if (seen == NULL || mirroring->roles == NULL)
        return cw_err_nomem(err);
    rc = add_role(mirroring, seen, "targets", err);
    for (i = 0; rc == CW_OK && i < json_array_size(mirroring->roles); i++) {
        const char *name = json_string_value(json_array_get(mirroring->roles, i));
        size_t count = cw_tuf_delegation_count(cw_tuf_update_meta(mirroring->update, name));

        if (count > CW_TUF_MIRROR_ROLES_MAX)
            return cw_err_set(err, CW_E_VERIFY, "role '%s' delegates to more than %d roles", name,
                              CW_TUF_MIRROR_ROLES_MAX);
        for (index = 0; rc == CW_OK && index < count; index++)
            rc = follow_delegation(mirroring, seen, name, index, &bytes, err);
    }
    return rc;
}

static bool is_there(const struct cw_mirroring *mirroring, const char *path, const void *bytes, size_t len)
{
    CW_AUTO_BUF have = CW_BUF_INIT(len);

    return cw_remote_read_copy(&have, mirroring->dir, path, NULL) == CW_OK && have.len == len &&
           memcmp(cw_buf_text(&have), bytes, len) == 0;
}

/* A role's file joins the batch unless it is there. */
static int add_file(struct cw_mirroring *mirroring, struct cw_batch *batch, const char *role,
                    struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    size_t len;
    const void *bytes = cw_tuf_update_bytes(mirroring->update, role, &len);
    bool versioned = cw_mirroring_is_consistent(mirroring) && strcmp(role, "timestamp") != 0;
    char path[CW_PATH_MAX];
    int rc = role_path(path, versioned ? cw_tuf_update_meta(mirroring->update, role)->version : 0, role, err);

    if (rc != CW_OK || is_there(mirroring, path, bytes, len))
        return rc;
    rc = cw_out_open(&out, mirroring->dir, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_batch_add(batch, &out, err);
    mirroring->result->written += rc == CW_OK;
    return rc == CW_OK && batch->count >= BATCH_ROLES ? cw_batch_commit(batch, err) : rc;
}

/* Each step is durable before the next. */
static int commit_metadata(struct cw_mirroring *mirroring, struct cw_batch *batch, struct cw_err *err)
{
    json_t *role;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (mirroring->roles, i, role) {
        if (rc == CW_OK)
            rc = add_file(mirroring, batch, json_string_value(role), err);
    }
    if (rc == CW_OK)
        rc = cw_batch_commit(batch, err);
    if (rc == CW_OK)
        rc = add_file(mirroring, batch, "snapshot", err);
    if (rc == CW_OK)
        rc = cw_batch_commit(batch, err);
    mirroring->result->written += mirroring->roots.count;
    if (rc == CW_OK)
        rc = cw_batch_commit(&mirroring->roots, err);
    if (rc == CW_OK)
        rc = add_file(mirroring, batch, "timestamp", err);
    return rc == CW_OK ? cw_batch_commit(batch, err) : rc;
}

static int run(struct cw_mirroring *mirroring, struct cw_err *err)
{
    CW_AUTO_BATCH batch;
    int rc = cw_lock_folder(mirroring->dir, mirroring->options->folder, err);

    cw_batch_init(&batch, mirroring->dir);
    cw_batch_init(&mirroring->roots, mirroring->dir);
    if (rc == CW_OK)
        rc = cw_sweep(mirroring->dir, "metadata", err);
    if (rc == CW_OK)
        rc = refresh(mirroring, err);
    if (rc == CW_OK)
        rc = collect_roles(mirroring, err);
    if (rc == CW_OK)
        rc = cw_mirroring_fetch_targets(mirroring, err);
    if (rc == CW_OK)
        rc = commit_metadata(mirroring, &batch, err);
    if (rc != CW_OK)
        return rc;
    mirroring->result->root = cw_tuf_update_meta(mirroring->update, "root")->version;
    mirroring->result->timestamp = cw_tuf_update_meta(mirroring->update, "timestamp")->version;
    mirroring->result->roles = json_array_size(mirroring->roles);
    return CW_OK;
}

int cw_tuf_mirror(struct cw_tuf_mirror_result *result, struct cw_remote *remote,
                  const struct cw_tuf_mirror_options *options, const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    struct cw_mirroring mirroring = {.options = options, .cli = cli, .remote = remote, .result = result};
    int rc = cw_dir_create(&dir, options->folder, err);

    *result = (struct cw_tuf_mirror_result){.root = 0};
    if (rc != CW_OK)
        return rc;
    mirroring.dir = dir;
    rc = run(&mirroring, err);
    cw_batch_clear(&mirroring.roots);
    cw_tuf_update_free(mirroring.update);
    json_decref(mirroring.roles);
    return rc;
}
