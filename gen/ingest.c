/* SPDX-License-Identifier: ISC */
/*
 * Copying and hashing build files; see gen/ingest.h.
 */
#include "gen/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "tree/layout.h"

#define CHUNK                                                                                                \
    ((size_t)1                                                                                               \
     << 17) /* bytes read at once: large enough that the calls cost nothing, and a core's cache holds them */
#define DEPTH 64 /* files under way; enough that many small ones keep all cores busy beside a big one */
#define BATCH_BYTES                                                                                          \
    ((uint64_t)256 << 20)              /* committed together: no more dirty memory than a small machine has */
#define WRITE_BACK ((uint64_t)8 << 20) /* bytes after which the disk begins, so that it works while we hash */

/* A file on its way. */
struct item {
    struct cw_ingest *ingest;
    struct cw_ingested file;
    struct cw_out out; /* the copy; not open: none is wanted */
};

static void work(void *item);

static void count_bytes(void *ctx, uint64_t bytes)
{
    cw_progress_add(ctx, bytes);
}

int cw_ingest_init(struct cw_ingest *ingest, int tree, bool dry_run, cw_ingest_done *done, void *ctx,
                   struct cw_progress *progress, struct cw_err *err)
{
    int rc;

    *ingest = (struct cw_ingest){.tree = tree, .dry_run = dry_run, .done = done, .ctx = ctx, .folder = -1};
    cw_batch_init(&ingest->batch, tree);
    rc = cw_pool_new(&ingest->pool, 0, DEPTH, sizeof(struct item), work, err);
    if (rc == CW_OK)
        cw_pool_on_told(ingest->pool, count_bytes, progress);
    return rc;
}

void cw_ingest_drop(struct cw_ingest *ingest)
{
    struct item *item;

    while (ingest->pool != NULL && (item = cw_pool_take(ingest->pool)) != NULL)
        cw_out_discard(&item->out);
}

void cw_ingest_clear(struct cw_ingest *ingest)
{
    cw_ingest_drop(ingest);
    cw_pool_free(ingest->pool);
    ingest->pool = NULL;
    cw_batch_clear(&ingest->batch);
    if (ingest->folder >= 0)
        close(ingest->folder);
    ingest->folder = -1;
}

int cw_ingest_finish(struct cw_ingest *ingest, struct cw_err *err)
{
    ingest->batch_bytes = 0;
    return cw_batch_commit(&ingest->batch, err);
}

static int open_source(int *fd, struct stat *st, const char *path, struct cw_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
                         O_NOCTTY); /* a pipe must not block us before we see what it is */
    if (*fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    if (fstat(*fd, st) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", path);
    if (!S_ISREG(st->st_mode))
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a regular file", path);
    (void)posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return CW_OK;
}

/* Where bytes go: into the hashes, and the copy where one is open. */
struct sink {
    struct cw_ingest *ingest;
    struct cw_hash *hashes[CW_HASH_KINDS]; /* sha256, and what else is given */
    struct cw_out *out;
    uint64_t length;       /* so far */
    uint64_t written_back; /* so far, or on its way to the disk */
};

static int open_hashes(struct sink *sink, const struct cw_catalog_file *file, struct cw_err *err)
{
    int rc = CW_OK;

    for (enum cw_hash_kind kind = 0; kind < CW_HASH_KINDS && rc == CW_OK; kind++) {
        if (kind == CW_SHA256 || file->sums[kind] != NULL)
            rc = cw_hash_new(&sink->hashes[kind], kind, err);
    }
    return rc;
}

static int check_sum(const struct cw_catalog_file *file, enum cw_hash_kind kind, const char *digest,
                     const char *expected, struct cw_err *err)
{
    if (expected == NULL || strcmp(digest, expected) == 0)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "'%s': %s differs: expected %s, got %s", file->source,
                      cw_hash_name(kind), expected, digest);
}

