/* SPDX-License-Identifier: ISC */
/*
 * Comparing a part of the new file with a part of the old one, in the manner of bsdiff: what is alike need
 * not be equal. Wherever the new bytes do not go on as the old ones do from where we are, the longest equal
 * piece anywhere in the old part is looked for among its sorted suffixes; if it explains enough bytes more
 * than staying, we go there. Then both neighbours are stretched over what lies between them, as far as most
 * bytes are equal.
 */
#include "codec/delta_parts.h"

#include <divsufsort.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Measured: on kernel modules, where a table entry moves every few bytes; on other executables; on text. */
const struct cw_delta_taste cw_delta_tastes[CW_DELTA_TASTES] = {
    {.len_min = 10, .gain_min = 4, .stay_min = 8, .equal = 2, .other = -3},
    {.len_min = 16, .gain_min = 16, .stay_min = 8, .equal = 2, .other = -3},
    {.len_min = 64, .gain_min = 64, .stay_min = 16, .equal = 1, .other = -8},
};

/* What lies further back was worth a step of its own: behind so bad a stretch nothing will pay. */
#define STRETCH_LOSS_MAX 1024
/* When we are right again after so many bytes without such a run, what lies between may be new: a step
 * ends. */
#define AGAIN_MIN 32
/* Longer need no match be known: it goes on when we are there. Bounds the work on files of few different
 * bytes. */
#define LENGTH_MAX ((size_t)64 * 1024)
/* In what is like nothing (it is compressed, say) we look only at every n-th place, n growing with the
 * time that nothing was found to at most this; the beginning of a match is found from its middle. */
#define STRIDE_MAX 16
#define STRIDE_GROWS 128 /* each so many vain searches */

#define FIRST_COUNT ((size_t)65536)

struct match {
    const uint8_t *old, *new;
    size_t old_len, new_len;
    const struct cw_delta_sorter *sorter;
    const struct cw_delta_taste *taste;
    struct cw_delta_steps *steps;
    size_t begin_new, begin_old; /* where the step that is not yet told begins */
};

/* How many bytes are equal, at most max. */
static size_t common(const uint8_t *a, const uint8_t *b, size_t max)
{
    size_t n = 0;

    for (; n + 8 <= max; n += 8) {
        uint64_t x, y;

        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y)
            break;
    }
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* How many of len bytes are equal. */
static size_t count_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i, equal = 0;

    for (i = 0; i < len; i++)
        equal += a[i] == b[i];
    return equal;
}

/* --- sorting ------------------------------------------------------------------------------------- */

static int make_room(struct cw_delta_sorter *s, size_t len, struct cw_err *err)
{
    if (s->first == NULL)
        s->first = malloc((FIRST_COUNT + 1) * sizeof(*s->first));
    if (s->first == NULL)
        return cw_err_nomem(err);
    if (len <= s->room)
        return CW_OK;
    free(s->suffixes);
    s->room = 0;
    s->suffixes = malloc(len * sizeof(*s->suffixes));
    if (s->suffixes == NULL)
        return cw_err_nomem(err);
    s->room = len;
    return CW_OK;
}

/* Where among the sorted suffixes those with two certain first bytes begin. The last byte of all is a
 * suffix of one byte, which stands before those of two that begin like it. */
static void index_suffixes(struct cw_delta_sorter *s, const uint8_t *old, size_t len)
{
    size_t i, key, below = 0;

    memset(s->first, 0, (FIRST_COUNT + 1) * sizeof(*s->first));
    for (i = 0; i + 1 < len; i++)
        s->first[old[i] << 8 | old[i + 1]]++;
    for (key = 0; key < FIRST_COUNT; key++) {
        size_t count = s->first[key];

        if (key == (size_t)old[len - 1] << 8)
            below++;
        s->first[key] = (uint32_t)below;
        below += count;
    }
    s->first[FIRST_COUNT] = (uint32_t)below;
}

