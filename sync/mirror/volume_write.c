/* SPDX-License-Identifier: ISC */
/*
 * One volume into one folder: see sync/mirror/volume_write.h.
 */
#include "sync/mirror/volume_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/walk.h"
#include "render/render.h"
#include "sync/mirror/pages.h"
#include "tree/layout.h"

#define BATCH_FILES 512 /* as in fetch.c */
#define BATCH_BYTES (UINT64_C(256) << 20)
#define BLOCK ((size_t)256 * 1024)

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct cw_carry_file *const *)a)->path,
                  (*(const struct cw_carry_file *const *)b)->path);
}

/* Within a stage as the carry has them. */
static int by_stage(const void *a, const void *b)
{
    const struct cw_carry_file *one = *(const struct cw_carry_file *const *)a,
                               *two = *(const struct cw_carry_file *const *)b;

    if (one->stage != two->stage)
        return one->stage < two->stage ? -1 : 1;
    return one < two ? -1 : one > two;
}

int cw_volume_write_init(struct cw_volume_write *write, const struct cw_carry *carry, int64_t index,
                         struct cw_err *err)
{
    size_t i;

    write->index = index;
    write->carry = carry;
    write->files = calloc(carry->count + 1, sizeof *write->files);
    write->by_path = calloc(carry->count + 1, sizeof *write->by_path);
    write->block = malloc(BLOCK);
    if (write->files == NULL || write->by_path == NULL || write->block == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < carry->count; i++) {
        if (cw_carry_is_on(&carry->files[i], (unsigned)index))
            write->files[write->count++] = &carry->files[i];
    }
    memcpy(write->by_path, write->files, write->count * sizeof *write->files);
    if (write->count > 1) {
        qsort(write->files, write->count, sizeof *write->files, by_stage);
        qsort(write->by_path, write->count, sizeof *write->by_path, by_path);
    }
    return CW_OK;
}

void cw_volume_write_clear(struct cw_volume_write *write)
{
    free(write->files);
    free(write->by_path);
    free(write->block);
    *write = (struct cw_volume_write){.files = NULL};
}

/* A file of the volume by its path; NULL: it is not on it. */
static const struct cw_carry_file *find(const struct cw_volume_write *write, const char *path)
{
    struct cw_carry_file wanted = {.path = (char *)path};
    const struct cw_carry_file *key = &wanted, **found;

    if (write->count == 0)
        return NULL;
    found = bsearch(&key, write->by_path, write->count, sizeof key, by_path);
    return found != NULL ? *found : NULL;
}

