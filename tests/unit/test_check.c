/* SPDX-License-Identifier: ISC */
/*
 * A changed byte in any file of a tree, old ones too, is found and named; so is what is missing, and what
 * nobody signed.
 */
#include "repo.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "tree/check.h"

struct seen {
    size_t count;
    enum cw_finding kind;
    char path[CW_PATH_MAX], what[CW_ERR_TEXT_MAX]; /* the first one */
    const char *wanted;                            /* a path that is looked for; NULL: none */
    bool met;
};

struct fixture {
    struct repo repo;
    char path[64];
    int dir;
    struct seen seen;
};

static void note(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    struct seen *seen = ctx;

    if (seen->count++ == 0) {
        seen->kind = kind;
        snprintf(seen->path, sizeof seen->path, "%s", path);
        snprintf(seen->what, sizeof seen->what, "%s", what);
    }
    seen->met = seen->met || (seen->wanted != NULL && strcmp(seen->wanted, path) == 0);
}

/* A tree with a history: three publishes, a superseded channel manifest, a rotated root. */
static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct repo *repo = &fixture->repo;

    if (fixture == NULL)
        return -1;
    repo_init(repo);
    repo_fill(repo);
    repo_channel(repo, "stable", 2,
                 json_pack("{s:o, s:o}", "gateway",
                           repo_release(repo, "gateway", "gateway", "2.2.0", repo_gateway(repo, "2.2.0")),
                           "plc", repo_release(repo, "plc", "plc", "1.1.0", repo_plc(repo, "1.1.0"))),
                 NULL);
    repo_publish(repo);
    repo_rotate_online(repo);
    repo_publish(repo);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/causeway-check-XXXXXX");
    if (mkdtemp(fixture->path) == NULL || cw_dir_open(&fixture->dir, fixture->path, NULL) != CW_OK)
        return -1;
    repo_write(repo, fixture->dir);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    int tmp;

    close(fixture->dir);
    if (cw_dir_open(&tmp, "/tmp", NULL) == CW_OK) {
        (void)cw_remove_tree(tmp, cw_str_basename(fixture->path), NULL);
        close(tmp);
    }
    repo_clear(&fixture->repo);
    free(fixture);
    return 0;
}

static int check(struct fixture *fixture, struct cw_tree_check *check, struct cw_err *err)
{
    const char *wanted = fixture->seen.wanted;

    fixture->seen = (struct seen){.wanted = wanted};
    check->found = note;
    check->ctx = &fixture->seen;
    return cw_tree_check(check, fixture->dir, err);
}

static void put(struct fixture *fixture, const char *path, const void *data, size_t len)
{
    struct cw_err err;

    assert_cw_ok(cw_file_replace(fixture->dir, path, data, len, 0644, &err), err);
}

static void whole_tree_passes(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct cw_err err;

    if (check(fixture, &checked, &err) != CW_OK)
        fail_msg("%s: %s: %s", err.text, fixture->seen.path, fixture->seen.what);
    assert_int_equal(fixture->seen.count, 0);
    assert_int_equal(checked.files, fixture->repo.tree.count);
    /* Two old versions each of targets, three roles and snapshot, and one channel manifest. */
    assert_int_equal(checked.older, 2 * 5 + 1);
}

/* Files in the tree are few and small enough to try each; a byte at the front, in the middle and at the end
 * of each. */
static void flipped_byte_is_found_in_every_file(void **state)
{
    struct fixture *fixture = *state;
    size_t i, k;

    for (i = 0; i < fixture->repo.tree.count; i++) {
        const struct repo_file *file = &fixture->repo.tree.items[i];
        size_t places[] = {0, file->len / 3, file->len / 2, file->len - 1};

        for (k = 0; k < CW_COUNT(places); k++) {
            struct cw_tree_check checked = {.now = REPO_NOW};
            struct cw_err err;

            file->data[places[k]] ^= 0x20;
            put(fixture, file->path, file->data, file->len);
            file->data[places[k]] ^= 0x20;
            fixture->seen.wanted = file->path;
            if (check(fixture, &checked, &err) != CW_E_VERIFY || !fixture->seen.met)
                fail_msg("%s, byte %zu: not found", file->path, places[k]);
        }
        put(fixture, file->path, file->data, file->len);
    }
}

