/* SPDX-License-Identifier: ISC */
/*
 * What is kept; see closure/reach.h.
 */
#include "closure/reach.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"

bool cw_retention_keeps(const struct cw_retention *retention, uint64_t rank, int64_t superseded)
{
    return rank == 0 || rank < retention->serials || retention->now - superseded < retention->seconds;
}

static int key_of(uint64_t *key, const char *path, struct cw_err *err)
{
    unsigned char digest[CW_SHA256_BYTES];
    int rc = cw_sha256_bytes(digest, path, strlen(path), err);

    memcpy(key, digest, sizeof *key);
    return rc;
}

int cw_reach_add(struct cw_reach *reach, const char *path, struct cw_err *err)
{
    if (reach->count == reach->room) {
        size_t room = reach->room != 0 ? reach->room * 2 : 256;
        uint64_t *keys = reallocarray(reach->keys, room, sizeof *keys);

        if (keys == NULL)
            return cw_err_nomem(err);
        reach->keys = keys;
        reach->room = room;
    }
    reach->sorted = false;
    return key_of(&reach->keys[reach->count++], path, err);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *two = b;

    return (*one > *two) - (*one < *two);
}

bool cw_reach_has(struct cw_reach *reach, const char *path)
{
    uint64_t key;

    if (reach->count == 0)
        return false;
    if (!reach->sorted)
        qsort(reach->keys, reach->count, sizeof *reach->keys, compare);
    reach->sorted = true;
    if (key_of(&key, path, NULL) != CW_OK)
        return true; /* what cannot be judged is kept */
    return bsearch(&key, reach->keys, reach->count, sizeof key, compare) != NULL;
}

void cw_reach_clear(struct cw_reach *reach)
{
    free(reach->keys);
    *reach = (struct cw_reach){.keys = NULL};
}
