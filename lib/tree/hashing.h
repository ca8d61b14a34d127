/* SPDX-License-Identifier: ISC */
/*
 * Hashing many files of a folder on all cores. Verdicts come back in the order in which the files were named,
 * so that what is said of a tree is the same however many cores there are. For lib/tree alone.
 */
#ifndef CW_TREE_HASHING_H
#define CW_TREE_HASHING_H

#include <stdint.h>

#include "base/err.h"
#include "crypt/hash.h"
#include "fs/root.h"

struct cw_hashed {
    /* What was asked. */
    char path[CW_PATH_MAX];
    char expected[CW_SHA256_TEXT];
    int64_t length; /* -1: not known. A file of another length is not read */
    bool known;     /* the caller's own note */
    /* What came of it. */
    int rc; /* not CW_OK: it could not be read; err says why */
    struct cw_err err;
    char sha256[CW_SHA256_TEXT]; /* "": not read */
    uint64_t size;
};

struct cw_hashing;
/* Called in the caller's thread; `file` is borrowed. */
typedef int cw_hashing_done(void *ctx, const struct cw_hashed *file, struct cw_err *err);

/* `dir` is borrowed. */
int cw_hashing_new(struct cw_hashing **hashing, int dir, cw_hashing_done *done, void *ctx,
                   struct cw_err *err);
void cw_hashing_free(struct cw_hashing *hashing); /* NULL is fine */
/* Called in the caller's thread from time to time, with how many bytes were read since; may be NULL. */
void cw_hashing_on_read(struct cw_hashing *hashing, void (*read)(void *ctx, uint64_t bytes), void *ctx);

/* Both may call `done` for files that were named before, and give back what it failed with. */
int cw_hashing_add(struct cw_hashing *hashing, const char *path, const char *expected, int64_t length,
                   bool known, struct cw_err *err);
/* Waits for all that were named. */
int cw_hashing_finish(struct cw_hashing *hashing, struct cw_err *err);

#endif
