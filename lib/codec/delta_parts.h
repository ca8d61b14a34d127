/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the delta writer give each other: which part of the new file is compared with which part
 * of the old one (delta_pair.c), what that comparison found (delta_match.c), and the streams made of it
 * (delta_write.c). The format knows nothing of this. Inside lib/codec/delta_*.c only.
 */
#ifndef CW_CODEC_DELTA_PARTS_H
#define CW_CODEC_DELTA_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/delta.h"

/* Both files, mapped; or what they hold, where they are compared from inside. */
struct cw_delta_files {
    const uint8_t *old, *new;
    uint64_t old_len, new_len;
    struct cw_delta_info info; /* lengths of the files themselves, and of the insides: what the header says */
};

/* One step of turning the old file into the new one: `add` bytes like those of the old file at `old` (counted
 * from the beginning of the piece's old part), then `extra` bytes that are new. */
struct cw_delta_step {
    uint32_t old, add, extra;
};

struct cw_delta_steps {
    struct cw_delta_step *list; /* owned */
    size_t count, room;
};

/* A part of the new file and the part of the old one that it is compared with, which may be empty. */
struct cw_delta_piece {
    uint64_t old_at, new_at;
    uint32_t old_len, new_len; /* at most CW_DELTA_SORT_MAX and CW_DELTA_PIECE_MAX */
    struct cw_delta_steps steps;
};

struct cw_delta_plan {
    struct cw_delta_piece *list; /* owned; together they are the new file, in order */
    size_t count, room;
};

/* Most of the old file that is sorted at once: five bytes of memory for each, in each thread. */
#define CW_DELTA_SORT_MAX ((uint32_t)64 << 20)
/* Most of the new file that is one piece. */
#define CW_DELTA_PIECE_MAX ((uint32_t)256 << 20)

/* delta_pair.c: divides the new file into pieces. */
int cw_delta_pair(struct cw_delta_plan *plan, const struct cw_delta_files *files, struct cw_err *err);
void cw_delta_plan_clear(struct cw_delta_plan *plan);

/* What a move costs and what likeness is worth, in equal bytes. It depends on what the files are: in programs
 * and their tables, addresses change everywhere and bytes around them stay; in texts, what changes is new. */
struct cw_delta_taste {
    size_t len_min;   /* a match must be so long ... */
    size_t gain_min;  /* ... and explain so many bytes more than staying does */
    size_t stay_min;  /* with so many equal bytes where we are, nothing else is looked for */
    int equal, other; /* what each byte counts when a match is stretched over what is only alike */
};
#define CW_DELTA_TASTES ((size_t)3)
extern const struct cw_delta_taste cw_delta_tastes[CW_DELTA_TASTES];

/* delta_tune.c: tries them on samples. */
int cw_delta_tune(const struct cw_delta_taste **taste, const struct cw_delta_plan *plan,
                  const struct cw_delta_files *files, struct cw_err *err);

/* delta_match.c: memory for sorting, used for one piece after another. */
struct cw_delta_sorter {
    int32_t *suffixes; /* the suffixes of the old part, sorted */
    size_t room;
    const uint8_t *sorted; /* which part that is */
    size_t sorted_len;
    uint32_t *first; /* for each two first bytes, where theirs begin */
};

/* Finds the steps of a piece. */
int cw_delta_match(struct cw_delta_piece *piece, struct cw_delta_sorter *sorter,
                   const struct cw_delta_taste *taste, const struct cw_delta_files *files,
                   struct cw_err *err);
void cw_delta_sorter_clear(struct cw_delta_sorter *sorter);

/* delta_write.c: header and streams. */
int cw_delta_write(int out, const struct cw_delta_plan *plan, const struct cw_delta_files *files,
                   unsigned threads, const struct cw_delta_effort *effort, struct cw_err *err);

/* delta_seen.c: CW_E_NOTFOUND for a file that a compression hides, other than gzip. */
int cw_delta_check_seen(const uint8_t *data, uint64_t len, struct cw_err *err);

/* The bytes that the streams of one piece would have by themselves. */
int cw_delta_weigh(uint64_t *bytes, const struct cw_delta_piece *piece, const struct cw_delta_files *files,
                   int level, struct cw_err *err);

#endif
