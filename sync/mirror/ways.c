/* SPDX-License-Identifier: ISC */
/*
 * How each file travels: from what the sites hold, by which deltas, or whole. Which older file is worth a try is a
 * guess by names: the same product, and the same file's name but for the version in it; of several the newest version.
 * A wrong guess costs time here and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"
#include "base/str.h"
#include "fs/walk.h"
#include "release/semver.h"
#include "sync/mirror/carry.h"
#include "tree/deltas.h"
#include "tree/hint.h"
#include "tree/layout.h"

/* Deltas are worth their while under so many tenths of the whole file. */
#define TENTHS_MAX 9

struct old { /* a file of the mirror that a site says it holds */
    char *path, *key, *version;
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
};

struct pick { /* the deltas to be tried for one unit */
    size_t unit;
    const struct old *old; /* NULL: the empty file */
};

struct ways {
    struct cw_carry *carry;
    const struct cw_held *held;
    struct old *olds; /* sorted by key, the newest version first */
    size_t old_count, old_room;
    struct pick *picks;
    size_t pick_count, pick_room;
    struct cw_deltas_pair *pairs; /* one for each pick */
    struct cw_progress progress;
};

/* "<product>/<file>" with each mention of the version taken out of the file's name; NULL for what is in no product. */
static char *make_key(const char *target, char **version)
{
    CW_AUTO_BUF key = CW_BUF_INIT(CW_PATH_MAX);
    const char *first = strchr(target, '/'), *second = first != NULL ? strchr(first + 1, '/') : NULL, *at;
    size_t len;

    *version = NULL;
    if (second == NULL || strncmp(target, "channels/", 9) == 0)
        return NULL;
    len = (size_t)(second - first - 1);
    *version = strndup(first + 1, len);
    cw_buf_add(&key, target, (size_t)(first - target));
    cw_buf_addc(&key, '/');
    for (at = second + 1; *at != '\0';) {
        if (len > 0 && strncmp(at, first + 1, len) == 0) {
            cw_buf_addc(&key, '@'); /* no name has it */
            at += len;
        } else {
            cw_buf_addc(&key, *at++);
        }
    }
    return cw_buf_take(&key);
}

static int add_old(struct ways *ways, const char *path, const char *target, const char *sha256,
                   uint64_t length, struct cw_err *err)
{
    struct old *old;

    if (ways->old_count == ways->old_room) {
        size_t room = ways->old_room != 0 ? ways->old_room * 2 : 256;

        old = reallocarray(ways->olds, room, sizeof *old);
        if (old == NULL)
            return cw_err_nomem(err);
        ways->olds = old;
        ways->old_room = room;
    }
    old = &ways->olds[ways->old_count];
    *old = (struct old){.length = length};
    memcpy(old->sha256, sha256, CW_SHA256_TEXT);
    old->key = make_key(target, &old->version);
    old->path = strdup(path);
    ways->old_count++;
    if (old->key == NULL && old->path != NULL && old->version == NULL) {
        free(old->path);
        ways->old_count--;
        return CW_OK;
    }
    return old->key != NULL && old->version != NULL && old->path != NULL ? CW_OK : cw_err_nomem(err);
}

static int look_at_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct ways *ways = ctx;
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    size_t i;

    if (!S_ISREG(st->st_mode) || st->st_size == 0 || strlen(name) + sizeof CW_TREE_TARGETS >= sizeof path)
        return CW_OK;
    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (!cw_tree_split_target(path, target, sha256))
        return CW_OK;
    for (i = 0; i < ways->held->count; i++) {
        if (cw_held_has(&ways->held->sites[i], sha256, (uint64_t)st->st_size))
            return add_old(ways, path, target, sha256, (uint64_t)st->st_size, err);
    }
    return CW_OK;
}

/* A version that is none sorts by its bytes; a tree has no such folder. */
static int compare_versions(const char *a, const char *b)
{
    return cw_semver_check(a, NULL) == CW_OK && cw_semver_check(b, NULL) == CW_OK ? cw_semver_compare(a, b)
                                                                                  : strcmp(a, b);
}

static int by_key(const void *a, const void *b)
{
    const struct old *one = a, *two = b;
    int order = strcmp(one->key, two->key);

    if (order == 0)
        order = compare_versions(two->version, one->version);
    return order != 0 ? order : strcmp(one->path, two->path);
}

static bool key_is_before(const void *old, const void *key)
{
    return strcmp(((const struct old *)old)->key, key) < 0;
}

