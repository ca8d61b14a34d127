/* SPDX-License-Identifier: ISC */
/*
 * A file made from an older one that the mirror holds, where the source has a delta for that and it is well
 * under the whole file. Nothing here is trusted: the hint file says what may be worth trying, the delta is
 * decoded in the jail, and the signed length and hash judge what came out. Whatever fails, the whole file is
 * taken.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/mirror/pull.h"
#include "tree/layout.h"
#include "tree/patch.h"

/* For smaller files asking is not worth a request. */
#define FILE_MIN (UINT64_C(256) << 10)
#define HINT_MAX ((size_t)64 << 10) /* some two hundred deltas for one file */
/* A delta must be under so many tenths of the whole file: it is read, and the old file too. */
#define TENTHS_MAX 9
/* After so many files in a row for which the source has nothing it is not asked for more. */
#define MISSES_MAX 8

struct choice { /* the shortest delta from a file that is here */
    char from[CW_SHA256_TEXT];
    uint64_t length;
    int old; /* the file; -1: none yet */
};

/* The file that an entry starts from, if the mirror has it under the path that the entry says. */
static void consider(struct choice *choice, const struct cw_pull *pull, const json_t *entry, uint64_t most)
{
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    const char *path, *from;
    int64_t length;
    int fd;

    if (cw_json_get_str(&from, entry, "from", NULL) != CW_OK ||
        cw_json_get_str(&path, entry, "path", NULL) != CW_OK ||
        cw_json_get_int(&length, entry, "length", 1, INT64_MAX, NULL) != CW_OK || (uint64_t)length > most ||
        (choice->old >= 0 && (uint64_t)length >= choice->length))
        return;
    if (!cw_path_is_relative(path) || !cw_tree_split_target(path, target, sha256) ||
        strcmp(sha256, from) != 0 || cw_at_open_file(&fd, pull->mirror, path, NULL) != CW_OK)
        return;
    if (choice->old >= 0)
        close(choice->old);
    *choice = (struct choice){.length = (uint64_t)length, .old = fd};
    memcpy(choice->from, sha256, sizeof(sha256));
}

/* CW_E_NOTFOUND: the source has no hints for this file. */
static int read_hints(struct choice *choice, struct cw_pull *pull, const struct cw_closure_file *file,
                      struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(HINT_MAX);
    char path[CW_PATH_MAX];
    json_auto_t *doc = NULL;
    json_t *deltas, *entry;
    size_t i;
    int rc = cw_tree_hint_path(path, file->sha256, err);

    if (rc == CW_OK)
        rc = cw_source_get_buf(pull->source, path, &text, err);
    if (rc == CW_OK)
        rc = cw_json_parse(&doc, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(doc, CW_TREE_HINT_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&deltas, doc, "deltas", err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (deltas, i, entry)
        consider(choice, pull, entry, file->length / 10 * TENTHS_MAX);
    return CW_OK;
}

static int store(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_out_write(ctx, data, len, err);
}

/* The delta comes into a file without a name, for the decoder reads it in three places at once. */
static int apply(struct cw_out *out, struct cw_pull *pull, const struct cw_closure_file *file,
                 const struct choice *choice, struct cw_err *err)
{
    CW_AUTO_OUT delta = CW_OUT_INIT;
    char path[CW_PATH_MAX];
    int rc = cw_tree_delta_path(path, choice->from, file->sha256, err);

    if (rc == CW_OK)
        rc = cw_out_open_unnamed(&delta, pull->mirror, file->path, 0600, err);
    if (rc == CW_OK)
        rc = cw_source_get(pull->source, path, choice->length, store, &delta, err);
    if (rc == CW_OK)
        rc = cw_out_open(out, pull->mirror, file->path, 0644, err);
    if (rc == CW_OK)
        rc = cw_patch_apply(out->fd, choice->old, delta.fd, file->length, file->sha256, err);
    return rc;
}

int cw_pull_delta(struct cw_out *out, uint64_t *carried, struct cw_pull *pull,
                  const struct cw_closure_file *file, struct cw_err *err)
{
    struct choice choice = {.old = -1};
    struct cw_err why = {.code = CW_OK};
    int rc;

    *carried = 0;
    if (file->length < FILE_MIN || pull->delta_misses >= MISSES_MAX)
        return CW_OK;
    rc = read_hints(&choice, pull, file, &why);
    pull->delta_misses = rc == CW_E_NOTFOUND ? pull->delta_misses + 1 : 0;
    if (rc == CW_OK && choice.old >= 0)
        rc = apply(out, pull, file, &choice, &why);
    if (choice.old >= 0)
        close(choice.old);
    if (rc == CW_OK && out->fd >= 0) {
        *carried = choice.length;
        return CW_OK;
    }
    cw_out_discard(out);
    if (rc == CW_E_NOMEM || rc == CW_E_SPACE)
        return cw_err_set(err, rc, "%s", why.text);
    if (rc != CW_OK && rc != CW_E_NOTFOUND)
        cw_cli_warn(pull->cli, "'%s': a delta was of no use, so the whole file is taken: %s", file->path,
                    why.text);
    return CW_OK;
}
