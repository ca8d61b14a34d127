/* SPDX-License-Identifier: ISC */
/*
 * Which part of the new file is compared with which part of the old one. Members of tar archives are paired
 * by their path, else by their path with other digits (versions), else by their name and the nearest size;
 * each pair is small to sort and mostly all there is to find. Other files are compared whole, or in windows
 * if they are large.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "codec/delta_parts.h"
#include "codec/delta_tar.h"

/* Neighbours that were neighbours are one piece up to this size: what moved between them is found too. */
#define JOIN_MAX ((uint64_t)256 * 1024)
/* A file of the same name elsewhere must be no more than so many times larger or smaller. */
#define SIZE_RATIO_MAX 4

#define NO_PARTNER SIZE_MAX

struct pairing {
    struct cw_delta_members old, new;
    size_t *partner; /* of each new member: the old one, or NO_PARTNER */
    size_t *order;   /* old members, sorted by the name in question */
    bool *taken;     /* of each old member: has it a partner? */
    size_t *next;    /* of each place in the order: the first behind it that may not be taken yet */
};

static void pairing_clear(struct pairing *p)
{
    cw_delta_members_clear(&p->old);
    cw_delta_members_clear(&p->new);
    free(p->partner);
    free(p->order);
    free(p->taken);
    free(p->next);
}

/* --- pairing ------------------------------------------------------------------------------------------ */

struct sorting {
    const struct cw_delta_member *list;
    enum cw_delta_likeness by;
};