/* Where only signatures prove a file, each of its bytes is tried. */
static void every_byte_of_a_file_without_hash_counts(void **state)
{
    static const char *const paths[] = {"metadata/timestamp.json", "metadata/1.root.json",
                                        "metadata/1.gateway.json"};
    struct fixture *fixture = *state;
    size_t i, at;

    for (i = 0; i < CW_COUNT(paths); i++) {
        const struct repo_file *file = repo_file(&fixture->repo.tree, paths[i]);

        for (at = 0; at < file->len; at += 7) {
            struct cw_tree_check checked = {.now = REPO_NOW};
            struct cw_err err;

            file->data[at] ^= 1;
            put(fixture, file->path, file->data, file->len);
            file->data[at] ^= 1;
            if (check(fixture, &checked, &err) != CW_E_VERIFY)
                fail_msg("%s, byte %zu: not found", file->path, at);
        }
        put(fixture, file->path, file->data, file->len);
    }
}

static void missing_files_are_named(void **state)
{
    struct fixture *fixture = *state;
    size_t i;

    for (i = 0; i < fixture->repo.tree.count; i++) {
        const struct repo_file *file = &fixture->repo.tree.items[i];
        bool current = strstr(file->path, "/3.") != NULL || cw_str_ends(file->path, "timestamp.json") ||
                       (cw_str_starts(file->path, "targets/") && strstr(file->path, "channels") == NULL);
        struct cw_tree_check checked = {.now = REPO_NOW};
        struct cw_err err;

        if (!current)
            continue;
        assert_cw_ok(cw_remove(fixture->dir, file->path, &err), err);
        assert_int_equal(check(fixture, &checked, &err), CW_E_INCOMPLETE);
        assert_int_equal(fixture->seen.kind, CW_FINDING_MISSING);
        put(fixture, file->path, file->data, file->len);
    }
}

static void a_missing_root_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW}, second = {.now = REPO_NOW};
    const struct repo_file *root = repo_file(&fixture->repo.tree, "metadata/2.root.json");
    struct cw_err err;

    assert_cw_ok(cw_remove(fixture->dir, "metadata/1.root.json", &err), err);
    fixture->seen.wanted = "metadata/1.root.json";
    assert_int_equal(check(fixture, &checked, &err),
                     CW_E_VERIFY); /* old files were signed by keys that only root 1 knows */
    assert_true(fixture->seen.met);
    assert_int_equal(checked.missing, 1);
    second.root = root->data;
    second.root_len = root->len;
    assert_cw_ok(cw_remove(fixture->dir, "metadata/1.snapshot.json", &err), err);
    assert_cw_ok(cw_remove(fixture->dir, "metadata/2.snapshot.json", &err), err);
    assert_cw_ok(check(fixture, &second, &err), err);
}

static void another_trusted_root_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct repo other;
    struct cw_err err;

    repo_init(&other);
    checked.root = repo_file(&other.tree, "metadata/1.root.json")->data;
    checked.root_len = repo_file(&other.tree, "metadata/1.root.json")->len;
    assert_int_equal(check(fixture, &checked, &err), CW_E_VERIFY);
    assert_string_equal(fixture->seen.what, "is not the trusted root version 1");
    repo_clear(&other);
}

static void orphans_are_told_but_no_failure(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct cw_err err;

    put(fixture,
        "targets/gateway/9.9.9/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.greeting",
        "hello", 5);
    put(fixture, "targets/notes.txt", "x", 1);
    put(fixture, "metadata/notes.txt", "x", 1);
    put(fixture, "targets/gateway/.tmp-abc", "x", 1);
    put(fixture, "index.html", "x", 1);
    assert_cw_ok(check(fixture, &checked, &err), err);
    assert_int_equal(checked.orphans, 4);
    assert_int_equal(checked.unsigned_files, 1);
}

