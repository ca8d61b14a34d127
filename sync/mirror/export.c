/* SPDX-License-Identifier: ISC */
/*
 * Writing a bundle in an order in which it never looks complete before it is: files, metadata, timestamp,
 * SHA256SUMS, and last the list. Every byte that leaves the mirror is hashed on the way, so that a damaged
 * mirror is never carried on.
 */
#include "sync/mirror/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "closure/closure.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "sync/history.h"
#include "sync/mirror/load.h"
#include "sync/mirror/pull.h"
#include "tree/layout.h"
#include "tree/volume.h"

#define BATCH_FILES 512 /* as in fetch.c */
#define BATCH_BYTES (UINT64_C(256) << 20)
#define BLOCK ((size_t)256 * 1024)
#define SPARE_BYTES (UINT64_C(4) << 20) /* for the lists, and because media round up */

struct export
{
    int mirror, to;
    const char *where;
    bool replace;
    struct cw_closure all; /* in the order of writing */
    const struct cw_closure_file **by_path;
    struct cw_buf list; /* volume-1.json */
    struct cw_batch batch;
    uint64_t batch_bytes;
    struct cw_progress progress;
    struct cw_export_result *result;
    char *block;
};

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct cw_closure_file *const *)a)->path,
                  (*(const struct cw_closure_file *const *)b)->path);
}

/* A file of the bundle by its path; NULL: it is not in it. */
static const struct cw_closure_file *find(const struct export *export, const char *path)
{
    struct cw_closure_file wanted = {.path = (char *)path};
    const struct cw_closure_file *key = &wanted, **found;

    if (export->all.count == 0)
        return NULL;
    found = bsearch(&key, export->by_path, export->all.count, sizeof key, by_path);
    return found != NULL ? *found : NULL;
}

/* The "files" of the list; NULL: no memory. */
static json_t *file_list(const struct export *export)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; list != NULL && i < export->all.count; i++) {
        const struct cw_closure_file *file = export->by_path[i];

        if (json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "path", file->path, "length",
                                                  (json_int_t)file->length, "sha256", file->sha256)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

struct root_walk {
    struct export *export;
    int64_t newest;
};

static int add_root(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    const struct root_walk *walk = ctx;
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    char role[CW_TUF_NAME_MAX], path[CW_PATH_MAX];
    int64_t version;
    int rc;

    if (!S_ISREG(st->st_mode) || !cw_tree_split_metadata(name, &version, role) || strcmp(role, "root") != 0 ||
        version > walk->newest)
        return CW_OK;
    rc = cw_tree_metadata_path(path, version, role, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, walk->export->mirror, path, err);
    if (rc != CW_OK)
        return rc;
    return cw_closure_add_metadata(&walk->export->all, role, version, cw_buf_text(&bytes), bytes.len, err);
}

/* Everything that the set needs, with the roots up to the one it entered under. */
static int collect(struct export *export, const struct cw_set *set, const struct cw_tuf_update *update,
                   const struct cw_mirror_memory *memory, struct cw_err *err)
{
    struct root_walk walk = {.export = export, .newest = memory->root};
    size_t i;
    int rc = cw_closure_add_set(&export->all, set, err);

    if (rc == CW_OK)
        rc = cw_closure_add_update(&export->all, update, err);
    if (rc == CW_OK)
        rc = cw_walk(export->mirror, CW_TREE_METADATA, add_root, &walk, err);
    if (rc == CW_OK)
        rc = cw_closure_sort(&export->all, err);
    if (rc != CW_OK)
        return rc;
    export->by_path = calloc(export->all.count, sizeof *export->by_path);
    if (export->by_path == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < export->all.count; i++)
        export->by_path[i] = &export->all.files[i];
    qsort(export->by_path, export->all.count, sizeof *export->by_path, by_path);
    return CW_OK;
}

static bool is_list(const char *path)
{
    return strcmp(path, CW_VOLUME_FILE) == 0 || strcmp(path, CW_VOLUME_SUMS) == 0;
}

/* What only bundles have at these places. */
static bool is_bundle_part(const char *path)
{
    return is_list(path) || cw_str_starts(path, CW_TREE_METADATA "/") ||
           cw_str_starts(path, CW_TREE_TARGETS "/") || cw_str_glob("volume-*.json", path);
}

static int look_at_file(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct export *export = ctx;

    if (S_ISDIR(st->st_mode) || is_list(path) || find(export, path) != NULL)
        return CW_OK;
    if (cw_str_starts(cw_str_basename(path), CW_TMP_PREFIX))
        return is_bundle_part(path) || strchr(path, '/') == NULL ? cw_remove(export->to, path, err) : CW_OK;
    if (!export->replace)
        return cw_err_set(err, CW_E_USAGE,
                          "'%s' holds %s already ('%s'); name an empty folder, or add --replace",
                          export->where, is_bundle_part(path) ? "another bundle" : "other files", path);
    return is_bundle_part(path) ? cw_remove(export->to, path, err) : CW_OK;
}

/* A list that is there must be of the same files; then it is simply kept if all is good, so that exporting
 * twice changes nothing. */
static int look_at_list(struct export *export, bool *keep, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
    json_auto_t *ours = file_list(export);
    struct cw_volume volume = {.doc = NULL};
    int rc = cw_at_read_file(&text, export->to, CW_VOLUME_FILE, err);

    *keep = false;
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK && ours == NULL)
        rc = cw_err_nomem(err);
    if (rc != CW_OK)
        return rc;
    if (cw_volume_parse(&volume, cw_buf_text(&text), text.len, NULL) == CW_OK) {
        *keep = volume.of == 1 && json_equal(json_object_get(volume.doc, "files"), ours);
        if (*keep)
            memcpy(export->result->bundle, volume.bundle, CW_SHA256_TEXT);
    }
    cw_volume_clear(&volume);
    if (*keep) {
        cw_buf_clear(&export->list);
        cw_buf_add(&export->list, cw_buf_text(&text), text.len);
        return cw_buf_check(&export->list, CW_VOLUME_FILE, err);
    }
    if (!export->replace)
        return cw_err_set(err, CW_E_USAGE,
                          "'%s' holds another bundle already; name an empty folder, or add --replace",
                          export->where);
    return CW_OK;
}

