/* SPDX-License-Identifier: ISC */
/*
 * The closure of the mirror's set, compared with what lies below metadata/, targets/ and deltas/.
 */
#include "sync/mirror/gc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "closure/closure.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "sync/mirror/load.h"
#include "tree/layout.h"

struct finder {
    const struct cw_closure *needed; /* sorted by path within a stage */
    json_t *paths;                   /* the needed paths, as an object's members; owned */
    json_t *kept;                    /* the hashes of the targets that stay, likewise */
    const json_t *used;
    json_t *rows;
};

static int add_row(struct finder *finder, const char *what, const char *path, const struct stat *st,
                   struct cw_err *err)
{
    return json_array_append_new(finder->rows, json_pack("{s:s, s:s, s:I}", "what", what, "path", path,
                                                         "bytes", (json_int_t)st->st_size)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int find_metadata(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct finder *finder = ctx;
    char path[CW_PATH_MAX], role[CW_TUF_NAME_MAX];
    int64_t version;

    snprintf(path, sizeof path, CW_TREE_METADATA "/%s", name);
    if (!S_ISREG(st->st_mode) || !cw_tree_split_metadata(name, &version, role) || version == 0 ||
        strcmp(role, cw_tuf_type_name(CW_TUF_ROOT)) == 0 || json_object_get(finder->paths, path) != NULL)
        return CW_OK;
    return add_row(finder, "metadata", path, st, err);
}

/* Does a target "<product>/<version>/<file>" belong to a version in use? */
static bool is_used(const json_t *used, const char *target)
{
    char key[CW_PATH_MAX];
    const char *first = strchr(target, '/'), *second = first != NULL ? strchr(first + 1, '/') : NULL;

    if (second == NULL)
        return false;
    snprintf(key, sizeof key, "%.*s@%.*s", (int)(first - target), target, (int)(second - first - 1),
             first + 1);
    return json_object_get(used, key) != NULL;
}

static int find_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct finder *finder = ctx;
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (!S_ISREG(st->st_mode) || !cw_tree_split_target(path, target, sha256))
        return CW_OK;
    if (json_object_get(finder->paths, path) == NULL && !is_used(finder->used, target))
        return add_row(finder, "target", path, st, err);
    return json_object_set_new(finder->kept, sha256, json_true()) == 0 ? CW_OK : cw_err_nomem(err);
}

/* A delta, and the hint that lists it, go with the file that they lead to. */
static int find_delta(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct finder *finder = ctx;
    char path[CW_PATH_MAX], to[CW_SHA256_TEXT];

    snprintf(path, sizeof path, CW_TREE_DELTAS "/%s", name);
    return S_ISREG(st->st_mode) && cw_tree_split_delta(name, to) && json_object_get(finder->kept, to) == NULL
               ? add_row(finder, "delta", path, st, err)
               : CW_OK;
}

static int find_deltas(struct finder *finder, int mirror, struct cw_err *err)
{
    bool there = false;
    int rc = cw_at_has(&there, mirror, CW_TREE_DELTAS, err);

    return rc == CW_OK && there ? cw_walk(mirror, CW_TREE_DELTAS, find_delta, finder, err) : rc;
}

static int note_paths(struct finder *finder, const struct cw_closure *needed, struct cw_err *err)
{
    for (size_t i = 0; i < needed->count; i++) {
        if (json_object_set_new(finder->paths, needed->files[i].path, json_true()) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int find(struct finder *finder, int mirror, const struct cw_site *site,
                const struct cw_upstream *upstream, struct cw_err *err)
{
    CW_AUTO_CLOSURE needed = CW_CLOSURE_INIT;
    CW_AUTO_MEMORY memory = {.root = 0};
    CW_AUTO_SET set = {.files = NULL};
    struct cw_tuf_update *update = NULL;
    int rc = cw_mirror_load_update(&set, &update, &memory, mirror, site, upstream, err);

    if (rc == CW_OK)
        rc = cw_closure_add_set(&needed, &set, err);
    if (rc == CW_OK)
        rc = cw_closure_add_update(&needed, update, err);
    cw_tuf_update_free(update);
    if (rc == CW_OK)
        rc = note_paths(finder, &needed, err);
    if (rc == CW_OK)
        rc = cw_walk(mirror, CW_TREE_METADATA, find_metadata, finder, err);
    if (rc == CW_OK)
        rc = cw_walk(mirror, CW_TREE_TARGETS, find_target, finder, err);
    return rc == CW_OK ? find_deltas(finder, mirror, err) : rc;
}

int cw_mirror_gc_find(json_t *rows, const json_t *used, const struct cw_site *site,
                      const struct cw_upstream *upstream, struct cw_err *err)
{
    json_auto_t *paths = json_object(), *kept = json_object();
    struct finder finder = {.paths = paths, .kept = kept, .used = used, .rows = rows};
    CW_AUTO_FD int mirror = -1;
    int rc = paths != NULL && kept != NULL ? cw_mirror_open(&mirror, site, upstream, err) : cw_err_nomem(err);

    return rc == CW_OK ? find(&finder, mirror, site, upstream, err) : rc;
}

/* "targets/gateway/1.0.0/…": the folders of a version and a product go with their last file. */
static void remove_empty(int mirror, const char *file)
{
    char path[CW_PATH_MAX];

    snprintf(path, sizeof path, "%s", file);
    for (int level = 0; level < 2; level++) {
        *strrchr(path, '/') = '\0';
        if (strchr(path, '/') == NULL || unlinkat(mirror, path, AT_REMOVEDIR) != 0)
            return;
    }
}

int cw_mirror_gc_remove(const json_t *rows, const struct cw_site *site, const struct cw_upstream *upstream,
                        struct cw_err *err)
{
    CW_AUTO_FD int mirror = -1;
    const json_t *row;
    size_t i;
    int rc = cw_mirror_open(&mirror, site, upstream, err);

    json_array_foreach (rows, i, row) {
        const char *path = json_string_value(json_object_get(row, "path"));

        if (rc == CW_OK)
            rc = cw_remove_tree(mirror, path, err);
        if (rc == CW_OK)
            remove_empty(mirror, path);
    }
    return rc == CW_OK && i > 0 ? cw_sync_all(mirror, err) : rc;
}
