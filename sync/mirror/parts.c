/* SPDX-License-Identifier: ISC */
/*
 * Files that lie in parts on several volumes. Each part is kept, durable, until all are here:
 *
 *   upstreams/<name>/parts/<sha256 of the file>/<offset>
 *
 * then they are joined, judged by the signed hash, and removed. For a while such a file takes its room twice. A part is
 * judged by its volume's list alone; when the whole is another than was signed, all its parts are dropped.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"
#include "base/str.h"
#include "closure/closure.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "sync/mirror/pull.h"
#include "tree/volume.h"

#define OFFSET_DIGITS 16
#define BLOCK ((size_t)256 * 1024)

static int folder_of(char path[CW_PATH_MAX], const struct cw_pull *pull, const char *sha256,
                     struct cw_err *err)
{
    char rest[sizeof CW_VOLUME_PARTS + CW_SHA256_TEXT];

    snprintf(rest, sizeof rest, CW_VOLUME_PARTS "%s%s", sha256[0] != '\0' ? "/" : "", sha256);
    return cw_site_upstream_path(path, pull->upstream, rest, err);
}

/* A part's name is its offset. */
static bool parse_offset(uint64_t *offset, const char *name)
{
    size_t i;

    *offset = 0;
    for (i = 0; name[i] >= '0' && name[i] <= '9' && i < OFFSET_DIGITS; i++)
        *offset = *offset * 10 + (uint64_t)(name[i] - '0');
    return i == OFFSET_DIGITS && name[i] == '\0';
}

struct receive {
    struct cw_out *out;
    struct cw_pull *pull;
};

static int take_bytes(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct receive *receive = ctx;

    cw_progress_add(&receive->pull->progress, len);
    receive->pull->result->carried += len;
    return cw_out_write(receive->out, data, len, err);
}

/* Does it lie here already, with the bytes that this volume's list says? Another list's part is fetched over. */
static int is_taken(bool *taken, int site, const char *path, const struct cw_volume_file *part,
                    struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    int rc = cw_at_open_file(&fd, site, path, NULL);

    *taken = false;
    if (rc == CW_OK)
        rc = cw_sha256_fd(sha256, &length, fd, path, err);
    else
        return CW_OK;
    *taken = rc == CW_OK && length == part->length && strcmp(sha256, part->sha256) == 0;
    return rc == CW_E_NOMEM ? rc : CW_OK;
}

static int take_part(struct cw_pull *pull, const struct cw_closure_file *file,
                     const struct cw_volume_file *part, struct cw_err *err)
{
    const char *name = cw_str_basename(part->path);
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct receive receive = {.out = &out, .pull = pull};
    char path[CW_PATH_MAX];
    uint64_t offset;
    bool taken;
    size_t len;
    int rc = folder_of(path, pull, file->sha256, err);

    if (rc != CW_OK)
        return rc;
    if (!parse_offset(&offset, name) || part->length == 0 || offset > file->length ||
        part->length > file->length - offset)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is no part of a file of %" PRIu64 " bytes", part->path,
                          file->length);
    len = strlen(path);
    snprintf(path + len, sizeof path - len, "/%s", name);
    rc = is_taken(&taken, pull->site->fd, path, part, err);
    if (rc != CW_OK || taken)
        return rc;
    rc = cw_out_open(&out, pull->site->fd, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_source_get(pull->source, part->path, part->length, take_bytes, &receive, err);
    return rc == CW_OK ? cw_out_commit(&out, err) : rc;
}

static bool path_is_before(const void *file, const void *path)
{
    return strcmp(((const struct cw_volume_file *)file)->path, path) < 0;
}

/* The parts of a file on this volume lie side by side in its list. */
static int take_parts(struct cw_pull *pull, const struct cw_closure_file *file,
                      const struct cw_volume *volume, struct cw_err *err)
{
    char prefix[sizeof CW_VOLUME_PARTS + CW_SHA256_TEXT + 1];
    size_t i;
    int rc = CW_OK;

    snprintf(prefix, sizeof prefix, CW_VOLUME_PARTS "/%s/", file->sha256);
    i = cw_lower_bound(prefix, volume->files, volume->file_count, sizeof *volume->files, path_is_before);
    for (; rc == CW_OK && i < volume->file_count && cw_str_starts(volume->files[i].path, prefix); i++)
        rc = take_part(pull, file, &volume->files[i], err);
    return rc;
}

struct measure { /* do the parts that are here make a file? */
    int dir;
    uint64_t reached;
    bool gap;
};

static int look_at_part(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct measure *measure = ctx;
    uint64_t offset;

    if (!S_ISREG(st->st_mode) || !parse_offset(&offset, path))
        return CW_OK; /* what a killed run left */
    if (offset < measure->reached)
        return cw_remove(measure->dir, path, err); /* cut elsewhere, by another export: it would never fit */
    measure->gap = measure->gap || offset != measure->reached;
    measure->reached = offset + (uint64_t)st->st_size;
    return CW_OK;
}

