/* SPDX-License-Identifier: ISC */
/*
 * A mirror's files of metadata. A targets role's file whose name bears its version goes to its place as soon as it is verified: no
 * client asks for it before the snapshot that lists it is there. One whose name bears none waits in a folder of its own. So a
 * repository need not be held in memory: what was forgotten is read again.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sync/tuf/mirror_parts.h"

#define WAITING CW_TMP_PREFIX "roles"
#define BATCH_FILES 128               /* each holds a descriptor of its folder */
#define BATCH_BYTES ((size_t)4 << 20) /* what an interruption may cost to fetch again */
#define EXPECTED_MAX                                                                                         \
    ((size_t)128 << 10) /* bytes of a role fetched ahead; a larger one fills the line itself */
#define HELD_BYTES_MAX ((size_t)8 << 20) /* of roles that may be forgotten: parsed they take ten times that */

bool cw_mirroring_is_consistent(const struct cw_mirroring *mirroring)
{
    return cw_tuf_root_is_consistent(cw_tuf_update_meta(mirroring->update, "root"));
}

int cw_mirroring_sweep(struct cw_mirroring *mirroring, struct cw_err *err)
{
    int rc = cw_sweep(mirroring->dir, "", err);

    return rc == CW_OK ? cw_sweep(mirroring->dir, "metadata", err) : rc;
}

/* A role's file in a folder of the mirror; version 0: its name bears none. */
static int role_path(char path[CW_PATH_MAX], const char *folder, int64_t version, const char *role,
                     struct cw_err *err)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);
    int n, rc = cw_tuf_role_filename(&name, role, err);

    if (rc != CW_OK)
        return rc;
    n = version > 0
            ? snprintf(path, CW_PATH_MAX, "%s/%lld.%s", folder, (long long)version, cw_buf_text(&name))
            : snprintf(path, CW_PATH_MAX, "%s/%s", folder, cw_buf_text(&name));
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
    if (!cw_tuf_root_is_consistent(cw_tuf_update_meta(update, "root"))) {
        file.version = 0;
        rc = role_path(path, WAITING, 0, want->role, err);
        if (rc == CW_OK)
            rc = cw_remote_read_copy(bytes, mirroring->dir, path, err);
        if (rc != CW_E_NOTFOUND)
            return rc;
        rc = CW_OK;
    }
    if (rc == CW_OK)
        rc = role_path(path, "metadata", file.version, want->role, err);
    return rc == CW_OK ? cw_remote_read_copy(bytes, mirroring->dir, path, err) : rc;
}

static int add_file(struct cw_mirroring *mirroring, const char *path, const void *bytes, size_t len,
                    struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    int rc = cw_out_open(&out, mirroring->dir, path, 0644, err);

    if (rc == CW_OK)
        rc = cw_out_write(&out, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&mirroring->staged, &out, err);
    return rc;
}

static int flush(struct cw_mirroring *mirroring, struct cw_err *err)
{
    mirroring->staged_bytes = 0;
    return cw_batch_commit(&mirroring->staged, err);
}

static int stage(struct cw_mirroring *mirroring, const struct cw_tuf_want *want, struct cw_err *err)
{
    bool consistent = cw_mirroring_is_consistent(mirroring);
    char path[CW_PATH_MAX];
    int rc =
        role_path(path, consistent ? "metadata" : WAITING, consistent ? want->version : 0, want->role, err);

    if (rc == CW_OK)
        rc = add_file(mirroring, path, want->bytes, want->len, err);
    if (rc != CW_OK)
        return rc;
    mirroring->result->written++;
    mirroring->has_large_roles = mirroring->has_large_roles || want->len > EXPECTED_MAX;
    mirroring->staged_bytes += want->len;
    return mirroring->staged.count >= BATCH_FILES || mirroring->staged_bytes >= BATCH_BYTES
               ? flush(mirroring, err)
               : CW_OK;
}

/* Roots, snapshot and timestamp wait for their turn. */
static int store(void *ctx, const struct cw_tuf_want *want, struct cw_err *err)
{
    struct cw_mirroring *mirroring = ctx;

    if (strcmp(want->role, "root") == 0)
        return cw_mirroring_add_root(mirroring, want->version, want->bytes, want->len, err);
    mirroring->stored++;
    if (strcmp(want->role, "timestamp") == 0 || strcmp(want->role, "snapshot") == 0)
        return CW_OK;
    return stage(mirroring, want, err);
}

int cw_mirroring_drive(struct cw_mirroring *mirroring, struct cw_err *err)
{
    const struct cw_remote_copies copies = {.ctx = mirroring, .load = load, .store = store};

    return cw_remote_drive(mirroring->remote, &copies, mirroring->update, err);
}

