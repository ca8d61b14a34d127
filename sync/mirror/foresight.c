/* SPDX-License-Identifier: ISC */
/*
 * Roles on their way: expected of the source, then with the threads that verify, then taken by who wants them, in one order.
 */
#include "sync/mirror/foresight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

#define THREADS_MAX 4 /* they verify more than one thread fetches */
#define UNDER_WAY 32  /* with the threads, or verified and not taken: each has its tree in memory ... */
#define UNDER_WAY_BYTES ((size_t)2 << 20) /* ... which takes some ten times the bytes */

struct cw_foresight {
    struct cw_source *source;
    struct cw_pool *pool; /* of pointers to what is under way */
    struct cw_foreseen
        places[1 + CW_SET_AHEAD + UNDER_WAY]; /* a ring: expected, then under way, then taken */
    size_t taken, put, expected;              /* how many there ever were */
    size_t bytes;                             /* of those under way */
};

static struct cw_foreseen *at(struct cw_foresight *foresight, size_t index)
{
    return &foresight->places[index % CW_COUNT(foresight->places)];
}

static void verify(void *item)
{
    struct cw_foreseen *role = *(struct cw_foreseen **)item;

    cw_tuf_ahead_verify(&role->ahead, cw_buf_text(&role->bytes), role->bytes.len);
}

int cw_foresight_new(struct cw_foresight **foresight, struct cw_source *source, struct cw_err *err)
{
    struct cw_foresight *f = calloc(1, sizeof *f);
    size_t cores = cw_pool_cores();
    int rc;

    *foresight = NULL;
    if (f == NULL)
        return cw_err_nomem(err);
    f->source = source;
    rc = cw_pool_new(&f->pool, cores < THREADS_MAX ? cores : THREADS_MAX, UNDER_WAY,
                     sizeof(struct cw_foreseen *), verify, err);
    if (rc != CW_OK) {
        free(f);
        return rc;
    }
    *foresight = f;
    return CW_OK;
}

void cw_foresight_free(struct cw_foresight *foresight)
{
    size_t i;

    if (foresight == NULL)
        return;
    cw_pool_free(foresight->pool);
    for (i = 0; i < CW_COUNT(foresight->places); i++) {
        cw_tuf_ahead_clear(&foresight->places[i].ahead);
        cw_buf_clear(&foresight->places[i].bytes);
    }
    free(foresight);
}

void cw_foresight_expect(struct cw_foresight *foresight, const char *path, size_t max,
                         const struct cw_tuf_role *role)
{
    struct cw_foreseen *place = at(foresight, foresight->expected);

    cw_source_expect(foresight->source, path, max);
    if (foresight->expected - foresight->put == CW_SET_AHEAD)
        return;
    cw_tuf_ahead_clear(&place->ahead);
    cw_buf_clear(&place->bytes);
    snprintf(place->path, sizeof place->path, "%s", path);
    cw_buf_init(&place->bytes, max);
    cw_tuf_ahead_init(&place->ahead, role);
    foresight->expected++;
}

/* What has come is handed to the threads. */
static void put(struct cw_foresight *foresight)
{
    while (foresight->put < foresight->expected) {
        struct cw_foreseen *role = at(foresight, foresight->put), **item = cw_pool_next(foresight->pool);

        if (item == NULL || foresight->bytes > UNDER_WAY_BYTES ||
            !cw_source_take_ahead(foresight->source, role->path, &role->bytes))
            return;
        foresight->bytes += role->bytes.len;
        *item = role;
        cw_pool_put(foresight->pool);
        foresight->put++;
    }
}

static bool is_under_way(struct cw_foresight *foresight, const char *path)
{
    size_t i;

    for (i = foresight->taken; i < foresight->put; i++) {
        if (strcmp(at(foresight, i)->path, path) == 0)
            return true;
    }
    return false;
}

/* What was expected up to this one, and has not come, is not waited for any more. */
static void forget(struct cw_foresight *foresight, const char *path)
{
    size_t i;

    for (i = foresight->put; i < foresight->expected; i++) {
        if (strcmp(at(foresight, i)->path, path) != 0)
            continue;
        while (cw_pool_take(foresight->pool) != NULL)
            continue;
        foresight->bytes = 0;
        foresight->taken = foresight->put = i + 1;
        return;
    }
}

struct cw_foreseen *cw_foresight_take(struct cw_foresight *foresight, const char *path)
{
    struct cw_foreseen *role;

    put(foresight);
    if (!is_under_way(foresight, path)) {
        forget(foresight, path);
        return NULL;
    }
    do {
        role = *(struct cw_foreseen **)cw_pool_take(foresight->pool);
        foresight->bytes -= role->bytes.len;
        foresight->taken++;
    } while (strcmp(role->path, path) != 0);
    put(foresight);
    return role;
}