struct join {
    int dir;
    struct cw_out *out;
    struct cw_hash *hash;
    char *block;
};

static int join_part(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct join *join = ctx;
    CW_AUTO_FD int fd = -1;
    uint64_t offset;
    ssize_t n;
    int rc;

    if (!S_ISREG(st->st_mode) || !parse_offset(&offset, path))
        return CW_OK;
    rc = cw_at_open_file(&fd, join->dir, path, err);
    while (rc == CW_OK && (n = cw_fd_read(fd, join->block, BLOCK)) != 0) {
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read the part '%s'", path);
        rc = cw_hash_update(join->hash, join->block, (size_t)n, err);
        if (rc == CW_OK)
            rc = cw_out_write(join->out, join->block, (size_t)n, err);
    }
    return rc;
}

static int join_file(struct cw_pull *pull, const struct cw_closure_file *file, int dir, const char *folder,
                     struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_FREE char *block = malloc(BLOCK);
    struct join join = {.dir = dir, .out = &out, .block = block};
    char sha256[CW_HASH_TEXT_MAX];
    int rc = block != NULL ? cw_hash_new(&hash, CW_SHA256, err) : cw_err_nomem(err);

    join.hash = hash;
    if (rc == CW_OK)
        rc = cw_out_open(&out, pull->mirror, file->path, 0644, err);
    if (rc == CW_OK)
        rc = cw_walk(dir, "", join_part, &join, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK && strcmp(sha256, file->sha256) != 0) {
        rc = cw_remove_tree(pull->site->fd, folder, err);
        if (rc == CW_OK)
            rc = cw_err_set(
                err, CW_E_VERIFY,
                "the parts of '%s' do not make the file that was signed, and are dropped: expected "
                "%s, got %s; pull its volumes again, or have the bundle exported anew",
                file->path, file->sha256, sha256);
    }
    if (rc == CW_OK)
        rc = cw_out_commit(&out, err);
    if (rc == CW_OK) {
        pull->result->files++;
        pull->result->bytes += file->length;
    }
    return rc;
}

static int join_if_whole(struct cw_pull *pull, const struct cw_closure_file *file, struct cw_err *err)
{
    struct measure measure = {.reached = 0};
    CW_AUTO_FD int dir = -1;
    char folder[CW_PATH_MAX];
    int rc = folder_of(folder, pull, file->sha256, err);

    if (rc == CW_OK)
        rc = cw_sweep(pull->site->fd, folder, err);
    if (rc == CW_OK)
        rc = cw_at_open_dir(&dir, pull->site->fd, folder, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    measure.dir = dir;
    if (rc == CW_OK)
        rc = cw_walk(dir, "", look_at_part, &measure, err);
    if (rc != CW_OK || measure.gap || measure.reached != file->length)
        return rc;
    return join_file(pull, file, dir, folder, err);
}

/* Two files of the set may have one content, so parts go when all are joined. */
static int drop_joined(struct cw_pull *pull, const struct cw_closure *all, struct cw_err *err)
{
    char folder[CW_PATH_MAX];
    bool there;
    size_t i;
    int rc = folder_of(folder, pull, "", err);

    if (rc == CW_OK)
        rc = cw_at_has(&there, pull->site->fd, folder, err);
    for (i = 0; i < all->count && rc == CW_OK && there; i++) {
        if (!cw_pull_has_file(pull, &all->files[i]))
            continue;
        rc = folder_of(folder, pull, all->files[i].sha256, err);
        if (rc == CW_OK)
            rc = cw_remove_tree(pull->site->fd, folder, err);
    }
    return rc;
}

int cw_pull_parts(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err)
{
    const struct cw_volume *volume = cw_source_volume(pull->source);
    CW_AUTO_CLOSURE all = CW_CLOSURE_INIT;
    size_t i;
    int rc;

    if (volume == NULL)
        return CW_OK;
    rc = cw_closure_add_set(&all, set, err);
    cw_progress_start(&pull->progress, pull->cli, "pulling parts", 0);
    for (i = 0; i < all.count && rc == CW_OK; i++) {
        if (cw_pull_has_file(pull, &all.files[i]))
            continue;
        rc = take_parts(pull, &all.files[i], volume, err);
        if (rc == CW_OK)
            rc = join_if_whole(pull, &all.files[i], err);
    }
    cw_progress_end(&pull->progress);
    return rc == CW_OK ? drop_joined(pull, &all, err) : rc;
}

int cw_pull_drop_parts(const struct cw_pull *pull, struct cw_err *err)
{
    char folder[CW_PATH_MAX];
    int rc = folder_of(folder, pull, "", err);

    return rc == CW_OK ? cw_remove_tree(pull->site->fd, folder, err) : rc;
}