static int compare_members(const void *a, const void *b, void *ctx)
{
    const struct sorting *s = ctx;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const struct cw_delta_member *x = &s->list[i], *y = &s->list[j];

    if (x->name[s->by] != y->name[s->by])
        return x->name[s->by] < y->name[s->by] ? -1 : 1;
    if (s->by == CW_DELTA_NAME_BUT_DIGITS && x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return i < j ? -1 : i > j;
}

static void sort_old(struct pairing *p, enum cw_delta_likeness by)
{
    struct sorting s = {.list = p->old.list, .by = by};
    size_t i;

    for (i = 0; i < p->old.count; i++)
        p->order[i] = p->next[i] = i;
    qsort_r(p->order, p->old.count, sizeof(*p->order), compare_members, &s);
}

struct wanted {
    const struct cw_delta_member *list; /* of the old ones */
    enum cw_delta_likeness by;
    uint64_t name, len;
};

static bool is_before(const void *place, const void *wanted)
{
    const struct wanted *w = wanted;
    const struct cw_delta_member *m = &w->list[*(const size_t *)place];

    return m->name[w->by] < w->name || (m->name[w->by] == w->name && m->len < w->len);
}

/* The first place in the order that is not before (name, len); len counts only where it was sorted by. */
static size_t find_old(const struct pairing *p, enum cw_delta_likeness by, uint64_t name, uint64_t len)
{
    struct wanted wanted = {.list = p->old.list, .by = by, .name = name, .len = len};

    return cw_lower_bound(&wanted, p->order, p->old.count, sizeof *p->order, is_before);
}

/* Members that have the same name, in the order in which they come; each once. */
static void pair_by_path(struct pairing *p, enum cw_delta_likeness by)
{
    size_t i;

    sort_old(p, by);
    for (i = 0; i < p->new.count; i++) {
        uint64_t name = p->new.list[i].name[by];
        size_t first = find_old(p, by, name, 0), at;

        if (p->partner[i] != NO_PARTNER || first == p->old.count)
            continue;
        for (at = p->next[first]; at < p->old.count && p->taken[p->order[at]]; at++)
            ;
        p->next[first] = at; /* thousands may have the same name: nobody looks at the same ones again */
        if (at == p->old.count || p->old.list[p->order[at]].name[by] != name)
            continue;
        p->partner[i] = p->order[at];
        p->taken[p->order[at]] = true;
    }
}

static bool is_similar(uint64_t a, uint64_t b)
{
    return a / SIZE_RATIO_MAX <= b && b / SIZE_RATIO_MAX <= a;
}

/* Those that are left: an old member may be the model of several. */
static void pair_by_name(struct pairing *p)
{
    const enum cw_delta_likeness by = CW_DELTA_NAME_BUT_DIGITS;
    size_t i;

    sort_old(p, by);
    for (i = 0; i < p->new.count; i++) {
        const struct cw_delta_member *new = &p->new.list[i], *above = NULL, *below = NULL;
        size_t at;

        if (p->partner[i] != NO_PARTNER)
            continue;
        at = find_old(p, by, new->name[by], new->len);
        if (at < p->old.count && p->old.list[p->order[at]].name[by] == new->name[by])
            above = &p->old.list[p->order[at]];
        if (at > 0 && p->old.list[p->order[at - 1]].name[by] == new->name[by])
            below = &p->old.list[p->order[at - 1]];
        if (above == NULL || (below != NULL && new->len - below->len < above->len - new->len))
            above = below;
        if (above != NULL && is_similar(above->len, new->len))
            p->partner[i] = (size_t)(above - p->old.list);
    }
}

/* --- pieces ------------------------------------------------------------------------------------------- */

static int add_piece(struct cw_delta_plan *plan, uint64_t old_at, uint64_t old_len, uint64_t new_at,
                     uint64_t new_len, struct cw_err *err)
{
    if (plan->count == plan->room) {
        size_t room = plan->room == 0 ? 64 : plan->room * 2;
        struct cw_delta_piece *more = reallocarray(plan->list, room, sizeof(*more));

        if (more == NULL)
            return cw_err_nomem(err);
        plan->list = more;
        plan->room = room;
    }
    plan->list[plan->count++] = (struct cw_delta_piece){
        .old_at = old_at, .old_len = (uint32_t)old_len, .new_at = new_at, .new_len = (uint32_t)new_len};
    return CW_OK;
}

/* Too large to be sorted at once: each window of the new part with the old part around the same relative
 * place, twice as large as the window. */
static int add_windows(struct cw_delta_plan *plan, const struct cw_delta_member *old,
                       const struct cw_delta_member *new, struct cw_err *err)
{
    uint64_t step = old->len > CW_DELTA_SORT_MAX ? CW_DELTA_SORT_MAX / 2 : CW_DELTA_PIECE_MAX, at;
    int rc = CW_OK;

    for (at = 0; rc == CW_OK && at < new->len; at += step) {
        uint64_t len = new->len - at < step ? new->len - at : step, old_at = 0, old_len = old->len;

        if (old_len > CW_DELTA_SORT_MAX) {
            double middle = ((double)at + (double)len / 2) / (double)new->len *(double)old->len;

            old_len = CW_DELTA_SORT_MAX;
            old_at = middle > (double)old_len / 2 ? (uint64_t)middle - old_len / 2 : 0;
            if (old_at > old->len - old_len)
                old_at = old->len - old_len;
        }
        rc = add_piece(plan, old->at + old_at, old_len, new->at + at, len, err);
    }
    return rc;
}

/* Does this pair go on where the piece before it ends, in both files? */
static bool joins(const struct cw_delta_plan *plan, const struct cw_delta_member *old,
                  const struct cw_delta_member *new)
{
    const struct cw_delta_piece *last = plan->count == 0 ? NULL : &plan->list[plan->count - 1];

    return last != NULL && last->old_len > 0 && old->len > 0 && last->old_at + last->old_len == old->at &&
           last->old_len + old->len <= JOIN_MAX && last->new_len + new->len <= JOIN_MAX;
}

static int make_pieces(struct cw_delta_plan *plan, const struct pairing *p, struct cw_err *err)
{
    static const struct cw_delta_member nothing = {.len = 0};
    size_t i;
    int rc = CW_OK;

    for (i = 0; rc == CW_OK && i < p->new.count; i++) {
        const struct cw_delta_member *new = &p->new.list[i];
        const struct cw_delta_member *old =
            p->partner[i] == NO_PARTNER ? &nothing : &p->old.list[p->partner[i]];

        if (joins(plan, old, new)) {
            plan->list[plan->count - 1].old_len += (uint32_t)old->len;
            plan->list[plan->count - 1].new_len += (uint32_t) new->len;
        } else {
            rc = add_windows(plan, old, new, err);
        }
    }
    return rc;
}

static int list_members(struct pairing *p, const struct cw_delta_files *files, struct cw_err *err)
{
    int rc = cw_delta_tar_list(&p->old, files->old, files->old_len, err);

    if (rc == CW_OK)
        rc = cw_delta_tar_list(&p->new, files->new, files->new_len, err);
    if (rc != CW_OK || (p->old.count > 1 && p->new.count > 1))
        return rc;
    /* Not two archives: both are taken whole. */
    cw_delta_members_clear(&p->old);
    cw_delta_members_clear(&p->new);
    rc = cw_delta_members_add(&p->old, &(struct cw_delta_member){.len = files->old_len}, err);
    return rc == CW_OK ? cw_delta_members_add(&p->new, &(struct cw_delta_member){.len = files->new_len}, err)
                       : rc;
}

static int pair_all(struct pairing *p, const struct cw_delta_files *files, struct cw_err *err)
{
    size_t i;
    int rc = list_members(p, files, err);

    if (rc != CW_OK)
        return rc;
    p->partner = calloc(p->new.count + 1, sizeof(*p->partner));
    p->order = calloc(p->old.count + 1, sizeof(*p->order));
    p->taken = calloc(p->old.count + 1, sizeof(*p->taken));
    p->next = calloc(p->old.count + 1, sizeof(*p->next));
    if (p->next == NULL || p->partner == NULL || p->order == NULL || p->taken == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < p->new.count; i++)
        p->partner[i] = NO_PARTNER;
    pair_by_path(p, CW_DELTA_PATH);
    pair_by_path(p, CW_DELTA_FOLDER_BUT_DIGITS);
    pair_by_path(p, CW_DELTA_PATH_BUT_DIGITS);
    pair_by_name(p);
    return CW_OK;
}

int cw_delta_pair(struct cw_delta_plan *plan, const struct cw_delta_files *files, struct cw_err *err)
{
    struct pairing p = {.partner = NULL};
    int rc = pair_all(&p, files, err);

    if (rc == CW_OK)
        rc = make_pieces(plan, &p, err);
    pairing_clear(&p);
    return rc;
}

void cw_delta_plan_clear(struct cw_delta_plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++)
        free(plan->list[i].steps.list);
    free(plan->list);
    *plan = (struct cw_delta_plan){.list = NULL};
}
