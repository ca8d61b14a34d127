/* SPDX-License-Identifier: ISC */
/*
 * What deploying does to a disk: generations, the journal, recovery from each point at which an apply may
 * have stopped, staging, checks, holds.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "sync/deploy/apply.h"
#include "sync/deploy/command.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/install.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/store.h"
#include "sync/history.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOW 1893456000

/* A site with an install root: generation 1 runs, 2 is there too. */
struct bench {
    char path[64], root_path[80];
    struct cw_site site;
    int root;
};

static json_t *record(int64_t number, int64_t previous, const char *version, const char *sha256)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:{s:{s:s, s:I, s:s}}, s:{s:{s:s, s:s, s:s}}}", "_type",
                     CW_GENERATION_TYPE, "format", "1.0", "generation", (json_int_t)number, "previous",
                     (json_int_t)previous, "plan", sha256, "time", "2030-01-01T00:00:00Z", "sets", "acme",
                     "channel", "stable", "serial", (json_int_t)number, "sha256", sha256, "products",
                     "gateway", "version", version, "platform", "any", "upstream", "acme");
}

static void make_generation(struct bench *bench, int64_t number, const char *version, const char *sha256)
{
    json_auto_t *doc = record(number, number - 1, version, sha256);
    char path[CW_PATH_MAX];
    struct cw_err err = {0};
    int fd;

    assert_cw_ok(cw_store_release_path(path, "gateway", version, "any", &err), err);
    assert_cw_ok(cw_at_make_dir(&fd, bench->root, path, &err), err);
    close(fd);
    assert_cw_ok(cw_store_make(bench->root, doc, &err), err);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct cw_err err = {0};

    if (bench == NULL)
        return -1;
    snprintf(bench->path, sizeof bench->path, "/tmp/deploy-XXXXXX");
    if (mkdtemp(bench->path) == NULL)
        return -1;
    snprintf(bench->root_path, sizeof bench->root_path, "%s/plant", bench->path);
    bench->site = (struct cw_site)CW_SITE_INIT;
    bench->site.name = "plant-7";
    bench->site.install_root = bench->root_path;
    if (cw_dir_open(&bench->site.fd, bench->path, &err) != CW_OK ||
        cw_dir_create(&bench->root, bench->root_path, &err) != CW_OK)
        return -1;
    make_generation(bench, 1, "1.0.0", SHA_A);
    make_generation(bench, 2, "2.0.0", SHA_B);
    if (cw_store_switch(bench->root, 1, &err) != CW_OK)
        return -1;
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    struct cw_err err;
    int tmp;

    close(bench->root);
    close(bench->site.fd);
    if (cw_dir_open(&tmp, "/tmp", &err) == CW_OK) {
        (void)cw_remove_tree(tmp, strrchr(bench->path, '/') + 1, &err);
        close(tmp);
    }
    free(bench);
    return 0;
}

static int64_t current(const struct bench *bench)
{
    struct cw_err err = {0};
    int64_t number;

    assert_cw_ok(cw_store_current(&number, bench->root, &err), err);
    return number;
}

static size_t hold_count(const struct bench *bench)
{
    json_auto_t *holds = NULL;
    struct cw_err err = {0};

    assert_cw_ok(cw_holds_load(&holds, bench->site.fd, &err), err);
    return json_array_size(json_object_get(holds, "holds"));
}