/* expected: sha256, as far as known. */
static int check_hashes(struct sink *sink, char sha256[CW_SHA256_TEXT], const struct cw_catalog_file *file,
                        const char *expected, struct cw_err *err)
{
    char digest[CW_HASH_TEXT_MAX];
    int rc = CW_OK;

    for (enum cw_hash_kind kind = 0; kind < CW_HASH_KINDS && rc == CW_OK; kind++) {
        if (sink->hashes[kind] == NULL)
            continue;
        rc = cw_hash_final(sink->hashes[kind], digest, err);
        if (rc == CW_OK)
            rc = check_sum(file, kind, digest, kind == CW_SHA256 ? expected : file->sums[kind], err);
        if (rc == CW_OK && kind == CW_SHA256)
            memcpy(sha256, digest, CW_SHA256_TEXT);
    }
    return rc;
}

static void close_hashes(struct sink *sink)
{
    for (size_t kind = 0; kind < CW_HASH_KINDS; kind++)
        cw_hash_free(sink->hashes[kind]);
}

/* A hint: what counts is the sync before the rename. */
static void write_back(struct sink *sink)
{
    if (sink->length - sink->written_back < WRITE_BACK)
        return;
    (void)sync_file_range(sink->out->fd, (off_t)sink->written_back,
                          (off_t)(sink->length - sink->written_back), SYNC_FILE_RANGE_WRITE);
    sink->written_back = sink->length;
}

static int pour(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct sink *sink = ctx;
    int rc = CW_OK;

    for (size_t kind = 0; kind < CW_HASH_KINDS && rc == CW_OK; kind++) {
        if (sink->hashes[kind] != NULL)
            rc = cw_hash_update(sink->hashes[kind], data, len, err);
    }
    if (rc == CW_OK && sink->out->fd >= 0)
        rc = cw_out_write(sink->out, data, len, err);
    sink->length += len;
    if (sink->out->fd >= 0)
        write_back(sink);
    cw_pool_tell(sink->ingest->pool, len);
    return rc;
}

static int pump(struct sink *sink, int fd, const char *path, struct cw_err *err)
{
    CW_AUTO_FREE char *chunk = malloc(CHUNK);
    ssize_t got;
    int rc = CW_OK;

    if (chunk == NULL)
        return cw_err_nomem(err);
    while (rc == CW_OK && (got = cw_fd_read(fd, chunk, CHUNK)) > 0)
        rc = pour(sink, chunk, (size_t)got, err);
    if (rc == CW_OK && got < 0)
        return cw_err_errno(err, errno, "unable to read '%s'", path);
    return rc;
}

/* A build that still runs would give bytes that no state of the file ever had. */
static int check_still(int fd, const struct stat *before, uint64_t length, const char *path,
                       struct cw_err *err)
{
    struct stat now;

