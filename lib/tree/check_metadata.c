/* SPDX-License-Identifier: ISC */
/*
 * Judging every metadata file of a tree, old ones too. A file that a newer one names by hash is judged by the
 * hash. The others (roots, the timestamp, superseded versions) have only signatures, so every byte must be
 * proved by them (tree/signers.h).
 */
#include "tree/check_metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "fs/walk.h"
#include "release/name.h"
#include "tree/layout.h"
#include "tree/signers.h"

struct name {
    int64_t version;
    char *role;
    bool done;
};

struct run {
    struct cw_metadata_check *metadata;
    struct cw_tree_check *check;
    int dir;
    struct name *names;
    size_t count, room;
    struct cw_tuf_meta timestamp, snapshot; /* doc NULL: not there or bad */
};

void cw_metadata_check_clear(struct cw_metadata_check *metadata)
{
    cw_kept_clear(&metadata->roots);
    cw_kept_clear(&metadata->targets);
    cw_kept_clear(&metadata->roles);
    metadata->newest_targets = NULL;
}

const struct cw_tuf_meta *cw_metadata_check_role(const struct cw_metadata_check *metadata, const char *role)
{
    return cw_kept_find(&metadata->roles, role);
}

static const struct cw_tuf_meta *newest_root(const struct run *run)
{
    const struct cw_kept_metas *roots = &run->metadata->roots;

    return roots->count > 0 ? &roots->items[roots->count - 1].meta : NULL;
}

/* ---- the names in the folder ---- */

static int add_name(struct run *run, int64_t version, const char *role, struct cw_err *err)
{
    struct name *name;

    if (run->count == run->room) {
        size_t room = run->room != 0 ? run->room * 2 : 64;
        struct name *names = reallocarray(run->names, room, sizeof *names);

        if (names == NULL)
            return cw_err_nomem(err);
        run->names = names;
        run->room = room;
    }
    name = &run->names[run->count];
    *name = (struct name){.version = version, .role = strdup(role)};
    if (name->role == NULL)
        return cw_err_nomem(err);
    run->count++;
    return CW_OK;
}

static int see_name(void *ctx, const char *file, const struct stat *st, struct cw_err *err)
{
    struct run *run = ctx;
    char path[CW_PATH_MAX], role[CW_TUF_NAME_MAX];
    int64_t version;

    snprintf(path, sizeof path, CW_TREE_METADATA "/%.900s", file);
    if (!S_ISREG(st->st_mode))
        cw_finding_add(run->check, CW_FINDING_BAD, path, "is not a regular file");
    else if (!cw_tree_split_metadata(file, &version, role) ||
             (version == 0 && strcmp(role, "timestamp") != 0))
        cw_finding_add(run->check, CW_FINDING_ORPHAN, path, "is no metadata file's name");
    else if (cw_name_check(role, "role", err) != CW_OK)
        return cw_finding_from(run->check, path, err);
    else
        return add_name(run, version, role, err);
    return CW_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct name *one = a, *two = b;
    int order = strcmp(one->role, two->role);

    return order != 0 ? order : (one->version > two->version) - (one->version < two->version);
}

static struct name *find_name(const struct run *run, const char *role, int64_t version)
{
    struct name key = {.version = version, .role = (char *)role};

    if (run->count == 0)
        return NULL;
    return bsearch(&key, run->names, run->count, sizeof *run->names, compare_names);
}

static enum cw_tuf_type type_of(const char *role)
{
    enum cw_tuf_type type;

    for (type = CW_TUF_ROOT; type < CW_TUF_TARGETS; type++) {
        if (strcmp(role, cw_tuf_type_name(type)) == 0)
            return type;
    }
    return CW_TUF_TARGETS;
}

/* ---- one file ---- */

static size_t most_bytes(enum cw_tuf_type type)
{
    switch (type) {
    case CW_TUF_ROOT:
        return CW_TUF_ROOT_MAX;
    case CW_TUF_TIMESTAMP:
        return CW_TUF_TIMESTAMP_MAX;
    case CW_TUF_SNAPSHOT:
        return CW_TUF_SNAPSHOT_MAX;
    case CW_TUF_TARGETS:
        break;
    }
    return CW_TUF_TARGETS_MAX;
}

/* Reads and parses; the version must be the one in the name. */
static int read_meta(struct run *run, struct cw_tuf_meta *meta, struct cw_buf *buf, const char *path,
                     const struct name *name, struct cw_err *err)
{
    int rc;

    buf->max = most_bytes(type_of(name->role));
    rc = cw_at_read_file(buf, run->dir, path, err);
    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(meta, type_of(name->role), cw_buf_text(buf), buf->len, err);
    if (rc != CW_OK)
        return rc;
    run->check->files++;
    run->check->bytes += buf->len;
    if (name->version != 0 && meta->version != name->version)
        rc = cw_err_set(err, CW_E_VERIFY, "says that it is version %" PRId64, meta->version);
    return rc;
}

