/* SPDX-License-Identifier: ISC */
/*
 * Which deltas there are to a file: deltas/<to-sha256>.json (causeway-delta(5)). Nobody signs it; what it says is
 * worth a try, never more. It also remembers from which files a delta was of no use, so that nobody makes it again.
 */
#ifndef CW_TREE_HINT_H
#define CW_TREE_HINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_HINT_MAX ((size_t)64 << 10) /* bytes: some two hundred deltas to one file */
/* The empty file's hash: a delta from it is the compressed file, for who has nothing like it. */
#define CW_HINT_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct cw_hint_delta { /* borrowed from the hint's doc */
    const char *from;  /* sha256 of the file that it starts from */
    const char *path;  /* where the tree has that; NULL: nowhere, it is the empty file */
    uint64_t length;   /* of the delta, in bytes */
};

struct cw_hint {
    json_t *doc; /* owned */
};

int cw_hint_new(struct cw_hint *hint, struct cw_err *err);
/* CW_E_VERIFY: this is no hint. */
int cw_hint_parse(struct cw_hint *hint, const void *text, size_t len, struct cw_err *err);
/* Of the tree beneath dir. CW_E_NOTFOUND; CW_E_VERIFY. */
int cw_hint_load(struct cw_hint *hint, int dir, const char *to, struct cw_err *err);
void cw_hint_clear(struct cw_hint *hint); /* harmless on a zeroed struct */
#define CW_AUTO_HINT __attribute__((cleanup(cw_hint_clear))) struct cw_hint

/* The entry number i, from 0 on; false behind the last. What is none (a bad hash, a path that does not lead to a
 * target with that hash, no length) comes with `from` NULL. */
bool cw_hint_at(struct cw_hint_delta *delta, const struct cw_hint *hint, size_t i);
bool cw_hint_find(struct cw_hint_delta *delta, const struct cw_hint *hint, const char *from);
/* Was a delta from that file of no use? */
bool cw_hint_is_useless(const struct cw_hint *hint, const char *from);

/* Each replaces what was known of `from`. path NULL: the empty file. */
int cw_hint_add(struct cw_hint *hint, const char *from, const char *path, uint64_t length,
                struct cw_err *err);
int cw_hint_add_useless(struct cw_hint *hint, const char *from, struct cw_err *err);
void cw_hint_drop(struct cw_hint *hint, const char *from);

/* The document, sorted by hash. So that it does not pass CW_HINT_MAX, what was useless is forgotten first, then the
 * longest deltas. */
int cw_hint_format(struct cw_buf *text, struct cw_hint *hint, struct cw_err *err);

#endif