/* The first with that key, and how many there are. */
static size_t find_olds(const struct old **first, const struct ways *ways, const char *key)
{
    size_t low = cw_lower_bound(key, ways->olds, ways->old_count, sizeof *ways->olds, key_is_before), end;

    for (end = low; end < ways->old_count && strcmp(ways->olds[end].key, key) == 0; end++)
        ;
    *first = ways->olds + low;
    return end - low;
}

static bool lacks(const struct ways *ways, size_t site, const struct cw_closure_file *file)
{
    return cw_held_lacks(&ways->held->sites[site], file->sha256, file->length);
}

static int add_pick(struct ways *ways, size_t unit, const struct old *old, struct cw_err *err)
{
    size_t i;

    for (i = ways->pick_count; i > 0 && ways->picks[i - 1].unit == unit; i--) {
        if (ways->picks[i - 1].old == old)
            return CW_OK;
    }
    if (ways->pick_count == ways->pick_room) {
        size_t room = ways->pick_room != 0 ? ways->pick_room * 2 : 256;
        struct pick *picks = reallocarray(ways->picks, room, sizeof *picks);

        if (picks == NULL)
            return cw_err_nomem(err);
        ways->picks = picks;
        ways->pick_room = room;
    }
    ways->picks[ways->pick_count++] = (struct pick){.unit = unit, .old = old};
    return CW_OK;
}

static bool all_hold(const struct ways *ways, const struct cw_closure_file *file, const struct old *old)
{
    size_t i;

    for (i = 0; i < ways->held->count; i++) {
        if (lacks(ways, i, file) && !cw_held_has(&ways->held->sites[i], old->sha256, old->length))
            return false;
    }
    return true;
}

/* The newest that all who lack the file hold; else the newest of each of them. */
static int pick_olds(struct ways *ways, size_t unit, const struct old *olds, size_t count, struct cw_err *err)
{
    const struct cw_closure_file *file = ways->carry->units[unit].file;
    size_t i, site;
    int rc = CW_OK;

    for (i = 0; i < count; i++) {
        if (all_hold(ways, file, &olds[i]))
            return add_pick(ways, unit, &olds[i], err);
    }
    for (site = 0; site < ways->held->count && rc == CW_OK; site++) {
        for (i = 0; lacks(ways, site, file) && i < count; i++) {
            if (cw_held_has(&ways->held->sites[site], olds[i].sha256, olds[i].length)) {
                rc = add_pick(ways, unit, &olds[i], err);
                break;
            }
        }
    }
    return rc;
}

static int pick_for(struct ways *ways, size_t index, struct cw_err *err)
{
    struct cw_carry_unit *unit = &ways->carry->units[index];
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    CW_AUTO_FREE char *key = NULL, *version = NULL;
    const struct old *olds;
    size_t i;
    int rc;

    unit->way = CW_WAY_HELD;
    for (i = 0; i < ways->held->count && unit->way == CW_WAY_HELD; i++)
        unit->way = lacks(ways, i, unit->file) ? CW_WAY_WHOLE : CW_WAY_HELD;
    if (unit->way == CW_WAY_HELD || unit->file->length < CW_DELTAS_FILE_MIN ||
        !cw_tree_split_target(unit->file->path, target, sha256))
        return CW_OK;
    rc = add_pick(ways, index, NULL, err);
    key = make_key(target, &version);
    if (rc == CW_OK && key != NULL) {
        size_t count = find_olds(&olds, ways, key);

        rc = pick_olds(ways, index, olds, count, err);
    }
    return rc;
}

static void count_progress(void *ctx, uint64_t bytes)
{
    cw_progress_add(ctx, bytes);
}

static int make_deltas(struct ways *ways, int mirror, const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_deltas_options options = {.progress = count_progress, .ctx = &ways->progress};
    size_t i;
    int rc;

    if (ways->pick_count == 0)
        return CW_OK;
    ways->pairs = calloc(ways->pick_count, sizeof *ways->pairs);
    if (ways->pairs == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < ways->pick_count; i++) {
        ways->pairs[i].from = ways->picks[i].old != NULL ? ways->picks[i].old->path : NULL;
        ways->pairs[i].to = ways->carry->units[ways->picks[i].unit].file->path;
    }
    cw_progress_start(&ways->progress, cli, "making deltas",
                      cw_deltas_size(mirror, ways->pairs, ways->pick_count));
    rc = cw_deltas_make(mirror, ways->pairs, ways->pick_count, &options, err);
    cw_progress_end(&ways->progress);
    for (i = 0; i < ways->pick_count && rc == CW_OK; i++) {
        if (ways->pairs[i].outcome == CW_DELTA_FAILED)
            cw_cli_warn(cli, "'%s': a delta could not be made, so it is carried without: %s",
                        ways->pairs[i].to, ways->pairs[i].why);
    }
    return rc;
}

