/* SPDX-License-Identifier: ISC */
/*
 * A mirror's targets: those that a client's search finds, in the role in which it finds them. What is there under a name with a
 * hash is whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sync/tuf/mirror_parts.h"

/* Where the target lies in the mirror, by the name with this hash (NULL: none). CW_E_VERIFY: nowhere. */
static int place_of(char path[CW_PATH_MAX], const struct cw_target *target, const char *hash,
                    struct cw_err *err)
{
    CW_AUTO_BUF place = CW_BUF_INIT(CW_PATH_MAX);
    int n, rc = cw_target_place(&place, target, hash, err);

    if (rc == CW_E_NOMEM)
        return rc;
    n = rc == CW_OK ? snprintf(path, CW_PATH_MAX, CW_MIRROR_TARGETS "/%s", cw_buf_text(&place)) : -1;
    if (n > 0 && n < CW_PATH_MAX && cw_path_is_relative(path) &&
        !cw_str_starts(cw_str_basename(path), CW_TMP_PREFIX)) /* it would be swept away */
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "target '%s': its path cannot be a file's", target->path);
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

/* How many names it has: one for each hash, if names bear hashes. */
static size_t names_of(const struct cw_mirroring *mirroring, const struct cw_target *target)
{
    return cw_mirroring_is_consistent(mirroring) ? target->hash_count : 1;
}

/* The target's names, and under which of them it is there. */
static int find_names(char paths[CW_TARGET_HASHES_MAX][CW_PATH_MAX], bool *there,
                      const struct cw_mirroring *mirroring, const struct cw_target *target,
                      struct cw_err *err)
{
    bool consistent = cw_mirroring_is_consistent(mirroring);
    int rc = CW_OK;

    for (size_t i = 0; i < names_of(mirroring, target) && rc == CW_OK; i++) {
        rc = place_of(paths[i], target, consistent ? target->hashes[i] : NULL, err);
        if (rc == CW_OK)
            rc = is_there(&there[i], mirroring, target, paths[i], err);
    }
    return rc;
}

/* The first name's from the server, the other's from the first. */
static int fetch(struct cw_mirroring *mirroring, const struct cw_target *target,
                 char paths[CW_TARGET_HASHES_MAX][CW_PATH_MAX], const bool *there, struct cw_err *err)
{
    int rc = sweep_folder_of(mirroring, paths[0], err);

    if (rc == CW_OK && !there[0])
        rc = cw_mirror_intake_add(mirroring->intake, target, paths[0], err);
    for (size_t i = 1; i < names_of(mirroring, target) && rc == CW_OK; i++) {
        if (!there[i])
            rc = cw_mirror_intake_copy(mirroring->intake, target, paths[i], paths[0], err);
    }
    return rc;
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
    bool here, there[CW_TARGET_HASHES_MAX] = {true, true};
    int rc = search(&here, &file, mirroring, role, path, err);

    if (rc != CW_OK || !here)
        return rc;
    rc = cw_target_init(&target, path, &file, err);
    if (rc == CW_OK)
        rc = find_names(paths, there, mirroring, &target, err);
    if (rc == CW_E_VERIFY) {
        cw_cli_warn(mirroring->cli, "%s; it is left out", err->text);
        mirroring->result->left_out++;
        return CW_OK;
    }
    if (rc == CW_OK && !(there[0] && there[1]))
        rc = fetch(mirroring, &target, paths, there, err);
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