/* ---- roots ---- */

static int push_root_role(struct cw_signers *signers, const struct cw_tuf_meta *root, const char *role,
                          struct cw_err *err)
{
    int rc = cw_tuf_root_role(&signers->roles[signers->count], root, role, err);

    signers->count += rc == CW_OK;
    return rc;
}

/* By its own keys and those of the root before it, where that is known. */
static int check_root(struct run *run, const struct cw_tuf_meta *root, const struct cw_buf *buf,
                      struct cw_err *err)
{
    struct cw_tuf_role roles[2];
    struct cw_signers signers = {.roles = roles, .count = 0};
    const struct cw_tuf_meta *before = newest_root(run);
    size_t i;
    int rc = push_root_role(&signers, root, "root", err);

    if (before != NULL && before->version + 1 != root->version &&
        find_name(run, "root", root->version - 1) != NULL)
        before = NULL; /* the one between is there, but bad: found already */
    if (rc == CW_OK && before != NULL)
        rc = push_root_role(&signers, before, "root", err);
    for (i = 0; i < signers.count && rc == CW_OK; i++)
        rc = cw_tuf_verify(root, &roles[i], err);
    if (rc == CW_OK && before != NULL && root->version != before->version + 1)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "does not follow version %" PRId64 ": a root between them is missing",
                        before->version);
    return rc == CW_OK ? cw_signers_check_every_byte(root, buf, &signers, err) : rc;
}

/* Where the caller said what is trusted, the tree must hold the same. */
static int check_trusted(const struct run *run, const struct cw_tuf_meta *trusted,
                         const struct cw_tuf_meta *root, const struct cw_buf *buf, struct cw_err *err)
{
    if (trusted->doc == NULL || trusted->version != root->version)
        return CW_OK;
    if (run->check->root_len == buf->len && memcmp(run->check->root, buf->data, buf->len) == 0)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "is not the trusted root version %" PRId64, root->version);
}

static int judge_root(struct run *run, struct name *name, const struct cw_tuf_meta *trusted,
                      struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    struct cw_tuf_meta root = {0};
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, name->version, name->role, err);

    name->done = true;
    if (rc == CW_OK)
        rc = read_meta(run, &root, &buf, path, name, err);
    if (rc == CW_OK)
        rc = check_root(run, &root, &buf, err);
    if (rc == CW_OK)
        rc = check_trusted(run, trusted, &root, &buf, err);
    if (rc != CW_OK)
        rc = cw_finding_from(run->check, path, err);
    else
        rc = cw_kept_add(&run->metadata->roots, "root", &root, err);
    cw_tuf_meta_clear(&root);
    return rc;
}

/* The trusted root that the caller gave, when the tree's own begin behind it, stands first. */
static int judge_roots(struct run *run, struct cw_err *err)
{
    struct cw_tuf_meta trusted = {0};
    int64_t first = 0;
    size_t i;
    int rc = CW_OK;

    if (run->check->root != NULL) {
        rc = cw_tuf_meta_parse(&trusted, CW_TUF_ROOT, run->check->root, run->check->root_len, err);
        if (rc != CW_OK) {
            cw_err_prefix(err, "the trusted root");
            return rc;
        }
    }
    for (i = 0; i < run->count && rc == CW_OK; i++) {
        if (strcmp(run->names[i].role, "root") != 0)
            continue;
        if (first == 0)
            first = run->names[i].version;
        if (trusted.doc != NULL && run->metadata->roots.count == 0 &&
            run->names[i].version == trusted.version + 1)
            rc = cw_kept_add(&run->metadata->roots, "root", &trusted, err);
        if (rc == CW_OK)
            rc = judge_root(run, &run->names[i], &trusted, err);
    }
    if (rc == CW_OK && first != 1 && run->check->root == NULL)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA "/1.root.json",
                       "is missing, and no trusted root was given");
    else if (rc == CW_OK && trusted.doc != NULL && first > trusted.version + 1)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA,
                       "no root leads from the trusted version %" PRId64 " to %" PRId64, trusted.version,
                       first);
    else if (rc == CW_OK && trusted.doc != NULL && newest_root(run) != NULL &&
             newest_root(run)->version < trusted.version)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA,
                       "the newest root is version %" PRId64 ", but version %" PRId64 " is trusted",
                       newest_root(run)->version, trusted.version);
    cw_tuf_meta_clear(&trusted);
    return rc;
}