/* Is a file there under the role's name? Where that bears no version, it may be another one's. */
static bool has_role(const struct cw_mirroring *mirroring, int64_t version, const char *role)
{
    bool consistent = cw_mirroring_is_consistent(mirroring);
    char path[CW_PATH_MAX];
    struct stat st;

    return (role_path(path, "metadata", consistent ? version : 0, role, NULL) == CW_OK &&
            cw_at_stat(&st, mirroring->dir, path, NULL) == CW_OK) ||
           (!consistent && role_path(path, WAITING, 0, role, NULL) == CW_OK &&
            cw_at_stat(&st, mirroring->dir, path, NULL) == CW_OK);
}

void cw_mirroring_expect(struct cw_mirroring *mirroring, const char *delegator, size_t index)
{
    struct cw_tuf_file file;
    struct cw_tuf_role role;
    const char *name;
    size_t max;

    if (!cw_tuf_update_foresee_taking(mirroring->update, delegator, index, &name, &max, &role) ||
        json_object_get(mirroring->roles, role.name) != NULL ||
        cw_tuf_meta_file(&file, cw_tuf_update_meta(mirroring->update, "snapshot"), role.name, NULL) !=
            CW_OK ||
        file.length > (int64_t)EXPECTED_MAX || (file.length < 0 && mirroring->has_large_roles) ||
        has_role(mirroring, file.version, role.name))
        return;
    cw_remote_expect(mirroring->remote, name, max < EXPECTED_MAX ? max : EXPECTED_MAX);
}

/* Only what is in a file may be forgotten. */
int cw_mirroring_trim(struct cw_mirroring *mirroring, const char *keep, struct cw_err *err)
{
    int rc;

    if (cw_tuf_update_loose(mirroring->update) <= HELD_BYTES_MAX)
        return CW_OK;
    rc = flush(mirroring, err);
    if (rc == CW_OK)
        cw_tuf_update_trim(mirroring->update, keep, HELD_BYTES_MAX);
    return rc;
}

/* What waited goes to its place. */
static int add_waiting(struct cw_mirroring *mirroring, const char *role, struct cw_err *err)
{
    size_t max = mirroring->options->params.targets_max;
    CW_AUTO_BUF bytes = CW_BUF_INIT(max != 0 ? max : CW_TUF_TARGETS_MAX);
    char from[CW_PATH_MAX], to[CW_PATH_MAX];
    int rc = role_path(from, WAITING, 0, role, err);

    if (rc == CW_OK)
        rc = role_path(to, "metadata", 0, role, err);
    if (rc == CW_OK)
        rc = cw_remote_read_copy(&bytes, mirroring->dir, from, err);
    if (rc == CW_E_NOTFOUND) /* the mirror has it */
        return CW_OK;
    if (rc == CW_OK)
        rc = add_file(mirroring, to, cw_buf_text(&bytes), bytes.len, err);
    return rc == CW_OK && mirroring->staged.count >= BATCH_FILES ? flush(mirroring, err) : rc;
}

static int commit_roles(struct cw_mirroring *mirroring, struct cw_err *err)
{
    const char *role;
    json_t *listed;
    int rc = flush(mirroring, err);

    if (cw_mirroring_is_consistent(mirroring))
        return rc;
    json_object_foreach (mirroring->roles, role, listed) {
        if (rc == CW_OK && json_is_true(listed))
            rc = add_waiting(mirroring, role, err);
    }
    if (rc == CW_OK)
        rc = flush(mirroring, err);
    return rc == CW_OK ? cw_remove_tree(mirroring->dir, WAITING, err) : rc;
}

static bool is_there(const struct cw_mirroring *mirroring, const char *path, const void *bytes, size_t len)
{
    CW_AUTO_BUF have = CW_BUF_INIT(len);

    return cw_remote_read_copy(&have, mirroring->dir, path, NULL) == CW_OK && have.len == len &&
           memcmp(cw_buf_text(&have), bytes, len) == 0;
}

/* Snapshot or timestamp, unless it is there. */
static int commit_top(struct cw_mirroring *mirroring, const char *role, bool versioned, struct cw_err *err)
{
    size_t len;
    const void *bytes = cw_tuf_update_bytes(mirroring->update, role, &len);
    char path[CW_PATH_MAX];
    int rc = role_path(path, "metadata", versioned ? cw_tuf_update_meta(mirroring->update, role)->version : 0,
                       role, err);

    if (rc != CW_OK || is_there(mirroring, path, bytes, len))
        return rc;
    mirroring->result->written++;
    rc = add_file(mirroring, path, bytes, len, err);
    return rc == CW_OK ? flush(mirroring, err) : rc;
}

int cw_mirroring_commit(struct cw_mirroring *mirroring, struct cw_err *err)
{
    int rc = commit_roles(mirroring, err);

    if (rc == CW_OK)
        rc = commit_top(mirroring, "snapshot", cw_mirroring_is_consistent(mirroring), err);
    mirroring->result->written += mirroring->roots.count;
    if (rc == CW_OK)
        rc = cw_batch_commit(&mirroring->roots, err);
    return rc == CW_OK ? commit_top(mirroring, "timestamp", false, err) : rc;
}
