/* SPDX-License-Identifier: ISC */
/*
 * Brings a set's files into the mirror: each is hashed while it is received, under a temporary name in its
 * own folder, and gets its final name only in a batch whose data are all on the disk. What is under a final
 * name is therefore whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/str.h"
#include "closure/closure.h"
#include "fs/commit.h"
#include "sync/mirror/pull.h"

#define BATCH_FILES 512 /* each holds a descriptor of its folder; 1,024 is the usual limit of a process */
#define BATCH_BYTES (UINT64_C(256) << 20) /* what a power cut may cost */
#define SPARE_BYTES (UINT64_C(16) << 20)  /* for metadata and the filesystem's own needs */
#define MISSING_SHOWN 3

struct fetch {
    struct cw_pull *pull;
    struct cw_batch batch;
    uint64_t batch_bytes;
    uint64_t missing; /* files that the source does not have */
    struct cw_buf names;
};

struct receive { /* one file on its way */
    struct cw_out *out;
    struct cw_hash *hash;
    struct cw_progress *progress;
    uint64_t length;
};

static int take_bytes(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct receive *receive = ctx;
    int rc = cw_hash_update(receive->hash, data, len, err);

    if (rc != CW_OK)
        return rc;
    receive->length += len;
    cw_progress_add(receive->progress, len);
    return cw_out_write(receive->out, data, len, err);
}

static int flush(struct fetch *fetch, struct cw_err *err)
{
    fetch->batch_bytes = 0;
    return cw_batch_commit(&fetch->batch, err);
}

