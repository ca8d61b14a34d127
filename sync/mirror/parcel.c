/* SPDX-License-Identifier: ISC */
/*
 * Collecting what goes into a bundle.
 */
#include "sync/mirror/parcel.h"

#include <stdlib.h>
#include <string.h>

#include "fs/walk.h"
#include "sync/mirror/export.h"
#include "tree/layout.h"

static int add(struct cw_parcel *parcel, const char *path, const char *sha256, uint64_t length,
               const void *bytes, struct cw_err *err)
{
    struct cw_parcel_file *file;

    if (parcel->count == CW_EXPORT_FILES_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d files", CW_EXPORT_FILES_MAX);
    if ((parcel->count & (parcel->count - 1)) == 0) { /* grows at the powers of two */
        size_t room = parcel->count == 0 ? 1 : parcel->count * 2;

        file = reallocarray(parcel->files, room, sizeof *file);
        if (file == NULL)
            return cw_err_nomem(err);
        parcel->files = file;
    }
    file = &parcel->files[parcel->count];
    *file = (struct cw_parcel_file){.path = strdup(path), .length = length};
    memcpy(file->sha256, sha256, CW_SHA256_TEXT);
    if (bytes != NULL && (file->bytes = malloc(length + 1)) != NULL)
        memcpy(file->bytes, bytes, length);
    parcel->count++;
    parcel->bytes += length;
    return file->path == NULL || (bytes != NULL && file->bytes == NULL) ? cw_err_nomem(err) : CW_OK;
}

static int add_bytes(struct cw_parcel *parcel, const char *path, const void *bytes, size_t len,
                     struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, bytes, len, err);

    return rc == CW_OK ? add(parcel, path, sha256, len, bytes, err) : rc;
}

static int add_role(void *ctx, const char *role, const struct cw_tuf_meta *meta, const void *bytes,
                    size_t len, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int64_t version = meta->type == CW_TUF_TIMESTAMP ? 0 : meta->version;
    int rc;

    if (meta->type == CW_TUF_ROOT)
        return CW_OK; /* comes with all the others */
    rc = cw_tree_metadata_path(path, version, role, err);
    return rc == CW_OK ? add_bytes(ctx, path, bytes, len, err) : rc;
}

struct root_walk {
    struct cw_parcel *parcel;
    int mirror;
    int64_t newest;
};

static int add_root(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct root_walk *walk = ctx;
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    char role[CW_TUF_NAME_MAX], path[CW_PATH_MAX];
    int64_t version;
    int rc;

    if (!S_ISREG(st->st_mode) || !cw_tree_split_metadata(name, &version, role) || strcmp(role, "root") != 0 ||
        version > walk->newest)
        return CW_OK;
    rc = cw_tree_metadata_path(path, version, role, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, walk->mirror, path, err);
    return rc == CW_OK ? add_bytes(walk->parcel, path, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct cw_parcel_file *)a)->path, ((const struct cw_parcel_file *)b)->path);
}

int cw_parcel_collect(struct cw_parcel *parcel, int mirror, const struct cw_set *set,
                      const struct cw_tuf_update *update, const struct cw_mirror_memory *memory,
                      struct cw_err *err)
{
    struct root_walk walk = {.parcel = parcel, .mirror = mirror, .newest = memory->root};
    char path[CW_PATH_MAX];
    size_t i;
    int rc = CW_OK;

    *parcel = (struct cw_parcel){.count = 0};
    for (i = 0; i < set->file_count && rc == CW_OK; i++) {
        rc = cw_tree_target_path(path, set->files[i].target, set->files[i].sha256, err);
        if (rc == CW_OK)
            rc = add(parcel, path, set->files[i].sha256, set->files[i].length, NULL, err);
    }
    if (rc == CW_OK)
        rc = cw_tuf_update_each(update, add_role, parcel, err);
    if (rc == CW_OK)
        rc = cw_walk(mirror, CW_TREE_METADATA, add_root, &walk, err);
    if (rc == CW_OK)
        qsort(parcel->files, parcel->count, sizeof *parcel->files, by_path);
    return rc;
}

void cw_parcel_clear(struct cw_parcel *parcel)
{
    size_t i;

    for (i = 0; i < parcel->count; i++) {
        free(parcel->files[i].path);
        free(parcel->files[i].bytes);
    }
    free(parcel->files);
    *parcel = (struct cw_parcel){.count = 0};
}

const struct cw_parcel_file *cw_parcel_find(const struct cw_parcel *parcel, const char *path)
{
    struct cw_parcel_file key = {.path = (char *)path};

    return parcel->count == 0 ? NULL
                              : bsearch(&key, parcel->files, parcel->count, sizeof *parcel->files, by_path);
}

json_t *cw_parcel_list(const struct cw_parcel *parcel)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; list != NULL && i < parcel->count; i++) {
        const struct cw_parcel_file *file = &parcel->files[i];

        if (json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "path", file->path, "length",
                                                  (json_int_t)file->length, "sha256", file->sha256)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
