/* SPDX-License-Identifier: ISC */
/*
 * The client workflow against a repository in memory: each rule of the specification's section 5 has its case here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tuf_repo.h"

struct world {
    struct repo repo;
    struct client client;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    repo_init(&world->repo);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    repo_clear(&world->repo);
    client_clear(&world->client);
    free(world);
    return 0;
}

__attribute__((unused)) static void says(const struct client *client, const char *text)
{
    if (strstr(client->err.text, text) == NULL)
        fail_msg("'%s' does not contain '%s'", client->err.text, text);
}

static void first_run_fetches_each_file_once(void **state)
{
    struct world *w = *state;
    size_t len;

    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    assert_int_equal(client_refresh(&w->client, &w->repo), 0);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json 1.snapshot.json 1.targets.json");
    assert_non_null(files_get(&w->client.disk, "timestamp.json", &len));
    assert_non_null(files_get(&w->client.disk, "snapshot.json", &len));
    assert_non_null(files_get(&w->client.disk, "targets.json", &len));
    assert_int_equal(w->client.disk.count, 4);
}

static void unchanged_repository_costs_two_fetches(void **state)
{
    struct world *w = *state;

    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    assert_int_equal(client_refresh(&w->client, &w->repo), 0);
    assert_int_equal(client_refresh(&w->client, &w->repo), 0);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_run_fetches_each_file_once, setup, teardown),
        cmocka_unit_test_setup_teardown(unchanged_repository_costs_two_fetches, setup, teardown),
    };

    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
