/* SPDX-License-Identifier: ISC */
/*
 * From a closure and what sites hold to the files of a bundle: see sync/mirror/carry.h.
 */
#include "sync/mirror/carry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tree/hint.h"
#include "tree/layout.h"

const char *cw_way_name(enum cw_way way)
{
    static const char *const names[] = {"held", "whole", "delta", "compressed"};

    return names[way];
}

int cw_carry_add(struct cw_carry_file **file, struct cw_carry *carry, const char *path, const char *sha256,
                 uint64_t length, enum cw_closure_stage stage, struct cw_err *err)
{
    struct cw_carry_file *files;

    if (carry->count == carry->room) {
        size_t room = carry->room != 0 ? carry->room * 2 : 256;

        files = reallocarray(carry->files, room, sizeof *files);
        if (files == NULL)
            return cw_err_nomem(err);
        carry->files = files;
        carry->room = room;
    }
    *file = &carry->files[carry->count++];
    **file = (struct cw_carry_file){.path = strdup(path), .length = length, .stage = stage};
    memcpy((*file)->sha256, sha256, CW_SHA256_TEXT);
    return (*file)->path != NULL ? CW_OK : cw_err_nomem(err);
}

static int add_mirrored(struct cw_carry *carry, const char *path, const char *sha256, uint64_t length,
                        enum cw_closure_stage stage, struct cw_err *err)
{
    struct cw_carry_file *file;
    int rc = cw_carry_add(&file, carry, path, sha256, length, stage, err);

    if (rc != CW_OK)
        return rc;
    file->from = strdup(path);
    return file->from != NULL ? CW_OK : cw_err_nomem(err);
}

/* A hint that lists just the deltas which are carried. */
static int add_hint(struct cw_carry *carry, const struct cw_carry_unit *unit, const struct cw_hint *there,
                    struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_HINT_MAX);
    CW_AUTO_HINT hint = {.doc = NULL};
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct cw_carry_file *file;
    struct cw_hint_delta delta;
    size_t i;
    int rc = cw_hint_new(&hint, err);

    for (i = 0; i < unit->delta_count && rc == CW_OK; i++) {
        if (!cw_hint_find(&delta, there, unit->from[i]))
            rc = cw_err_set(err, CW_E_INCOMPLETE, "the delta from %s was taken away meanwhile; try again",
                            unit->from[i]);
        else
            rc = cw_hint_add(&hint, delta.from, delta.path, delta.length, err);
    }
    if (rc == CW_OK)
        rc = cw_hint_format(&text, &hint, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        rc = cw_tree_hint_path(path, unit->file->sha256, err);
    if (rc == CW_OK)
        rc = cw_carry_add(&file, carry, path, sha256, text.len, CW_CLOSURE_ARTIFACT, err);
    if (rc != CW_OK)
        return rc;
    file->bytes = cw_buf_take(&text);
    return file->bytes != NULL ? CW_OK : cw_err_nomem(err);
}

static int add_delta(struct cw_carry *carry, const struct cw_carry_unit *unit, const char *from, int mirror,
                     struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    uint64_t length;
    int rc = cw_tree_delta_path(path, from, unit->file->sha256, err);

    if (rc == CW_OK)
        rc = cw_at_open_file(&fd, mirror, path, err);
    if (rc == CW_OK)
        rc = cw_sha256_fd(sha256, &length, fd, path, err);
    return rc == CW_OK ? add_mirrored(carry, path, sha256, length, CW_CLOSURE_ARTIFACT, err) : rc;
}

static int add_deltas(struct cw_carry *carry, const struct cw_carry_unit *unit, int mirror,
                      struct cw_err *err)
{
    CW_AUTO_HINT there = {.doc = NULL};
    size_t i;
    int rc = cw_hint_load(&there, mirror, unit->file->sha256, err);

    for (i = 0; i < unit->delta_count && rc == CW_OK; i++)
        rc = add_delta(carry, unit, unit->from[i], mirror, err);
    return rc == CW_OK ? add_hint(carry, unit, &there, err) : rc;
}

static int add_unit(struct cw_carry *carry, struct cw_carry_unit *unit, int mirror, struct cw_err *err)
{
    const struct cw_closure_file *file = unit->file;
    size_t i;
    int rc = CW_OK;

    unit->first = carry->count;
    if (unit->way == CW_WAY_WHOLE)
        rc = add_mirrored(carry, file->path, file->sha256, file->length, file->stage, err);
    else if (unit->way != CW_WAY_HELD && unit->twin == 0)
        rc = add_deltas(carry, unit, mirror, err);
    unit->count = carry->count - unit->first;
    for (i = unit->first; i < carry->count; i++)
        unit->bytes += carry->files[i].length;
    return rc;
}

/* Two paths may lead to one content. */
static int find_twins(struct cw_carry *carry, struct cw_err *err)
{
    json_auto_t *seen = json_object();
    size_t i;

    if (seen == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < carry->unit_count; i++) {
        const char *sha256 = carry->units[i].file->sha256;
        const json_t *first = json_object_get(seen, sha256);

        carry->units[i].twin = (size_t)json_integer_value(first);
        if (first == NULL && json_object_set_new(seen, sha256, json_integer((json_int_t)i + 1)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

int cw_carry_make(struct cw_carry *carry, const struct cw_closure *all, const struct cw_held *held,
                  int mirror, const struct cw_cli *cli, struct cw_err *err)
{
    size_t i;
    int rc;

    *carry = (struct cw_carry){.units = calloc(all->count + 1, sizeof *carry->units)};
    if (carry->units == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < all->count; i++) {
        if (all->files[i].stage == CW_CLOSURE_ARTIFACT)
            carry->units[carry->unit_count++].file = &all->files[i];
    }
    rc = find_twins(carry, err);
    if (rc == CW_OK)
        rc = cw_carry_choose_ways(carry, held, mirror, cli, err);
    for (i = 0; i < carry->unit_count && rc == CW_OK; i++)
        rc = add_unit(carry, &carry->units[i], mirror, err);
    for (i = 0; i < all->count && rc == CW_OK; i++) {
        const struct cw_closure_file *file = &all->files[i];

        if (file->stage != CW_CLOSURE_ARTIFACT)
            rc = add_mirrored(carry, file->path, file->sha256, file->length, file->stage, err);
    }
    return rc;
}

bool cw_carry_is_on(const struct cw_carry_file *file, unsigned volume)
{
    return file->pack == 0 && (file->volume == 0 || file->volume == volume);
}

uint64_t cw_carry_bytes(const struct cw_carry *carry, unsigned volume, uint64_t *files)
{
    uint64_t bytes = 0;
    size_t i;

    *files = 0;
    for (i = 0; i < carry->count; i++) {
        if (cw_carry_is_on(&carry->files[i], volume)) {
            bytes += carry->files[i].length;
            (*files)++;
        }
    }
    return bytes;
}

void cw_carry_clear(struct cw_carry *carry)
{
    size_t i;

    for (i = 0; i < carry->count; i++) {
        free(carry->files[i].path);
        free(carry->files[i].from);
        free(carry->files[i].bytes);
        free(carry->files[i].members);
    }
    free(carry->files);
    free(carry->units);
    *carry = (struct cw_carry){.files = NULL};
}
