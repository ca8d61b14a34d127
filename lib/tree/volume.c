/* SPDX-License-Identifier: ISC */
/*
 * Volume lists: making and checking them. Comparing a medium with its list is tree/bundle.c's.
 */
#include "tree/volume.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/hash.h"
#include "fs/root.h"
#include "release/channel.h"
#include "release/manifest.h"
#include "release/name.h"

static int hash_canonical(char out[CW_SHA256_TEXT], const json_t *value, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_VOLUME_MAX);
    int rc = cw_canon_format(&buf, value, err);

    return rc == CW_OK ? cw_sha256(out, cw_buf_text(&buf), buf.len, err) : rc;
}

static int bundle_id(char out[CW_SHA256_TEXT], const json_t *doc, struct cw_err *err)
{
    json_auto_t *head = cw_json_copy(doc);

    if (head == NULL)
        return cw_err_nomem(err);
    (void)json_object_del(head, "bundle");
    (void)json_object_del(head, "index");
    (void)json_object_del(head, "files");
    return hash_canonical(out, head, err);
}

/* A bundle of one volume: its only list's hash. */
static int set_lists(json_t *doc, struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    json_t *files, *lists;
    int rc = cw_json_get_array(&files, doc, "files", err);

    if (rc == CW_OK)
        rc = hash_canonical(sha256, files, err);
    if (rc != CW_OK)
        return rc;
    lists = json_pack("[s]", sha256);
    return lists != NULL && json_object_set_new(doc, "lists", lists) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_volume_hash(char sha256[CW_SHA256_TEXT], const json_t *files, struct cw_err *err)
{
    return hash_canonical(sha256, files, err);
}

void cw_volume_name(char name[CW_VOLUME_NAME_MAX], int64_t index)
{
    snprintf(name, CW_VOLUME_NAME_MAX, "volume-%" PRId64 ".json", index);
}

void cw_volume_folder(char name[CW_VOLUME_NAME_MAX], int64_t index)
{
    snprintf(name, CW_VOLUME_NAME_MAX, "volume-%" PRId64, index);
}

static int compare_index(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, two = *(const int64_t *)b;

    return one < two ? -1 : one > two;
}

int cw_volume_look(int64_t indices[CW_VOLUMES_MAX], size_t *count, int dir, const char *path,
                   struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    char wanted[CW_VOLUME_NAME_MAX];
    const char *name;
    int rc = cw_at_open_list(&stream, dir, path, err);

    *count = 0;
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL) {
        int64_t index = strncmp(name, "volume-", 7) == 0 ? strtoll(name + 7, NULL, 10) : 0;

        if (index < 1 || index > CW_VOLUMES_MAX || *count == CW_VOLUMES_MAX)
            continue;
        cw_volume_name(wanted, index);
        if (strcmp(name, wanted) == 0)
            indices[(*count)++] = index;
    }
    if (*count > 1)
        qsort(indices, *count, sizeof *indices, compare_index);
    return rc;
}

int cw_volume_format(struct cw_buf *buf, json_t *doc, struct cw_err *err)
{
    char id[CW_SHA256_TEXT];
    struct cw_volume check;
    size_t start = buf->len;
    int64_t of;
    int rc = cw_json_get_int(&of, doc, "of", 1, CW_VOLUMES_MAX, err);

    if (rc == CW_OK && of == 1)
        rc = set_lists(doc, err);
    if (rc == CW_OK)
        rc = bundle_id(id, doc, err);
    if (rc != CW_OK)
        return rc;
    if (json_object_set_new(doc, "bundle", json_string(id)) != 0)
        return cw_err_nomem(err);
    rc = cw_json_format(buf, doc, err);
    if (rc == CW_OK)
        rc = cw_volume_parse(&check, buf->data + start, buf->len - start, err);
    if (rc == CW_OK)
        cw_volume_clear(&check);
    return rc;
}

int cw_volume_parse_file(struct cw_volume_file *file, const json_t *obj, struct cw_err *err)
{
    int64_t length;
    int rc = json_is_object(obj) ? cw_json_get_str(&file->path, obj, "path", err)
                                 : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK && !cw_path_is_relative(file->path))
        rc = cw_err_set(err, CW_E_VERIFY, "'%.200s' is not a plain relative path", file->path);
    if (rc == CW_OK)
        rc = cw_text_check(file->path, "the path", err);
    if (rc == CW_OK && (strpbrk(file->path, "\\\n\t") != NULL))
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' has a character that " CW_VOLUME_SUMS " cannot hold",
                        file->path);
    if (rc == CW_OK)
        rc = cw_json_get_int(&length, obj, "length", 0, CW_LENGTH_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&file->sha256, obj, "sha256", err);
    if (rc == CW_OK && !cw_hex_is_sha256(file->sha256))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'sha256' is not 64 lower-case hex digits");
    if (rc == CW_OK)
        file->length = (uint64_t)length;
    return rc;
}