/* ---- the newest timestamp, snapshot and roles ---- */

/* Who may sign this role, by every root or targets version of the tree; with newest_only by the newest
 * alone. */
static int signers_of(struct cw_signers *signers, const struct run *run, const char *role, bool newest_only,
                      struct cw_err *err)
{
    const struct cw_kept_metas *metas = &run->metadata->roots;
    bool delegated = type_of(role) == CW_TUF_TARGETS && strcmp(role, "targets") != 0;
    size_t i, k;

    if (delegated)
        metas = &run->metadata->targets;
    signers->count = 0;
    signers->roles = calloc(metas->count + 1, sizeof *signers->roles);
    if (signers->roles == NULL)
        return cw_err_nomem(err);
    for (i = newest_only && metas->count > 0 ? metas->count - 1 : 0; i < metas->count; i++) {
        const struct cw_tuf_meta *meta = &metas->items[i].meta;
        struct cw_tuf_role *slot = &signers->roles[signers->count];

        if (!delegated) {
            if (push_root_role(signers, meta, role, err) == CW_E_NOMEM)
                return CW_E_NOMEM;
            continue;
        }
        if (newest_only && meta != run->metadata->newest_targets)
            meta = run->metadata->newest_targets;
        for (k = 0; meta != NULL && k < cw_tuf_delegation_count(meta); k++) {
            if (cw_tuf_delegation_at(slot, meta, k, err) == CW_OK && strcmp(slot->name, role) == 0) {
                signers->count++;
                break;
            }
        }
    }
    return CW_OK;
}

/* stated NULL: nothing names this file by hash, so each of its bytes must be proved by the signatures. */
static int judge_meta(struct run *run, struct cw_tuf_meta *meta, const struct name *name, const char *path,
                      const struct cw_tuf_file *stated, bool newest, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(0);
    struct cw_signers signers = {0};
    int rc = read_meta(run, meta, &buf, path, name, err);

    if (rc == CW_OK)
        rc = signers_of(&signers, run, name->role, newest, err);
    if (rc == CW_OK)
        rc = cw_signers_check_threshold(meta, &signers, err);
    if (rc == CW_OK && stated != NULL)
        rc = cw_tuf_file_check(stated, cw_buf_text(&buf), buf.len, err);
    if (rc == CW_OK && (stated == NULL || stated->hashes == NULL)) {
        /* Signatures by keys that have since gone are good ones too. */
        free(signers.roles);
        rc = signers_of(&signers, run, name->role, false, err);
        if (rc == CW_OK)
            rc = cw_signers_check_every_byte(meta, &buf, &signers, err);
    }
    free(signers.roles);
    return rc;
}

/* The newest file of a role. Leaves meta zeroed when it is absent or bad, which then is found. */
static int judge_newest(struct run *run, struct cw_tuf_meta *meta, const char *role,
                        const struct cw_tuf_file *stated, struct cw_err *err)
{
    struct name *name = find_name(run, role, stated != NULL ? stated->version : 0);
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, stated != NULL ? stated->version : 0, role, err);

    if (rc != CW_OK)
        return cw_finding_from(run->check, role, err);
    if (name == NULL && run->check->partial && stated != NULL && type_of(role) == CW_TUF_TARGETS &&
        strcmp(role, "targets") != 0) {
        run->check->absent_roles++;
        return CW_OK;
    }
    if (name == NULL) {
        cw_finding_add(run->check, CW_FINDING_MISSING, path, "is missing");
        return CW_OK;
    }
    if (name->done)
        return CW_OK;
    name->done = true;
    rc = judge_meta(run, meta, name, path, stated, true, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_tuf_meta_clear(meta);
    *meta = (struct cw_tuf_meta){0};
    return cw_finding_from(run->check, path, err);
}

