/* SPDX-License-Identifier: ISC */
/*
 * Searching a target through delegations (specification, section 5.6.7): order, ends, cycles, and whose keys
 * count.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/tuf_repo.h"

/* Publishes and refreshes from nothing. */
static void begin(struct world *w)
{
    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
    w->client.requests[0] = '\0';
}

static void finds(struct world *w, const char *path, const char *role)
{
    const char *got = NULL;

    assert_cw_ok(client_find(&w->client, &w->repo, path, &got), w->client.err);
    assert_string_equal(got, role);
}

static void misses(struct world *w, const char *path)
{
    assert_cw_fails(CW_E_NOTFOUND, "no role signs target", client_find(&w->client, &w->repo, path, NULL),
                    w->client.err);
}

static void foresees(struct world *w, const char *path, const char *name)
{
    struct cw_tuf_role role;
    const char *got = NULL;
    size_t max = 0;

    assert_int_equal(cw_tuf_update_foresee(w->client.update, path, &got, &max, &role), name != NULL);
    if (name != NULL) {
        assert_string_equal(got, name);
        assert_true(max > 0);
    }
}

static void what_a_search_asks_for_first_is_known_before(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_delegate(&w->repo, "a", "b", "a/b*", K_B, true);
    repo_add_target(&w->repo, "a", "a/x");
    repo_add_target(&w->repo, "b", "a/b");
    begin(w);
    foresees(w, "a/x", "1.a.json");
    foresees(w, "a/b", "1.a.json"); /* whom that delegates to is not known yet */
    foresees(w, "elsewhere", NULL);
    finds(w, "a/x", "a");
    foresees(w, "a/x", NULL);
    foresees(w, "a/b", "1.b.json");
    finds(w, "a/b", "b");
    foresees(w, "a/b", NULL);
    assert_string_equal(w->client.requests, "1.a.json 1.b.json");
}

/* Searches a target whose role is verified ahead; was_right: by the keys of `as` (its own where NULL) it was found to be right. */
static int search_ahead(struct world *w, const char *path, const char *as, bool *was_right)
{
    struct cw_tuf_update *update = w->client.update;
    struct cw_tuf_ahead ahead;
    struct cw_tuf_role role, other;
    struct cw_tuf_want want;
    struct cw_tuf_file file;
    const char *name, *bytes;
    size_t max, len;
    int rc;

    assert_true(cw_tuf_update_foresee(update, path, &name, &max, &role));
    bytes = files_get(&w->repo.files, name, &len);
    if (as != NULL) {
        assert_true(cw_tuf_update_foresee(update, as, &name, &max, &other));
        role.keyids = other.keyids;
    }
    cw_tuf_ahead_init(&ahead, &role);
    cw_tuf_ahead_verify(&ahead, bytes, len);
    *was_right = ahead.held != NULL;
    rc = cw_tuf_update_find(update, path, &w->client.err);
    while (rc == CW_OK && (rc = cw_tuf_update_next(update, &want, &w->client.err)) == CW_OK &&
           want.kind != CW_TUF_DONE) {
        if (want.kind == CW_TUF_LOAD)
            rc = cw_tuf_update_absent(update, &w->client.err);
        else if (want.kind == CW_TUF_FETCH)
            rc = cw_tuf_update_give_ahead(update, &ahead, bytes, len, &w->client.err);
        else
            rc = cw_tuf_update_stored(update, &w->client.err);
    }
    cw_tuf_ahead_clear(&ahead);
    return rc == CW_OK ? cw_tuf_update_found(update, &file, NULL, &w->client.err) : rc;
}

