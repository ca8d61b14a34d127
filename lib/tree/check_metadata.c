/* SPDX-License-Identifier: ISC */
/*
 * Judging every metadata file of a tree, old ones too. A file that a newer one names by hash is judged by the
 * hash. The others (roots, the timestamp, superseded versions) have only signatures, so every byte must be
 * proved by them (tree/signers.h).
 */
#include "tree/check_run.h"

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
#include "tuf/bin.h"

#define BINS_MAX 65536 /* of one role: TAP 15 allows 2^32, PyPI's plan has 16,384 */

void cw_metadata_check_clear(struct cw_metadata_check *metadata)
{
    cw_kept_clear(&metadata->roots);
    cw_kept_clear(&metadata->targets);
    cw_kept_clear(&metadata->splits);
    metadata->newest_targets = NULL;
}

const struct cw_tuf_meta *cw_metadata_check_split(const struct cw_metadata_check *metadata, const char *role)
{
    return cw_kept_find(&metadata->splits, role);
}

/* ---- the names in the folder ---- */

static int add_name(struct cw_check_run *run, int64_t version, const char *role, struct cw_err *err)
{
    struct cw_check_name *name;

    if (run->count == run->room) {
        size_t room = run->room != 0 ? run->room * 2 : 64;
        struct cw_check_name *names = reallocarray(run->names, room, sizeof *names);

        if (names == NULL)
            return cw_err_nomem(err);
        run->names = names;
        run->room = room;
    }
    name = &run->names[run->count];
    *name = (struct cw_check_name){.version = version, .role = strdup(role)};
    if (name->role == NULL)
        return cw_err_nomem(err);
    run->count++;
    return CW_OK;
}

