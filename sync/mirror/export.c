/* SPDX-License-Identifier: ISC */
/*
 * The whole of an export: what is carried, the lists of all volumes, then each volume into its folder.
 */
#include "sync/mirror/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/walk.h"
#include "sync/history.h"
#include "sync/mirror/carry.h"
#include "sync/mirror/load.h"
#include "sync/mirror/pull.h"
#include "sync/mirror/volume_write.h"
#include "tree/layout.h"

#define SPARE_BYTES (UINT64_C(4) << 20) /* for the lists, and because media round up */
#define FAT_MAGIC 0x4d44                /* statfs(2): MSDOS_SUPER_MAGIC */

struct volume {
    struct cw_volume_write write;
    struct cw_buf list; /* the text of volume-<k>.json */
    int fd;             /* its folder */
    char *where;        /* that, for messages */
};

struct export
{
    const struct cw_export_options *options;
    const struct cw_cli *cli;
    int mirror, to;
    struct cw_closure all;
    struct cw_held held;
    struct cw_carry carry;
    struct volume *volumes; /* carry.of of them */
    struct cw_export_result *result;
};

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
    int rc = cw_closure_add_set(&export->all, set, err);

    if (rc == CW_OK)
        rc = cw_closure_add_update(&export->all, update, err);
    if (rc == CW_OK)
        rc = cw_walk(export->mirror, CW_TREE_METADATA, add_root, &walk, err);
    return rc == CW_OK ? cw_closure_sort(&export->all, err) : rc;
}

static int find_held(struct export *export, const struct cw_site *site, const struct cw_upstream *upstream,
                     struct cw_tuf_update *update, const struct cw_mirror_memory *memory, struct cw_err *err)
{
    const struct cw_export_options *options = export->options;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < options->receipt_count && rc == CW_OK; i++)
        rc = cw_held_add_receipts(&export->held, site, options->receipts[i], export->cli, err);
    if (rc == CW_OK && options->since != 0)
        rc = cw_held_add_serial(&export->held, export->mirror, upstream->channel, options->since, err);
    return rc == CW_OK
               ? cw_held_choose(&export->held, update, memory, export->mirror, upstream, export->cli, err)
               : rc;
}

/* A folder that is there is asked what it can hold; a medium that is not in yet may be anything. */
static uint64_t longest_file(const struct export *export)
{
    CW_AUTO_FD int fd = -1;
    struct statfs fs;

    if (export->options->volume_size != 0)
        return CW_FAT_FILE_MAX;
    if (export->options->to == NULL || cw_dir_open(&fd, export->options->to, NULL) != CW_OK ||
        fstatfs(fd, &fs) != 0)
        return 0;
    return fs.f_type == FAT_MAGIC ? CW_FAT_FILE_MAX : 0;
}

static json_t *unit_row(const struct cw_carry_unit *unit)
{
    json_t *row = json_pack("{s:s, s:I, s:s}", "path", unit->file->path, "length",
                            (json_int_t)unit->file->length, "way", cw_way_name(unit->way));

    if (unit->way != CW_WAY_HELD)
        (void)json_object_set_new(row, "bytes", json_integer((json_int_t)unit->bytes));
    if (unit->volume != 0)
        (void)json_object_set_new(row, "volume", json_integer((json_int_t)unit->volume));
    if (unit->parts != 0)
        (void)json_object_set_new(row, "parts", json_integer((json_int_t)unit->parts));
    return row;
}

/* What is carried, for people and programs. */
static int report(const struct export *export, struct cw_err *err)
{
    struct cw_export_result *result = export->result;
    const struct cw_carry *carry = &export->carry;
    size_t i;
    unsigned k;

    result->carried = json_array();
    result->sizes = json_array();
    for (i = 0; i < carry->unit_count; i++) {
        result->held += carry->units[i].way == CW_WAY_HELD;
        if (json_array_append_new(result->carried, unit_row(&carry->units[i])) != 0)
            return cw_err_nomem(err);
    }
    for (k = 1; k <= carry->of; k++) {
        uint64_t files, bytes = cw_carry_bytes(carry, k, &files);

        result->files += files;
        result->bytes += bytes;
        if (json_array_append_new(result->sizes, json_pack("{s:I, s:I}", "files", (json_int_t)files, "bytes",
                                                           (json_int_t)bytes)) != 0)
            return cw_err_nomem(err);
    }
    result->volumes = carry->of;
    return CW_OK;
}

