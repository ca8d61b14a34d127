/* SPDX-License-Identifier: ISC */
/*
 * The whole of an export: what is carried, the lists of all volumes, then each volume into its folder.
 */
#include "sync/mirror/export_run.h"

#include <errno.h>
#include <libgen.h>
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

struct root_walk {
    struct cw_export_run *export;
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
static int collect(struct cw_export_run *export, const struct cw_set *set, const struct cw_tuf_update *update,
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

static int find_held(struct cw_export_run *export, const struct cw_site *site,
                     const struct cw_upstream *upstream, struct cw_tuf_update *update,
                     const struct cw_mirror_memory *memory, struct cw_err *err)
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

/* The folder, or the nearest above it that is there: the others will be made in it. */
static bool open_nearest(int *fd, const char *path)
{
    CW_AUTO_FREE char *copy = strdup(path);
    const char *place = copy;

    while (place != NULL && cw_dir_open(fd, place, NULL) != CW_OK)
        place = strcmp(place, "/") == 0 || strcmp(place, ".") == 0 ? NULL : dirname(copy);
    return place != NULL;
}

/* The filesystem there is asked what it can hold; a medium that is not in yet may be anything. */
static uint64_t longest_file(const struct cw_export_run *export)
{
    CW_AUTO_FD int fd = -1;
    struct statfs fs;

    if (export->options->volume_size != 0)
        return CW_FAT_FILE_MAX;
    if (export->options->to == NULL || !open_nearest(&fd, export->options->to) || fstatfs(fd, &fs) != 0)
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
static int report(const struct cw_export_run *export, struct cw_err *err)
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

static int choose_files(struct cw_export_run *export, struct cw_err *err)
{
    int rc = cw_carry_make(&export->carry, &export->all, &export->held, export->mirror, export->cli, err);

    if (rc == CW_OK)
        rc = cw_carry_spread(&export->carry, export->options->volume_size, longest_file(export), err);
    return rc == CW_OK ? report(export, err) : rc;
}

static int open_volume(struct cw_export_run *export, struct cw_export_volume *volume, int64_t index,
                       struct cw_err *err)
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

static int open_volumes(struct cw_export_run *export, struct cw_err *err)
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
static bool is_other_bundle(const struct cw_export_run *export, const char *name)
{
    char entry[CW_PATH_MAX];

    snprintf(entry, sizeof entry, "%.900s/", name);
    return export->options->volume_size != 0 && (cw_volume_is_part(name) || cw_volume_is_part(entry));
}

/* Another bundle beside our volumes would be taken for a part of this one. */
static int look_beside(struct cw_export_run *export, struct cw_err *err)
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

static int check_space(const struct cw_export_run *export, struct cw_err *err)
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
    if (left >= need || fs.f_blocks == 0) /* some of FUSE's filesystems do not say */
        return CW_OK;
    cw_str_bytes(need, need_text);
    cw_str_bytes(left, left_text);
    return cw_err_set(err, CW_E_SPACE, "'%s' needs %s more, and has %s left", export->options->to, need_text,
                      left_text);
}

static int write_volumes(struct cw_export_run *export, struct cw_err *err)
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
        if (rc != CW_OK && rc != CW_E_VERIFY) /* that is a file of the mirror */
            cw_err_prefix(err, "'%s'", export->volumes[k].where);
        export->result->written += export->volumes[k].write.written;
    }
    cw_progress_end(&progress);
    return rc;
}

static int record(const struct cw_export_run *export, const struct cw_site *site,
                  const struct cw_upstream *upstream, int64_t now, struct cw_err *err)
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
static int settle(const struct cw_export_run *export, const struct cw_site *site,
                  const struct cw_upstream *upstream, const struct cw_mirror_memory *memory,
                  struct cw_err *err)
{
    struct cw_pull pull = {.site = site, .upstream = upstream, .mirror = export->mirror, .memory = *memory};

    return cw_pull_settle(&pull, err);
}

static void clear(struct cw_export_run *export)
{
    unsigned k;

    for (k = 0; export->volumes != NULL && k < export->carry.of; k++) {
        struct cw_export_volume *volume = &export->volumes[k];

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

static int write_bundle(struct cw_export_run *export, const struct cw_set *set,
                        const struct cw_mirror_memory *memory, int64_t now, struct cw_err *err)
{
    int rc = cw_carry_measure(&export->carry, export->mirror, export->cli, err);

    if (rc == CW_OK)
        rc = open_volumes(export, err);
    if (rc == CW_OK)
        rc = cw_export_lists(export, set, memory, now, err);
    return rc == CW_OK ? write_volumes(export, err) : rc;
}

int cw_mirror_export(struct cw_export_result *result, const struct cw_site *site,
                     const struct cw_upstream *upstream, const struct cw_export_options *options, int64_t now,
                     const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_export_run export = {.options = options, .cli = cli, .mirror = -1, .to = -1, .result = result};
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