static int sort_suffixes(struct cw_delta_sorter *s, const uint8_t *old, size_t len, struct cw_err *err)
{
    int rc = CW_OK;

    if (s->sorted == old && s->sorted_len == len)
        return CW_OK;
    s->sorted = NULL;
    rc = make_room(s, len, err);
    if (rc != CW_OK)
        return rc;
    /* It fails for want of memory only. */
    if (divsufsort(old, s->suffixes, (saidx_t)len) != 0)
        return cw_err_nomem(err);
    index_suffixes(s, old, len);
    s->sorted = old;
    s->sorted_len = len;
    return CW_OK;
}

void cw_delta_sorter_clear(struct cw_delta_sorter *sorter)
{
    free(sorter->suffixes);
    free(sorter->first);
    *sorter = (struct cw_delta_sorter){.suffixes = NULL};
}

/* The longest piece of the old part that the new one at `at` begins with: its length, 0 if it has not two
 * bytes. Both neighbours of the place where the new text would be sorted in are looked at on the way to
 * it. */
static size_t search(const struct match *m, size_t at, size_t *where)
{
    const uint8_t *text = m->new + at;
    size_t len = m->new_len - at, low, high, like_low = 2, like_high = 2, best = 0;

    if (len < 2)
        return 0;
    if (len > LENGTH_MAX)
        len = LENGTH_MAX;
    low = m->sorter->first[text[0] << 8 | text[1]];
    high = m->sorter->first[(text[0] << 8 | text[1]) + 1];
    /* The lone last byte may stand at the end of this range: it is shorter than what is known to be alike. */
    if (low < high && (size_t)m->sorter->suffixes[high - 1] + 1 == m->old_len)
        high--;
    while (low < high && best < len) {
        size_t middle = low + (high - low) / 2, like = like_low < like_high ? like_low : like_high;
        size_t suffix = (size_t)m->sorter->suffixes[middle];
        size_t max = m->old_len - suffix < len ? m->old_len - suffix : len;

        like += common(m->old + suffix + like, text + like, max - like);
        if (like > best) {
            best = like;
            *where = suffix;
        }
        if (like < max ? m->old[suffix + like] > text[like] : like == len) {
            high = middle;
            like_high = like;
        } else {
            low = middle + 1;
            like_low = like;
        }
    }
    return best;
}

/* --- steps ------------------------------------------------------------------------------------------ */

static int add_step(struct cw_delta_steps *steps, size_t old, size_t add, size_t extra, struct cw_err *err)
{
    if (add == 0 && extra == 0)
        return CW_OK;
    if (steps->count == steps->room) {
        size_t room = steps->room == 0 ? 16 : steps->room * 2;
        struct cw_delta_step *more = reallocarray(steps->list, room, sizeof(*more));

        if (more == NULL)
            return cw_err_nomem(err);
        steps->list = more;
        steps->room = room;
    }
    steps->list[steps->count++] =
        (struct cw_delta_step){.old = (uint32_t)old, .add = (uint32_t)add, .extra = (uint32_t)extra};
    return CW_OK;
}