static int choose_files(struct export *export, struct cw_err *err)
{
    int rc = cw_carry_make(&export->carry, &export->all, &export->held, export->mirror, export->cli, err);

    if (rc == CW_OK)
        rc = cw_carry_spread(&export->carry, export->options->volume_size, longest_file(export), err);
    return rc == CW_OK ? report(export, err) : rc;
}

static int open_volume(struct export *export, struct volume *volume, int64_t index, struct cw_err *err)
{
    char name[CW_VOLUME_NAME_MAX] = "";
    int rc = cw_volume_write_init(&volume->write, &export->carry, index, err);

    if (export->options->volume_size != 0)
        cw_volume_folder(name, index);
    volume->where = cw_str_format("%s%s%s", export->options->to, name[0] != '\0' ? "/" : "", name);
    if (rc == CW_OK && volume->where == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&volume->fd, export->to, name, err);
    volume->write.mirror = export->mirror;
    volume->write.to = volume->fd;
    volume->write.where = volume->where;
    volume->write.replace = export->options->replace;
    volume->write.list = &volume->list;
    return rc;
}

static int open_volumes(struct export *export, struct cw_err *err)
{
    unsigned k;
    int rc = cw_dir_create(&export->to, export->options->to, err);

    export->volumes = calloc(export->carry.of, sizeof *export->volumes);
    if (rc == CW_OK && export->volumes == NULL)
        rc = cw_err_nomem(err);
    for (k = 0; export->volumes != NULL && k < export->carry.of; k++) {
        export->volumes[k].fd = -1;
        cw_buf_init(&export->volumes[k].list, CW_VOLUME_MAX);
    }
    for (k = 0; rc == CW_OK && k < export->carry.of; k++)
        rc = open_volume(export, &export->volumes[k], (int64_t)k + 1, err);
    return rc;
}

/* A bundle of one volume lies here, or what is left of it. */
static bool is_other_bundle(const struct export *export, const char *name)
{
    char entry[CW_PATH_MAX];

    snprintf(entry, sizeof entry, "%.900s/", name);
    return export->options->volume_size != 0 && (cw_volume_is_part(name) || cw_volume_is_part(entry));
}

/* Another bundle beside our volumes would be taken for a part of this one. */
static int look_beside(struct export *export, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int rc = cw_at_open_list(&stream, export->to, "", err);

    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, "", err)) == CW_OK && name != NULL) {
        int64_t index = strncmp(name, "volume-", 7) == 0 ? strtoll(name + 7, NULL, 10) : 0;
        char folder[CW_VOLUME_NAME_MAX];

        cw_volume_folder(folder, index);
        if (!is_other_bundle(export, name) &&
            (index <= (int64_t) export->carry.of || strcmp(name, folder) != 0))
            continue;
        if (!export->options->replace)
            return cw_err_set(
                err, CW_E_USAGE,
                "'%s' holds another bundle already ('%s'); name an empty folder, or add --replace",
                export->options->to, name);
        rc = cw_remove_tree(export->to, name, err);
    }
    return rc;
}