static void what_was_verified_ahead_is_judged_all_the_same(void **state)
{
    struct world *w = *state;
    bool was_right;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_delegate(&w->repo, "targets", "b", "b/*", K_B, true);
    repo_delegate(&w->repo, "targets", "late", "late/*", K_A, true);
    repo_add_target(&w->repo, "a", "a/x");
    repo_add_target(&w->repo, "b", "b/x");
    repo_add_target(&w->repo, "late", "late/x");
    repo_signers(&w->repo, "b", 1, K_A);
    repo_set_expires(&w->repo, "late", NOW - DAY);
    begin(w);
    assert_cw_fails(CW_E_VERIFY, "b: signed by 0 of the 1 keys", search_ahead(w, "b/x", NULL, &was_right),
                    w->client.err);
    assert_false(was_right);
    assert_cw_fails(CW_E_VERIFY, "b: signed by 0 of the 1 keys", search_ahead(w, "b/x", "a/x", &was_right),
                    w->client.err);
    assert_true(was_right); /* by keys that do not count here */
    assert_cw_fails(CW_E_EXPIRED, "late version 1 expired", search_ahead(w, "late/x", NULL, &was_right),
                    w->client.err);
    assert_true(was_right);
    assert_cw_ok(search_ahead(w, "a/x", "b/x", &was_right), w->client.err);
    assert_false(was_right); /* then by the bytes alone */
    client_clear(&w->client);
    begin(w);
    assert_cw_ok(search_ahead(w, "a/x", NULL, &was_right), w->client.err);
    assert_true(was_right);
}

static void roles_are_fetched_when_needed_only(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "gateway", "gateway/*/*", K_A, true);
    repo_delegate(&w->repo, "targets", "stable", "channels/stable/*", K_B, true);
    repo_add_target(&w->repo, "gateway", "gateway/2.1.0/gateway.tar");
    repo_add_target(&w->repo, "stable", "channels/stable/channel.json");
    repo_add_target(&w->repo, "targets", "README");
    begin(w);
    finds(w, "README", "targets");
    assert_string_equal(w->client.requests, "");
    finds(w, "gateway/2.1.0/gateway.tar", "gateway");
    finds(w, "channels/stable/channel.json", "stable");
    misses(w, "gateway/2.1.0/other.tar");
    misses(w, "elsewhere");
    assert_string_equal(w->client.requests, "1.gateway.json 1.stable.json");
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
    finds(w, "gateway/2.1.0/gateway.tar", "gateway");
    assert_string_equal(w->client.requests, "2.root.json timestamp.json");
}

/* A role speaks only for the paths delegated to it, whatever else it lists. */
static void a_role_cannot_sign_outside_its_paths(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "gateway", "gateway/*/*", K_A, true);
    repo_delegate(&w->repo, "targets", "plc", "plc/*/*", K_B, true);
    repo_add_target(&w->repo, "gateway", "plc/1.0.0/plc.bin");
    repo_add_target(&w->repo, "gateway", "gateway/2.1.0/deep/gateway.tar");
    begin(w);
    misses(w, "plc/1.0.0/plc.bin");
    misses(w, "gateway/2.1.0/deep/gateway.tar");
}

static void the_first_delegation_goes_before_the_second(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "first", "x*", K_A, false);
    repo_delegate(&w->repo, "targets", "second", "x*", K_B, false);
    repo_add_target(&w->repo, "first", "x1");
    repo_add_target(&w->repo, "second", "x1");
    repo_add_target(&w->repo, "second", "x2");
    begin(w);
    finds(w, "x1", "first");
    finds(w, "x2", "second");
}

static void the_search_goes_down_before_it_goes_on(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "*", K_A, false);
    repo_delegate(&w->repo, "targets", "d", "*", K_A, false);
    repo_delegate(&w->repo, "a", "b", "*", K_A, false);
    repo_delegate(&w->repo, "b", "c", "*", K_A, false);
    repo_add_target(&w->repo, "d", "x");
    begin(w);
    finds(w, "x", "d");
    assert_string_equal(w->client.requests, "1.a.json 1.b.json 1.c.json 1.d.json");
}

static void terminating_ends_the_search_behind_it(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "*", K_A, false);
    repo_delegate(&w->repo, "targets", "late", "*", K_A, false);
    repo_delegate(&w->repo, "a", "b", "*", K_A, false);
    repo_delegate(&w->repo, "a", "c", "*", K_A, true);
    repo_delegate(&w->repo, "a", "d", "*", K_A, false);
    repo_delegate(&w->repo, "c", "e", "*", K_A, false);
    repo_add_target(&w->repo, "late", "x");
    repo_add_target(&w->repo, "d", "x");
    repo_add_target(&w->repo, "e", "y");
    begin(w);
    misses(w, "x");
    assert_string_equal(w->client.requests, "1.a.json 1.b.json 1.c.json 1.e.json");
    finds(w, "y", "e");
}

