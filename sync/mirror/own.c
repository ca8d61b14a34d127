/* SPDX-License-Identifier: ISC */
/*
 * Files that a release shares with an older one: a bundle that was made for what a site holds does not carry them again,
 * and the mirror has them under another name. Only bundles are asked for by that; elsewhere looking through the mirror
 * would cost more than it brings.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "closure/closure.h"
#include "fs/walk.h"
#include "sync/mirror/pull.h"
#include "tree/layout.h"
#include "tree/volume.h"

#define BATCH_FILES 512 /* as in fetch.c */
#define BLOCK ((size_t)256 * 1024)

struct own {
    struct cw_pull *pull;
    json_t *wanted; /* sha256 → index of the first missing file with it, in `missing` */
    const struct cw_closure *missing;
    struct cw_batch batch;
    char *block;
};

static int copy_bytes(struct own *own, const char *from, struct cw_out *out, char sha256[CW_HASH_TEXT_MAX],
                      struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    CW_AUTO_FD int fd = -1;
    ssize_t n;
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    if (rc == CW_OK)
        rc = cw_at_open_file(&fd, own->pull->mirror, from, err);
    while (rc == CW_OK && (n = cw_fd_read(fd, own->block, BLOCK)) != 0) {
        if (n < 0)
            return CW_E_VERIFY; /* a disk that cannot read it: it is not held */
        rc = cw_hash_update(hash, own->block, (size_t)n, err);
        if (rc == CW_OK)
            rc = cw_out_write(out, own->block, (size_t)n, err);
    }
    return rc == CW_OK ? cw_hash_final(hash, sha256, err) : rc;
}

/* A damaged one is as good as none: the file stays missing. */
static int copy_file(struct own *own, const char *from, const struct cw_closure_file *file,
                     struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    char sha256[CW_HASH_TEXT_MAX];
    int rc = cw_out_open(&out, own->pull->mirror, file->path, 0644, err);

    if (rc == CW_OK)
        rc = copy_bytes(own, from, &out, sha256, err);
    if (rc == CW_E_VERIFY || (rc == CW_OK && strcmp(sha256, file->sha256) != 0))
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_batch_add(&own->batch, &out, err);
    if (rc != CW_OK)
        return rc;
    own->pull->result->files++;
    own->pull->result->bytes += file->length;
    return own->batch.count >= BATCH_FILES ? cw_batch_commit(&own->batch, err) : CW_OK;
}

static int look_at_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct own *own = ctx;
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    const json_t *first;
    size_t i;
    int rc = CW_OK;

    if (!S_ISREG(st->st_mode) || strlen(name) + sizeof CW_TREE_TARGETS >= sizeof path)
        return CW_OK;
    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (!cw_tree_split_target(path, target, sha256))
        return CW_OK;
    first = json_object_get(own->wanted, sha256);
    for (i = (size_t)json_integer_value(first); first != NULL && i < own->missing->count && rc == CW_OK;
         i++) {
        const struct cw_closure_file *file = &own->missing->files[i];

        if (strcmp(file->sha256, sha256) == 0 && (uint64_t)st->st_size == file->length &&
            !cw_pull_has_file(own->pull, file))
            rc = copy_file(own, path, file, err);
    }
    /* What was copied once is not copied from another place too. */
    (void)json_object_del(own->wanted, sha256);
    return rc;
}

/* What the volume does not carry itself. */
static int note_wanted(struct own *own, const struct cw_volume *volume, struct cw_err *err)
{
    size_t i;

    own->wanted = json_object();
    if (own->wanted == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < own->missing->count; i++) {
        const struct cw_closure_file *file = &own->missing->files[i];

        if (!cw_volume_carries(volume, file->path) && json_object_get(own->wanted, file->sha256) == NULL &&
            json_object_set_new(own->wanted, file->sha256, json_integer((json_int_t)i)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int copy_own(struct own *own, const struct cw_volume *volume, struct cw_err *err)
{
    bool there = false;
    int rc = note_wanted(own, volume, err);

    if (rc == CW_OK)
        rc = cw_at_has(&there, own->pull->mirror, CW_TREE_TARGETS, err);
    if (rc != CW_OK || !there || json_object_size(own->wanted) == 0)
        return rc;
    own->block = malloc(BLOCK);
    if (own->block == NULL)
        return cw_err_nomem(err);
    cw_batch_init(&own->batch, own->pull->mirror);
    rc = cw_walk(own->pull->mirror, CW_TREE_TARGETS, look_at_target, own, err);
    if (rc == CW_OK)
        rc = cw_batch_commit(&own->batch, err);
    cw_batch_clear(&own->batch);
    return rc;
}

int cw_pull_own(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err)
{
    const struct cw_volume *volume = cw_source_volume(pull->source);
    CW_AUTO_CLOSURE all = CW_CLOSURE_INIT, missing = CW_CLOSURE_INIT;
    struct own own = {.pull = pull, .missing = &missing};
    int rc;

    if (volume == NULL ||
        (json_object_get(volume->doc, "for") == NULL && json_object_get(volume->doc, "since") == NULL))
        return CW_OK;
    rc = cw_closure_add_set(&all, set, err);
    if (rc == CW_OK)
        rc = cw_closure_missing(&missing, &all, cw_pull_has_file, pull, err);
    if (rc == CW_OK && missing.count > 0)
        rc = copy_own(&own, volume, err);
    json_decref(own.wanted);
    free(own.block);
    return rc;
}
