/* SPDX-License-Identifier: ISC */
/*
 * Lists of tree files in upload order. Pure: what lies where is composed by tree/layout, who holds it says
 * the caller.
 */
#include "closure/closure.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tree/layout.h"

void cw_closure_clear(struct cw_closure *closure)
{
    size_t i;

    for (i = 0; i < closure->count; i++)
        free(closure->files[i].path);
    free(closure->files);
    *closure = (struct cw_closure)CW_CLOSURE_INIT;
}

static int add(struct cw_closure *closure, const char *path, const char *sha256, uint64_t length,
               enum cw_closure_stage stage, struct cw_err *err)
{
    struct cw_closure_file *file;

    if (closure->count == closure->room) {
        size_t room = closure->room != 0 ? closure->room * 2 : 64;
        struct cw_closure_file *files = reallocarray(closure->files, room, sizeof *files);

        if (files == NULL)
            return cw_err_nomem(err);
        closure->files = files;
        closure->room = room;
    }
    file = &closure->files[closure->count];
    *file = (struct cw_closure_file){.path = strdup(path), .length = length, .stage = stage};
    if (file->path == NULL)
        return cw_err_nomem(err);
    memcpy(file->sha256, sha256, CW_SHA256_TEXT);
    closure->count++;
    return CW_OK;
}

/* Artifacts, bills of materials and attestations come before the manifests that name them. */
static bool is_manifest(const struct cw_set_file *file)
{
    return file->manifest == NULL || strcmp(cw_str_basename(file->target), CW_MANIFEST_FILE) == 0;
}

int cw_closure_add_set(struct cw_closure *closure, const struct cw_set *set, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < set->file_count; i++) {
        const struct cw_set_file *file = &set->files[i];
        char path[CW_PATH_MAX];
        int rc = cw_tree_target_path(path, file->target, file->sha256, err);

        if (rc == CW_OK)
            rc = add(closure, path, file->sha256, file->length,
                     is_manifest(file) ? CW_CLOSURE_MANIFEST : CW_CLOSURE_ARTIFACT, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static enum cw_closure_stage stage_of(const char *role)
{
    if (strcmp(role, cw_tuf_type_name(CW_TUF_TIMESTAMP)) == 0)
        return CW_CLOSURE_TIMESTAMP;
    if (strcmp(role, cw_tuf_type_name(CW_TUF_ROOT)) == 0)
        return CW_CLOSURE_ROOT;
    return strcmp(role, cw_tuf_type_name(CW_TUF_SNAPSHOT)) == 0 ? CW_CLOSURE_SNAPSHOT : CW_CLOSURE_ROLE;
}

int cw_closure_add_metadata(struct cw_closure *closure, const char *role, int64_t version, const void *bytes,
                            size_t len, struct cw_err *err)
{
    enum cw_closure_stage stage = stage_of(role);
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    int rc = cw_tree_metadata_path(path, stage == CW_CLOSURE_TIMESTAMP ? 0 : version, role, err);

    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes, len, err);
    return rc == CW_OK ? add(closure, path, sha256, len, stage, err) : rc;
}

static int add_role(void *ctx, const char *role, const struct cw_tuf_meta *meta, const void *bytes,
                    size_t len, struct cw_err *err)
{
    return cw_closure_add_metadata(ctx, role, meta->version, bytes, len, err);
}

int cw_closure_add_update(struct cw_closure *closure, const struct cw_tuf_update *update, struct cw_err *err)
{
    return cw_tuf_update_each(update, add_role, closure, err);
}

static int compare(const void *a, const void *b)
{
    const struct cw_closure_file *one = a, *two = b;

    if (one->stage != two->stage)
        return one->stage < two->stage ? -1 : 1;
    return strcmp(one->path, two->path);
}

int cw_closure_sort(struct cw_closure *closure, struct cw_err *err)
{
    size_t i, kept = 0;

    if (closure->count > 1)
        qsort(closure->files, closure->count, sizeof *closure->files, compare);
    for (i = 0; i < closure->count; i++) {
        struct cw_closure_file *file = &closure->files[i],
                               *last = kept > 0 ? &closure->files[kept - 1] : NULL;

        if (last == NULL || compare(last, file) != 0) {
            closure->files[kept++] = *file;
            continue;
        }
        if (last->length != file->length || strcmp(last->sha256, file->sha256) != 0)
            break;
        free(file->path);
    }
    if (i == closure->count) {
        closure->count = kept;
        return CW_OK;
    }
    cw_err_set(err, CW_E_VERIFY, "'%s' has two contents: sha256 %s and %s", closure->files[i].path,
               closure->files[kept - 1].sha256, closure->files[i].sha256);
    memmove(&closure->files[kept], &closure->files[i], (closure->count - i) * sizeof *closure->files);
    closure->count -= i - kept;
    return CW_E_VERIFY;
}

int cw_closure_missing(struct cw_closure *missing, const struct cw_closure *all, cw_closure_has *has,
                       void *ctx, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < all->count; i++) {
        const struct cw_closure_file *file = &all->files[i];
        int rc =
            has(ctx, file) ? CW_OK : add(missing, file->path, file->sha256, file->length, file->stage, err);

        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

uint64_t cw_closure_bytes(const struct cw_closure *closure)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < closure->count; i++)
        sum += closure->files[i].length;
    return sum;
}