static void test_store(void **state)
{
    struct bench *bench = *state;
    json_auto_t *doc = NULL, *none = NULL;
    char path[CW_PATH_MAX];
    struct cw_err err = {0};
    struct stat st;
    int64_t highest;

    assert_int_equal(current(bench), 1);
    assert_cw_ok(cw_store_highest(&highest, bench->root, &err), err);
    assert_int_equal(highest, 2);
    assert_cw_ok(cw_store_read(&doc, bench->root, 2, &err), err);
    assert_cw_ok(cw_store_is_whole(bench->root, doc, &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "no generation 7", cw_store_read(&none, bench->root, 7, &err), err);
    snprintf(path, sizeof path, "%s/current/gateway", bench->root_path);
    assert_int_equal(stat(path, &st), 0); /* the links lead somewhere */
    assert_true(exists(bench->root, "data/gateway"));
    assert_cw_ok(cw_store_switch(bench->root, 0, &err), err);
    assert_int_equal(current(bench), 0);
    assert_int_equal(symlinkat("/etc", bench->root, "current"), 0);
    assert_cw_fails(CW_E_VERIFY, "not a link to a generation", cw_store_current(&highest, bench->root, &err),
                    err);
    assert_int_equal(unlinkat(bench->root, "current", 0), 0);
}

static void test_release_path(void **state)
{
    char path[CW_PATH_MAX];
    struct cw_err err = {0};

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "folder's name", cw_store_release_path(path, "..", "1.0.0", "any", &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "folder's name", cw_store_release_path(path, "a/b", "1.0.0", "any", &err),
                    err);
}

/* Where an apply from 1 to 2 stopped, and what recovery makes of it. */
struct stop {
    enum cw_journal_state state;
    int runs;   /* what `current` was */
    int checks; /* how many there were to run */
    int after;  /* what runs in the end */
    bool kept;  /* generation 2 is still there */
    size_t holds;
};

static const struct stop stops[] = {
    {CW_JOURNAL_STAGE, 1, 1, 1, false, 0},   {CW_JOURNAL_SWITCH, 1, 1, 1, false, 0},
    {CW_JOURNAL_SWITCH, 2, 1, 1, false, 0},  {CW_JOURNAL_SWITCH, 2, 0, 2, true, 0},
    {CW_JOURNAL_CHECK, 2, 1, 1, true, 1},    {CW_JOURNAL_PASSED, 2, 1, 2, true, 0},
    {CW_JOURNAL_RETURN, 2, 1, 1, true, 1},   {CW_JOURNAL_RETURN, 1, 1, 1, true, 1},
    {CW_JOURNAL_ROLLBACK, 1, 0, 2, true, 1}, {CW_JOURNAL_ROLLBACK, 2, 0, 2, true, 1},
};

static void stop_at(struct bench *bench, const struct stop *stop)
{
    CW_AUTO_JOURNAL journal = {
        .state = stop->state, .from = 1, .to = 2, .checks = stop->checks, .reason = "why"};
    struct cw_err err = {0};

    if (stop->state >= CW_JOURNAL_CHECK && stop->state != CW_JOURNAL_PASSED)
        journal.holds = json_pack("[o]", cw_hold_on_set("acme", "stable", 2, SHA_B));
    assert_cw_ok(cw_journal_store(bench->site.fd, &journal, &err), err);
    assert_cw_ok(cw_store_switch(bench->root, stop->runs, &err), err);
}

static void test_recover(void **state)
{
    for (size_t i = 0; i < CW_COUNT(stops); i++) {
        struct bench *bench;
        char said[CW_RECOVER_TEXT_MAX];
        struct cw_err err = {0};
        bool failed;

        if (i > 0) { /* a fresh one for each */
            teardown(state);
            assert_int_equal(setup(state), 0);
        }
        bench = *state;
        stop_at(bench, &stops[i]);
        assert_cw_ok(cw_recover(said, &bench->site, NOW, &err), err);
        assert_non_null(strstr(said, cw_journal_state_name(stops[i].state)));
        if (current(bench) != stops[i].after || hold_count(bench) != stops[i].holds ||
            exists(bench->root, "generations/2") != stops[i].kept)
            fail_msg("case %zu: generation %lld runs, %zu holds", i, (long long)current(bench),
                     hold_count(bench));
        assert_cw_ok(cw_store_has_failed(&failed, bench->root, 2, &err), err);
        assert_int_equal(failed, stops[i].after == 1 && stops[i].kept);
        assert_false(exists(bench->site.fd, CW_JOURNAL_FILE));
        assert_true(exists(bench->site.fd, CW_HISTORY_FILE));
        assert_cw_ok(cw_recover(said, &bench->site, NOW, &err), err);
        assert_string_equal(said, "");
    }
}

static void test_recover_first_install(void **state)
{
    struct bench *bench = *state;
    CW_AUTO_JOURNAL journal = {.state = CW_JOURNAL_CHECK, .from = 0, .to = 1, .checks = 1};
    char said[CW_RECOVER_TEXT_MAX];
    struct cw_err err = {0};

    assert_cw_ok(cw_journal_store(bench->site.fd, &journal, &err), err);
    assert_cw_ok(cw_recover(said, &bench->site, NOW, &err), err);
    assert_int_equal(current(bench), 0);
}

static void test_recover_sweeps(void **state)
{
    struct bench *bench = *state;
    CW_AUTO_JOURNAL journal = {.state = CW_JOURNAL_STAGE, .from = 1, .to = 3};
    char said[CW_RECOVER_TEXT_MAX];
    struct cw_err err = {0};

    assert_cw_ok(cw_file_replace(bench->root, "releases/gateway/3.0.0/.tmp-any/bin/x", "x", 1, 0444, &err),
                 err);
    assert_cw_ok(cw_file_replace(bench->root, "generations/.tmp-3/x", "x", 1, 0444, &err), err);
    assert_cw_ok(cw_journal_store(bench->site.fd, &journal, &err), err);
    assert_cw_ok(cw_recover(said, &bench->site, NOW, &err), err);
    assert_false(exists(bench->root, "releases/gateway/3.0.0/.tmp-any"));
    assert_false(exists(bench->root, "generations/.tmp-3"));
    assert_int_equal(current(bench), 1);
}

static void test_journal_refuses(void **state)
{
    static const char text[] =
        "{\"_type\": \"causeway-journal\", \"format\": \"1.0\", \"state\": \"dancing\"}";
    struct bench *bench = *state;
    struct cw_journal journal;
    struct cw_err err = {0};

    assert_cw_ok(cw_file_replace(bench->site.fd, CW_JOURNAL_FILE, text, strlen(text), 0644, &err), err);
    assert_cw_fails(CW_E_VERIFY, "unknown state 'dancing'", cw_journal_load(&journal, bench->site.fd, &err),
                    err);
}

static void test_rollback(void **state)
{
    struct bench *bench = *state;
    json_auto_t *holds = NULL;
    struct cw_err err = {0};
    int64_t number;

    assert_cw_ok(cw_store_switch(bench->root, 2, &err), err);
    assert_cw_ok(cw_rollback(&number, &bench->site, 0, "it hums", NOW, &err), err);
    assert_int_equal(number, 1);
    assert_int_equal(current(bench), 1);
    assert_cw_ok(cw_holds_load(&holds, bench->site.fd, &err), err);
    assert_non_null(cw_holds_on_set(holds, "acme", SHA_B));
    assert_null(cw_holds_on_set(holds, "acme", SHA_A));
    assert_cw_fails(CW_E_FAIL, "no generation before 1", cw_rollback(&number, &bench->site, 0, "", NOW, &err),
                    err);
    assert_cw_fails(CW_E_FAIL, "runs already", cw_rollback(&number, &bench->site, 1, "", NOW, &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "no generation 9", cw_rollback(&number, &bench->site, 9, "", NOW, &err),
                    err);
    assert_cw_ok(cw_store_mark_failed(bench->root, 2, "hums", &err), err);
    assert_cw_fails(CW_E_FAIL, "failed its check", cw_rollback(&number, &bench->site, 2, "", NOW, &err), err);
    assert_int_equal(current(bench), 1);
}

static void test_rollback_needs_all(void **state)
{
    struct bench *bench = *state;
    struct cw_err err = {0};
    int64_t number;

    assert_cw_ok(cw_remove_tree(bench->root, "releases/gateway/2.0.0", &err), err);
    assert_cw_fails(CW_E_INCOMPLETE, "not there any more",
                    cw_rollback(&number, &bench->site, 2, "", NOW, &err), err);
    assert_int_equal(current(bench), 1);
}

static void test_holds(void **state)
{
    struct bench *bench = *state;
    json_auto_t *holds = NULL, *again = NULL, *lifted = json_array();
    json_auto_t *every = cw_hold_on_product("gateway", NULL), *one = cw_hold_on_product("gateway", "2.0.0");
    struct cw_err err = {0};
    int64_t id, same;

    assert_cw_ok(cw_holds_load(&holds, bench->site.fd, &err), err);
    assert_cw_ok(cw_holds_put(holds, &id, one, "person", "one", NOW, &err), err);
    assert_null(cw_holds_on_product(holds, "gateway", "2.0.1"));
    assert_cw_ok(cw_holds_put(holds, NULL, every, "person", "every", NOW, &err), err);
    assert_cw_ok(cw_holds_put(holds, &same, one, "person", "again", NOW, &err), err);
    assert_int_equal(id, same);
    assert_non_null(cw_holds_on_product(holds, "gateway", "2.0.1"));
    assert_cw_ok(cw_holds_store(bench->site.fd, holds, &err), err);
    assert_cw_ok(cw_holds_load(&again, bench->site.fd, &err), err);
    assert_true(json_equal(holds, again));
    assert_cw_fails(CW_E_NOTFOUND, "no hold 'plc'", cw_holds_lift(holds, "plc", lifted, &err), err);
    assert_cw_ok(cw_holds_lift(holds, "1", lifted, &err), err);
    assert_int_equal(json_array_size(lifted), 1);
    assert_cw_ok(cw_holds_lift(holds, "gateway", lifted, &err), err);
    assert_int_equal(json_array_size(json_object_get(holds, "holds")), 0);
    assert_cw_fails(CW_E_USAGE, "UTF-8", cw_holds_put(holds, NULL, one, "person", "\xff", NOW, &err), err);
}

struct command {
    const char *shell; /* run by /bin/sh -c: the test's way to do many things, not the program's */
    int timeout;
    bool passes;
    const char *reason, *output; /* parts */
};

static const struct command commands[] = {
    {"exit 0", 5, true, "", ""},
    {"echo $CAUSEWAY_PRODUCT $CAUSEWAY_VERSION $CAUSEWAY_GENERATION $HOME; pwd", 5, true, "",
     "gateway 2.0.0 4 /opt/plant/data/gateway\n/\n"},
    {"echo bad >&2; exit 3", 5, false, "exited with 3", "bad"},
    {"kill -9 $$", 5, false, "killed by signal 9", ""},
    {"sleep 100", 1, false, "longer than 1 s", ""},
    {"sleep 100 & exit 0", 5, true, "", ""},
    {"cat; echo end", 5, true, "", "end"},
    {"printf 'a\\001\\377b'", 5, true, "", "a?"},
    {"head -c 1000000 /dev/zero | tr '\\0' x", 10, true, "", "xxx"},
    {"env | grep -c SECRET", 5, false, "exited with 1", "0"},
};

static void test_check(void **state)
{
    struct cw_command_context check = {.stage = "check",
                                       .product = "gateway",
                                       .version = "2.0.0",
                                       .install_root = "/opt/plant",
                                       .generation = 4};

    (void)state;
    setenv("SECRET", "x", 1);
    for (size_t i = 0; i < CW_COUNT(commands); i++) {
        json_auto_t *action = json_pack("{s:[s,s,s], s:i}", "run", "/bin/sh", "-c", commands[i].shell,
                                        "timeout", commands[i].timeout);
        struct cw_command_result result;
        struct cw_err err = {0};

        assert_cw_ok(cw_command_run(&result, &check, action, &err), err);
        if (result.passed != commands[i].passes || strstr(result.reason, commands[i].reason) == NULL ||
            strstr(json_string_value(result.output), commands[i].output) == NULL)
            fail_msg("'%s': %d, '%s', '%s'", commands[i].shell, result.passed, result.reason,
                     json_string_value(result.output));
        assert_true(json_string_length(result.output) <= CW_COMMAND_OUTPUT_MAX);
        assert_true(result.milliseconds < 4000);
        cw_command_clear(&result);
    }
}

static void test_check_refuses(void **state)
{
    struct cw_command_context check = {.stage = "check",
                                       .product = "gateway",
                                       .version = "2.0.0",
                                       .install_root = "/opt/plant",
                                       .generation = 4};
    json_auto_t *relative = json_pack("{s:[s], s:i}", "run", "true", "timeout", 1);
    json_auto_t *empty = json_pack("{s:[], s:i}", "run", "timeout", 1);
    json_auto_t *missing = json_pack("{s:[s], s:i}", "run", "/nowhere/selftest", "timeout", 5);
    struct cw_command_result result;
    struct cw_err err = {0};

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "absolute path", cw_command_run(&result, &check, relative, &err), err);
    assert_cw_fails(CW_E_VERIFY, "0 words", cw_command_run(&result, &check, empty, &err), err);
    assert_cw_ok(cw_command_run(&result, &check, missing, &err), err);
    assert_false(result.passed);
    assert_non_null(strstr(json_string_value(result.output), "unable to run '/nowhere/selftest'"));
    cw_command_clear(&result);
}

static json_t *file_change(const char *manifest, const char *sha256)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:i, s:s}]}", "product", "gateway", "to", "3.0.0",
                     "platform", "any", "manifest_sha256", manifest, "artifacts", "path",
                     "gateway/3.0.0/tool", "sha256", sha256, "length", 5, "kind", "file");
}

