/* SPDX-License-Identifier: ISC */
/*
 * Taking build files into the tree, on all cores: each is opened once, hashed while it is copied, and lies durably under
 * the name of its content before anything refers to it. What is there already is only hashed. What became of the
 * files is told in the order in which they were named, so that it is the same however many cores there are.
 */
#ifndef CW_GEN_INGEST_H
#define CW_GEN_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "cli/cli.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "gen/catalog.h"

struct cw_ingested {
    /* What was named. */
    const struct cw_catalog_file *file;
    char target[CW_PATH_MAX]; /* the target path that it becomes */
    const char *expected;     /* its sha256 as far as known, or NULL */
    /* What became of it. rc: CW_E_VERIFY when it has other bytes than that or than file->sums say, or changed while being read. */
    int rc;
    struct cw_err err;
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
};

/* Called in the caller's thread. Fails with file->rc where that is not CW_OK, and then with its own words for it. */
typedef int cw_ingest_done(void *ctx, const struct cw_ingested *file, struct cw_err *err);

struct cw_ingest {
    int tree;     /* borrowed */
    bool dry_run; /* hash only */
    cw_ingest_done *done;
    void *ctx;
    struct cw_pool *pool;
    struct cw_batch batch;
    uint64_t batch_bytes;
    int folder; /* of the last file, kept open: files come folder by folder; -1: none */
    char folder_path[CW_PATH_MAX];
    uint64_t copied_files, copied_bytes, known_files;
};

/* progress counts the bytes that were read. Not to be held across a fork. */
int cw_ingest_init(struct cw_ingest *ingest, int tree, bool dry_run, cw_ingest_done *done, void *ctx,
                   struct cw_progress *progress, struct cw_err *err);

/* Names one more file. `file` and `expected` are borrowed until cw_ingest_settle() or _drop(). No two targets may be the same until then.
 * This and cw_ingest_settle() call `done` for files that were named before, and give back what it failed with. */
int cw_ingest_file(struct cw_ingest *ingest, const struct cw_catalog_file *file, const char *target,
                   const char *expected, struct cw_err *err);
/* Waits until all that were named are told. */
int cw_ingest_settle(struct cw_ingest *ingest, struct cw_err *err);
/* Forgets those that were not told yet, once nothing reads them any more. */
void cw_ingest_drop(struct cw_ingest *ingest);

/* Makes durable what was copied. Must have succeeded before anything refers to it. */
int cw_ingest_finish(struct cw_ingest *ingest, struct cw_err *err);
void cw_ingest_clear(struct cw_ingest *ingest); /* removes what is not durable yet */

#endif