/* First of all the folder stops to look like a bundle, for a while or for good. */
static int open_folder(struct export *export, struct cw_err *err)
{
    static const char *const heads[] = {CW_VOLUME_FILE, CW_VOLUME_SUMS, CW_TREE_TIMESTAMP};
    bool keep;
    size_t i;
    int rc = look_at_list(export, &keep, err);

    for (i = 0; i < CW_COUNT(heads) && rc == CW_OK && !keep && export->replace; i++)
        rc = cw_remove(export->to, heads[i], err);
    return rc == CW_OK ? cw_walk(export->to, "", look_at_file, export, err) : rc;
}

static bool is_there(const struct export *export, const struct cw_closure_file *file)
{
    struct stat st;

    return cw_at_stat(&st, export->to, file->path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length;
}

static int check_space(const struct export *export, struct cw_err *err)
{
    uint64_t need = SPARE_BYTES, left;
    char need_text[16], left_text[16];
    struct statvfs fs;
    size_t i;

    for (i = 0; i < export->all.count; i++) {
        if (!is_there(export, &export->all.files[i]))
            need += export->all.files[i].length;
    }
    if (fstatvfs(export->to, &fs) != 0)
        return cw_err_errno(err, errno, "unable to ask how much space '%s' has left", export->where);
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left >= need)
        return CW_OK;
    cw_str_bytes(need, need_text);
    cw_str_bytes(left, left_text);
    return cw_err_set(err, CW_E_SPACE, "'%s' needs %s more, and has %s left", export->where, need_text,
                      left_text);
}

/* Is what lies there good? Unreadable counts as not. */
static int is_good(struct export *export, const struct cw_closure_file *file, bool *good, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char sha256[CW_SHA256_TEXT];
    int rc;

    *good = false;
    if (!is_there(export, file) || cw_at_open_file(&fd, export->to, file->path, NULL) != CW_OK)
        return CW_OK;
    rc = cw_sha256_fd(sha256, NULL, fd, file->path, err);
    *good = rc == CW_OK && strcmp(sha256, file->sha256) == 0;
    return rc == CW_E_NOMEM ? rc : CW_OK;
}

