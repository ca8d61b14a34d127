/* SPDX-License-Identifier: ISC */
/*
 * Which file lies on which volume. Each goes on the first volume that has room for it; what fits on none is cut into
 * parts, and many small ones go in packs. Room is counted as media use it: in clusters, with something left for folders and
 * pages.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/ustar.h"
#include "sync/mirror/carry.h"

#define CLUSTER (UINT64_C(32) << 10)   /* the largest that FAT32 has by itself */
#define LISTED 512                     /* a file's lines in the list and in SHA256SUMS */
#define KEPT_FREE (UINT64_C(1) << 20)  /* for pages and receipts; and a 64th for folders and the filesystem */
#define PART_MIN (UINT64_C(4) << 20)   /* smaller parts are not worth a file */
#define PART_STEP (UINT64_C(64) << 10) /* parts end there, so that joining copies whole blocks */

struct volume {
    uint64_t room;
    size_t files; /* in its list */
    size_t pack;  /* the one that the next small file goes into: its index + 1; 0: none */
};

struct spread {
    struct cw_carry *carry;
    struct volume *volumes;
    bool packing;
    uint64_t room; /* of an empty volume */
    uint64_t file_max;
    size_t files;      /* on every volume */
    size_t files_most; /* on one */
};

static uint64_t cost_of(uint64_t length)
{
    return (length + CLUSTER - 1) / CLUSTER * CLUSTER + LISTED;
}

static int open_volume(struct spread *spread, struct cw_err *err)
{
    if (spread->carry->of == CW_VOLUMES_MAX)
        return cw_err_set(err, CW_E_USAGE, "more than %d volumes: use larger media", CW_VOLUMES_MAX);
    spread->volumes[spread->carry->of++] = (struct volume){.room = spread->room, .files = spread->files};
    return CW_OK;
}

static void take(struct spread *spread, struct cw_carry_file *file, unsigned volume)
{
    struct volume *v = &spread->volumes[volume - 1];
    uint64_t cost = cost_of(file->length);

    file->volume = volume;
    v->room -= cost < v->room ? cost : v->room;
    v->files++;
}

static int find_volume(unsigned *volume, struct spread *spread, uint64_t cost, size_t files,
                       struct cw_err *err)
{
    unsigned k;
    int rc = CW_OK;

    for (k = 1; k <= spread->carry->of; k++) {
        const struct volume *v = &spread->volumes[k - 1];

        if (v->room >= cost && v->files + files <= spread->files_most)
            break;
    }
    if (k > spread->carry->of)
        rc = open_volume(spread, err);
    *volume = k;
    return rc;
}

/* How long the next part may be on the last volume that is open; 0: too short to be worth it. */
static uint64_t part_length(const struct spread *spread, uint64_t rest)
{
    const struct volume *v = &spread->volumes[spread->carry->of - 1];
    uint64_t most = v->room > CLUSTER + LISTED ? v->room - CLUSTER - LISTED : 0;

    if (spread->file_max != 0 && most > spread->file_max)
        most = spread->file_max;
    if (most >= rest)
        return rest;
    most -= most % PART_STEP;
    return most < PART_MIN || v->files >= spread->files_most ? 0 : most;
}

/* The whole file becomes its first part, the others are new. */
static int make_part(struct spread *spread, size_t whole, const char *sha256, uint64_t offset,
                     uint64_t length, struct cw_err *err)
{
    struct cw_carry *carry = spread->carry;
    struct cw_carry_file *part = &carry->files[whole];
    CW_AUTO_FREE char *path = cw_str_format(CW_VOLUME_PARTS "/%s/%016" PRIu64, sha256, offset);
    int rc = path != NULL ? CW_OK : cw_err_nomem(err);

    if (rc == CW_OK && offset > 0)
        rc = cw_carry_add(&part, carry, path, sha256, length, CW_CLOSURE_ARTIFACT, err);
    if (rc != CW_OK)
        return rc;
    if (offset > 0) {
        part->from = strdup(carry->files[whole].from); /* the list may have moved */
        if (part->from == NULL)
            return cw_err_nomem(err);
    } else {
        free(part->path);
        part->path = path;
        path = NULL;
    }
    part->part = true;
    part->offset = offset;
    part->length = length;
    take(spread, part, carry->of);
    return CW_OK;
}

static int cut(struct spread *spread, struct cw_carry_unit *unit, struct cw_err *err)
{
    uint64_t offset = 0, length = unit->file->length;
    int rc = CW_OK;

    unit->volume = spread->carry->of;
    while (offset < length && rc == CW_OK) {
        uint64_t part = part_length(spread, length - offset);

        if (part == 0) {
            rc = open_volume(spread, err);
            part = rc == CW_OK ? part_length(spread, length - offset) : 0;
            unit->volume = offset == 0 ? spread->carry->of : unit->volume;
        }
        if (rc == CW_OK && part == 0)
            rc = cw_err_set(err, CW_E_USAGE, "the volumes are too small: nothing of '%s' fits on one",
                            unit->file->path);
        if (rc == CW_OK)
            rc = make_part(spread, unit->first, unit->file->sha256, offset, part, err);
        offset += part;
        unit->parts++;
    }
    return rc;
}

