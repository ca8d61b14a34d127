/* SPDX-License-Identifier: ISC */
/*
 * Brings a set's files into the mirror: each is hashed while it is received, under a temporary name in its own folder, and
 * gets its final name only in a batch whose data are all on the disk. What is under a final name is therefore whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "sync/mirror/pull.h"
#include "tree/layout.h"

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

static int judge(const struct cw_set_file *file, const char *path, uint64_t length, const char *sha256,
                 struct cw_err *err)
{
    if (length != file->length)
        return cw_err_set(err, CW_E_VERIFY, "'%s': %llu bytes came, not %llu as signed", path,
                          (unsigned long long)length, (unsigned long long)file->length);
    if (strcmp(sha256, file->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s': sha256 differs: expected %s, got %s", path, file->sha256,
                          sha256);
    return CW_OK;
}

static int receive_file(struct fetch *fetch, const struct cw_set_file *file, const char *path,
                        struct cw_err *err)
{
    const struct cw_pull_kept *kept = cw_pull_find_kept(fetch->pull, path);
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct receive receive = {.out = &out, .progress = &fetch->pull->progress};
    char sha256[CW_HASH_TEXT_MAX];
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    receive.hash = hash;
    if (rc == CW_OK)
        rc = cw_out_open(&out, fetch->pull->mirror, path, 0644, err);
    if (rc == CW_OK && kept != NULL)
        rc = take_bytes(&receive, kept->bytes, kept->len, err);
    else if (rc == CW_OK)
        rc = cw_source_get(fetch->pull->source, path, file->length, take_bytes, &receive, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK)
        rc = judge(file, path, receive.length, sha256, err);
    if (rc == CW_OK)
        rc = cw_batch_add(&fetch->batch, &out, err);
    fetch->batch_bytes += receive.length;
    return rc;
}

static void note_missing(struct fetch *fetch, const char *path)
{
    if (fetch->missing++ < MISSING_SHOWN)
        cw_buf_addf(&fetch->names, "%s'%s'", fetch->missing > 1 ? ", " : "", path);
}

static bool is_present(const struct cw_pull *pull, const struct cw_set_file *file, const char *path)
{
    struct stat st;

    return cw_at_stat(&st, pull->mirror, path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length;
}

static int fetch_file(struct fetch *fetch, const struct cw_set_file *file, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_tree_target_path(path, file->target, file->sha256, err);

    /* What was read to be verified although it is in the mirror was read because the mirror's copy is damaged. */
    if (rc != CW_OK || (is_present(fetch->pull, file, path) && cw_pull_find_kept(fetch->pull, path) == NULL))
        return rc;
    rc = receive_file(fetch, file, path, err);
    if (rc == CW_E_NOTFOUND || rc == CW_E_INCOMPLETE) {
        note_missing(fetch, path);
        return CW_OK;
    }
    if (rc != CW_OK)
        return rc;
    fetch->pull->result->files++;
    fetch->pull->result->bytes += file->length;
    return fetch->batch.count >= BATCH_FILES || fetch->batch_bytes >= BATCH_BYTES ? flush(fetch, err) : CW_OK;
}

/* True when the file lies in another folder than the one before it in the list. */
static bool starts_folder(const struct cw_set *set, size_t i)
{
    const char *here = set->files[i].target, *before = i > 0 ? set->files[i - 1].target : "";
    size_t len = (size_t)(cw_str_basename(here) - here);

    return i == 0 || strncmp(here, before, len) != 0 || strchr(before + len, '/') != NULL;
}

/* A finished file that a killed run left under its temporary name is as good as one from the source, if its hash says so. */
static int adopt(struct fetch *fetch, const struct cw_set_file *file, const char *path, const char *tmp,
                 struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    int rc = cw_out_adopt(&out, fetch->pull->mirror, path, tmp, err);

    if (rc == CW_OK)
        rc = cw_sha256_fd(sha256, &length, out.fd, path, err);
    if (rc != CW_OK)
        return rc;
    return judge(file, path, length, sha256, NULL) == CW_OK ? cw_batch_add(&fetch->batch, &out, err) : CW_OK;
}