static int copy_file(struct export *export, const struct cw_closure_file *file, struct cw_out *out,
                     struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_FD int fd = -1;
    char sha256[CW_HASH_TEXT_MAX];
    ssize_t n;
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    if (rc == CW_OK)
        rc = cw_at_open_file(&fd, export->mirror, file->path, err);
    while (rc == CW_OK && (n = cw_fd_read(fd, export->block, BLOCK)) != 0) {
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s' in the mirror", file->path);
        rc = cw_hash_update(hash, export->block, (size_t)n, err);
        if (rc == CW_OK)
            rc = cw_out_write(out, export->block, (size_t)n, err);
        cw_progress_add(&export->progress, (uint64_t)n);
    }
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK && strcmp(sha256, file->sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "'%s' in the mirror is damaged: expected %s, got %s; run 'causeway-sync verify'",
                        file->path, file->sha256, sha256);
    return rc;
}

static int flush(struct export *export, struct cw_err *err)
{
    export->batch_bytes = 0;
    return cw_batch_commit(&export->batch, err);
}

static int write_file(struct export *export, const struct cw_closure_file *file, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    bool good;
    int rc = is_good(export, file, &good, err);

    if (rc != CW_OK || good) {
        cw_progress_add(&export->progress, file->length);
        return rc;
    }
    rc = cw_out_open(&out, export->to, file->path, 0644, err);
    if (rc == CW_OK)
        rc = copy_file(export, file, &out, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&export->batch, &out, err);
    export->result->written += file->length;
    export->batch_bytes += file->length;
    if (rc == CW_OK && (export->batch.count >= BATCH_FILES || export->batch_bytes >= BATCH_BYTES))
        rc = flush(export, err);
    return rc;
}

/* In the order of the closure, each stage durable before the next begins; the timestamp is the last. */
static int write_files(struct export *export, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < export->all.count && rc == CW_OK; i++) {
        if (i > 0 && export->all.files[i].stage != export->all.files[i - 1].stage)
            rc = flush(export, err);
        if (rc == CW_OK)
            rc = write_file(export, &export->all.files[i], err);
    }
    if (rc == CW_OK)
        return flush(export, err);
    (void)flush(export,
                NULL); /* what is whole stays for the next try; the first failure is the one to tell */
    return rc;
}

static int make_list(struct export *export, const struct cw_set *set, const struct cw_mirror_memory *memory,
                     int64_t now, struct cw_err *err)
{
    char created[CW_TIME_TEXT], path[CW_PATH_MAX];
    const struct cw_closure_file *root;
    json_auto_t *doc = NULL;
    int rc = cw_tree_metadata_path(path, memory->root, cw_tuf_type_name(CW_TUF_ROOT), err);

    if (rc != CW_OK)
        return rc;
    root = find(export, path);
    if (root == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror; run 'causeway-sync pull'",
                          path);
    cw_time_format(now, created);
    doc = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:I, s:s, s:o}", "_type", CW_VOLUME_TYPE, "format", "1.0",
                    "index", 1, "of", 1, "created", created, "channel", set->channel.channel, "serial",
                    (json_int_t)set->channel.serial, "roots", root->sha256, "files", file_list(export));
    if (doc == NULL)
        return cw_err_nomem(err);
    rc = cw_volume_format(&export->list, doc, err);
    if (rc == CW_OK)
        memcpy(export->result->bundle, json_string_value(json_object_get(doc, "bundle")), CW_SHA256_TEXT);
    return rc;
}