static void cycles_end(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "*", K_A, false);
    repo_delegate(&w->repo, "a", "b", "*", K_A, false);
    repo_delegate(&w->repo, "b", "a", "*", K_A, false);
    repo_delegate(&w->repo, "b", "b", "*", K_A, false);
    begin(w);
    misses(w, "x");
    assert_string_equal(w->client.requests, "1.a.json 1.b.json");
}

static void at_most_32_delegations_are_visited(void **state)
{
    struct world *w = *state;
    char name[8], before[8] = "targets";

    for (int i = 1; i <= 33; i++) {
        snprintf(name, sizeof name, "r%d", i);
        repo_delegate(&w->repo, before, name, "*", K_A, false);
        memcpy(before, name, sizeof before);
    }
    repo_add_target(&w->repo, "r32", "near");
    repo_add_target(&w->repo, "r33", "far");
    begin(w);
    finds(w, "near", "r32");
    misses(w, "far");
}

/* The same role behind two delegators that trust different keys for it: each has its own say. */
static void a_held_role_is_verified_for_each_delegator(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_delegate(&w->repo, "targets", "b", "b/*", K_A, true);
    repo_delegate(&w->repo, "a", "shared", "a/*", K_A, true);
    repo_delegate(&w->repo, "b", "shared", "b/*", K_B, true);
    repo_add_target(&w->repo, "shared", "a/x");
    repo_add_target(&w->repo, "shared", "b/x");
    begin(w);
    finds(w, "a/x", "shared");
    assert_cw_fails(CW_E_VERIFY, "shared: signed by 0 of the 1 keys",
                    client_find(&w->client, &w->repo, "b/x", NULL), w->client.err);
    finds(w, "a/x", "shared"); /* a failed search is no failed refresh */
    assert_cw_fails(CW_E_VERIFY, "shared: signed by 0 of the 1 keys",
                    client_find(&w->client, &w->repo, "b/x", NULL), w->client.err);
    repo_signers(&w->repo, "shared", 2, K_A, K_B);
    repo_publish(&w->repo, "shared", NULL);
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
    finds(w, "a/x", "shared");
    finds(w, "b/x", "shared");
}

static void a_copy_on_disk_is_verified_too(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_add_target(&w->repo, "a", "a/x");
    begin(w);
    finds(w, "a/x", "a");
    repo_delegate(&w->repo, "targets", "a", "a/*", K_B, true); /* the delegator now trusts another key */
    repo_publish(&w->repo, "targets", NULL);
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
    assert_cw_fails(CW_E_VERIFY, "a: signed by 0 of the 1 keys",
                    client_find(&w->client, &w->repo, "a/x", NULL), w->client.err);
    assert_cw_fails(CW_E_NOTFOUND, "no role signs",
                    cw_tuf_update_found(w->client.update, &(struct cw_tuf_file){0}, NULL, &w->client.err),
                    w->client.err);
}

static void a_role_that_snapshot_does_not_list_is_not_fetched(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "*", K_A, true);
    w->repo.count--;
    begin(w);
    assert_cw_fails(CW_E_VERIFY, "a: is delegated to, but snapshot does not list it",
                    client_find(&w->client, &w->repo, "x", NULL), w->client.err);
    assert_string_equal(w->client.requests, "");
    json_decref(w->repo.bodies[w->repo.count].signed_);
}

static void an_expired_or_missing_role_ends_the_search(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "a", "a*", K_A, false);
    repo_delegate(&w->repo, "targets", "b", "*", K_A, false);
    repo_set_expires(&w->repo, "a", NOW);
    repo_add_target(&w->repo, "b", "a1");
    repo_add_target(&w->repo, "b", "b1");
    begin(w);
    assert_cw_fails(CW_E_EXPIRED, "a version 1 expired", client_find(&w->client, &w->repo, "a1", NULL),
                    w->client.err);
    files_remove(&w->repo.files, "1.a.json");
    assert_cw_fails(CW_E_INCOMPLETE, "'metadata/1.a.json' is missing",
                    client_find(&w->client, &w->repo, "a1", NULL), w->client.err);
    finds(w, "b1", "b");
}