static void test_stage(void **state)
{
    struct bench *bench = *state;
    json_auto_t *change = NULL, *wrong = NULL;
    char sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    struct cw_err err = {0};
    struct stat st, source;

    assert_cw_ok(cw_sha256(sha256, "hello", 5, &err), err);
    change = file_change(SHA_A, sha256);
    assert_cw_fails(CW_E_INCOMPLETE, "missing from the mirror",
                    cw_install_release(bench->root, bench->site.fd, &bench->site.install, change, &err), err);
    snprintf(path, sizeof path, "targets/gateway/3.0.0/%s.tool", sha256);
    assert_cw_ok(cw_file_replace(bench->site.fd, path, "hellO", 5, 0644, &err), err);
    assert_cw_fails(CW_E_VERIFY, "gateway/3.0.0/tool",
                    cw_install_release(bench->root, bench->site.fd, &bench->site.install, change, &err), err);
    assert_false(exists(bench->root, "releases/gateway/3.0.0/any"));
    assert_false(exists(bench->root, "releases/gateway/3.0.0/.tmp-any"));
    assert_cw_ok(cw_file_replace(bench->site.fd, path, "hello", 5, 0644, &err), err);
    assert_cw_ok(cw_install_release(bench->root, bench->site.fd, &bench->site.install, change, &err), err);
    assert_cw_ok(cw_at_stat(&st, bench->root, "releases/gateway/3.0.0/any/tool", &err), err);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_cw_ok(cw_at_stat(&source, bench->site.fd, path, &err), err);
    assert_true(source.st_ino != st.st_ino);
    assert_cw_ok(cw_at_stat(&st, bench->root, "releases/gateway/3.0.0/any", &err), err);
    assert_int_equal(st.st_mode & 07777, 0555);
    assert_cw_ok(cw_install_release(bench->root, bench->site.fd, &bench->site.install, change, &err),
                 err); /* used as it is */
    wrong = file_change(SHA_B, sha256);
    assert_cw_fails(CW_E_VERIFY, "another release manifest",
                    cw_install_release(bench->root, bench->site.fd, &bench->site.install, wrong, &err), err);
}

static void test_space(void **state)
{
    struct bench *bench = *state;
    json_auto_t *change = file_change(SHA_A, SHA_B), *plan = NULL;
    struct cw_err err = {0};

    json_object_set_new(json_array_get(json_object_get(change, "artifacts"), 0), "length",
                        json_integer(INT64_C(1) << 60));
    plan = json_pack("{s:[{s:b, s:[O]}]}", "units", "ready", 1, "changes", change);
    assert_cw_fails(CW_E_SPACE, "make room", cw_install_check_space(bench->root, plan, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_store, setup, teardown),
        cmocka_unit_test(test_release_path),
        cmocka_unit_test_setup_teardown(test_recover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recover_first_install, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recover_sweeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journal_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback_needs_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_holds, setup, teardown),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test_setup_teardown(test_stage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