static int write_lists(struct export *export, struct cw_err *err)
{
    CW_AUTO_BUF sums = CW_BUF_INIT(CW_VOLUME_MAX);
    struct cw_volume volume = {.doc = NULL};
    char sha256[CW_SHA256_TEXT];
    const char *text = cw_buf_text(&export->list);
    int rc = cw_volume_parse(&volume, text, export->list.len, err);

    if (rc == CW_OK)
        rc = cw_sha256(sha256, text, export->list.len, err);
    if (rc == CW_OK)
        rc = cw_volume_sums(&sums, &volume, sha256, err);
    if (rc == CW_OK)
        rc = cw_file_replace(export->to, CW_VOLUME_SUMS, cw_buf_text(&sums), sums.len, 0644, err);
    if (rc == CW_OK)
        rc = cw_file_replace(export->to, CW_VOLUME_FILE, text, export->list.len, 0644, err);
    if (rc == CW_OK)
        rc = cw_sync_all(export->to, err);
    cw_volume_clear(&volume);
    return rc;
}

static int write_bundle(struct export *export, const struct cw_cli *cli, struct cw_err *err)
{
    int rc = cw_dir_create(&export->to, export->where, err);

    export->block = malloc(BLOCK);
    if (rc == CW_OK && export->block == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = open_folder(export, err);
    if (rc == CW_OK)
        rc = check_space(export, err);
    if (rc != CW_OK)
        return rc;
    cw_batch_init(&export->batch, export->to);
    cw_progress_start(&export->progress, cli, "exporting", cw_closure_bytes(&export->all));
    rc = write_files(export, err);
    if (rc == CW_OK)
        rc = write_lists(export, err);
    cw_progress_end(&export->progress);
    cw_batch_clear(&export->batch);
    return rc;
}

static int record(const struct export *export, const struct cw_site *site, const struct cw_upstream *upstream,
                  int64_t now, struct cw_err *err)
{
    const struct cw_export_result *result = export->result;
    json_auto_t *data =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "upstream", upstream->name, "to", export->where, "bundle",
                  result->bundle, "channel", upstream->channel, "serial", (json_int_t)result->serial);

    if (data == NULL)
        return cw_err_nomem(err);
    return cw_history_append(site->fd, now, "export", data, err);
}

/* A pull that was killed behind its commit left the mirror's timestamp behind; what is exported is what the
 * site holds. */
static int settle(const struct export *export, const struct cw_site *site, const struct cw_upstream *upstream,
                  const struct cw_mirror_memory *memory, struct cw_err *err)
{
    struct cw_pull pull = {.site = site, .upstream = upstream, .mirror = export->mirror, .memory = *memory};

    return cw_pull_settle(&pull, err);
}

int cw_mirror_export(struct cw_export_result *result, const struct cw_site *site,
                     const struct cw_upstream *upstream, const char *to, bool replace, int64_t now,
                     const struct cw_cli *cli, struct cw_err *err)
{
    struct export export = {.mirror = -1,
                            .to = -1,
                            .where = to,
                            .replace = replace,
                            .list = CW_BUF_INIT(CW_VOLUME_MAX),
                            .result = result};
    CW_AUTO_MEMORY memory = {.root = 0};
    CW_AUTO_SET set = {.files = NULL};
    struct cw_tuf_update *update = NULL;
    int rc = cw_mirror_open(&export.mirror, site, upstream, err);

    *result = (struct cw_export_result){.files = 0};
    if (rc == CW_OK)
        rc = cw_mirror_load_update(&set, &update, &memory, export.mirror, site, upstream, err);
    if (rc == CW_OK)
        rc = settle(&export, site, upstream, &memory, err);
    if (rc == CW_OK)
        rc = collect(&export, &set, update, &memory, err);
    if (rc == CW_OK)
        rc = make_list(&export, &set, &memory, now, err);
    if (rc == CW_OK)
        rc = write_bundle(&export, cli, err);
    result->files = export.all.count;
    result->bytes = cw_closure_bytes(&export.all);
    result->serial = set.channel.serial;
    if (rc == CW_OK)
        rc = record(&export, site, upstream, now, err);
    cw_tuf_update_free(update);
    cw_closure_clear(&export.all);
    free(export.by_path);
    cw_buf_clear(&export.list);
    free(export.block);
    if (export.to >= 0)
        close(export.to);
    if (export.mirror >= 0)
        close(export.mirror);
    return rc;
}
