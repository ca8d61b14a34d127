/* SPDX-License-Identifier: ISC */
/*
 * Deltas for a tree: what is made, kept, listed and remembered.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "tree/deltas.h"
#include "tree/hint.h"
#include "tree/layout.h"
#include "tree/patch.h"

#define LEN ((size_t)400000)

static char folder[64];
static int dir = -1;
static uint64_t worked; /* bytes, as progress tells */

static int set_up(void **state)
{
    struct cw_err err;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/causeway-deltas.XXXXXX");
    return mkdtemp(folder) == NULL || cw_dir_open(&dir, folder, &err) != CW_OK;
}

static int tear_down(void **state)
{
    struct cw_err err;
    int rc;

    (void)state;
    close(dir);
    rc = cw_dir_open(&dir, "/tmp", &err);
    if (rc == CW_OK)
        rc = cw_remove_tree(dir, cw_str_basename(folder), &err);
    close(dir);
    return rc;
}

/* Nothing compresses the first half; the second is of 16 letters, so that a quarter of the file can be spared. */
static char *content(uint64_t seed, unsigned changes)
{
    char *data = malloc(LEN);
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (size_t i = 0; i < LEN; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (char)(x >> 32);
        if (i > LEN / 2)
            data[i] = (char)('a' + (data[i] & 0xf));
    }
    for (unsigned i = 0; i < changes; i++)
        data[1000 * (i + 1)]++;
    return data;
}

/* A target of the tree; its path. */
static const char *add(char path[CW_PATH_MAX], const char *name, const char *data, size_t len)
{
    char sha256[CW_SHA256_TEXT];
    struct cw_err err;

    assert_cw_ok(cw_sha256(sha256, data, len, &err), err);
    assert_cw_ok(cw_tree_target_path(path, name, sha256, &err), err);
    assert_cw_ok(cw_file_replace(dir, path, data, len, 0644, &err), err);
    return path;
}

static void count(void *ctx, uint64_t bytes)
{
    (void)ctx;
    worked += bytes;
}

static void make(struct cw_deltas_pair *pairs, size_t n, unsigned threads)
{
    const struct cw_deltas_options options = {.threads = threads, .progress = count};
    struct cw_err err;

    worked = 0;
    assert_cw_ok(cw_deltas_make(dir, pairs, n, &options, &err), err);
}

static void load(struct cw_hint *hint, const char *to, char sha256[CW_SHA256_TEXT])
{
    char target[CW_PATH_MAX];
    struct cw_err err;

    assert_true(cw_tree_split_target(to, target, sha256));
    assert_cw_ok(cw_hint_load(hint, dir, sha256, &err), err);
}

static void test_what_is_alike(void **state)
{
    CW_AUTO_FREE char *old = content(1, 0), *new = content(1, 20);
    char from[CW_PATH_MAX], to[CW_PATH_MAX], sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    struct cw_deltas_pair pairs[] = {
        {.from = add(from, "p/1.0/p.bin", old, LEN), .to = add(to, "p/1.1/p.bin", new, LEN)},
        {.to = to},
        {.from = from, .to = to}};
    CW_AUTO_HINT hint = {.doc = NULL};
    CW_AUTO_FD int old_fd = -1, delta_fd = -1;
    struct cw_hint_delta delta;
    struct stat st, again;
    struct cw_err err;

    (void)state;
    make(pairs, 3, 2);
    assert_int_equal(pairs[0].outcome, CW_DELTA_MADE);
    assert_int_equal(pairs[1].outcome, CW_DELTA_MADE);
    assert_int_equal(pairs[2].outcome, CW_DELTA_MADE);
    assert_true(pairs[0].length < 1000);
    assert_true(pairs[1].length > LEN / 2 && pairs[1].length < LEN * 8 / 10);
    assert_int_equal(worked, 3 * LEN);

    load(&hint, to, sha256);
    assert_true(cw_hint_find(&delta, &hint, CW_HINT_EMPTY));
    assert_null(delta.path);
    assert_int_equal(delta.length, pairs[1].length);
    assert_true(cw_hint_at(&delta, &hint, 0) && delta.from != NULL && strcmp(delta.path, from) == 0);
    assert_false(cw_hint_at(&delta, &hint, 2));
    assert_true(cw_hint_at(&delta, &hint, 0));
    assert_cw_ok(cw_tree_delta_path(path, delta.from, sha256, &err), err);
    assert_cw_ok(cw_at_open_file(&delta_fd, dir, path, &err), err);
    assert_cw_ok(cw_at_open_file(&old_fd, dir, from, &err), err);
    assert_cw_ok(cw_patch_apply(-1, old_fd, delta_fd, -1, LEN, sha256, &err), err);

    /* Again: nothing is made, or written. */
    assert_cw_ok(cw_at_stat(&st, dir, path, &err), err);
    make(pairs, 3, 2);
    assert_int_equal(pairs[0].outcome, CW_DELTA_THERE);
    assert_int_equal(pairs[1].outcome, CW_DELTA_THERE);
    assert_int_equal(worked, 0);
    assert_cw_ok(cw_at_stat(&again, dir, path, &err), err);
    assert_int_equal(st.st_ino, again.st_ino);
}

