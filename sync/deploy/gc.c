/* SPDX-License-Identifier: ISC */
/*
 * Deciding by the generations' records alone which are kept, then listing the releases that no kept one links to.
 */
#include "sync/deploy/gc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fs/walk.h"
#include "sync/deploy/install.h"
#include "sync/deploy/store.h"

#define GENERATIONS "generations"
#define RELEASES "releases"

struct generation {
    int64_t number;
    json_t *doc; /* owned */
    bool failed, kept;
};

struct gc {
    int root;
    int64_t versions, current, previous;
    struct generation *items; /* highest number first */
    size_t count, room;
    json_t *newest;   /* product → [version] that count as its newest; owned */
    json_t *releases; /* path → true of what kept generations link to; owned */
};

static void gc_clear(struct gc *gc)
{
    for (size_t i = 0; i < gc->count; i++)
        json_decref(gc->items[i].doc);
    free(gc->items);
    json_decref(gc->newest);
    json_decref(gc->releases);
}

static int add_generation(struct gc *gc, int64_t number, struct cw_err *err)
{
    struct generation *item;
    int rc;

    if (gc->count == gc->room) {
        size_t room = gc->room != 0 ? gc->room * 2 : 64;
        struct generation *items = reallocarray(gc->items, room, sizeof *items);

        if (items == NULL)
            return cw_err_nomem(err);
        gc->items = items;
        gc->room = room;
    }
    item = &gc->items[gc->count];
    *item = (struct generation){.number = number};
    rc = cw_store_read(&item->doc, gc->root, number, err);
    if (rc != CW_OK)
        return rc;
    gc->count++;
    return cw_store_has_failed(&item->failed, gc->root, number, err);
}

static int by_number_down(const void *a, const void *b)
{
    int64_t x = ((const struct generation *)a)->number, y = ((const struct generation *)b)->number;

    return x > y ? -1 : x < y;
}

static int read_generations(struct gc *gc, struct cw_err *err)
{
    CW_AUTO_LIST DIR *list = NULL;
    const char *name;
    int rc = cw_store_current(&gc->current, gc->root, err);

    if (rc == CW_OK)
        rc = cw_at_open_list(&list, gc->root, GENERATIONS, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    while (rc == CW_OK && (rc = cw_dir_next(&name, list, GENERATIONS, err)) == CW_OK && name != NULL) {
        char *end;
        int64_t number = strtoll(name, &end, 10);

        if (name[0] >= '1' && name[0] <= '9' && *end == '\0' && number <= CW_GENERATION_MAX)
            rc = add_generation(gc, number, err);
    }
    if (rc == CW_OK && gc->count > 0)
        qsort(gc->items, gc->count, sizeof *gc->items, by_number_down);
    for (size_t i = 0; i < gc->count; i++) {
        if (gc->items[i].number == gc->current)
            gc->previous = json_integer_value(json_object_get(gc->items[i].doc, "previous"));
    }
    return rc;
}

static bool has_text(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static const char *version_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "version"));
}

