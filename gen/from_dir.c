/* SPDX-License-Identifier: ISC */
/*
 * add --from dir: a folder that a build left, packed into one archive as it is taken in; or, with --each, its
 * files as they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/walk.h"
#include "gen/from_guess.h"
#include "gen/from_reader.h"
#include "release/manifest.h"
#include "release/name.h"

/* The time of all members where SOURCE_DATE_EPOCH says none: 1980, the first that every archive format can say. */
#define FIXED_TIME INT64_C(315532800)

static void note_wrong(void *ctx, const char *path, const char *what)
{
    struct cw_from_reader *r = ctx;

    cw_fields_wrong(&r->base.fields, path, "%s", what);
}

/* A folder with the repository in it would publish the secret keys. */
static int find_repo(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct stat *repo = ctx;

    if (S_ISDIR(st->st_mode) && st->st_ino == repo->st_ino && st->st_dev == repo->st_dev)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' is the repository itself, with its keys: choose a folder without it", path);
    return CW_OK;
}

static int refuse_repo(struct cw_from_reader *r, int dir, struct cw_err *err)
{
    struct stat st, repo;
    int rc;

    if (fstat(r->from->repo, &repo) != 0 || fstat(dir, &st) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", r->base.catalog->path);
    rc = find_repo(&repo, r->base.catalog->path, &st, err);
    return rc == CW_OK ? cw_walk(dir, "", find_repo, &repo, err) : rc;
}

static bool read_filter(struct cw_from_reader *r, enum cw_pack_filter *filter, const char **ending)
{
    static const char *const names[] = {"none", "gzip", "zstd"};
    static const char *const endings[] = {".tar", ".tar.gz", ".tar.zst"};
    size_t i;

    for (i = 0; i < CW_COUNT(names); i++) {
        if (strcmp(r->from->compress != NULL ? r->from->compress : "none", names[i]) == 0) {
            *filter = (enum cw_pack_filter)i;
            *ending = endings[i];
            return true;
        }
    }
    cw_from_option_wrong(r, "--compress", "takes none, gzip or zstd, not '%s'", r->from->compress);
    return false;
}

static int read_time(int64_t *when, struct cw_err *err)
{
    *when = FIXED_TIME;
    return getenv("SOURCE_DATE_EPOCH") != NULL ? cw_clock_publish_time(when, err) : CW_OK;
}

/* What --name, --platform and --kind without a pattern are for. */
static const struct cw_from_item nameless = {.name = ""};

/* product-version-platform.tar, or what --name says. */
static void set_name(struct cw_from_reader *r, struct cw_catalog_file *file, const char *ending)
{
    const char *given = cw_from_option(r, CW_FROM_NAME, &nameless);
    bool any = strcmp(file->platform, CW_PLATFORM_ANY) == 0;
    struct cw_err err;

    if (given == NULL && (r->release->product == NULL || r->release->version == NULL))
        given = "?"; /* what is missing is a mistake already */
    file->name = given != NULL ? given
                               : cw_from_keep(r, "%s-%s%s%s%s", r->release->product, r->release->version,
                                              any ? "" : "-", any ? "" : file->platform, ending);
    if (file->name != NULL && strcmp(file->name, "?") != 0 &&
        cw_name_check(file->name, "file", &err) != CW_OK)
        cw_from_option_wrong(r, "--name", "%s", err.text);
    else if (file->name != NULL && strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
        cw_from_option_wrong(r, "--name", "'%s' is the name of the release manifest", file->name);
}

static int take_folder(struct cw_from_reader *r, int dir, const char *ending, enum cw_pack_filter filter,
                       struct cw_err *err)
{
    const char *platform = cw_from_option(r, CW_FROM_PLATFORM, &nameless),
               *kind = cw_from_option(r, CW_FROM_KIND, &nameless);
    struct cw_catalog_file *file = cw_catalog_new_file(&r->base, r->release);
    struct cw_err wrong;
    int rc;

    if (file == NULL)
        return cw_err_nomem(err);
    *file = (struct cw_catalog_file){.folder = true, .filter = filter};
    file->source = cw_str_format("%s", r->base.catalog->path);
    file->platform = platform != NULL ? platform : CW_PLATFORM_ANY;
    file->kind = kind != NULL ? kind : cw_kind_name(CW_KIND_ARCHIVE);
    if (cw_name_check(file->platform, "platform", &wrong) != CW_OK)
        cw_from_option_wrong(r, "--platform", "%s", wrong.text);
    if (strcmp(file->kind, cw_kind_name(CW_KIND_ARCHIVE)) != 0 &&
        strcmp(file->kind, cw_kind_name(CW_KIND_FILE)) != 0)
        cw_from_option_wrong(r, "--kind",
                             "a packed folder is of kind archive, or file where sites shall not unpack it");
    set_name(r, file, ending);
    rc = read_time(&file->time, err);
    if (rc == CW_OK)
        rc = cw_pack_look(&file->look, dir, note_wrong, r, err);
    file->size = file->look.bytes;
    if (rc == CW_OK && file->look.entries == 0)
        cw_from_option_wrong(r, "", "is an empty folder");
    if (file->source == NULL || file->name == NULL)
        return rc != CW_OK ? rc : cw_err_nomem(err);
    if (rc == CW_OK &&
        json_array_append_new(r->from->table,
                              json_pack("{s:s, s:s, s:s, s:I, s:s}", "name", file->name, "platform",
                                        file->platform, "kind", file->kind, "size", (json_int_t)file->size,
                                        "at", file->source)) != 0 &&
        r->base.fields.mistakes->count == 0)
        return cw_err_nomem(err);
    return rc;
}

static int take_one(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct cw_from_reader *r = ctx;
    struct cw_from_item item = {.name = path};

    (void)err;
    snprintf(item.field, sizeof item.field, "%s", path);
    if (strchr(path, '/') != NULL)
        return CW_OK; /* its folder is refused already */
    if (S_ISDIR(st->st_mode)) {
        cw_fields_wrong(&r->base.fields, path,
                        "is a folder; --each takes the files of one folder without folders in it");
        return CW_OK;
    }
    item.name = item.path = cw_from_keep(r, "%s", path);
    if (item.name == NULL) { /* jansson keeps UTF-8 only */
        r->base.fields.nomem = false;
        cw_fields_wrong(&r->base.fields, "", "holds a file whose name is not UTF-8; rename it");
        return CW_OK;
    }
    item.left_out = cw_guess_companion(item.name);
    cw_from_take(r, &item);
    return CW_OK;
}

int cw_from_dir(struct cw_from_reader *r, struct cw_err *err)
{
    const struct cw_from_head head = {.product = NULL};
    const char *path = r->base.catalog->path, *ending;
    enum cw_pack_filter filter;
    CW_AUTO_FD int dir = -1;
    int rc = cw_dir_open(&dir, path, err);

    if (rc == CW_OK)
        rc = refuse_repo(r, dir, err);
    if (rc != CW_OK || !cw_from_begin(r, &head) || !read_filter(r, &filter, &ending))
        return rc;
    if (r->from->files != NULL)
        cw_from_option_wrong(r, "--files", "is not for a folder: the folder itself has the files");
    if (!r->from->each)
        return take_folder(r, dir, ending, filter, err);
    snprintf(r->files, sizeof r->files, "%s%s", path, cw_str_ends(path, "/") ? "" : "/");
    return cw_walk(dir, "", take_one, r, err);
}