static int add_receipts(json_t *head, const struct cw_held *held, struct cw_err *err)
{
    json_auto_t *list = json_array();
    size_t i;

    for (i = 0; i < held->count; i++) {
        const struct cw_receipt *receipt = &held->sites[i].receipt;

        if (receipt->doc != NULL &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "site", receipt->site, "identity",
                                                  receipt->keyid, "counter", (json_int_t)receipt->counter)) !=
                0)
            return cw_err_nomem(err);
    }
    if (json_array_size(list) > 0 && json_object_set(head, "for", list) != 0)
        return cw_err_nomem(err);
    if (held->since != 0 && json_object_set_new(head, "since", json_integer((json_int_t)held->since)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_lists(json_t *head, json_t *files, const struct export *export, struct cw_err *err)
{
    json_t *lists = json_array();
    unsigned k;

    if (lists == NULL || json_object_set_new(head, "lists", lists) != 0)
        return cw_err_nomem(err);
    for (k = 0; k < export->carry.of; k++) {
        json_t *own = cw_volume_write_files(&export->volumes[k].write);
        char sha256[CW_SHA256_TEXT];
        int rc = own != NULL ? cw_volume_hash(sha256, own, err) : cw_err_nomem(err);

        if (json_array_append_new(files, own) != 0 && rc == CW_OK)
            rc = cw_err_nomem(err);
        if (rc == CW_OK && json_array_append_new(lists, json_string(sha256)) != 0)
            rc = cw_err_nomem(err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* What all volumes say alike, but for the time. files: gets each one's list. */
static int make_head(json_t **head, json_t *files, const struct export *export, const struct cw_set *set,
                     const struct cw_mirror_memory *memory, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    const char *root = NULL;
    size_t i;
    int rc = cw_tree_metadata_path(path, memory->root, cw_tuf_type_name(CW_TUF_ROOT), err);

    if (rc != CW_OK)
        return rc;
    for (i = 0; i < export->all.count && root == NULL; i++)
        root = strcmp(export->all.files[i].path, path) == 0 ? export->all.files[i].sha256 : NULL;
    if (root == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror; run 'causeway-sync pull'",
                          path);
    *head = json_pack("{s:s, s:s, s:i, s:s, s:I, s:s, s:O}", "_type", CW_VOLUME_TYPE, "format", "1.0", "of",
                      (int)export->carry.of, "channel", set->channel.channel, "serial",
                      (json_int_t)set->channel.serial, "roots", root, "volumes", export->result->sizes);
    if (*head == NULL)
        return cw_err_nomem(err);
    rc = add_receipts(*head, &export->held, err);
    return rc == CW_OK ? add_lists(*head, files, export, err) : rc;
}

/* An export that goes on keeps the time of its first run, so that its volumes stay those of one bundle. *found: when a
 * volume that is there says all that the head says. */
static int find_time(char created[CW_TIME_TEXT], bool *found, const struct export *export, json_t *head,
                     struct cw_err *err)
{
    unsigned k;

    *found = false;
    for (k = 0; k < export->carry.of && !*found; k++) {
        CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
        struct cw_volume volume = {.doc = NULL};
        char name[CW_VOLUME_NAME_MAX];
        int rc;

        cw_volume_name(name, (int64_t)k + 1);
        rc = cw_at_read_file(&text, export->volumes[k].fd, name, err);
        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return rc;
        if (rc != CW_OK || cw_volume_parse(&volume, cw_buf_text(&text), text.len, NULL) != CW_OK)
            continue;
        snprintf(created, CW_TIME_TEXT, "%s", json_string_value(json_object_get(volume.doc, "created")));
        (void)json_object_del(volume.doc, "created");
        (void)json_object_del(volume.doc, "bundle");
        (void)json_object_del(volume.doc, "index");
        (void)json_object_del(volume.doc, "files");
        *found = json_equal(volume.doc, head);
        cw_volume_clear(&volume);
    }
    return CW_OK;
}

static int format_lists(struct export *export, json_t *head, const json_t *files, struct cw_err *err)
{
    unsigned k;
    int rc = CW_OK;

    for (k = 0; k < export->carry.of && rc == CW_OK; k++) {
        json_auto_t *doc = json_copy(head);

        if (doc == NULL || json_object_set_new(doc, "index", json_integer((json_int_t)k + 1)) != 0 ||
            json_object_set(doc, "files", json_array_get(files, k)) != 0)
            return cw_err_nomem(err);
        rc = cw_volume_format(&export->volumes[k].list, doc, err);
        if (rc == CW_OK)
            memcpy(export->result->bundle, json_string_value(json_object_get(doc, "bundle")), CW_SHA256_TEXT);
    }
    return rc;
}

static int make_lists(struct export *export, const struct cw_set *set, const struct cw_mirror_memory *memory,
                      int64_t now, struct cw_err *err)
{
    char created[CW_TIME_TEXT];
    json_auto_t *head = NULL;
    json_auto_t *files = json_array();
    bool found;
    int rc = files != NULL ? make_head(&head, files, export, set, memory, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = find_time(created, &found, export, head, err);
    if (rc != CW_OK)
        return rc;
    if (!found)
        cw_time_format(now, created);
    if (json_object_set_new(head, "created", json_string(created)) != 0)
        return cw_err_nomem(err);
    return format_lists(export, head, files, err);
}

static int check_space(const struct export *export, struct cw_err *err)
{
    uint64_t need = SPARE_BYTES, left;
    char need_text[16], left_text[16];
    struct statvfs fs;
    unsigned k;

    for (k = 0; k < export->carry.of; k++)
        need += cw_volume_write_need(&export->volumes[k].write);
    if (fstatvfs(export->to, &fs) != 0)
        return cw_err_errno(err, errno, "unable to ask how much space '%s' has left", export->options->to);
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left >= need)
        return CW_OK;
    cw_str_bytes(need, need_text);
    cw_str_bytes(left, left_text);
    return cw_err_set(err, CW_E_SPACE, "'%s' needs %s more, and has %s left", export->options->to, need_text,
                      left_text);
}

static int write_volumes(struct export *export, struct cw_err *err)
{
    struct cw_progress progress;
    unsigned k;
    int rc = look_beside(export, err);

    for (k = 0; k < export->carry.of && rc == CW_OK; k++)
        rc = cw_volume_write_open(&export->volumes[k].write, err);
    if (rc == CW_OK)
        rc = check_space(export, err);
    if (rc != CW_OK)
        return rc;
    cw_progress_start(&progress, export->cli, "exporting", export->result->bytes);
    for (k = 0; k < export->carry.of && rc == CW_OK; k++) {
        export->volumes[k].write.progress = &progress;
        rc = cw_volume_write_run(&export->volumes[k].write, err);
        export->result->written += export->volumes[k].write.written;
    }
    cw_progress_end(&progress);
    return rc;
}

static int record(const struct export *export, const struct cw_site *site, const struct cw_upstream *upstream,
                  int64_t now, struct cw_err *err)
{
    const struct cw_export_result *result = export->result;
    json_auto_t *data =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "upstream", upstream->name, "to", export->options->to,
                  "bundle", result->bundle, "channel", upstream->channel, "serial",
                  (json_int_t)result->serial, "volumes", (json_int_t)result->volumes);

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

static void clear(struct export *export)
{
    unsigned k;

    for (k = 0; export->volumes != NULL && k < export->carry.of; k++) {
        struct volume *volume = &export->volumes[k];

        cw_volume_write_clear(&volume->write);
        cw_buf_clear(&volume->list);
        free(volume->where);
        if (volume->fd >= 0)
            close(volume->fd);
    }
    free(export->volumes);
    cw_carry_clear(&export->carry);
    cw_held_clear(&export->held);
    cw_closure_clear(&export->all);
    if (export->to >= 0)
        close(export->to);
    if (export->mirror >= 0)
        close(export->mirror);
}

static int write_bundle(struct export *export, const struct cw_set *set,
                        const struct cw_mirror_memory *memory, int64_t now, struct cw_err *err)
{
    int rc = cw_carry_hash_parts(&export->carry, export->mirror, export->cli, err);

    if (rc == CW_OK)
        rc = open_volumes(export, err);
    if (rc == CW_OK)
        rc = make_lists(export, set, memory, now, err);
    return rc == CW_OK ? write_volumes(export, err) : rc;
}

int cw_mirror_export(struct cw_export_result *result, const struct cw_site *site,
                     const struct cw_upstream *upstream, const struct cw_export_options *options, int64_t now,
                     const struct cw_cli *cli, struct cw_err *err)
{
    struct export export = {.options = options, .cli = cli, .mirror = -1, .to = -1, .result = result};
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
        rc = find_held(&export, site, upstream, update, &memory, err);
    if (rc == CW_OK)
        rc = choose_files(&export, err);
    result->serial = set.channel.serial;
    if (rc == CW_OK && !options->plan_only)
        rc = write_bundle(&export, &set, &memory, now, err);
    if (rc == CW_OK && !options->plan_only)
        rc = record(&export, site, upstream, now, err);
    cw_tuf_update_free(update);
    clear(&export);
    return rc;
}

void cw_export_result_clear(struct cw_export_result *result)
{
    json_decref(result->carried);
    json_decref(result->sizes);
    result->carried = NULL;
    result->sizes = NULL;
}
