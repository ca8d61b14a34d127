/* SPDX-License-Identifier: ISC */
/*
 * What a partial tree must hold, and what of it is missing: one answer for mirror, export, import, repair and
 * gc. A list of tree files in the order in which they may appear to readers, so that at any moment there is a
 * whole old tree or a whole new one. No I/O: who holds what is asked of the caller.
 */
#ifndef CW_CLOSURE_CLOSURE_H
#define CW_CLOSURE_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypt/hash.h"
#include "tree/set.h"

/* Each stage durable before the next. */
enum cw_closure_stage {
    CW_CLOSURE_ARTIFACT,
    CW_CLOSURE_MANIFEST, /* release and channel manifests */
    CW_CLOSURE_ROLE,     /* targets and delegated roles */
    CW_CLOSURE_SNAPSHOT,
    CW_CLOSURE_ROOT,
    CW_CLOSURE_TIMESTAMP,
};

struct cw_closure_file {
    char *path; /* tree path; owned */
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    enum cw_closure_stage stage;
};

struct cw_closure {
    struct cw_closure_file *files;
    size_t count, room;
};

#define CW_CLOSURE_INIT                                                                                      \
    {                                                                                                        \
        .files = NULL, .count = 0, .room = 0                                                                 \
    }

void cw_closure_clear(struct cw_closure *closure);
#define CW_AUTO_CLOSURE __attribute__((cleanup(cw_closure_clear))) struct cw_closure

/* All targets of a verified set. */
int cw_closure_add_set(struct cw_closure *closure, const struct cw_set *set, struct cw_err *err);
/* One metadata file as it lies in a tree; version counts but for the timestamp. Every root goes in by
 * this. */
int cw_closure_add_metadata(struct cw_closure *closure, const char *role, int64_t version, const void *bytes,
                            size_t len, struct cw_err *err);
/* Every role that the update verified: the newest root, timestamp, snapshot, targets and the delegated roles
 * it came by. After cw_set_load() these are the ones that the set needs. */
int cw_closure_add_update(struct cw_closure *closure, const struct cw_tuf_update *update, struct cw_err *err);

/* Puts the files into upload order, by path within a stage, and drops repeats. CW_E_VERIFY: one path with two
 * contents. */
int cw_closure_sort(struct cw_closure *closure, struct cw_err *err);

/* Does the caller hold this file already? */
typedef bool cw_closure_has(void *ctx, const struct cw_closure_file *file);
/* Appends to `missing` what is not held, in the order of `all`. */
int cw_closure_missing(struct cw_closure *missing, const struct cw_closure *all, cw_closure_has *has,
                       void *ctx, struct cw_err *err);

/* The sum of the lengths. */
uint64_t cw_closure_bytes(const struct cw_closure *closure);

#endif