static int parse_files(struct cw_volume *volume, const json_t *files, struct cw_err *err)
{
    json_t *obj;
    size_t i;

    volume->files = calloc(json_array_size(files) + 1, sizeof *volume->files);
    if (volume->files == NULL)
        return cw_err_nomem(err);
    volume->file_count = json_array_size(files);
    json_array_foreach (files, i, obj) {
        struct cw_volume_file *file = &volume->files[i];

        if (cw_volume_parse_file(file, obj, err) != CW_OK)
            return cw_err_prefix(err, "files[%zu]", i);
        if (i > 0 && strcmp(file[-1].path, file->path) >= 0)
            return cw_err_set(err, CW_E_VERIFY, "files[%zu]: '%s' is not sorted behind '%s'", i, file->path,
                              file[-1].path);
    }
    return CW_OK;
}

/* FAT32 takes "A" and "a" for one file; and the list cannot say its own hash. */
static int check_paths(const struct cw_volume *volume, struct cw_err *err)
{
    size_t i, count = volume->file_count + volume->packed_count;
    CW_AUTO_FREE const char **paths = calloc(count + 1, sizeof *paths);
    char own[32];

    if (paths == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < volume->file_count; i++)
        paths[i] = volume->files[i].path;
    for (i = 0; i < volume->packed_count; i++)
        paths[volume->file_count + i] = volume->packed[i].file.path;
    snprintf(own, sizeof own, "volume-%" PRId64 ".json", volume->index);
    qsort(paths, count, sizeof *paths, cw_str_compare_folded);
    for (i = 0; i < count; i++) {
        if (strcasecmp(paths[i], own) == 0 || strcasecmp(paths[i], CW_VOLUME_SUMS) == 0)
            return cw_err_set(err, CW_E_VERIFY, "files: '%s' cannot be in the list", paths[i]);
        if (i > 0 && strcasecmp(paths[i - 1], paths[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY,
                              strcmp(paths[i - 1], paths[i]) == 0
                                  ? "files: '%s' and '%s' are the same"
                                  : "files: '%s' and '%s' differ by case only",
                              paths[i - 1], paths[i]);
    }
    return CW_OK;
}

static int check_hashes(const struct cw_volume *volume, const json_t *files, struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    const char *listed;
    json_t *lists;
    int rc = cw_json_get_array(&lists, volume->doc, "lists", err);

    if (rc == CW_OK && json_array_size(lists) != (size_t)volume->of)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'lists' has %zu entries, not %" PRId64,
                        json_array_size(lists), volume->of);
    if (rc == CW_OK)
        rc = hash_canonical(sha256, files, err);
    if (rc != CW_OK)
        return rc;
    listed = json_string_value(json_array_get(lists, (size_t)volume->index - 1));
    if (listed == NULL || strcmp(listed, sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY, "the list of files was changed: its sha256 is %s, not %s", sha256,
                          listed != NULL ? listed : "a text");
    rc = bundle_id(sha256, volume->doc, err);
    if (rc == CW_OK && strcmp(volume->bundle, sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "the volume was changed: its bundle id should be %s, not %.64s",
                        sha256, volume->bundle);
    return rc;
}

static int check_receipt(const json_t *entry, struct cw_err *err)
{
    const char *site, *identity;
    int64_t counter;
    int rc = json_is_object(entry) ? cw_json_get_str(&site, entry, "site", err)
                                   : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK)
        rc = cw_name_check(site, "site", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&identity, entry, "identity", err);
    if (rc == CW_OK && !cw_hex_is_sha256(identity))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'identity' is not 64 lower-case hex digits");
    return rc == CW_OK ? cw_json_get_int(&counter, entry, "counter", 1, CW_SERIAL_MAX, err) : rc;
}

static int check_sum(const json_t *entry, struct cw_err *err)
{
    int64_t n;
    int rc = json_is_object(entry) ? cw_json_get_int(&n, entry, "files", 0, CW_LENGTH_MAX, err)
                                   : cw_err_set(err, CW_E_VERIFY, "is not an object");

    return rc == CW_OK ? cw_json_get_int(&n, entry, "bytes", 0, CW_LENGTH_MAX, err) : rc;
}

static int check_each(const json_t *doc, const char *key, size_t most,
                      int (*check)(const json_t *, struct cw_err *), struct cw_err *err)
{
    json_t *list = NULL, *entry;
    size_t i;
    int rc = cw_json_opt_array(&list, doc, key, err);

    if (rc == CW_OK && json_array_size(list) > most)
        rc = cw_err_set(err, CW_E_VERIFY, "field '%s' has more than %zu entries", key, most);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, entry) {
        rc = check(entry, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "%s[%zu]", key, i);
    }
    return CW_OK;
}

/* What only bundles for known sites, and those of several volumes, say. */
static int check_extra(const json_t *doc, struct cw_err *err)
{
    int64_t since;
    int rc = check_each(doc, "for", CW_VOLUME_RECEIPTS_MAX, check_receipt, err);

    if (rc == CW_OK)
        rc = check_each(doc, "volumes", CW_VOLUMES_MAX, check_sum, err);
    if (rc == CW_OK && json_object_get(doc, "since") != NULL)
        rc = cw_json_get_int(&since, doc, "since", 1, CW_SERIAL_MAX, err);
    return rc;
}

/* What the list says of where it comes from: of the right form where it is there. */
static int check_origin(const json_t *doc, struct cw_err *err)
{
    const char *created = NULL, *site = NULL, *channel = NULL, *roots = NULL;
    int64_t serial, when;
    int rc = cw_json_get_str(&created, doc, "created", err);

    if (rc == CW_OK && cw_time_parse(&when, created, err) != CW_OK)
        rc = cw_err_set(err, CW_E_VERIFY, "field 'created' is not a time");
    if (rc == CW_OK)
        rc = cw_json_opt_str(&site, doc, "site", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&channel, doc, "channel", err);
    if (rc == CW_OK)
        rc = cw_name_check_channel(channel, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&serial, doc, "serial", 1, CW_SERIAL_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&roots, doc, "roots", err);
    if (rc == CW_OK && !cw_hex_is_sha256(roots))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'roots' is not 64 lower-case hex digits");
    return rc;
}

static int parse(struct cw_volume *volume, const void *bytes, size_t len, struct cw_err *err)
{
    json_t *files;
    int rc;

    if (len > CW_VOLUME_MAX)
        return cw_err_set(err, CW_E_VERIFY, "is larger than %zu bytes", CW_VOLUME_MAX);
    rc = cw_json_parse(&volume->doc, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(volume->doc, CW_VOLUME_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&volume->bundle, volume->doc, "bundle", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&volume->of, volume->doc, "of", 1, CW_VOLUMES_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&volume->index, volume->doc, "index", 1, volume->of, err);
    if (rc == CW_OK)
        rc = check_origin(volume->doc, err);
    if (rc == CW_OK)
        rc = check_extra(volume->doc, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&files, volume->doc, "files", err);
    if (rc == CW_OK)
        rc = parse_files(volume, files, err);
    if (rc == CW_OK)
        rc = cw_volume_parse_packed(volume, files, err);
    if (rc == CW_OK)
        rc = check_paths(volume, err);
    return rc == CW_OK ? check_hashes(volume, files, err) : rc;
}

int cw_volume_parse(struct cw_volume *volume, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    *volume = (struct cw_volume){0};
    rc = parse(volume, bytes, len, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_volume_clear(volume);
    cw_err_prefix(err, "volume list");
    return rc;
}

void cw_volume_clear(struct cw_volume *volume)
{
    json_decref(volume->doc);
    free(volume->files);
    free(volume->packed);
    *volume = (struct cw_volume){0};
}

int cw_volume_sums(struct cw_buf *buf, const struct cw_volume *volume, const char *list_sha256,
                   struct cw_err *err)
{
    size_t i;

    for (i = 0; i < volume->file_count; i++)
        cw_buf_addf(buf, "%s  %s\n", volume->files[i].sha256, volume->files[i].path);
    cw_buf_addf(buf, "%s  volume-%" PRId64 ".json\n", list_sha256, volume->index);
    return cw_buf_check(buf, CW_VOLUME_SUMS, err);
}