static void test_what_is_of_no_use(void **state)
{
    CW_AUTO_FREE char *old = content(2, 0), *new = content(3, 0);
    char from[CW_PATH_MAX], to[CW_PATH_MAX], little[CW_PATH_MAX], sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    struct cw_deltas_pair pairs[] = {
        {.from = add(from, "q/1.0/q.bin", old, LEN), .to = add(to, "q/1.1/q.bin", new, LEN)},
        {.from = from, .to = add(little, "q/1.1/little", new, 1000)},
        {.from = "targets/q/1.0/0000000000000000000000000000000000000000000000000000000000000000.q",
         .to = to}};
    CW_AUTO_HINT hint = {.doc = NULL};
    struct cw_hint_delta delta;
    struct cw_err err;

    (void)state;
    make(pairs, 3, 1);
    assert_int_equal(pairs[0].outcome, CW_DELTA_USELESS);
    assert_int_equal(pairs[1].outcome, CW_DELTA_SMALL);
    assert_int_equal(pairs[2].outcome, CW_DELTA_ABSENT);
    assert_int_equal(worked, 3 * LEN);
    load(&hint, to, sha256);
    assert_true(cw_hint_find(&delta, &hint, CW_HINT_EMPTY));
    assert_false(cw_hint_at(&delta, &hint, 1));

    /* It is remembered. */
    make(pairs, 3, 1);
    assert_int_equal(pairs[0].outcome, CW_DELTA_USELESS);
    assert_int_equal(worked, 0);

    /* Nothing can be spared of noise: there is no delta, and no folder for any. */
    cw_hint_clear(&hint);
    memcpy(new + LEN / 2, old, LEN / 2);
    pairs[0] = (struct cw_deltas_pair){.to = add(to, "q/1.3/q.bin", new, LEN)};
    make(pairs, 1, 1);
    assert_int_equal(pairs[0].outcome, CW_DELTA_USELESS);
    load(&hint, to, sha256);
    assert_false(cw_hint_at(&delta, &hint, 0));
    assert_true(cw_hint_is_useless(&hint, CW_HINT_EMPTY));
    snprintf(path, sizeof path, "%s/%s", CW_TREE_DELTAS, sha256);
    assert_cw_fails(CW_E_NOTFOUND, "", cw_at_stat(&(struct stat){0}, dir, path, &err), err);
}