/* How far the step that began goes on towards `end` with more equal bytes than others. */
static size_t stretch_forward(const struct match *m, size_t end)
{
    const uint8_t *old = m->old + m->begin_old, *new = m->new + m->begin_new;
    size_t max = end - m->begin_new, i, best = 0;
    ptrdiff_t score = 0, best_score = 0;

    if (max > m->old_len - m->begin_old)
        max = m->old_len - m->begin_old;
    for (i = 0; i < max;) {
        score += old[i] == new[i] ? m->taste->equal : m->taste->other;
        i++;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

/* How far the match at (new, old) goes back. */
static size_t stretch_back(const struct match *m, size_t new, size_t old)
{
    size_t max = new - m->begin_new, i, best = 0;
    ptrdiff_t score = 0, best_score = 0;

    if (max > old)
        max = old;
    for (i = 1; i <= max; i++) {
        score += m->old[old - i] == m->new[new - i] ? m->taste->equal : m->taste->other;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
        if (score < best_score - STRETCH_LOSS_MAX)
            break;
    }
    return best;
}

/* Where both reach, over `both` bytes from `new` on: how many of them the step before keeps. */
static size_t divide(const struct match *m, size_t new, size_t before, size_t after, size_t both)
{
    size_t i, best = 0;
    ptrdiff_t score = 0, best_score = 0;

    for (i = 0; i < both; i++) {
        score += m->new[new + i] == m->old[before + i];
        score -= m->new[new + i] == m->old[after + i];
        if (score > best_score) {
            best_score = score;
            best = i + 1;
        }
    }
    return best;
}

/* A match begins at (new, old): tells of the step before it, and begins the next. */
static int turn(struct match *m, size_t new, size_t old, struct cw_err *err)
{
    size_t forward = stretch_forward(m, new), back = stretch_back(m, new, old);
    int rc;

    if (m->begin_new + forward > new - back) {
        size_t both = m->begin_new + forward - (new - back);
        size_t keep = divide(m, new - back, m->begin_old + forward - both, old - back, both);

        forward -= both - keep;
        back -= keep;
    }
    rc = add_step(m->steps, m->begin_old, forward, new - back - m->begin_new - forward, err);
    m->begin_new = new - back;
    m->begin_old = old - back;
    return rc;
}

/* The equal bytes over len from `at` if we stay where we are. */
static size_t score_of_staying(const struct match *m, size_t at, size_t len)
{
    size_t old = m->begin_old + (at - m->begin_new);

    if (old >= m->old_len)
        return 0;
    return count_equal(m->old + old, m->new + at, m->old_len - old < len ? m->old_len - old : len);
}

/* How many bytes go on equally if we stay. */
static size_t run_of_staying(const struct match *m, size_t at)
{
    size_t old = m->begin_old + (at - m->begin_new);

    if (old >= m->old_len)
        return 0;
    return common(m->old + old, m->new + at,
                  m->old_len - old < m->new_len - at ? m->old_len - old : m->new_len - at);
}

/* The bytes from `at` on are as they would be if we had stayed; those since `last` were others. Without an
 * end to the step there, what is right from here on would have to make up for them. */
static int go_on(struct match *m, size_t at, size_t last, struct cw_err *err)
{
    return at - last < AGAIN_MIN ? CW_OK : turn(m, at, m->begin_old + (at - m->begin_new), err);
}

static int scan(struct match *m, struct cw_err *err)
{
    size_t at = 0, last = 0, vain = 0, where = 0;
    int rc = CW_OK;

    while (rc == CW_OK && at < m->new_len) {
        size_t stay = run_of_staying(m, at), len;

        if (stay >= m->taste->stay_min) {
            rc = go_on(m, at, last, err);
            last = at += stay;
            vain = 0;
            continue;
        }
        len = search(m, at, &where);
        if (len >= m->taste->len_min && len >= score_of_staying(m, at, len) + m->taste->gain_min) {
            rc = turn(m, at, where, err);
            last = at += len;
            vain = 0;
        } else {
            at += vain / STRIDE_GROWS < STRIDE_MAX ? 1 + vain / STRIDE_GROWS : STRIDE_MAX;
            vain += stay == 0;
        }
    }
    return rc;
}

/* What is left when the new part has come to its end. */
static int finish(struct match *m, struct cw_err *err)
{
    size_t forward = stretch_forward(m, m->new_len);

    return add_step(m->steps, m->begin_old, forward, m->new_len - m->begin_new - forward, err);
}

int cw_delta_match(struct cw_delta_piece *piece, struct cw_delta_sorter *sorter,
                   const struct cw_delta_taste *taste, const struct cw_delta_files *files, struct cw_err *err)
{
    struct match m = {.old = files->old + piece->old_at,
                      .new = files->new + piece->new_at,
                      .old_len = piece->old_len,
                      .new_len = piece->new_len,
                      .sorter = sorter,
                      .taste = taste,
                      .steps = &piece->steps};
    int rc;

    if (m.old_len == 0)
        return add_step(m.steps, 0, 0, m.new_len, err);
    if (m.old_len == m.new_len && memcmp(m.old, m.new, m.old_len) == 0)
        return add_step(m.steps, 0, m.new_len, 0, err);
    rc = sort_suffixes(sorter, m.old, m.old_len, err);
    if (rc == CW_OK)
        rc = scan(&m, err);
    return rc == CW_OK ? finish(&m, err) : rc;
}