/* Versions count from the newest generation down, so that what ran last stays. */
static int count_versions(struct gc *gc, const struct generation *item, struct cw_err *err)
{
    const char *product;
    json_t *entry, *list;

    json_object_foreach (json_object_get(item->doc, "products"), product, entry) {
        list = json_object_get(gc->newest, product);
        if (list == NULL) {
            list = json_array();
            if (json_object_set_new(gc->newest, product, list) != 0)
                return cw_err_nomem(err);
        }
        if ((int64_t)json_array_size(list) < gc->versions && !has_text(list, version_of(entry)) &&
            json_array_append_new(list, json_string(version_of(entry))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static bool is_recent(const struct gc *gc, const struct generation *item)
{
    const char *product;
    json_t *entry;

    json_object_foreach (json_object_get(item->doc, "products"), product, entry) {
        if (!has_text(json_object_get(gc->newest, product), version_of(entry)))
            return false;
    }
    return true;
}

static int keep_releases(struct gc *gc, json_t *used, const struct generation *item, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    const char *product;
    json_t *entry;

    json_object_foreach (json_object_get(item->doc, "products"), product, entry) {
        int rc = cw_store_release_path(path, product, version_of(entry),
                                       json_string_value(json_object_get(entry, "platform")), err);

        if (rc != CW_OK)
            return rc;
        if (json_object_set_new(gc->releases, path, json_true()) != 0)
            return cw_err_nomem(err);
        snprintf(path, sizeof path, "%s@%s", product, version_of(entry));
        if (used != NULL && json_object_set_new(used, path, json_true()) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int decide(struct gc *gc, json_t *used, struct cw_err *err)
{
    int rc = CW_OK;

    for (size_t i = 0; i < gc->count && rc == CW_OK; i++) {
        if (!gc->items[i].failed)
            rc = count_versions(gc, &gc->items[i], err);
    }
    for (size_t i = 0; i < gc->count && rc == CW_OK; i++) {
        struct generation *item = &gc->items[i];
        bool runs = item->number == gc->current, back = item->number == gc->previous;

        item->kept = runs || back || i == 0 || (!item->failed && is_recent(gc, item));
        if (item->kept && (runs || !item->failed))
            rc = keep_releases(gc, used, item, err);
    }
    return rc;
}

static int add_bytes(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    (void)path;
    (void)err;
    if (S_ISREG(st->st_mode))
        *(uint64_t *)ctx += (uint64_t)st->st_size;
    return CW_OK;
}

/* number 0: a release. */
static int add_row(json_t *rows, int root, const char *path, int64_t number, struct cw_err *err)
{
    uint64_t bytes = 0;
    json_t *row;
    int rc = cw_walk(root, path, add_bytes, &bytes, err);

    if (rc != CW_OK)
        return rc;
    row = json_pack("{s:s, s:s, s:I}", "what", number != 0 ? "generation" : "release", "path", path, "bytes",
                    (json_int_t)bytes);
    if (number != 0 && json_object_set_new(row, "number", json_integer(number)) != 0) {
        json_decref(row);
        return cw_err_nomem(err);
    }
    return json_array_append_new(rows, row) == 0 ? CW_OK : cw_err_nomem(err);
}

struct finder {
    const struct gc *gc;
    json_t *rows;
};

/* releases/<product>/<version>/<platform>; deeper is a release's own. */
static int find_release(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct finder *finder = ctx;
    char full[CW_PATH_MAX];
    size_t depth = 0;

    for (const char *p = path; *p != '\0'; p++)
        depth += *p == '/';
    snprintf(full, sizeof full, RELEASES "/%s", path);
    if (depth != 2 || !S_ISDIR(st->st_mode) || strrchr(path, '/')[1] == '.' ||
        json_object_get(finder->gc->releases, full) != NULL)
        return CW_OK;
    return add_row(finder->rows, finder->gc->root, full, 0, err);
}

static int find(struct gc *gc, json_t *rows, json_t *used, struct cw_err *err)
{
    struct finder finder = {.gc = gc, .rows = rows};
    char path[CW_PATH_MAX];
    bool there = false;
    int rc;

    gc->newest = json_object();
    gc->releases = json_object();
    if (gc->newest == NULL || gc->releases == NULL)
        return cw_err_nomem(err);
    rc = read_generations(gc, err);
    if (rc == CW_OK)
        rc = decide(gc, used, err);
    for (size_t i = gc->count; i-- > 0 && rc == CW_OK;) {
        snprintf(path, sizeof path, GENERATIONS "/%" PRId64, gc->items[i].number);
        if (!gc->items[i].kept)
            rc = add_row(rows, gc->root, path, gc->items[i].number, err);
    }
    if (rc == CW_OK)
        rc = cw_at_has(&there, gc->root, RELEASES, err);
    return rc == CW_OK && there ? cw_walk(gc->root, RELEASES, find_release, &finder, err) : rc;
}

int cw_gc_find(json_t *rows, json_t *used, int root, int64_t versions, struct cw_err *err)
{
    struct gc gc = {.root = root, .versions = versions};
    int rc = find(&gc, rows, used, err);

    gc_clear(&gc);
    return rc;
}

int cw_gc_remove(int root, const json_t *rows, struct cw_err *err)
{
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        const char *path = json_string_value(json_object_get(row, "path"));
        const json_t *number = json_object_get(row, "number");
        int rc = number != NULL ? cw_store_drop(root, json_integer_value(number), err)
                                : cw_install_remove(root, path, err);

        if (rc != CW_OK)
            return cw_err_prefix(err, "unable to remove '%s'", path);
    }
    return CW_OK;
}
