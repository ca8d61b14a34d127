/* SPDX-License-Identifier: ISC */
/*
 * Taking build files into the tree: each is opened once, hashed while it is copied, and lies durably under
 * the name of its content before anything refers to it. What is there already is only hashed.
 */
#ifndef CW_GEN_INGEST_H
#define CW_GEN_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "gen/catalog.h"

struct cw_ingest {
    int tree;     /* borrowed */
    bool dry_run; /* hash only */
    struct cw_batch batch;
    uint64_t batch_bytes;
    int folder; /* of the last file, kept open: files come folder by folder; -1: none */
    char folder_path[CW_PATH_MAX];
    uint64_t copied_files, copied_bytes, known_files;
    struct cw_progress *progress;
};

void cw_ingest_init(struct cw_ingest *ingest, int tree, bool dry_run, struct cw_progress *progress);

/* Takes one file in as `target` (a target path). expected: its sha256 as far as known, or NULL. CW_E_VERIFY
 * when it has other bytes than that or than file->sums say, or changes while being read. */
int cw_ingest_file(struct cw_ingest *ingest, char sha256[CW_SHA256_TEXT], uint64_t *length,
                   const struct cw_catalog_file *file, const char *target, const char *expected,
                   struct cw_err *err);

/* Makes durable what was copied. Must have succeeded before anything refers to it. */
int cw_ingest_finish(struct cw_ingest *ingest, struct cw_err *err);
void cw_ingest_clear(struct cw_ingest *ingest); /* removes what is not durable yet */

#endif