static int judge(const struct cw_closure_file *file, uint64_t length, const char *sha256, struct cw_err *err)
{
    if (length != file->length)
        return cw_err_set(err, CW_E_VERIFY, "'%s': %llu bytes came, not %llu as signed", file->path,
                          (unsigned long long)length, (unsigned long long)file->length);
    if (strcmp(sha256, file->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s': sha256 differs: expected %s, got %s", file->path,
                          file->sha256, sha256);
    return CW_OK;
}

static int receive_whole(struct fetch *fetch, const struct cw_closure_file *file, struct cw_err *err)
{
    const struct cw_pull_kept *kept = cw_pull_find_kept(fetch->pull, file->path);
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct receive receive = {.out = &out, .progress = &fetch->pull->progress};
    char sha256[CW_HASH_TEXT_MAX];
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    receive.hash = hash;
    if (rc == CW_OK)
        rc = cw_out_open(&out, fetch->pull->mirror, file->path, 0644, err);
    if (rc == CW_OK && kept != NULL)
        rc = take_bytes(&receive, kept->bytes, kept->len, err);
    else if (rc == CW_OK)
        rc = cw_source_get(fetch->pull->source, file->path, file->length, take_bytes, &receive, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK)
        rc = judge(file, receive.length, sha256, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&fetch->batch, &out, err);
    fetch->batch_bytes += receive.length;
    fetch->pull->result->carried += receive.length;
    return rc;
}

/* The cheapest way: nothing at all for what was read to be verified, else a delta, else the whole file. */
static int receive_file(struct fetch *fetch, const struct cw_closure_file *file, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    uint64_t carried = 0;
    int rc = CW_OK;

    if (cw_pull_find_kept(fetch->pull, file->path) == NULL)
        rc = cw_pull_delta(&out, &carried, fetch->pull, file, err);
    if (rc != CW_OK)
        return rc;
    if (carried == 0)
        return receive_whole(fetch, file, err);
    fetch->pull->result->carried += carried;
    fetch->batch_bytes += file->length;
    cw_progress_add(&fetch->pull->progress, file->length);
    return cw_batch_add(&fetch->batch, &out, err);
}

static void note_missing(struct fetch *fetch, const char *path)
{
    if (fetch->missing++ < MISSING_SHOWN)
        cw_buf_addf(&fetch->names, "%s'%s'", fetch->missing > 1 ? ", " : "", path);
}

/* A whole file has its length; what was read to be verified although it is in the mirror was read because the
 * mirror's copy is damaged. */
static bool is_present(void *ctx, const struct cw_closure_file *file)
{
    const struct cw_pull *pull = ctx;
    struct stat st;

    return cw_at_stat(&st, pull->mirror, file->path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length && cw_pull_find_kept(pull, file->path) == NULL;
}

static int fetch_file(struct fetch *fetch, const struct cw_closure_file *file, struct cw_err *err)
{
    int rc = receive_file(fetch, file, err);

    if (rc == CW_E_NOTFOUND || rc == CW_E_INCOMPLETE) {
        note_missing(fetch, file->path);
        return CW_OK;
    }
    if (rc != CW_OK)
        return rc;
    fetch->pull->result->files++;
    fetch->pull->result->bytes += file->length;
    return fetch->batch.count >= BATCH_FILES || fetch->batch_bytes >= BATCH_BYTES ? flush(fetch, err) : CW_OK;
}

/* True when the file lies in another folder than the one before it in the list. */
static bool starts_folder(const struct cw_closure *all, size_t i)
{
    const char *here = all->files[i].path, *before = i > 0 ? all->files[i - 1].path : "";
    size_t len = (size_t)(cw_str_basename(here) - here);

    return i == 0 || strncmp(here, before, len) != 0 || strchr(before + len, '/') != NULL;
}

/* A finished file that a killed run left under its temporary name is as good as one from the source, if its
 * hash says so. */
static int adopt(struct fetch *fetch, const struct cw_closure_file *file, const char *tmp, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    int rc = cw_out_adopt(&out, fetch->pull->mirror, file->path, tmp, err);

    if (rc == CW_OK)
        rc = cw_sha256_fd(sha256, &length, out.fd, file->path, err);
    if (rc != CW_OK)
        return rc;
    return judge(file, length, sha256, NULL) == CW_OK ? cw_batch_add(&fetch->batch, &out, err) : CW_OK;
}

/* Whose leftover may this be? One of the files that come next in the list and lie in the same folder. */
static int find_owner(struct fetch *fetch, const struct cw_closure *all, size_t first, const char *tmp,
                      uint64_t length, struct cw_err *err)
{
    size_t i;

    for (i = first; i < all->count && (i == first || !starts_folder(all, i)); i++) {
        if (all->files[i].length == length && !is_present(fetch->pull, &all->files[i]))
            return adopt(fetch, &all->files[i], tmp, err);
    }
    return CW_OK;
}

static int adopt_in_folder(struct fetch *fetch, const struct cw_closure *all, size_t first,
                           const char *folder, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    struct stat st;
    int rc = cw_at_open_list(&stream, fetch->pull->mirror, folder, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    while (rc == CW_OK && fetch->batch.count < BATCH_FILES &&
           (rc = cw_dir_next(&name, stream, folder, err)) == CW_OK && name != NULL) {
        if (cw_str_starts(name, CW_TMP_PREFIX) &&
            fstatat(dirfd(stream), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_size > 0)
            rc = find_owner(fetch, all, first, name, (uint64_t)st.st_size, err);
    }
    return rc == CW_OK ? flush(fetch, err) : rc;
}

/* The site's lock is held, so whatever has a temporary name is of a run that is dead. */
static int clear_leftovers(struct fetch *fetch, const struct cw_closure *all, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < all->count && rc == CW_OK; i++) {
        if (!starts_folder(all, i))
            continue;
        snprintf(path, sizeof path, "%s", all->files[i].path);
        *strrchr(path, '/') = '\0'; /* a target's path always has a folder: targets/ */
        rc = adopt_in_folder(fetch, all, i, path, err);
        if (rc == CW_OK)
            rc = cw_sweep(fetch->pull->mirror, path, err);
    }
    return rc;
}

/* Better to say it now than after an hour. */
static int check_space(const struct cw_pull *pull, uint64_t bytes, struct cw_err *err)
{
    struct statvfs fs;
    char need[16], have[16];
    uint64_t left;

    if (bytes == 0)
        return CW_OK;
    if (fstatvfs(pull->mirror, &fs) != 0)
        return cw_err_errno(err, errno, "unable to ask how much space is left");
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left >= bytes + SPARE_BYTES)
        return CW_OK;
    cw_str_bytes(bytes + SPARE_BYTES, need);
    cw_str_bytes(left, have);
    return cw_err_set(err, CW_E_SPACE, "the mirror needs %s more, and its disk has %s left", need, have);
}

static int fetch_missing(struct fetch *fetch, const struct cw_closure *missing, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < missing->count && rc == CW_OK; i++)
        rc = fetch_file(fetch, &missing->files[i], err);
    if (rc != CW_OK) {
        /* Finished files stay for the next try; the first failure is the one to tell. */
        (void)flush(fetch, NULL);
        return rc;
    }
    rc = flush(fetch, err);
    if (rc == CW_OK && fetch->missing > 0)
        rc = cw_err_set(err, CW_E_INCOMPLETE, "%llu file%s of the set %s missing: %s%s",
                        (unsigned long long)fetch->missing, cw_str_plural(fetch->missing),
                        fetch->missing == 1 ? "is" : "are", cw_buf_text(&fetch->names),
                        fetch->missing > MISSING_SHOWN ? ", …" : "");
    return rc;
}

static int fetch_set(struct fetch *fetch, const struct cw_set *set, struct cw_err *err)
{
    struct cw_pull *pull = fetch->pull;
    CW_AUTO_CLOSURE all = CW_CLOSURE_INIT;
    CW_AUTO_CLOSURE missing = CW_CLOSURE_INIT;
    uint64_t bytes, rest = cw_source_rest(pull->source);
    int rc = cw_closure_add_set(&all, set, err);

    if (rc == CW_OK)
        rc = cw_closure_sort(&all, err);
    if (rc == CW_OK)
        rc = clear_leftovers(fetch, &all, err);
    if (rc == CW_OK)
        rc = cw_closure_missing(&missing, &all, is_present, pull, err);
    bytes = cw_closure_bytes(&missing);
    if (rc == CW_OK)
        rc = check_space(pull, bytes, err);
    if (rc != CW_OK)
        return rc;
    cw_progress_start(&pull->progress, pull->cli, "pulling", rest > bytes ? rest : bytes);
    rc = fetch_missing(fetch, &missing, err);
    if (rc == CW_OK)
        rc = cw_source_check_rest(pull->source, &pull->progress, err);
    cw_progress_end(&pull->progress);
    return rc;
}

int cw_pull_fetch(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err)
{
    struct fetch fetch = {.pull = pull, .names = CW_BUF_INIT(MISSING_SHOWN * (CW_PATH_MAX + 4))};
    int rc;

    cw_batch_init(&fetch.batch, pull->mirror);
    rc = fetch_set(&fetch, set, err);
    cw_batch_clear(&fetch.batch);
    cw_buf_clear(&fetch.names);
    return rc;
}