/* The parts of a file serve every path that leads to its content. */
static int cut_once(struct spread *spread, struct cw_carry_unit *unit, struct cw_err *err)
{
    const struct cw_carry_unit *twin = unit->twin != 0 ? &spread->carry->units[unit->twin - 1] : NULL;

    if (twin == NULL || twin->parts == 0)
        return cut(spread, unit, err);
    unit->volume = twin->volume;
    unit->parts = twin->parts;
    spread->carry->files[unit->first].volume = CW_CARRY_NOWHERE;
    return CW_OK;
}

/* As if each needed a new pack: what that counts too much is given back. */
static int pack(struct spread *spread, struct cw_carry_unit *unit, struct cw_err *err)
{
    const uint64_t opening = CLUSTER + LISTED + CW_USTAR_END;
    struct cw_carry *carry = spread->carry;
    uint64_t cost = 0;
    size_t i, before = carry->count;
    struct volume *v;
    int rc;

    for (i = unit->first; i < unit->first + unit->count; i++)
        cost += cw_ustar_size(carry->files[i].path, carry->files[i].length) + LISTED;
    rc = find_volume(&unit->volume, spread, cost + unit->count * opening, 2 * unit->count, err);
    if (rc != CW_OK)
        return rc;
    v = &spread->volumes[unit->volume - 1];
    for (i = unit->first; i < unit->first + unit->count && rc == CW_OK; i++)
        rc = cw_pack_add(&v->pack, carry, i, unit->volume, err);
    cost += (carry->count - before) * opening;
    v->room -= cost < v->room ? cost : v->room;
    v->files += unit->count + carry->count - before;
    return rc;
}

static int place(struct spread *spread, struct cw_carry_unit *unit, struct cw_err *err)
{
    uint64_t cost = unit->way == CW_WAY_WHOLE ? 0 : CLUSTER; /* deltas have a folder of their own */
    size_t i;
    int rc;

    if (spread->packing && cw_pack_fits(spread->carry, unit))
        return pack(spread, unit, err);
    for (i = unit->first; i < unit->first + unit->count; i++)
        cost += cost_of(spread->carry->files[i].length);
    if (unit->way == CW_WAY_WHOLE &&
        (cost > spread->room || (spread->file_max != 0 && unit->file->length > spread->file_max)))
        return cut_once(spread, unit, err);
    if (cost > spread->room)
        return cw_err_set(err, CW_E_USAGE, "the volumes are too small for the deltas to '%s'",
                          unit->file->path);
    rc = find_volume(&unit->volume, spread, cost, unit->count, err);
    for (i = unit->first; i < unit->first + unit->count && rc == CW_OK; i++)
        take(spread, &spread->carry->files[i], unit->volume);
    return rc;
}

/* What is left of a medium when all that goes on every one is there. */
static int measure(struct spread *spread, uint64_t size, struct cw_err *err)
{
    uint64_t head = 0, usable = size - size / 64;
    char need[16];
    size_t i;

    for (i = 0; i < spread->carry->count; i++) {
        const struct cw_carry_file *file = &spread->carry->files[i];

        if (file->stage == CW_CLOSURE_ARTIFACT)
            continue;
        head += cost_of(file->length);
        spread->files++;
    }
    head += KEPT_FREE;
    if (size == 0) {
        spread->room = UINT64_MAX / 2;
        return CW_OK;
    }
    if (usable < head + PART_MIN + 2 * CLUSTER) {
        cw_str_bytes(head + head / 32 + 2 * PART_MIN, need);
        return cw_err_set(
            err, CW_E_USAGE,
            "the volumes are too small: what goes on every one leaves no room; take at least %s", need);
    }
    spread->room = usable - head;
    return CW_OK;
}

int cw_carry_spread(struct cw_carry *carry, uint64_t size, uint64_t file_max, struct cw_err *err)
{
    CW_AUTO_FREE struct volume *volumes = calloc(CW_VOLUMES_MAX, sizeof *volumes);
    struct spread spread = {.carry = carry,
                            .volumes = volumes,
                            .file_max = file_max,
                            .packing = cw_pack_wanted(carry),
                            .files_most = size != 0 ? CW_CARRY_VOLUME_FILES : SIZE_MAX};
    size_t i;
    int rc = volumes != NULL ? measure(&spread, size, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = open_volume(&spread, err);
    for (i = 0; i < carry->unit_count && rc == CW_OK; i++) {
        if (carry->units[i].way != CW_WAY_HELD)
            rc = place(&spread, &carry->units[i], err);
    }
    return rc;
}
