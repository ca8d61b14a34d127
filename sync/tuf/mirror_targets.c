/* SPDX-License-Identifier: ISC */
/*
 * A mirror's targets: those that a client's search finds, in the role in which it finds them. Each gets its final name only in a batch
 * whose data are all on the disk, so what is there under a name with a hash is whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sync/tuf/mirror_parts.h"
#include "sync/tuf/target.h"

#define BATCH_FILES 256                   /* each holds a descriptor of its folder */
#define BATCH_BYTES (UINT64_C(256) << 20) /* what a power cut may cost */

int cw_mirroring_flush_targets(struct cw_mirroring *mirroring, struct cw_err *err)
{
    mirroring->targets_bytes = 0;
    return cw_batch_commit(&mirroring->targets, err);
}

/* Where the target lies in the mirror, by the name with this hash (NULL: none). False: nowhere. */
static bool place_of(char path[CW_PATH_MAX], const struct cw_target *target, const char *hash)
{
    CW_AUTO_BUF place = CW_BUF_INIT(CW_PATH_MAX);
    int n;

    if (cw_target_place(&place, target, hash, NULL) != CW_OK)
        return false;
    n = snprintf(path, CW_PATH_MAX, "targets/%s", cw_buf_text(&place));
    return n > 0 && n < CW_PATH_MAX && cw_path_is_relative(path) &&
           !cw_str_starts(cw_str_basename(path), CW_TMP_PREFIX); /* it would be swept away */
}

/* What a killed run left in a folder goes before a new file comes into it. */
static int sweep_folder_of(struct cw_mirroring *mirroring, const char *path, struct cw_err *err)
{
    char folder[CW_PATH_MAX];

    snprintf(folder, sizeof folder, "%.*s", (int)(cw_str_basename(path) - path - 1), path);
    if (json_object_get(mirroring->swept, folder) != NULL)
        return CW_OK;
    if (json_object_set_new(mirroring->swept, folder, json_true()) != 0)
        return cw_err_nomem(err);
    return cw_sweep(mirroring->dir, folder, err);
}

/* A name that bears a hash was only ever given to what has it, so its length tells whether it is there. Asked to verify, what is damaged
 * goes at once, so that no later run takes it for whole. */
static int is_there(bool *there, const struct cw_mirroring *mirroring, const struct cw_target *target,
                    const char *path, struct cw_err *err)
{
    struct stat st;
    int rc;

    *there = cw_at_stat(&st, mirroring->dir, path, NULL) == CW_OK;
    if (!*there)
        return CW_OK;
    if (cw_mirroring_is_consistent(mirroring) && !mirroring->options->verify) {
        *there = S_ISREG(st.st_mode) && st.st_size == (off_t)target->file.length;
        return CW_OK;
    }
    rc = cw_target_matches(there, target, mirroring->dir, path, err);
    if (rc != CW_OK || *there || !mirroring->options->verify)
        return rc;
    cw_cli_warn(mirroring->cli, "'%s' was damaged; it is fetched anew", path);
    return cw_remove(mirroring->dir, path, err);
}

/* The names under which the target is missing. */
static int find_missing(char paths[CW_TARGET_HASHES_MAX][CW_PATH_MAX], size_t *count,
                        const struct cw_mirroring *mirroring, const struct cw_target *target,
                        struct cw_err *err)
{
    bool there = false, consistent = cw_mirroring_is_consistent(mirroring);
    size_t names = consistent ? target->hash_count : 1;

    *count = 0;
    for (size_t i = 0; i < names; i++) {
        int rc;

        if (!place_of(paths[*count], target, consistent ? target->hashes[i] : NULL))
            return cw_err_set(err, CW_E_VERIFY, "target '%s': its path cannot be a file's", target->path);
        rc = is_there(&there, mirroring, target, paths[*count], err);
        if (rc != CW_OK)
            return rc;
        *count += !there;
    }
    return CW_OK;
}