static void odd_role_names_stay_in_their_folder(void **state)
{
    struct world *w = *state;
    size_t len;

    repo_delegate(&w->repo, "targets", "../a b%", "*", K_A, true);
    repo_add_target(&w->repo, "../a b%", "x");
    begin(w);
    finds(w, "x", "../a b%");
    assert_string_equal(w->client.requests, "1...%2Fa%20b%25.json");
    assert_non_null(files_get(&w->client.disk, "..%2Fa%20b%25.json", &len));
}

static void path_hash_prefixes_cover_what_begins_with_them(void **state)
{
    struct world *w = *state;
    json_t *roles, *role;
    char sha256[CW_SHA256_TEXT];

    repo_delegate(&w->repo, "targets", "a", "*", K_A, true);
    repo_add_target(&w->repo, "a", "x");
    repo_add_target(&w->repo, "a", "y");
    assert_cw_ok(cw_sha256(sha256, "x", 1, &w->client.err), w->client.err);
    sha256[3] = '\0';
    roles = json_object_get(json_object_get(repo_body(&w->repo, "targets"), "delegations"), "roles");
    role = json_array_get(roles, 0);
    json_object_del(role, "paths");
    json_object_set_new(role, "path_hash_prefixes", json_pack("[s, s]", "fffffffff", sha256));
    begin(w);
    finds(w, "x", "a");
    misses(w, "y");
}

/* TAP 15: 16 bins, of which the one that a path falls into is asked for. */
static void succinct_hash_bins(void **state)
{
    static const char paths[][8] = {"one", "two", "three", "four"};
    struct world *w = *state;
    char sha256[CW_SHA256_TEXT], bin[16], request[32];
    json_t *delegations, *role;

    repo_delegate(&w->repo, "targets", "bin-0", "*", K_A, true); /* for its key */
    for (int i = 1; i < 16; i++) {
        snprintf(bin, sizeof bin, "bin-%x", (unsigned)i);
        repo_delegate(&w->repo, "targets", bin, "*", K_A, true);
    }
    delegations = json_object_get(repo_body(&w->repo, "targets"), "delegations");
    role = json_array_get(json_object_get(delegations, "roles"), 0);
    json_object_set_new(delegations, "succinct_roles",
                        json_pack("{s:O, s:i, s:i, s:s}", "keyids", json_object_get(role, "keyids"),
                                  "threshold", 1, "bit_length", 4, "name_prefix", "bin"));
    json_object_del(delegations, "roles");
    for (size_t i = 0; i < CW_COUNT(paths); i++) {
        assert_cw_ok(cw_sha256(sha256, paths[i], strlen(paths[i]), &w->client.err), w->client.err);
        snprintf(bin, sizeof bin, "bin-%c", sha256[0]);
        repo_add_target(&w->repo, bin, paths[i]);
    }
    begin(w);
    for (size_t i = 0; i < CW_COUNT(paths); i++) {
        w->client.requests[0] = '\0';
        assert_cw_ok(cw_sha256(sha256, paths[i], strlen(paths[i]), &w->client.err), w->client.err);
        snprintf(bin, sizeof bin, "bin-%c", sha256[0]);
        snprintf(request, sizeof request, "1.%s.json", bin);
        foresees(w, paths[i], request);
        finds(w, paths[i], bin);
        assert_string_equal(w->client.requests, request);
    }
    misses(w, "five");
}

/* A million targets in 16384 bins: snapshot and each bin are within the default limits, one bin is fetched
 * for one target, and what the second run costs has nothing to do with how many there are. */