static bool is_made(const struct cw_deltas_pair *pair)
{
    return (pair->outcome == CW_DELTA_THERE || pair->outcome == CW_DELTA_MADE) && pair->length > 0 &&
           pair->length <= CW_FAT_FILE_MAX;
}

/* Which of the unit's picks (first … last) serves that site best; last: none. */
static size_t best_for(const struct ways *ways, size_t site, size_t first, size_t last)
{
    size_t i, best = last;

    for (i = first; i < last; i++) {
        const struct old *old = ways->picks[i].old;

        if (is_made(&ways->pairs[i]) &&
            (old == NULL || cw_held_has(&ways->held->sites[site], old->sha256, old->length)) &&
            (best == last || ways->pairs[i].length < ways->pairs[best].length))
            best = i;
    }
    return best;
}

/* Marks in `used` what the sites need, and sums it up. False: one of them is served by none. */
static bool choose_deltas(uint64_t *sum, bool *used, const struct ways *ways, size_t first, size_t last)
{
    const struct cw_closure_file *file = ways->carry->units[ways->picks[first].unit].file;
    size_t site, count = 0;

    *sum = 0;
    for (site = 0; site < ways->held->count; site++) {
        size_t best = lacks(ways, site, file) ? best_for(ways, site, first, last) : SIZE_MAX;

        if (best == last)
            return false;
        if (best == SIZE_MAX || used[best - first])
            continue;
        used[best - first] = true;
        *sum += ways->pairs[best].length;
        count++;
    }
    return count <= CW_CARRY_DELTAS_MAX;
}

static int choose_way(struct ways *ways, size_t first, size_t last, struct cw_err *err)
{
    struct cw_carry_unit *unit = &ways->carry->units[ways->picks[first].unit];
    CW_AUTO_FREE bool *used = calloc(last - first, sizeof *used);
    uint64_t sum, most = unit->file->length / 10 * TENTHS_MAX;
    size_t i;

    if (used == NULL)
        return cw_err_nomem(err);
    if (!choose_deltas(&sum, used, ways, first, last))
        sum = UINT64_MAX;
    /* The first is from the empty file, which everybody holds. */
    if (is_made(&ways->pairs[first]) && ways->pairs[first].length <= sum) {
        memset(used, 0, (last - first) * sizeof *used);
        used[0] = true;
        sum = ways->pairs[first].length;
    }
    if (sum > most)
        return CW_OK;
    unit->way = CW_WAY_COMPRESSED;
    for (i = first; i < last; i++) {
        const struct old *old = ways->picks[i].old;

        if (!used[i - first])
            continue;
        memcpy(unit->from[unit->delta_count++], old != NULL ? old->sha256 : CW_HINT_EMPTY, CW_SHA256_TEXT);
        unit->way = old != NULL ? CW_WAY_DELTA : unit->way;
    }
    return CW_OK;
}

static int choose_all(struct ways *ways, struct cw_err *err)
{
    size_t first, last;
    int rc = CW_OK;

    for (first = 0; first < ways->pick_count && rc == CW_OK; first = last) {
        for (last = first + 1; last < ways->pick_count && ways->picks[last].unit == ways->picks[first].unit;
             last++)
            ;
        rc = choose_way(ways, first, last, err);
    }
    return rc;
}

static void clear(struct ways *ways)
{
    size_t i;

    for (i = 0; i < ways->old_count; i++) {
        free(ways->olds[i].path);
        free(ways->olds[i].key);
        free(ways->olds[i].version);
    }
    free(ways->olds);
    free(ways->picks);
    free(ways->pairs);
}

int cw_carry_choose_ways(struct cw_carry *carry, const struct cw_held *held, int mirror,
                         const struct cw_cli *cli, struct cw_err *err)
{
    struct ways ways = {.carry = carry, .held = held};
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < carry->unit_count; i++)
        carry->units[i].way = CW_WAY_WHOLE;
    if (held->count == 0)
        return CW_OK;
    rc = cw_walk(mirror, CW_TREE_TARGETS, look_at_target, &ways, err);
    if (rc == CW_OK && ways.old_count > 1)
        qsort(ways.olds, ways.old_count, sizeof *ways.olds, by_key);
    for (i = 0; i < carry->unit_count && rc == CW_OK; i++)
        rc = pick_for(&ways, i, err);
    if (rc == CW_OK)
        rc = make_deltas(&ways, mirror, cli, err);
    if (rc == CW_OK)
        rc = choose_all(&ways, err);
    clear(&ways);
    return rc;
}