static int fetch(struct cw_mirroring *mirroring, const struct cw_target *target,
                 char paths[CW_TARGET_HASHES_MAX][CW_PATH_MAX], size_t count, struct cw_err *err)
{
    struct cw_out outs[CW_TARGET_HASHES_MAX] = {CW_OUT_INIT, CW_OUT_INIT};
    size_t i;
    int rc = sweep_folder_of(mirroring, paths[0], err);

    for (i = 0; i < count && rc == CW_OK; i++)
        rc = cw_out_open(&outs[i], mirroring->dir, paths[i], 0644, err);
    if (rc == CW_OK)
        rc = cw_target_fetch(mirroring->remote, target, cw_mirroring_is_consistent(mirroring), outs, count,
                             &mirroring->progress, err);
    for (i = 0; i < count; i++) {
        if (rc == CW_OK)
            rc = cw_batch_add(&mirroring->targets, &outs[i], err);
        cw_out_discard(&outs[i]);
    }
    if (rc != CW_OK)
        return rc;
    mirroring->result->fetched_targets++;
    mirroring->result->bytes += (uint64_t)target->file.length;
    mirroring->targets_bytes += (uint64_t)target->file.length;
    return mirroring->targets.count >= BATCH_FILES || mirroring->targets_bytes >= BATCH_BYTES
               ? cw_mirroring_flush_targets(mirroring, err)
               : CW_OK;
}

static bool is_wanted(const struct cw_mirroring *mirroring, const char *path)
{
    const struct cw_cli_list *globs = mirroring->options->globs;

    for (size_t i = 0; i < globs->count; i++) {
        if (cw_str_glob(globs->items[i], path))
            return true;
    }
    return globs->count == 0;
}

/* Would a client that searches the path end at this role? What it passes is in the mirror, or comes into it now. */
static int search(bool *here, struct cw_tuf_file *file, struct cw_mirroring *mirroring, const char *role,
                  const char *path, struct cw_err *err)
{
    const char *found = NULL;
    int rc = cw_tuf_update_find(mirroring->update, path, err);

    if (rc == CW_OK)
        rc = cw_mirroring_drive(mirroring, err);
    if (rc == CW_OK)
        rc = cw_tuf_update_found(mirroring->update, file, &found, err);
    *here = rc == CW_OK && strcmp(found, role) == 0;
    return rc == CW_E_NOTFOUND || rc == CW_E_VERIFY ? CW_OK : rc;
}

static int take_target(struct cw_mirroring *mirroring, const char *role, const char *path, struct cw_err *err)
{
    char paths[CW_TARGET_HASHES_MAX][CW_PATH_MAX];
    struct cw_target target;
    struct cw_tuf_file file;
    size_t missing = 0;
    bool here;
    int rc = search(&here, &file, mirroring, role, path, err);

    if (rc != CW_OK || !here)
        return rc;
    rc = cw_target_init(&target, path, &file, err);
    if (rc == CW_OK)
        rc = find_missing(paths, &missing, mirroring, &target, err);
    if (rc == CW_E_VERIFY) {
        cw_cli_warn(mirroring->cli, "%s; it is left out", err->text);
        mirroring->result->left_out++;
        return CW_OK;
    }
    if (rc == CW_OK && missing > 0)
        rc = fetch(mirroring, &target, paths, missing, err);
    mirroring->result->targets += rc == CW_OK;
    return rc;
}

int cw_mirroring_fetch_targets(struct cw_mirroring *mirroring, const char *role, struct cw_err *err)
{
    const struct cw_tuf_meta *meta = cw_tuf_update_meta(mirroring->update, role);
    json_auto_t *targets =
        json_incref(json_object_get(meta->signed_, "targets")); /* searches may let go of it */
    json_t *entry;
    const char *path;
    int rc = cw_mirroring_trim(mirroring, role, err);

    json_object_foreach (targets, path, entry) {
        if (rc == CW_OK && is_wanted(mirroring, path))
            rc = take_target(mirroring, role, path, err);
        if (rc == CW_OK) /* a search may have looked into many roles */
            rc = cw_mirroring_trim(mirroring, role, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}
