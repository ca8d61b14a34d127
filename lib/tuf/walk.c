/* SPDX-License-Identifier: ISC */
/*
 * Section 5.6.7: the search for a target, preorder and depth first, from the top-level targets role down.
 * Delegations that cover the target wait on a stack; one that is terminating drops all that were waiting
 * before it.
 */
#include <stdlib.h>
#include <string.h>

#include "tuf/state.h"

void cw_tuf_walk_clear(struct cw_tuf_walk *walk)
{
    free(walk->path);
    json_decref(walk->visited);
    free(walk->stack);
    *walk = (struct cw_tuf_walk){.path = NULL};
}

static int push(struct cw_tuf_walk *walk, const struct cw_tuf_held *delegator, size_t index,
                struct cw_err *err)
{
    if (walk->depth == walk->room) {
        size_t room = walk->room != 0 ? 2 * walk->room : 16;
        struct cw_tuf_pending *stack = reallocarray(walk->stack, room, sizeof *stack);

        if (stack == NULL)
            return cw_err_nomem(err);
        walk->stack = stack;
        walk->room = room;
    }
    walk->stack[walk->depth++] = (struct cw_tuf_pending){.delegator = delegator, .index = index};
    return CW_OK;
}

/* The one that was pushed first is to be popped first. */
static void reverse(struct cw_tuf_pending *list, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct cw_tuf_pending other = list[i];

        list[i] = list[count - 1 - i];
        list[count - 1 - i] = other;
    }
}

static int push_delegations(struct cw_tuf_walk *walk, const struct cw_tuf_held *role, struct cw_err *err)
{
    struct cw_tuf_role next = {.terminating = false};
    size_t index, before = walk->depth;
    int rc = CW_OK;

    for (index = 0; !next.terminating && cw_tuf_delegation_find(&role->meta, walk->path, &index); index++) {
        rc = push(walk, role, index, err);
        if (rc == CW_OK)
            rc = cw_tuf_delegation_at(&next, &role->meta, index, err);
        if (rc != CW_OK)
            return rc;
    }
    if (walk->depth == before) /* there may be no stack at all yet */
        return CW_OK;
    reverse(walk->stack + before, walk->depth - before);
    if (next.terminating) {
        walk->depth -= before;
        memmove(walk->stack, walk->stack + before, walk->depth * sizeof *walk->stack);
    }
    return CW_OK;
}

/* Asks for the next role that was not visited yet; without one, the search is over. */
static int follow(struct cw_tuf_update *update, struct cw_err *err)
{
    struct cw_tuf_walk *walk = &update->walk;
    struct cw_tuf_role role;

    while (walk->depth > 0) {
        const struct cw_tuf_pending *top = &walk->stack[--walk->depth];
        int rc = cw_tuf_delegation_at(&role, &top->delegator->meta, top->index, err);

        if (rc != CW_OK)
            return rc;
        if (json_object_get(walk->visited, role.name) != NULL)
            continue;
        if (json_object_size(walk->visited) > CW_TUF_DELEGATIONS_MAX) /* the top-level role is in it, too */
            break;
        return cw_tuf_targets_start(update, &role, err);
    }
    walk->depth = 0;
    update->step = CW_TUF_STEP_DONE;
    return CW_OK;
}

int cw_tuf_walk_visit(struct cw_tuf_update *update, const struct cw_tuf_held *role, struct cw_err *err)
{
    struct cw_tuf_walk *walk = &update->walk;
    struct cw_tuf_file file;
    int rc;

    if (cw_tuf_target_file(&file, &role->meta, walk->path, NULL) == CW_OK) { /* most roles do not have it */
        walk->found = role;
        walk->depth = 0;
        update->step = CW_TUF_STEP_DONE;
        return CW_OK;
    }
    if (json_object_set_new(walk->visited, role->role, json_true()) != 0)
        return cw_err_nomem(err);
    rc = push_delegations(walk, role, err);
    return rc == CW_OK ? follow(update, err) : rc;
}

int cw_tuf_walk_start(struct cw_tuf_update *update, const char *path, struct cw_err *err)
{
    struct cw_tuf_walk *walk = &update->walk;

    cw_tuf_walk_clear(walk);
    cw_tuf_ease(update);
    walk->path = strdup(path);
    walk->visited = json_object();
    if (walk->path == NULL || walk->visited == NULL)
        return cw_err_nomem(err);
    return cw_tuf_walk_visit(update, cw_tuf_held_of(update, "targets"), err);
}

/* The first delegated role on the way that is not here. */
static bool first_absent(struct cw_tuf_role *role, const struct cw_tuf_update *update, const char *path)
{
    const struct cw_tuf_held *held = cw_tuf_held_of(update, "targets");
    int depth;

    for (depth = 0; depth < CW_TUF_DELEGATIONS_MAX && held != NULL && held->meta.doc != NULL; depth++) {
        size_t index = 0;

        if (!cw_tuf_delegation_find(&held->meta, path, &index) ||
            cw_tuf_delegation_at(role, &held->meta, index, NULL) != CW_OK)
            return false;
        held = cw_tuf_held_of(update, role->name);
        if (held == NULL)
            return true;
    }
    return false;
}

/* What fetching that role, which is not here, will ask for. */
static bool foresee(struct cw_tuf_update *update, const struct cw_tuf_role *role, const char **name,
                    size_t *max)
{
    struct cw_tuf_want want;
    struct cw_tuf_file file;

    if (cw_tuf_meta_file(&file, &cw_tuf_held_of(update, "snapshot")->meta, role->name, NULL) != CW_OK ||
        cw_tuf_length_limit(max, &file, update->params.targets_max, role->name, NULL) != CW_OK ||
        cw_tuf_want_file(update, &want, CW_TUF_FETCH, cw_tuf_name_version(update, file.version), role->name,
                         NULL) != CW_OK)
        return false;
    *name = want.name;
    return true;
}

bool cw_tuf_update_foresee(struct cw_tuf_update *update, const char *path, const char **name, size_t *max,
                           struct cw_tuf_role *role)
{
    return !update->failed && update->step == CW_TUF_STEP_DONE && first_absent(role, update, path) &&
           foresee(update, role, name, max);
}

bool cw_tuf_update_foresee_taking(struct cw_tuf_update *update, const char *delegator, size_t index,
                                  const char **name, size_t *max, struct cw_tuf_role *role)
{
    const struct cw_tuf_held *held = cw_tuf_held_of(update, delegator);

    return !update->failed && update->step == CW_TUF_STEP_DONE && held != NULL && held->meta.doc != NULL &&
           cw_tuf_delegation_at(role, &held->meta, index, NULL) == CW_OK &&
           cw_tuf_held_of(update, role->name) == NULL && foresee(update, role, name, max);
}
