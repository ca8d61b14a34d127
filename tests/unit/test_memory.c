/* SPDX-License-Identifier: ISC */
/*
 * What a site remembers of an upstream: the rule of the time floor as a table, and the file round.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/commit.h"
#include "sync/mirror/memory.h"

#define DAY INT64_C(86400)
#define T INT64_C(1900000000)

static const struct {
    const char *name;
    int64_t floor, published, expires, now;
    int64_t want_floor, want_pending;
} rises[] = {
    {"first pull", 0, T, T + 7 * DAY, T + DAY, T, 0},
    {"first pull with a clock a year behind", 0, T, T + 7 * DAY, T - 365 * DAY, T, 0},
    {"first pull with a clock that began at 1970", 0, T, T + 7 * DAY, 0, 0, T},
    {"newer", T, T + DAY, T + 8 * DAY, T + DAY, T + DAY, 0},
    {"older never lowers it", T, T - DAY, T + DAY, T, T, 0},
    {"never past its own expiry", T, T + 30 * DAY, T + 10 * DAY, T, T + 10 * DAY, 0},
    {"just 400 days", T, T + 400 * DAY, T + 500 * DAY, T, T + 400 * DAY, 0},
    {"more than 400 days waits", T, T + 400 * DAY + 1, T + 500 * DAY, T, T, T + 400 * DAY + 1},
    {"also when the clock agrees", T, T + 500 * DAY, T + 600 * DAY, T + 500 * DAY, T, T + 500 * DAY},
};

static void test_floor(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rises / sizeof rises[0]; i++) {
        struct cw_mirror_memory memory = {.floor = rises[i].floor};

        cw_mirror_memory_raise(&memory, rises[i].published, rises[i].expires, rises[i].now);
        if (memory.floor != rises[i].want_floor || memory.pending != rises[i].want_pending)
            fail_msg("%s: floor %lld, pending %lld", rises[i].name, (long long)memory.floor,
                     (long long)memory.pending);
    }
}

static void test_pending_is_overtaken(void **state)
{
    struct cw_mirror_memory memory = {.floor = T, .pending = T + 10 * DAY};

    (void)state;
    cw_mirror_memory_raise(&memory, T + 20 * DAY, T + 30 * DAY, T);
    assert_true(memory.floor == T + 20 * DAY);
    assert_true(memory.pending == 0);
}

struct world {
    char path[64];
    struct cw_site site;
    struct cw_upstream upstream;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    if (world == NULL)
        return -1;
    snprintf(world->path, sizeof world->path, "/tmp/causeway-unit.XXXXXX");
    if (mkdtemp(world->path) == NULL)
        return -1;
    world->site = (struct cw_site)CW_SITE_INIT;
    world->site.fd = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world->upstream.name = "acme";
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    (void)cw_remove_tree(world->site.fd, "upstreams", NULL);
    close(world->site.fd);
    rmdir(world->path);
    free(world);
    return 0;
}

static void test_round(void **state)
{
    static const char timestamp[] = "{\n \"signed\": \"\\u00e9 \\\\ é\"\n}\n";
    struct world *world = *state;
    CW_AUTO_MEMORY first = {.root = 0};
    CW_AUTO_MEMORY second = {.root = 0};
    struct cw_err err;

    assert_cw_ok(cw_mirror_memory_load(&first, &world->site, &world->upstream, &err), err);
    assert_null(first.timestamp);
    assert_true(first.floor == 0);
    assert_int_equal(json_object_set_new(first.channels, "channels", json_pack("{s:i}", "stable", 7)), 0);
    assert_cw_ok(cw_mirror_memory_enter(&first, 3, timestamp, sizeof timestamp - 1, &err), err);
    first.floor = T;
    first.pending = T + DAY;
    assert_cw_ok(cw_mirror_memory_commit(&first, &world->site, &world->upstream, &err), err);
    assert_cw_ok(cw_mirror_memory_load(&second, &world->site, &world->upstream, &err), err);
    assert_true(json_equal(first.channels, second.channels));
    assert_true(second.floor == T && second.pending == T + DAY && second.root == 3);
    assert_int_equal(second.timestamp_len, sizeof timestamp - 1);
    assert_memory_equal(second.timestamp, timestamp, sizeof timestamp - 1);
}

static void test_damaged(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{\"_type\": \"causeway-memory\", \"format\": \"2.0\", \"memory\": {}}",
        "{\"_type\": \"causeway-memory\", \"format\": \"1.0\"}",
        "{\"_type\": \"causeway-memory\", \"format\": \"1.0\", \"memory\": {}, \"floor\": \"soon\"}",
        "{\"_type\": \"causeway-memory\", \"format\": \"1.0\", \"memory\": {}, \"entered\": {\"root\": 0}}",
    };
    struct world *world = *state;
    struct cw_err err;
    size_t i;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CW_AUTO_MEMORY memory = {.root = 0};

        assert_cw_ok(cw_file_replace(world->site.fd, "upstreams/acme/memory.json", texts[i], strlen(texts[i]),
                                     0644, &err),
                     err);
        assert_int_not_equal(cw_mirror_memory_load(&memory, &world->site, &world->upstream, &err), CW_OK);
        assert_non_null(strstr(err.text, "upstreams/acme/memory.json"));
        assert_null(memory.channels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_pending_is_overtaken),
        cmocka_unit_test_setup_teardown(test_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