static void links_and_bad_names_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct cw_err err;

    assert_int_equal(symlinkat("/etc/passwd", fixture->dir, "targets/link"), 0);
    put(fixture,
        "targets/gateway/9.9.9/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.con.txt",
        "hello", 5);
    put(fixture, "metadata/1.a b.json", "{}", 2);
    assert_int_equal(check(fixture, &checked, &err), CW_E_VERIFY);
    assert_int_equal(checked.bad, 3);
}

static void expiry_is_judged_when_asked(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check now = {.now = REPO_EXPIRES}, never = {0};
    struct cw_err err;

    assert_int_equal(check(fixture, &now, &err), CW_E_VERIFY);
    assert_cw_ok(check(fixture, &never, &err), err);
}

/* A mirror holds one platform of one product and what it requires. */
static void partial_tree_needs_its_set_alone(void **state)
{
    static const char *const products[] = {"plc", NULL};
    const struct cw_set_wanted wanted = {products, NULL};
    struct fixture *fixture = *state;
    struct cw_tree_check any = {.now = REPO_NOW, .partial = true}, with_set = any, needs_all = any;
    struct cw_err err;
    size_t i;

    for (i = 0; i < fixture->repo.tree.count; i++) {
        if (strstr(fixture->repo.tree.items[i].path, "gateway") != NULL)
            assert_cw_ok(cw_remove(fixture->dir, fixture->repo.tree.items[i].path, &err), err);
    }
    if (check(fixture, &any, &err) != CW_OK)
        fail_msg("%s: %s", fixture->seen.path, fixture->seen.what);
    assert_int_equal(any.absent_roles, 1);
    with_set.channel = needs_all.channel = "stable";
    with_set.wanted = &wanted;
    assert_cw_ok(check(fixture, &with_set, &err), err);
    assert_int_equal(check(fixture, &needs_all, &err), CW_E_INCOMPLETE);
    for (i = 0; i < fixture->repo.tree.count; i++) {
        if (cw_str_ends(fixture->repo.tree.items[i].path, "plc.fw"))
            assert_cw_ok(cw_remove(fixture->dir, fixture->repo.tree.items[i].path, &err), err);
    }
    with_set =
        (struct cw_tree_check){.now = REPO_NOW, .partial = true, .channel = "stable", .wanted = &wanted};
    assert_int_equal(check(fixture, &with_set, &err), CW_E_INCOMPLETE);
    assert_true(cw_str_ends(fixture->seen.path, ".plc.fw"));
}

/* The sets are judged too: a channel that pins what its products do not sign. */
static void inconsistent_set_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct repo *repo = &fixture->repo;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct cw_err err;

    repo_target(repo, "gateway", "gateway/2.2.0/readme.txt", "other", NULL);
    repo_publish(repo);
    repo_write(repo, fixture->dir);
    assert_int_equal(check(fixture, &checked, &err), CW_E_VERIFY);
    assert_int_equal(checked.bad, 1);
    assert_int_equal(checked.orphans, 1);
}

static void no_tree_is_said_so(void **state)
{
    struct fixture *fixture = *state;
    struct cw_tree_check checked = {.now = REPO_NOW};
    struct cw_err err;

    assert_cw_ok(cw_remove_tree(fixture->dir, "metadata", &err), err);
    assert_int_equal(check(fixture, &checked, &err), CW_E_NOTFOUND);
}

int main(void)
{
#define case_of(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        case_of(whole_tree_passes),
        case_of(flipped_byte_is_found_in_every_file),
        case_of(every_byte_of_a_file_without_hash_counts),
        case_of(missing_files_are_named),
        case_of(a_missing_root_is_named),
        case_of(another_trusted_root_is_refused),
        case_of(orphans_are_told_but_no_failure),
        case_of(links_and_bad_names_are_refused),
        case_of(expiry_is_judged_when_asked),
        case_of(partial_tree_needs_its_set_alone),
        case_of(inconsistent_set_is_found),
        case_of(no_tree_is_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