static void test_broken_hints_are_made_anew(void **state)
{
    CW_AUTO_FREE char *old = content(5, 0), *new = content(5, 20);
    char from[CW_PATH_MAX], to[CW_PATH_MAX], sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    struct cw_deltas_pair pair = {.from = add(from, "r/1.0/p.bin", old, LEN),
                                  .to = add(to, "r/1.1/p.bin", new, LEN)};
    CW_AUTO_HINT hint = {.doc = NULL};
    struct cw_hint_delta delta;
    struct cw_err err;

    (void)state;
    make(&pair, 1, 0);
    load(&hint, to, sha256);
    cw_hint_clear(&hint);
    assert_cw_ok(cw_tree_hint_path(path, sha256, &err), err);
    assert_cw_ok(cw_file_replace(dir, path, "{", 1, 0644, &err), err);
    make(&pair, 1, 0);
    assert_int_equal(pair.outcome, CW_DELTA_THERE);
    assert_int_equal(worked, 0);
    load(&hint, to, sha256);
    assert_true(cw_hint_at(&delta, &hint, 1) && delta.from != NULL);

    /* A delta that is cut is none. */
    assert_cw_ok(cw_tree_delta_path(path, CW_HINT_EMPTY, sha256, &err), err);
    assert_cw_ok(cw_file_replace(dir, path, "CWDELTA\n", 8, 0644, &err), err);
    make(&pair, 1, 0);
    assert_int_equal(worked, LEN);
}

static void test_a_plan_makes_nothing(void **state)
{
    CW_AUTO_FREE char *old = content(6, 0), *new = content(6, 20);
    char from[CW_PATH_MAX], to[CW_PATH_MAX];
    struct cw_deltas_pair pair = {.from = add(from, "s/1.0/s.bin", old, LEN),
                                  .to = add(to, "s/1.1/s.bin", new, LEN)};
    const struct cw_deltas_options options = {.plan_only = true},
                                   count = {.plan_only = true, .count_only = true};
    struct cw_err err;
    char sha256[CW_SHA256_TEXT], target[CW_PATH_MAX];

    (void)state;
    assert_int_equal(cw_deltas_size(dir, &pair, 1), 3 * LEN);
    assert_cw_ok(cw_deltas_make(dir, &pair, 1, &options, &err), err);
    assert_int_equal(pair.outcome, CW_DELTA_MADE);
    pair.outcome = CW_DELTA_NONE;
    assert_cw_ok(cw_deltas_make(dir, &pair, 1, &count, &err), err);
    assert_int_equal(pair.outcome, CW_DELTA_MADE);
    assert_true(cw_tree_split_target(to, target, sha256));
    assert_cw_fails(CW_E_NOTFOUND, "", cw_hint_load(&(struct cw_hint){0}, dir, sha256, &err), err);
}

static void test_hints_stay_small(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT(2 * CW_HINT_MAX);
    CW_AUTO_HINT hint = {.doc = NULL}, again = {.doc = NULL};
    struct cw_hint_delta delta;
    char sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    struct cw_err err;
    size_t i;

    (void)state;
    assert_cw_ok(cw_hint_new(&hint, &err), err);
    for (i = 0; i < 500; i++) {
        snprintf(sha256, sizeof sha256, "%064zx", i);
        assert_cw_ok(cw_tree_target_path(path, "p/1.0/p.bin", sha256, &err), err);
        assert_cw_ok(cw_hint_add(&hint, sha256, path, 1000 - i, &err), err);
        assert_cw_ok(cw_hint_add(&hint, sha256, path, 1000 + i, &err), err);
    }
    assert_cw_ok(cw_hint_add_useless(&hint, CW_HINT_EMPTY, &err), err);
    assert_true(cw_hint_is_useless(&hint, CW_HINT_EMPTY));
    assert_cw_ok(cw_hint_format(&text, &hint, &err), err);
    assert_true(text.len <= CW_HINT_MAX && text.len > CW_HINT_MAX - 1000);
    assert_cw_ok(cw_hint_parse(&again, text.data, text.len, &err), err);
    assert_false(cw_hint_is_useless(&again, CW_HINT_EMPTY));
    for (i = 0; cw_hint_at(&delta, &again, i); i++) {
        assert_non_null(delta.from);
        assert_int_equal(delta.length, 1000 + i);
    }
    assert_true(i > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_alike),
        cmocka_unit_test(test_what_is_of_no_use),
        cmocka_unit_test(test_broken_hints_are_made_anew),
        cmocka_unit_test(test_a_plan_makes_nothing),
        cmocka_unit_test(test_hints_stay_small),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