    if (fstat(fd, &now) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", path);
    if (now.st_size == before->st_size && (uint64_t)now.st_size == length &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "'%s' changed while it was read; add it when its build is finished",
                      path);
}

/* Opens the folder that `target` will lie in, once nobody needs the one before. */
static int enter_folder(struct cw_ingest *ingest, const char *target, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc, fd = -1;

    snprintf(path, sizeof path, "%s/%.*s", CW_TREE_TARGETS, (int)(cw_str_basename(target) - target), target);
    path[strlen(path) - 1] = '\0'; /* its '/' */
    if (ingest->folder >= 0 && strcmp(path, ingest->folder_path) == 0)
        return CW_OK;
    rc = cw_ingest_settle(ingest, err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&fd, ingest->tree, path, err);
    if (rc != CW_OK)
        return rc;
    if (ingest->folder >= 0)
        close(ingest->folder);
    ingest->folder = fd;
    memcpy(ingest->folder_path, path, sizeof path);
    return CW_OK;
}

/* In the folder that was entered. */
static bool is_there(const struct cw_ingest *ingest, const char *target, const char *sha256, uint64_t size)
{
    char path[CW_PATH_MAX];
    struct cw_err ignored;
    struct stat st;

    return cw_tree_target_path(path, target, sha256, &ignored) == CW_OK &&
           cw_at_stat(&st, ingest->folder, cw_str_basename(path), &ignored) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == size;
}

/* Reads it all, into the copy too where one is open, and compares what is known of it. */
static int read_source(struct item *item, int fd, const struct stat *st)
{
    const struct cw_catalog_file *file = item->file.file;
    struct sink sink = {.ingest = item->ingest, .out = &item->out};
    struct cw_err *err = &item->file.err;
    int rc = open_hashes(&sink, file, err);

    if (rc == CW_OK && file->folder)
        rc = cw_pack(fd, file->source, &file->look, file->time, file->filter, pour, &sink, err);
    else if (rc == CW_OK)
        rc = pump(&sink, fd, file->source, err);
    if (rc == CW_OK && !file->folder)
        rc = check_still(fd, st, sink.length, file->source, err);
    if (rc == CW_OK)
        rc = check_hashes(&sink, item->file.sha256, file, item->file.expected, err);
    close_hashes(&sink);
    item->file.length = sink.length;
    return rc;
}

static int copy(struct item *item)
{
    CW_AUTO_FD int fd = -1;
    const struct cw_ingested *named = &item->file;
    const struct cw_catalog_file *file = named->file;
    struct cw_err *err = &item->file.err;
    struct stat st = {.st_size = 0};
    int rc = file->folder ? cw_dir_open(&fd, file->source, err) : open_source(&fd, &st, file->source, err);

    /* How long a packed folder will be is not known before. */
    if (rc == CW_OK && !item->ingest->dry_run &&
        (named->expected == NULL || file->folder ||
         !is_there(item->ingest, named->target, named->expected, (uint64_t)st.st_size)))
        rc = cw_out_open(&item->out, item->ingest->folder, cw_str_basename(named->target), 0644, err);
    return rc == CW_OK ? read_source(item, fd, &st) : rc;
}

/* What runs beside others: the item alone is changed, and of the rest nothing is read that changes while any is under way. */
static void work(void *item)
{
    struct item *it = item;

    it->file.rc = copy(it);
}

/* Gives the copy its name, unless there is none, or the same content is there already. */
static int keep(struct cw_ingest *ingest, struct item *item, struct cw_err *err)
{
    const struct cw_ingested *file = &item->file;
    char path[CW_PATH_MAX];
    int rc;

    if (item->out.fd < 0 || is_there(ingest, file->target, file->sha256, file->length)) {
        cw_out_discard(&item->out);
        ingest->known_files++;
        return CW_OK;
    }
    rc = cw_tree_target_path(path, file->target, file->sha256, err);
    if (rc == CW_OK)
        rc = cw_out_set_name(&item->out, cw_str_basename(path), err);
    if (rc == CW_OK)
        rc = cw_batch_add(&ingest->batch, &item->out, err);
    if (rc != CW_OK)
        return rc;
    ingest->copied_files++;
    ingest->copied_bytes += file->length;
    ingest->batch_bytes += file->length;
    return cw_batch_is_full(&ingest->batch) || ingest->batch_bytes >= BATCH_BYTES
               ? cw_ingest_finish(ingest, err)
               : CW_OK;
}

/* Tells of the oldest file. */
static int take_one(bool *taken, struct cw_ingest *ingest, struct cw_err *err)
{
    struct item *item = cw_pool_take(ingest->pool);
    int rc = CW_OK;

    *taken = item != NULL;
    if (item == NULL)
        return CW_OK;
    if (item->file.rc == CW_OK)
        rc = keep(ingest, item, err);
    if (rc == CW_OK)
        rc = ingest->done(ingest->ctx, &item->file, err);
    cw_out_discard(&item->out); /* what was not kept */
    return rc;
}

int cw_ingest_settle(struct cw_ingest *ingest, struct cw_err *err)
{
    bool taken = true;
    int rc = CW_OK;

    while (taken && rc == CW_OK)
        rc = take_one(&taken, ingest, err);
    return rc;
}

int cw_ingest_file(struct cw_ingest *ingest, const struct cw_catalog_file *file, const char *target,
                   const char *expected, struct cw_err *err)
{
    struct item *item;
    bool taken;
    int rc = ingest->dry_run ? CW_OK : enter_folder(ingest, target, err);

    while (rc == CW_OK && (item = cw_pool_next(ingest->pool)) == NULL)
        rc = take_one(&taken, ingest, err);
    if (rc != CW_OK)
        return rc;
    *item = (struct item){.ingest = ingest, .file = {.file = file, .expected = expected}, .out = CW_OUT_INIT};
    snprintf(item->file.target, sizeof item->file.target, "%s", target);
    cw_pool_put(ingest->pool);
    return CW_OK;
}
