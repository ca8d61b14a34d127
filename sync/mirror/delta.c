/* SPDX-License-Identifier: ISC */
/*
 * A file made from an older one that the mirror holds, where the source has a delta for that and it is well
 * under the whole file. Nothing here is trusted: the hint file says what may be worth trying, the delta is
 * decoded in the jail, and the signed length and hash judge what came out. Whatever fails, the whole file is
 * taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "crypt/hash.h"
#include "sync/mirror/pull.h"
#include "tree/deltas.h"
#include "tree/hint.h"
#include "tree/layout.h"
#include "tree/patch.h"

/* A delta must be under so many tenths of the whole file: it is read, and the old file too. */
#define TENTHS_MAX 9
/* After so many files in a row for which the source has nothing it is not asked for more. */
#define MISSES_MAX 8
/* When so many of the shortest were of no use, the whole file is taken. */
#define TRIES_MAX 3

struct choice { /* a delta from a file that is here */
    char from[CW_SHA256_TEXT];
    uint64_t length;
    int old; /* the file */
};

struct choices { /* the shortest first */
    struct choice list[TRIES_MAX];
    size_t count;
};

static void choices_clear(struct choices *choices)
{
    while (choices->count > 0)
        close(choices->list[--choices->count].old);
}

/* The file that a delta starts from, if it is here under the path that the hint says; the empty file always is. */
static int open_old(const struct cw_pull *pull, const struct cw_hint_delta *delta)
{
    int fd = -1;

    if (delta->path == NULL)
        return memfd_create("empty", MFD_CLOEXEC);
    return cw_at_open_file(&fd, pull->mirror, delta->path, NULL) == CW_OK ? fd : -1;
}

static void consider(struct choices *choices, const struct cw_pull *pull, const struct cw_hint_delta *delta,
                     uint64_t most)
{
    struct choice *list = choices->list;
    size_t at = choices->count;
    int old;

    while (at > 0 && delta->length < list[at - 1].length)
        at--;
    if (delta->from == NULL || delta->length > most || at == TRIES_MAX)
        return;
    old = open_old(pull, delta);
    if (old < 0)
        return;
    if (choices->count == TRIES_MAX)
        close(list[--choices->count].old);
    memmove(list + at + 1, list + at, (choices->count - at) * sizeof *list);
    choices->count++;
    list[at] = (struct choice){.length = delta->length, .old = old};
    memcpy(list[at].from, delta->from, sizeof list[at].from);
}

/* CW_E_NOTFOUND: the source has no deltas to this file. */
static int read_hints(struct choices *choices, struct cw_pull *pull, const struct cw_closure_file *file,
                      struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_HINT_MAX);
    CW_AUTO_HINT hint = {.doc = NULL};
    struct cw_hint_delta delta;
    char path[CW_PATH_MAX];
    size_t i;
    int rc = cw_tree_hint_path(path, file->sha256, err);

    if (rc == CW_OK)
        rc = cw_source_get_buf(pull->source, path, &text, err);
    if (rc == CW_OK)
        rc = cw_hint_parse(&hint, cw_buf_text(&text), text.len, err);
    if (rc != CW_OK)
        return rc;
    for (i = 0; cw_hint_at(&delta, &hint, i); i++)
        consider(choices, pull, &delta, file->length / 10 * TENTHS_MAX);
    return i > 0 ? CW_OK : cw_err_set(err, CW_E_NOTFOUND, "there are no deltas");
}

static int store(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_out_write(ctx, data, len, err);
}

/* The delta comes into a file without a name, for the decoder reads it in three places at once. */
static int apply(struct cw_out *out, struct cw_pull *pull, const struct cw_closure_file *file,
                 const struct choice *choice, struct cw_err *err)
{
    CW_AUTO_OUT delta = CW_OUT_INIT, scratch = CW_OUT_INIT;
    char path[CW_PATH_MAX];
    int rc = cw_tree_delta_path(path, choice->from, file->sha256, err);

    if (rc == CW_OK)
        rc = cw_out_open_unnamed(&delta, pull->mirror, file->path, 0600, err);
    if (rc == CW_OK)
        rc = cw_source_get(pull->source, path, choice->length, store, &delta, err);
    if (rc == CW_OK)
        rc = cw_out_open_unnamed(&scratch, pull->mirror, file->path, 0600, err);
    if (rc == CW_OK)
        rc = cw_out_open(out, pull->mirror, file->path, 0644, err);
    if (rc == CW_OK)
        rc = cw_patch_apply(out->fd, choice->old, delta.fd, scratch.fd, file->length, file->sha256, err);
    return rc;
}

/* A medium may have nothing else: where not the delta is wrong but what it starts from, that is to be known. */
static int note_if_damaged(struct cw_pull *pull, const struct choice *choice, struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    uint64_t len;
    int rc;

    if (lseek(choice->old, 0, SEEK_SET) < 0)
        return CW_OK;
    rc = cw_sha256_fd(sha256, &len, choice->old, "the old file", err);
    if (rc != CW_OK || strcmp(sha256, choice->from) == 0)
        return rc;
    if (pull->damaged == NULL)
        pull->damaged = json_array();
    return json_array_append_new(pull->damaged, json_string(choice->from)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int try(struct cw_out *out, uint64_t *carried, struct cw_pull *pull,
               const struct cw_closure_file *file, struct cw_err *err)
{
    struct choices choices = {.count = 0};
    size_t i;
    int rc = read_hints(&choices, pull, file, err);

    pull->delta_misses = rc == CW_E_NOTFOUND ? pull->delta_misses + 1 : 0;
    for (i = 0; i < choices.count && rc != CW_E_NOMEM && rc != CW_E_SPACE && *carried == 0; i++) {
        rc = apply(out, pull, file, &choices.list[i], err);
        if (rc == CW_OK)
            *carried = choices.list[i].length;
        else
            cw_out_discard(out);
        if (rc == CW_E_VERIFY && cw_source_volume(pull->source) != NULL &&
            note_if_damaged(pull, &choices.list[i], NULL) == CW_E_NOMEM)
            rc = cw_err_nomem(err);
    }
    choices_clear(&choices);
    return rc;
}

int cw_pull_delta(struct cw_out *out, uint64_t *carried, struct cw_pull *pull,
                  const struct cw_closure_file *file, struct cw_err *err)
{
    struct cw_err why = {.code = CW_OK};
    int rc;

    *carried = 0;
    /* A bundle is asked always: it costs no request, and it may have nothing else. */
    if (file->length < CW_DELTAS_FILE_MIN ||
        (pull->delta_misses >= MISSES_MAX && cw_source_volume(pull->source) == NULL))
        return CW_OK;
    rc = try(out, carried, pull, file, &why);
    if (rc == CW_E_NOMEM || rc == CW_E_SPACE)
        return cw_err_set(err, rc, "%s", why.text);
    if (rc != CW_OK && rc != CW_E_NOTFOUND)
        cw_cli_warn(pull->cli, "'%s': a delta was of no use, so the whole file is taken: %s", file->path,
                    why.text);
    return CW_OK;
}
