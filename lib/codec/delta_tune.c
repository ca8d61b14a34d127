/* SPDX-License-Identifier: ISC */
/*
 * Which taste suits two files: each is tried on a few samples, spread over the new file, and the one whose
 * streams are the shortest is taken for all. That costs about a second, whatever the files' size.
 */
#include <stdlib.h>

#include "codec/delta_parts.h"

#define SAMPLES 6
#define SAMPLE_MAX ((uint32_t)512 * 1024)
#define LEVEL 6 /* of zstd: the order of the tastes is the same as at the highest */

struct tune {
    const struct cw_delta_files *files;
    struct cw_delta_sorter sorter;
    uint64_t bytes[CW_DELTA_TASTES];
};

static int try_sample(struct tune *t, const struct cw_delta_piece *whole, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; rc == CW_OK && i < CW_DELTA_TASTES; i++) {
        struct cw_delta_piece piece = {.old_at = whole->old_at, .new_at = whole->new_at};
        uint64_t bytes = 0;

        piece.old_len = whole->old_len < SAMPLE_MAX ? whole->old_len : SAMPLE_MAX;
        piece.new_len = whole->new_len < SAMPLE_MAX ? whole->new_len : SAMPLE_MAX;
        rc = cw_delta_match(&piece, &t->sorter, &cw_delta_tastes[i], t->files, err);
        if (rc == CW_OK)
            rc = cw_delta_weigh(&bytes, &piece, t->files, LEVEL, err);
        t->bytes[i] += bytes;
        free(piece.steps.list);
    }
    return rc;
}

/* Of the middle of a large piece, the same place in both parts. */
static struct cw_delta_piece middle_of(const struct cw_delta_piece *piece)
{
    struct cw_delta_piece middle = *piece;

    if (piece->old_len > 2 * SAMPLE_MAX && piece->new_len > 2 * SAMPLE_MAX) {
        middle.old_at += piece->old_len / 2;
        middle.old_len -= piece->old_len / 2;
        middle.new_at += piece->new_len / 2;
        middle.new_len -= piece->new_len / 2;
    }
    return middle;
}

int cw_delta_tune(const struct cw_delta_taste **taste, const struct cw_delta_plan *plan,
                  const struct cw_delta_files *files, struct cw_err *err)
{
    struct tune t = {.files = files};
    uint64_t next = 0;
    size_t i, best = 0;
    int rc = CW_OK;

    for (i = 0; rc == CW_OK && i < plan->count; i++) {
        struct cw_delta_piece piece = plan->list[i];

        if (piece.old_len == 0 || piece.new_at + piece.new_len < next)
            continue;
        next = piece.new_at + piece.new_len + files->new_len / SAMPLES;
        rc = try_sample(&t, &piece, err);
        piece = middle_of(&piece);
        if (rc == CW_OK && piece.new_at != plan->list[i].new_at)
            rc = try_sample(&t, &piece, err);
    }
    cw_delta_sorter_clear(&t.sorter);
    for (i = 1; i < CW_DELTA_TASTES; i++) {
        if (t.bytes[i] < t.bytes[best])
            best = i;
    }
    *taste = &cw_delta_tastes[best];
    return rc;
}
