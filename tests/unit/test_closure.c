/* SPDX-License-Identifier: ISC */
/*
 * What a partial tree holds, in upload order, and what of it is missing.
 */
#include "repo.h"

#include <stdlib.h>

#include "base/str.h"
#include "closure/closure.h"

static int setup(void **state)
{
    struct repo *repo = calloc(1, sizeof *repo);

    if (repo == NULL)
        return -1;
    repo_init(repo);
    repo_fill(repo);
    *state = repo;
    return 0;
}

static int teardown(void **state)
{
    repo_clear(*state);
    free(*state);
    return 0;
}

/* The closure of a set, as export makes it. */
static void gather(struct cw_closure *closure, struct repo *repo, const struct cw_set_wanted *wanted)
{
    const struct repo_file *root = repo_file(&repo->tree, "metadata/1.root.json");
    struct cw_tuf_update *update = NULL;
    CW_AUTO_SET set = {0};
    struct cw_set_source source;
    struct cw_err err;

    repo_source(&source, repo);
    assert_cw_ok(repo_refresh(repo, &update, &err), err);
    assert_cw_ok(cw_set_load(&set, update, "stable", wanted, &source, NULL, NULL, &err), err);
    assert_cw_ok(cw_closure_add_set(closure, &set, &err), err);
    assert_cw_ok(cw_closure_add_update(closure, update, &err), err);
    assert_cw_ok(cw_closure_add_metadata(closure, "root", 1, root->data, root->len, &err), err);
    assert_cw_ok(cw_closure_sort(closure, &err), err);
    cw_tuf_update_free(update);
}

static void whole_tree_in_upload_order(void **state)
{
    struct repo *repo = *state;
    CW_AUTO_CLOSURE closure = CW_CLOSURE_INIT;
    uint64_t bytes = 0;
    size_t i;

    gather(&closure, repo, NULL);
    assert_int_equal(closure.count, repo->tree.count);
    for (i = 0; i < closure.count; i++) {
        const struct repo_file *file = repo_file(&repo->tree, closure.files[i].path);
        char sha256[CW_SHA256_TEXT];

        assert_non_null(file);
        assert_int_equal(file->len, closure.files[i].length);
        assert_int_equal(cw_sha256(sha256, file->data, file->len, NULL), CW_OK);
        assert_string_equal(sha256, closure.files[i].sha256);
        assert_true(i == 0 || closure.files[i - 1].stage <= closure.files[i].stage);
        bytes += file->len;
    }
    assert_int_equal(cw_closure_bytes(&closure), bytes);
    assert_true(cw_str_starts(closure.files[0].path, "targets/gateway/2.1.0/"));
    assert_string_equal(closure.files[closure.count - 1].path, "metadata/timestamp.json");
    assert_string_equal(closure.files[closure.count - 2].path, "metadata/1.root.json");
    assert_string_equal(closure.files[closure.count - 3].path, "metadata/1.snapshot.json");
}

static void part_needs_only_its_roles(void **state)
{
    static const char *const products[] = {"plc", NULL};
    const struct cw_set_wanted wanted = {products, NULL};
    CW_AUTO_CLOSURE closure = CW_CLOSURE_INIT;
    size_t i;

    gather(&closure, *state, &wanted);
    for (i = 0; i < closure.count; i++)
        assert_null(strstr(closure.files[i].path, "gateway"));
    assert_int_equal(closure.count,
                     3 + 4 + 2); /* channel, release, artifact; the top-level roles; plc and stable */
}

static bool has_no_firmware(void *ctx, const struct cw_closure_file *file)
{
    (*(size_t *)ctx)++;
    return !cw_str_ends(file->path, "plc.fw") && file->stage != CW_CLOSURE_TIMESTAMP;
}

static void missing_keeps_the_order(void **state)
{
    CW_AUTO_CLOSURE closure = CW_CLOSURE_INIT, missing = CW_CLOSURE_INIT;
    struct cw_err err;
    size_t asked = 0;

    gather(&closure, *state, NULL);
    assert_cw_ok(cw_closure_missing(&missing, &closure, has_no_firmware, &asked, &err), err);
    assert_int_equal(asked, closure.count);
    assert_int_equal(missing.count, 2);
    assert_true(cw_str_ends(missing.files[0].path, ".plc.fw"));
    assert_string_equal(missing.files[1].path, "metadata/timestamp.json");
}

static void one_path_has_one_content(void **state)
{
    CW_AUTO_CLOSURE closure = CW_CLOSURE_INIT;
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++)
        assert_cw_ok(cw_closure_add_metadata(&closure, "gateway", 4, "same", 4, &err), err);
    assert_cw_ok(cw_closure_sort(&closure, &err), err);
    assert_int_equal(closure.count, 1);
    assert_cw_ok(cw_closure_add_metadata(&closure, "gateway", 4, "else", 4, &err), err);
    assert_cw_ok(cw_closure_add_metadata(&closure, "gateway", 5, "else", 4, &err), err);
    assert_cw_fails(CW_E_VERIFY, "'metadata/4.gateway.json' has two contents",
                    cw_closure_sort(&closure, &err), err);
}

int main(void)
{
#define case_of(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        case_of(whole_tree_in_upload_order),
        case_of(part_needs_only_its_roles),
        case_of(missing_keeps_the_order),
        case_of(one_path_has_one_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