/* Whose leftover may this be? One of the files that come next in the list and lie in the same folder. */
static int find_owner(struct fetch *fetch, const struct cw_set *set, size_t first, const char *tmp,
                      uint64_t length, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t i;

    for (i = first; i < set->file_count && (i == first || !starts_folder(set, i)); i++) {
        int rc;

        if (set->files[i].length != length)
            continue;
        rc = cw_tree_target_path(path, set->files[i].target, set->files[i].sha256, err);
        if (rc != CW_OK)
            return rc;
        if (!is_present(fetch->pull, &set->files[i], path))
            return adopt(fetch, &set->files[i], path, tmp, err);
    }
    return CW_OK;
}

static int adopt_in_folder(struct fetch *fetch, const struct cw_set *set, size_t first, const char *folder,
                           struct cw_err *err)
{
    struct dirent *entry;
    struct stat st;
    DIR *stream;
    int fd, rc = cw_at_open_dir(&fd, fetch->pull->mirror, folder, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    stream = fdopendir(fd);
    if (stream == NULL) {
        rc = cw_err_errno(err, errno, "unable to read folder '%s'", folder);
        close(fd);
        return rc;
    }
    while (rc == CW_OK && fetch->batch.count < BATCH_FILES && (entry = readdir(stream)) != NULL) {
        if (cw_str_starts(entry->d_name, CW_TMP_PREFIX) &&
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_size > 0)
            rc = find_owner(fetch, set, first, entry->d_name, (uint64_t)st.st_size, err);
    }
    closedir(stream);
    return rc == CW_OK ? flush(fetch, err) : rc;
}

/* The site's lock is held, so whatever has a temporary name is of a run that is dead. */
static int clear_leftovers(struct fetch *fetch, const struct cw_set *set, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < set->file_count && rc == CW_OK; i++) {
        if (!starts_folder(set, i))
            continue;
        rc = cw_tree_target_path(path, set->files[i].target, set->files[i].sha256, err);
        if (rc != CW_OK)
            return rc;
        *strrchr(path, '/') = '\0'; /* a target's path always has a folder: targets/ */
        rc = adopt_in_folder(fetch, set, i, path, err);
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

static int measure(const struct cw_pull *pull, const struct cw_set *set, uint64_t *bytes, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t i;

    *bytes = 0;
    for (i = 0; i < set->file_count; i++) {
        int rc = cw_tree_target_path(path, set->files[i].target, set->files[i].sha256, err);

        if (rc != CW_OK)
            return rc;
        if (!is_present(pull, &set->files[i], path))
            *bytes += set->files[i].length;
    }
    return CW_OK;
}

static int fetch_all(struct fetch *fetch, const struct cw_set *set, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < set->file_count && rc == CW_OK; i++)
        rc = fetch_file(fetch, &set->files[i], err);
    if (rc != CW_OK) {
        (void)flush(fetch,
                    NULL); /* finished files stay for the next try; the first failure is the one to tell */
        return rc;
    }
    rc = flush(fetch, err);
    if (rc == CW_OK && fetch->missing > 0)
        rc = cw_err_set(err, CW_E_INCOMPLETE, "%llu file%s of the set missing: %s%s",
                        (unsigned long long)fetch->missing, fetch->missing == 1 ? " is" : "s are",
                        cw_buf_text(&fetch->names), fetch->missing > MISSING_SHOWN ? ", …" : "");
    return rc;
}

int cw_pull_fetch(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err)
{
    struct fetch fetch = {.pull = pull, .names = CW_BUF_INIT(MISSING_SHOWN * (CW_PATH_MAX + 4))};
    uint64_t bytes, rest = cw_source_rest(pull->source);
    int rc;

    cw_batch_init(&fetch.batch, pull->mirror);
    rc = clear_leftovers(&fetch, set, err);
    if (rc == CW_OK)
        rc = measure(pull, set, &bytes, err);
    if (rc == CW_OK)
        rc = check_space(pull, bytes, err);
    if (rc == CW_OK) {
        cw_progress_start(&pull->progress, pull->cli, "pulling", rest > bytes ? rest : bytes);
        rc = fetch_all(&fetch, set, err);
        if (rc == CW_OK)
            rc = cw_source_check_rest(pull->source, &pull->progress, err);
        cw_progress_end(&pull->progress);
    }
    cw_batch_clear(&fetch.batch);
    cw_buf_clear(&fetch.names);
    return rc;
}