/* Its entry in the list; NULL: no memory. */
static json_t *entry_of(const struct cw_volume_write *write, const struct cw_carry_file *file)
{
    json_t *entry = json_pack("{s:s, s:I, s:s}", "path", file->path, "length", (json_int_t)file->length,
                              "sha256", file->sha256);

    if (entry != NULL && file->member_count > 0 &&
        json_object_set_new(entry, "holds", cw_pack_holds(write->carry, file)) != 0) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

json_t *cw_volume_write_files(const struct cw_volume_write *write)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; list != NULL && i < write->count; i++) {
        if (json_array_append_new(list, entry_of(write, write->by_path[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool is_list(const struct cw_volume_write *write, const char *path)
{
    char name[CW_VOLUME_NAME_MAX];

    cw_volume_name(name, write->index);
    return strcmp(path, name) == 0 || strcmp(path, CW_VOLUME_SUMS) == 0;
}

static bool is_page(const char *path)
{
    return strcmp(path, CW_VOLUME_INDEX) == 0 || strcmp(path, CW_VOLUME_CARRY) == 0;
}

bool cw_volume_is_part(const char *path)
{
    return is_page(path) || strcmp(path, CW_VOLUME_SUMS) == 0 || cw_str_starts(path, CW_TREE_METADATA "/") ||
           cw_str_starts(path, CW_TREE_TARGETS "/") || cw_str_starts(path, CW_TREE_DELTAS "/") ||
           cw_str_starts(path, CW_VOLUME_PARTS "/") || cw_str_starts(path, CW_VOLUME_PACKS "/") ||
           cw_str_glob("volume-*.json", path);
}

/* What travels back on a medium is in nobody's way. */
static bool is_receipt(const char *path)
{
    return cw_str_starts(path, "receipts/");
}

/* A page of an export that was interrupted, or of this bundle, is written over; what is somebody's own is not. */
static bool is_own_page(const struct cw_volume_write *write, const char *path)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_RENDER_MAX);

    return is_page(path) && cw_at_read_file(&text, write->to, path, NULL) == CW_OK &&
           strstr(cw_buf_text(&text), CW_PAGE_MARK) != NULL;
}

static int look_at_file(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct cw_volume_write *write = ctx;

    if (S_ISDIR(st->st_mode) || is_list(write, path) || find(write, path) != NULL || is_own_page(write, path))
        return CW_OK;
    if (cw_str_starts(cw_str_basename(path), CW_TMP_PREFIX))
        return cw_volume_is_part(path) || strchr(path, '/') == NULL ? cw_remove(write->to, path, err) : CW_OK;
    if (is_receipt(path))
        return CW_OK;
    if (!write->replace)
        return cw_err_set(err, CW_E_USAGE,
                          "'%s' holds %s already ('%s'); name an empty folder, or add --replace",
                          write->where, cw_volume_is_part(path) ? "another bundle" : "other files", path);
    return cw_volume_is_part(path) ? cw_remove(write->to, path, err) : CW_OK;
}

/* A list that is there must say just the same; then it is kept if all is good, so that exporting twice changes
 * nothing. */
static int look_at_list(const struct cw_volume_write *write, bool *keep, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
    char name[CW_VOLUME_NAME_MAX];
    int rc;

    cw_volume_name(name, write->index);
    rc = cw_at_read_file(&text, write->to, name, err);
    *keep = rc == CW_OK && text.len == write->list->len &&
            memcmp(cw_buf_text(&text), cw_buf_text(write->list), text.len) == 0;
    if (rc == CW_E_NOTFOUND || *keep)
        return CW_OK;
    if (rc == CW_OK && !write->replace)
        return cw_err_set(err, CW_E_USAGE,
                          "'%s' holds another bundle already; name an empty folder, or add --replace",
                          write->where);
    return rc;
}

/* First of all the folder stops to look like a bundle, for a while or for good. */
int cw_volume_write_open(struct cw_volume_write *write, struct cw_err *err)
{
    char name[CW_VOLUME_NAME_MAX];
    const char *const heads[] = {name, CW_VOLUME_SUMS, CW_TREE_TIMESTAMP};
    bool keep;
    size_t i;
    int rc = look_at_list(write, &keep, err);

    cw_volume_name(name, write->index);
    for (i = 0; i < CW_COUNT(heads) && rc == CW_OK && !keep && write->replace; i++)
        rc = cw_remove(write->to, heads[i], err);
    return rc == CW_OK ? cw_walk(write->to, "", look_at_file, write, err) : rc;
}

static bool is_there(const struct cw_volume_write *write, const struct cw_carry_file *file)
{
    struct stat st;

    return cw_at_stat(&st, write->to, file->path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length;
}

uint64_t cw_volume_write_need(const struct cw_volume_write *write)
{
    uint64_t need = 0;
    size_t i;

    for (i = 0; i < write->count; i++) {
        if (!is_there(write, write->files[i]))
            need += write->files[i]->length;
    }
    return need;
}

/* Is what lies there good? Unreadable counts as not. */
static int is_good(const struct cw_volume_write *write, const struct cw_carry_file *file, bool *good,
                   struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char sha256[CW_SHA256_TEXT];
    int rc;

    *good = false;
    if (!is_there(write, file) || cw_at_open_file(&fd, write->to, file->path, NULL) != CW_OK)
        return CW_OK;
    rc = cw_sha256_fd(sha256, NULL, fd, file->path, err);
    *good = rc == CW_OK && strcmp(sha256, file->sha256) == 0;
    return rc == CW_E_NOMEM ? rc : CW_OK;
}

/* Puts a block through to the medium and into the hash. */
struct through {
    struct cw_volume_write *write;
    struct cw_out *out;
    struct cw_hash *hash;
};

static int pass(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct through *through = ctx;
    int rc = cw_hash_update(through->hash, data, len, err);

    if (rc == CW_OK)
        rc = cw_out_write(through->out, data, len, err);
    cw_progress_add(through->write->progress, len);
    return rc;
}

/* All of the mirror's file, or as much of it as a part has. */
static int copy_bytes(struct through *through, const struct cw_carry_file *file, struct cw_err *err)
{
    struct cw_volume_write *write = through->write;
    CW_AUTO_FD int fd = -1;
    uint64_t left = file->part ? file->length : UINT64_MAX;
    ssize_t n = 1;
    int rc = cw_at_open_file(&fd, write->mirror, file->from, err);

    if (rc == CW_OK && file->offset > 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0)
        rc = cw_err_errno(err, errno, "unable to read '%s' in the mirror", file->from);
    while (rc == CW_OK && left > 0 && n != 0) {
        n = cw_fd_read(fd, write->block, left < BLOCK ? (size_t)left : BLOCK);
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s' in the mirror", file->from);
        left -= (uint64_t)n;
        rc = pass(through, write->block, (size_t)n, err);
    }
    return rc;
}

static int copy_file(struct cw_volume_write *write, const struct cw_carry_file *file, struct cw_out *out,
                     struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    struct through through = {.write = write, .out = out};
    char sha256[CW_HASH_TEXT_MAX];
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    through.hash = hash;
    if (rc == CW_OK && file->member_count > 0)
        rc = cw_pack_read(write->carry, file, write->mirror, pass, &through, err);
    else if (rc == CW_OK)
        rc = file->bytes != NULL ? pass(&through, file->bytes, (size_t)file->length, err)
                                 : copy_bytes(&through, file, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK && strcmp(sha256, file->sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "'%s' in the mirror is damaged: expected %s, got %s; run 'causeway-sync verify'",
                        file->from != NULL ? file->from : file->path, file->sha256, sha256);
    return rc;
}

static int flush(struct cw_volume_write *write, struct cw_err *err)
{
    write->batch_bytes = 0;
    return cw_batch_commit(&write->batch, err);
}

static int write_file(struct cw_volume_write *write, const struct cw_carry_file *file, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    bool good;
    int rc = is_good(write, file, &good, err);

    if (rc != CW_OK || good) {
        cw_progress_add(write->progress, file->length);
        return rc;
    }
    rc = cw_out_open(&out, write->to, file->path, 0644, err);
    if (rc == CW_OK)
        rc = copy_file(write, file, &out, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&write->batch, &out, err);
    write->written += file->length;
    write->batch_bytes += file->length;
    if (rc == CW_OK && (write->batch.count >= BATCH_FILES || write->batch_bytes >= BATCH_BYTES))
        rc = flush(write, err);
    return rc;
}

/* In the order of the closure, each stage durable before the next begins; the timestamp is the last. */
static int write_files(struct cw_volume_write *write, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < write->count && rc == CW_OK; i++) {
        if (i > 0 && write->files[i]->stage != write->files[i - 1]->stage)
            rc = flush(write, err);
        if (rc == CW_OK)
            rc = write_file(write, write->files[i], err);
    }
    if (rc == CW_OK)
        return flush(write, err);
    (void)flush(write, NULL); /* what is whole stays for the next try; the first failure is the one to tell */
    return rc;
}

/* Nothing is written that is there already. */
static int write_text(int dir, const char *name, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_BUF there = CW_BUF_INIT(2 * CW_VOLUME_MAX);

    if (cw_at_read_file(&there, dir, name, NULL) == CW_OK && there.len == text->len &&
        memcmp(cw_buf_text(&there), cw_buf_text(text), text->len) == 0)
        return CW_OK;
    return cw_file_replace(dir, name, cw_buf_text(text), text->len, 0644, err);
}

static int write_pages(struct cw_volume_write *write, const struct cw_volume *volume, struct cw_err *err)
{
    CW_AUTO_BUF index = CW_BUF_INIT(CW_RENDER_MAX), carry = CW_BUF_INIT(CW_RENDER_MAX);
    int rc = cw_bundle_pages(&index, &carry, volume->doc, err);

    if (rc == CW_OK)
        rc = write_text(write->to, CW_VOLUME_INDEX, &index, err);
    return rc == CW_OK ? write_text(write->to, CW_VOLUME_CARRY, &carry, err) : rc;
}

static int write_lists(struct cw_volume_write *write, struct cw_err *err)
{
    CW_AUTO_BUF sums = CW_BUF_INIT(2 * CW_VOLUME_MAX);
    struct cw_volume volume = {.doc = NULL};
    char sha256[CW_SHA256_TEXT], name[CW_VOLUME_NAME_MAX];
    const char *text = cw_buf_text(write->list);
    int rc = cw_volume_parse(&volume, text, write->list->len, err);

    cw_volume_name(name, write->index);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, text, write->list->len, err);
    if (rc == CW_OK)
        rc = cw_volume_sums(&sums, &volume, sha256, err);
    if (rc == CW_OK)
        rc = write_pages(write, &volume, err);
    if (rc == CW_OK)
        rc = write_text(write->to, CW_VOLUME_SUMS, &sums, err);
    if (rc == CW_OK)
        rc = write_text(write->to, name, write->list, err);
    if (rc == CW_OK)
        rc = cw_sync_all(write->to, err);
    cw_volume_clear(&volume);
    return rc;
}

int cw_volume_write_run(struct cw_volume_write *write, struct cw_err *err)
{
    int rc;

    cw_batch_init(&write->batch, write->to);
    rc = write_files(write, err);
    if (rc == CW_OK)
        rc = write_lists(write, err);
    cw_batch_clear(&write->batch);
    return rc;
}