static int see_name(void *ctx, const char *file, const struct stat *st, struct cw_err *err)
{
    struct cw_check_run *run = ctx;
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

/* What the overlay has beside the tree's. */
static int see_overlaid(void *ctx, const char *path, struct cw_err *err)
{
    struct cw_check_run *run = ctx;
    char role[CW_TUF_NAME_MAX];
    int64_t version;
    size_t i;

    if (!cw_tree_split_metadata(cw_str_basename(path), &version, role))
        return CW_OK;
    for (i = 0; i < run->count; i++) {
        if (run->names[i].version == version && strcmp(run->names[i].role, role) == 0)
            return CW_OK;
    }
    return add_name(run, version, role, err);
}

static int compare_names(const void *a, const void *b)
{
    const struct cw_check_name *one = a, *two = b;
    int order = strcmp(one->role, two->role);

    return order != 0 ? order : (one->version > two->version) - (one->version < two->version);
}

struct cw_check_name *cw_check_find_name(const struct cw_check_run *run, const char *role, int64_t version)
{
    struct cw_check_name key = {.version = version, .role = (char *)role};

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

int cw_check_read_meta(struct cw_check_run *run, struct cw_tuf_meta *meta, struct cw_buf *buf,
                       const char *path, const struct cw_check_name *name, struct cw_err *err)
{
    int rc;

    buf->max = most_bytes(type_of(name->role));
    rc = cw_tree_read(buf, run->dir, run->check->overlay, path, err);
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

int cw_check_tell_held(struct cw_check_run *run, const char *path, const struct cw_buf *buf,
                       const struct cw_tuf_meta *meta, const struct cw_signers *signers, bool superseded,
                       struct cw_err *err)
{
    json_auto_t *signed_by = NULL;
    char sha256[CW_SHA256_TEXT];
    struct cw_held_file held = {
        .path = path, .sha256 = sha256, .length = buf->len, .meta = meta, .superseded = superseded};
    int rc;

    if (run->check->held == NULL)
        return CW_OK;
    rc = cw_signers_met(&held.role, &signed_by, meta, signers, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, buf->data, buf->len, err);
    if (rc != CW_OK)
        return rc;
    held.signed_by = signed_by;
    run->check->held(run->check->ctx, &held);
    return CW_OK;
}

/* ---- the newest timestamp, snapshot and roles ---- */

/* Who may sign this bin. */
static void bin_signers(struct cw_signers *signers, const struct cw_check_run *run, const char *role,
                        bool newest_only)
{
    const struct cw_kept_metas *splits = &run->metadata->splits;
    size_t i;

    for (i = 0; i < splits->count && !(newest_only && signers->count > 0); i++)
        signers->count += cw_tuf_delegation_named(&signers->roles[signers->count], &splits->items[i].meta,
                                                  role, NULL) == CW_OK;
}

/* Who may sign this role by one version of targets. */
static void delegated_signers(struct cw_signers *signers, const struct cw_tuf_meta *targets, const char *role)
{
    if (targets != NULL &&
        cw_tuf_delegation_named(&signers->roles[signers->count], targets, role, NULL) == CW_OK)
        signers->count++;
}

/* Who may sign this role, by every root or targets version of the tree; with newest_only by the newest
 * alone. */
static int signers_of(struct cw_signers *signers, const struct cw_check_run *run, const char *role,
                      bool newest_only, struct cw_err *err)
{
    const struct cw_kept_metas *metas = &run->metadata->roots;
    bool delegated = type_of(role) == CW_TUF_TARGETS && strcmp(role, "targets") != 0;
    size_t i;

    if (delegated)
        metas = &run->metadata->targets;
    signers->count = 0;
    signers->roles = calloc(metas->count + run->metadata->splits.count + 1, sizeof *signers->roles);
    if (signers->roles == NULL)
        return cw_err_nomem(err);
    if (delegated)
        bin_signers(signers, run, role, newest_only);
    if (signers->count > 0)
        return CW_OK;
    for (i = newest_only && metas->count > 0 ? metas->count - 1 : 0; i < metas->count; i++) {
        const struct cw_tuf_meta *meta = &metas->items[i].meta;

        if (delegated)
            delegated_signers(signers, newest_only ? run->metadata->newest_targets : meta, role);
        else if (cw_check_push_root_role(signers, meta, role, err) == CW_E_NOMEM)
            return CW_E_NOMEM;
    }
    return CW_OK;
}

/* stated NULL: nothing names this file by hash, so each of its bytes must be proved by the signatures. */
static int judge_meta(struct cw_check_run *run, struct cw_tuf_meta *meta, const struct cw_check_name *name,
                      const char *path, const struct cw_tuf_file *stated, bool newest, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(0);
    struct cw_signers signers = {0};
    int rc = cw_check_read_meta(run, meta, &buf, path, name, err);

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
    if (rc == CW_OK)
        rc = cw_check_tell_held(run, path, &buf, meta, &signers, !newest, err);
    free(signers.roles);
    return rc;
}

/* The newest file of a role. Leaves meta zeroed when it is absent or bad, which then is found. */
static int judge_newest(struct cw_check_run *run, struct cw_tuf_meta *meta, const char *role,
                        const struct cw_tuf_file *stated, struct cw_err *err)
{
    struct cw_check_name *name = cw_check_find_name(run, role, stated != NULL ? stated->version : 0);
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
static int judge_targets(struct cw_check_run *run, struct cw_err *err)
{
    struct cw_tuf_file stated = {0};
    size_t i, newest = SIZE_MAX;
    int rc = CW_OK;

    if (run->snapshot.doc != NULL && cw_tuf_meta_file(&stated, &run->snapshot, "targets", err) != CW_OK)
        return cw_finding_from(run->check, CW_TREE_METADATA, err);
    for (i = 0; i < run->count && rc == CW_OK; i++) {
        struct cw_check_name *name = &run->names[i];
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
    else if (rc == CW_OK && run->snapshot.doc != NULL &&
             cw_check_find_name(run, "targets", stated.version) == NULL) {
        char path[CW_PATH_MAX];

        rc = cw_tree_metadata_path(path, stated.version, "targets", err);
        if (rc == CW_OK)
            cw_finding_add(run->check, CW_FINDING_MISSING, path, "is missing");
    }
    return rc;
}

static int judge_role(struct cw_check_run *run, const char *role, const char *owner, struct cw_err *err)
{
    struct cw_metadata_check *metadata = run->metadata;
    struct cw_tuf_meta meta = {0};
    struct cw_tuf_file stated;
    int rc;

    if (cw_tuf_meta_file(&stated, &run->snapshot, role, err) != CW_OK) {
        cw_finding_add(run->check, CW_FINDING_BAD, CW_TREE_METADATA,
                       "'%s' delegates to role '%s', which the snapshot does not list",
                       strcmp(role, owner) == 0 ? "targets" : owner, role);
        return CW_OK;
    }
    rc = judge_newest(run, &meta, role, &stated, err);
    if (rc == CW_OK && meta.doc != NULL)
        rc = metadata->each(metadata->ctx, role, owner, &meta, err);
    if (rc == CW_OK && meta.doc != NULL && strcmp(role, owner) == 0 && cw_tuf_delegation_bins(&meta))
        rc = cw_kept_add(&metadata->splits, role, &meta, err);
    cw_tuf_meta_clear(&meta);
    return rc;
}

/* Each bin of each role that has some. A number beyond all reason is some other repository's. */
static int judge_bins(struct cw_check_run *run, struct cw_err *err)
{
    size_t i, number, count = run->metadata->splits.count;
    int rc = CW_OK;

    for (i = 0; i < count && rc == CW_OK; i++) {
        struct cw_kept_meta *split = &run->metadata->splits.items[i];

        for (number = 0; number < cw_tuf_delegation_count(&split->meta) && rc == CW_OK; number++) {
            struct cw_tuf_role bin;

            if (number == BINS_MAX)
                return cw_err_set(err, CW_E_VERIFY, "role '%s' has more than %d bins", split->role, BINS_MAX);
            rc = cw_tuf_delegation_at(&bin, &split->meta, number, err);
            if (rc == CW_OK)
                rc = judge_role(run, bin.name, split->role, err);
        }
    }
    return rc;
}

static int judge_current(struct cw_check_run *run, struct cw_err *err)
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
            rc = judge_role(run, role.name, role.name, err);
    }
    return rc == CW_OK ? judge_bins(run, err) : rc;
}

/* ---- what was superseded, or not yet announced ---- */

/* A bin of a role that has none: a publish that was to split the role was interrupted before it said so. */
static bool is_early_bin(const struct cw_check_run *run, const char *role)
{
    const struct cw_tuf_meta *targets = run->metadata->newest_targets;
    struct cw_tuf_role at, bin;
    size_t i, len;

    for (i = 0; i < run->metadata->splits.count; i++) {
        if (cw_tuf_delegation_named(&bin, &run->metadata->splits.items[i].meta, role, NULL) == CW_OK)
            return false;
    }
    for (i = 0; targets != NULL && i < cw_tuf_delegation_count(targets); i++) {
        if (cw_tuf_delegation_at(&at, targets, i, NULL) != CW_OK)
            continue;
        if (strcmp(at.name, role) == 0)
            return false;
        if (!cw_str_starts(role, at.name))
            continue;
        for (len = strlen(at.name); cw_str_starts(role + len, ".bin"); len += strlen(".bin"))
            ;
        if (role[len] == '-' && strlen(role + len + 1) == CW_BIN_DIGITS &&
            strspn(role + len + 1, "0123456789abcdef") == CW_BIN_DIGITS)
            return true;
    }
    return false;
}

static int judge_older(struct cw_check_run *run, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < run->count && rc == CW_OK; i++) {
        struct cw_check_name *name = &run->names[i];
        struct cw_tuf_meta meta = {0};
        char path[CW_PATH_MAX];

        if (name->done)
            continue;
        rc = cw_tree_metadata_path(path, name->version, name->role, err);
        if (rc == CW_OK && is_early_bin(run, name->role)) {
            cw_finding_add(run->check, CW_FINDING_ORPHAN, path,
                           "is a hash bin that no role hands out: a publish was interrupted");
            continue;
        }
        if (rc == CW_OK)
            rc = judge_meta(run, &meta, name, path, NULL, false, err);
        if (rc != CW_OK)
            rc = cw_finding_from(run->check, path, err);
        else
            run->check->older++;
        /* Names are sorted, so an older split role comes before its older bins. */
        if (rc == CW_OK && meta.doc != NULL && meta.type == CW_TUF_TARGETS && cw_tuf_delegation_bins(&meta))
            rc = cw_kept_add(&run->metadata->splits, name->role, &meta, err);
        cw_tuf_meta_clear(&meta);
    }
    return rc;
}

int cw_metadata_check(struct cw_metadata_check *metadata, struct cw_tree_check *check, int dir,
                      struct cw_err *err)
{
    struct cw_check_run run = {.metadata = metadata, .check = check, .dir = dir};
    CW_AUTO_FD int folder = -1;
    size_t i;
    int rc = cw_at_open_dir(&folder, dir, CW_TREE_METADATA, err);

    if (rc == CW_OK)
        rc = cw_walk(folder, "", see_name, &run, err);
    if (rc == CW_OK && check->overlay != NULL)
        rc = check->overlay->each(check->overlay->ctx, see_overlaid, &run, err);
    if (run.count > 1)
        qsort(run.names, run.count, sizeof *run.names, compare_names);
    if (rc == CW_OK)
        rc = cw_check_judge_roots(&run, err);
    if (rc == CW_OK && cw_check_newest_root(&run) == NULL && check->bad == 0 && check->missing == 0)
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
