/* SPDX-License-Identifier: ISC */
/*
 * Which deltas and hints are of use to nobody; see tree/check_deltas.h.
 */
#include "tree/check_deltas.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/delta.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "tree/hint.h"
#include "tree/layout.h"

struct looking {
    struct cw_tree_check *check;
    int dir;
    json_t *to; /* object: hash that deltas lead to → false, or true once a target has it */
};

/* A list's entries against what lies there. */
static int check_entries(struct looking *l, const struct cw_hint *hint, const char *to, struct cw_err *err)
{
    struct cw_hint_delta delta;
    char path[CW_PATH_MAX];
    struct stat st;
    size_t i;

    for (i = 0; cw_hint_at(&delta, hint, i); i++) {
        int rc;

        if (delta.from == NULL)
            continue;
        rc = cw_tree_delta_path(path, delta.from, to, err);
        if (rc == CW_OK)
            rc = cw_at_stat(&st, l->dir, path, err);
        if (rc == CW_E_NOTFOUND)
            cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "is listed, and not there");
        else if (rc != CW_OK)
            return rc;
        else if ((uint64_t)st.st_size != delta.length)
            cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "is not as long as its list says");
    }
    return CW_OK;
}

static int see_hint(struct looking *l, const char *path, const char *to, struct cw_err *err)
{
    CW_AUTO_HINT hint = {.doc = NULL};
    int rc = cw_hint_load(&hint, l->dir, to, err);

    if (rc == CW_OK)
        return check_entries(l, &hint, to, err);
    if (rc == CW_E_NOMEM)
        return rc;
    cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "is no list of deltas: %s", err->text);
    return CW_OK;
}

static int see_delta(struct looking *l, const char *path, const char *from, const char *to,
                     struct cw_err *err)
{
    CW_AUTO_HINT hint = {.doc = NULL};
    struct cw_hint_delta delta;
    struct cw_delta_info info;
    CW_AUTO_FD int fd = -1;
    int rc = cw_at_open_file(&fd, l->dir, path, err);

    if (rc == CW_OK)
        rc = cw_delta_peek(&info, fd, err);
    if (rc == CW_E_NOMEM)
        return rc;
    if (rc != CW_OK)
        cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "is no whole delta: %s", err->text);
    else if (cw_hint_load(&hint, l->dir, to, NULL) != CW_OK || !cw_hint_find(&delta, &hint, from))
        cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "no list names it");
    return CW_OK;
}

/* "<to>.json" or "<to>/<from>.delta", below deltas/. */
static bool split(char to[CW_SHA256_TEXT], char from[CW_SHA256_TEXT], const char *name)
{
    char path[CW_PATH_MAX];

    from[0] = to[0] = '\0';
    if (strlen(name) < CW_SHA256_TEXT)
        return false;
    memcpy(to, name, CW_SHA256_TEXT - 1);
    to[CW_SHA256_TEXT - 1] = '\0';
    if (cw_tree_hint_path(path, to, NULL) == CW_OK && strcmp(path + sizeof CW_TREE_DELTAS, name) == 0)
        return true;
    name += CW_SHA256_TEXT - 1;
    if (*name != '/' || strlen(name) <= CW_SHA256_TEXT)
        return false;
    memcpy(from, name + 1, CW_SHA256_TEXT - 1);
    from[CW_SHA256_TEXT - 1] = '\0';
    return cw_tree_delta_path(path, from, to, NULL) == CW_OK && cw_str_ends(path, name);
}

static int see(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char path[CW_PATH_MAX], to[CW_SHA256_TEXT], from[CW_SHA256_TEXT];
    struct looking *l = ctx;

    if (!S_ISREG(st->st_mode) || cw_str_starts(cw_str_basename(name), CW_TMP_PREFIX))
        return CW_OK;
    snprintf(path, sizeof path, CW_TREE_DELTAS "/%s", name);
    if (!split(to, from, name)) {
        cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "is neither a delta nor a list of some");
        return CW_OK;
    }
    if (json_object_set_new(l->to, to, json_false()) != 0)
        return cw_err_nomem(err);
    return from[0] == '\0' ? see_hint(l, path, to, err) : see_delta(l, path, from, to, err);
}

static int see_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    struct looking *l = ctx;

    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (S_ISREG(st->st_mode) && cw_tree_split_target(path, target, sha256) &&
        json_object_get(l->to, sha256) != NULL && json_object_set_new(l->to, sha256, json_true()) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* Deltas that lead to no file of the tree. */
static int find_lost(struct looking *l, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    const char *to;
    json_t *seen;
    int rc = cw_walk(l->dir, CW_TREE_TARGETS, see_target, l, err);

    if (rc != CW_OK && rc != CW_E_NOTFOUND)
        return rc;
    json_object_foreach (l->to, to, seen) {
        if (json_is_false(seen) && cw_tree_hint_path(path, to, NULL) == CW_OK)
            cw_finding_add(l->check, CW_FINDING_ORPHAN, path, "leads to no file of the tree");
    }
    return CW_OK;
}

int cw_check_deltas(struct cw_tree_check *check, int dir, struct cw_err *err)
{
    struct looking l = {.check = check, .dir = dir, .to = json_object()};
    bool there = false;
    int rc = l.to != NULL ? cw_at_has(&there, dir, CW_TREE_DELTAS, err) : cw_err_nomem(err);

    if (rc == CW_OK && there)
        rc = cw_walk(dir, CW_TREE_DELTAS, see, &l, err);
    if (rc == CW_OK && !check->partial && json_object_size(l.to) > 0)
        rc = find_lost(&l, err);
    json_decref(l.to);
    return rc;
}