/* All versions of targets, the newest of which says who signs the other roles. */
static int judge_targets(struct run *run, struct cw_err *err)
{
    struct cw_tuf_file stated = {0};
    size_t i, newest = SIZE_MAX;
    int rc = CW_OK;

    if (run->snapshot.doc != NULL && cw_tuf_meta_file(&stated, &run->snapshot, "targets", err) != CW_OK)
        return cw_finding_from(run->check, CW_TREE_METADATA, err);
    for (i = 0; i < run->count && rc == CW_OK; i++) {
        struct name *name = &run->names[i];
        struct cw_tuf_meta meta = {0};
        bool is_newest = run->snapshot.doc != NULL && name->version == stated.version;
        char path[CW_PATH_MAX];

        if (strcmp(name->role, "targets") != 0)
            continue;
        name->done = true;
        rc = cw_tree_metadata_path(path, name->version, name->role, err);
        if (rc == CW_OK)
            rc = judge_meta(run, &meta, name, path, is_newest ? &stated : NULL, is_newest, err);
        if (rc != CW_OK) {
            rc = cw_finding_from(run->check, path, err);
        } else {
            newest = is_newest ? run->metadata->targets.count : newest;
            run->check->older += !is_newest;
            rc = cw_kept_add(&run->metadata->targets, "targets", &meta, err);
        }
        cw_tuf_meta_clear(&meta);
    }
    if (newest != SIZE_MAX)
        run->metadata->newest_targets = &run->metadata->targets.items[newest].meta;
    else if (rc == CW_OK && run->snapshot.doc != NULL && find_name(run, "targets", stated.version) == NULL)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA,
                       "'%" PRId64 ".targets.json' is missing", stated.version);
    return rc;
}

static int judge_role(struct run *run, const struct cw_tuf_role *role, struct cw_err *err)
{
    struct cw_tuf_meta meta = {0};
    struct cw_tuf_file stated;
    int rc;

    if (cw_tuf_meta_file(&stated, &run->snapshot, role->name, err) != CW_OK) {
        cw_finding_add(run->check, CW_FINDING_BAD, CW_TREE_METADATA,
                       "targets delegates to role '%s', which the snapshot does not list", role->name);
        return CW_OK;
    }
    rc = judge_newest(run, &meta, role->name, &stated, err);
    if (rc == CW_OK && meta.doc != NULL)
        rc = cw_kept_add(&run->metadata->roles, role->name, &meta, err);
    cw_tuf_meta_clear(&meta);
    return rc;
}

static int judge_current(struct run *run, struct cw_err *err)
{
    struct cw_tuf_file stated;
    size_t i;
    int rc = judge_newest(run, &run->timestamp, "timestamp", NULL, err);

    if (rc == CW_OK && run->timestamp.doc != NULL) {
        rc = cw_tuf_meta_file(&stated, &run->timestamp, "snapshot", err);
        rc = rc == CW_OK ? judge_newest(run, &run->snapshot, "snapshot", &stated, err)
                         : cw_finding_from(run->check, CW_TREE_TIMESTAMP, err);
    }
    if (rc == CW_OK)
        rc = judge_targets(run, err);
    if (rc != CW_OK || run->metadata->newest_targets == NULL)
        return rc;
    for (i = 0; i < cw_tuf_delegation_count(run->metadata->newest_targets) && rc == CW_OK; i++) {
        struct cw_tuf_role role;

        rc = cw_tuf_delegation_at(&role, run->metadata->newest_targets, i, err);
        if (rc == CW_OK)
            rc = judge_role(run, &role, err);
    }
    return rc;
}

/* ---- what was superseded, or not yet announced ---- */

static int judge_older(struct run *run, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < run->count && rc == CW_OK; i++) {
        struct name *name = &run->names[i];
        struct cw_tuf_meta meta = {0};
        char path[CW_PATH_MAX];

        if (name->done)
            continue;
        rc = cw_tree_metadata_path(path, name->version, name->role, err);
        if (rc == CW_OK)
            rc = judge_meta(run, &meta, name, path, NULL, false, err);
        if (rc != CW_OK)
            rc = cw_finding_from(run->check, path, err);
        else
            run->check->older++;
        cw_tuf_meta_clear(&meta);
    }
    return rc;
}

int cw_metadata_check(struct cw_metadata_check *metadata, struct cw_tree_check *check, int dir,
                      struct cw_err *err)
{
    struct run run = {.metadata = metadata, .check = check, .dir = dir};
    CW_AUTO_FD int folder = -1;
    size_t i;
    int rc = cw_at_open_dir(&folder, dir, CW_TREE_METADATA, err);

    if (rc == CW_OK)
        rc = cw_walk(folder, "", see_name, &run, err);
    if (run.count > 1)
        qsort(run.names, run.count, sizeof *run.names, compare_names);
    if (rc == CW_OK)
        rc = judge_roots(&run, err);
    if (rc == CW_OK && newest_root(&run) == NULL && check->bad == 0 && check->missing == 0)
        rc = cw_err_set(err, CW_E_NOTFOUND, "no root in '" CW_TREE_METADATA "/': this is not a tree");
    if (rc == CW_OK)
        rc = judge_current(&run, err);
    if (rc == CW_OK)
        rc = judge_older(&run, err);
    for (i = 0; i < run.count; i++)
        free(run.names[i].role);
    free(run.names);
    cw_tuf_meta_clear(&run.timestamp);
    cw_tuf_meta_clear(&run.snapshot);
    return rc;
}
