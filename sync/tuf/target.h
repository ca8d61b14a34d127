/* SPDX-License-Identifier: ISC */
/*
 * Getting one target: where it lies below the repository's base, its bytes into files, and all of its stated hashes held against them.
 */
#ifndef CW_SYNC_TUF_TARGET_H
#define CW_SYNC_TUF_TARGET_H

#include "fs/commit.h"
#include "sync/tuf/remote.h"

#define CW_TARGET_HASHES_MAX 2 /* algorithms that we know: sha256 and sha512 */

/* A target as a targets role states it. */
struct cw_target {
    const char *path; /* borrowed, as is what file points to */
    struct cw_tuf_file file;
    /* Hashes in the order of trust in them: sha256, sha512. A name with one in front is where a consistent repository keeps it. */
    const char *hashes[CW_TARGET_HASHES_MAX];
    size_t hash_count;
};

/* Reads the statement. CW_E_VERIFY when a hash is of an unknown algorithm or no hash, or when the path would lead out of its folder. */
int cw_target_init(struct cw_target *target, const char *path, const struct cw_tuf_file *file,
                   struct cw_err *err);

/* The target's path below the base; `hash` (may be NULL) in front of its last part. */
int cw_target_place(struct cw_buf *buf, const struct cw_target *target, const char *hash, struct cw_err *err);

/* Fetches it into the file, which is open and is neither committed nor discarded here. consistent: the names in the repository bear
 * the hash. CW_E_VERIFY: other bytes than stated came. */
int cw_target_fetch(struct cw_remote *remote, const struct cw_target *target, bool consistent,
                    struct cw_out *out, struct cw_err *err);

/* Is the file beneath dir this target? Read to the end only where the length is right. Not there is "no". */
int cw_target_matches(bool *matches, const struct cw_target *target, int dir, const char *path,
                      struct cw_err *err);

#endif