static void a_million_targets_in_bins(void **state)
{
    static const char path[] = "gateway/2.1.0/gateway-linux-amd64.tar.gz";
    struct world *w = *state;
    char sha256[CW_SHA256_TEXT], bin[16], request[32];
    json_t *delegations, *role;
    unsigned number;

    assert_cw_ok(cw_sha256(sha256, path, strlen(path), &w->client.err), w->client.err);
    assert_int_equal(sscanf(sha256, "%4x", &number), 1);
    snprintf(bin, sizeof bin, "bin-%04x", number >> 2 & 0x3fff);
    repo_delegate(&w->repo, "targets", bin, "*", K_A, true);
    delegations = json_object_get(repo_body(&w->repo, "targets"), "delegations");
    role = json_array_get(json_object_get(delegations, "roles"), 0);
    json_object_set_new(delegations, "succinct_roles",
                        json_pack("{s:O, s:i, s:i, s:s}", "keyids", json_object_get(role, "keyids"),
                                  "threshold", 1, "bit_length", 14, "name_prefix", "bin"));
    json_object_del(delegations, "roles");
    for (unsigned i = 0; i < 1000000 / 16384; i++) {
        char other[sizeof path + 16];

        snprintf(other, sizeof other, "%s.%u", path, i);
        repo_add_target(&w->repo, bin, other);
    }
    repo_add_target(&w->repo, bin, path);
    w->repo.hashes = false; /* of the others there are no files to hash */
    for (unsigned i = 0; i < 16384; i++) {
        char name[16];

        snprintf(name, sizeof name, "bin-%04x", i & 0x3fff);
        assert_cw_ok(
            cw_tuf_meta_add(repo_body(&w->repo, "snapshot"), name, 1000, 20000, sha256, &w->client.err),
            w->client.err);
    }
    begin(w);
    finds(w, path, bin);
    snprintf(request, sizeof request, "1.%s.json", bin);
    assert_string_equal(w->client.requests, request);
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
    finds(w, path, bin);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json");
}

/* Who goes through all of a repository forgets roles; what delegates, and the one looked into, stay. */
static void forgotten_roles_are_read_again(void **state)
{
    struct world *w = *state;
    struct cw_tuf_file file;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_delegate(&w->repo, "targets", "b", "b/*", K_B, true);
    repo_delegate(&w->repo, "targets", "c", "c/*", K_B, true);
    repo_delegate(&w->repo, "c", "d", "c/*", K_B, true);
    repo_add_target(&w->repo, "a", "a/x");
    repo_add_target(&w->repo, "b", "b/x");
    repo_add_target(&w->repo, "d", "c/x");
    begin(w);
    assert_int_equal(cw_tuf_update_loose(w->client.update), 0);
    finds(w, "c/x", "d");
    finds(w, "a/x", "a");
    finds(w, "b/x", "b");
    cw_tuf_update_trim(w->client.update, "b", SIZE_MAX);
    assert_non_null(cw_tuf_update_meta(w->client.update, "d"));
    cw_tuf_update_trim(w->client.update, "b", 1);
    assert_null(cw_tuf_update_meta(w->client.update, "a"));
    assert_null(cw_tuf_update_meta(w->client.update, "d"));
    assert_non_null(cw_tuf_update_meta(w->client.update, "b"));
    assert_non_null(cw_tuf_update_meta(w->client.update, "c"));
    assert_non_null(cw_tuf_update_meta(w->client.update, "targets"));
    assert_int_equal(cw_tuf_update_found(w->client.update, &file, NULL, NULL), CW_E_NOTFOUND);
    w->client.requests[0] = '\0';
    finds(w, "c/x", "d");
    finds(w, "b/x", "b");
    assert_string_equal(w->client.requests, ""); /* from the copies */
    files_remove(&w->client.disk, "a.json");
    finds(w, "a/x", "a");
    assert_string_equal(w->client.requests, "1.a.json");
    cw_tuf_update_trim(w->client.update, NULL, 0);
    assert_int_equal(cw_tuf_update_loose(w->client.update), 0);
    misses(w, "e/x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_search_asks_for_first_is_known_before),
        TEST(what_was_verified_ahead_is_judged_all_the_same),
        TEST(roles_are_fetched_when_needed_only),
        TEST(a_role_cannot_sign_outside_its_paths),
        TEST(the_first_delegation_goes_before_the_second),
        TEST(the_search_goes_down_before_it_goes_on),
        TEST(terminating_ends_the_search_behind_it),
        TEST(cycles_end),
        TEST(at_most_32_delegations_are_visited),
        TEST(a_held_role_is_verified_for_each_delegator),
        TEST(a_copy_on_disk_is_verified_too),
        TEST(a_role_that_snapshot_does_not_list_is_not_fetched),
        TEST(an_expired_or_missing_role_ends_the_search),
        TEST(odd_role_names_stay_in_their_folder),
        TEST(path_hash_prefixes_cover_what_begins_with_them),
        TEST(succinct_hash_bins),
        TEST(a_million_targets_in_bins),
        TEST(forgotten_roles_are_read_again),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
