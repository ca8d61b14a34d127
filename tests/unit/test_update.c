/* SPDX-License-Identifier: ISC */
/*
 * Refreshing against a repository in memory: each rule of the specification's sections 5.3 to 5.6.6 has its
 * case here. The search for targets is in test_walk.c.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "codec/json.h"
#include "tests/unit/tuf_repo.h"

/* Publishes version 1 of everything and lets the client take it. */
static void begin(struct world *w)
{
    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    assert_cw_ok(client_refresh(&w->client, &w->repo), w->client.err);
}

static void accepts(struct world *w)
{
    if (client_refresh(&w->client, &w->repo) != CW_OK)
        fail_msg("refused: %s", w->client.err.text);
}

static void refuses(struct world *w, int code, const char *text)
{
    assert_cw_fails(code, text, client_refresh(&w->client, &w->repo), w->client.err);
}

/* The version of the trusted copy on the client's disk; 0: none. */
static int64_t trusted(const struct world *w, const char *name)
{
    json_auto_t *doc = NULL;
    struct cw_err err;
    size_t len;
    const char *bytes = files_get(&w->client.disk, name, &len);

    if (bytes == NULL || cw_json_parse(&doc, bytes, len, &err) != CW_OK)
        return 0;
    return json_integer_value(json_object_get(json_object_get(doc, "signed"), "version"));
}

static void first_run_fetches_each_file_once(void **state)
{
    struct world *w = *state;
    size_t len;

    begin(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json 1.snapshot.json 1.targets.json");
    assert_int_equal(w->client.disk.count, 4);
    assert_non_null(cw_tuf_update_bytes(w->client.update, "targets", &len));
    assert_null(cw_tuf_update_meta(w->client.update, "gateway"));
}

/* The copy in the trust store may have been touched: it must at least stand behind itself. */
static void a_trusted_root_not_signed_by_itself_is_refused(void **state)
{
    struct world *w = *state;
    char *touched, *version;
    const char *bytes;
    size_t len;

    begin(w);
    bytes = files_get(&w->client.disk, "root.json", &len);
    touched = malloc(len);
    assert_non_null(touched);
    memcpy(touched, bytes, len);
    version = memmem(touched, len, "\"version\"", 9);
    assert_non_null(version);
    version = memchr(version, '1', 16);
    assert_non_null(version);
    *version = '2';
    files_put(&w->client.disk, "root.json", touched, len);
    free(touched);
    refuses(w, CW_E_VERIFY, "trusted root: signed by 0 of");
    assert_string_equal(w->client.requests, "");
}

static void what_is_stored_is_what_was_received(void **state)
{
    static const char *const names[][2] = {{"timestamp.json", "timestamp.json"},
                                           {"1.snapshot.json", "snapshot.json"},
                                           {"1.targets.json", "targets.json"}};
    struct world *w = *state;

    begin(w);
    for (size_t i = 0; i < CW_COUNT(names); i++) {
        size_t there, here;
        const char *remote = files_get(&w->repo.files, names[i][0], &there);
        const char *local = files_get(&w->client.disk, names[i][1], &here);

        assert_int_equal(there, here);
        assert_memory_equal(remote, local, here);
    }
}

static void unchanged_repository_costs_two_fetches(void **state)
{
    struct world *w = *state;

    begin(w);
    accepts(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json");
}

static void only_what_changed_is_fetched(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_publish(&w->repo, NULL);
    accepts(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json 2.snapshot.json");
    repo_publish(&w->repo, "targets", NULL);
    accepts(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json 3.snapshot.json 2.targets.json");
}

static void without_consistent_snapshots_names_bear_no_version(void **state)
{
    struct world *w = *state;

    w->repo.consistent = false;
    begin(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json snapshot.json targets.json");
}

static void lengths_and_hashes_may_be_left_out(void **state)
{
    struct world *w = *state;

    w->repo.hashes = false;
    begin(w);
    accepts(w);
    assert_int_equal(w->client.fetches, 2);
}

static void damaged_copies_are_fetched_again(void **state)
{
    static const char *const names[] = {"timestamp.json", "snapshot.json", "targets.json"};
    struct world *w = *state;

    begin(w);
    for (size_t i = 0; i < CW_COUNT(names); i++) {
        files_put(&w->client.disk, names[i], "{\"torn", 6);
        accepts(w);
        assert_int_equal(trusted(w, names[i]), 1);
        files_remove(&w->client.disk, names[i]);
        accepts(w);
        assert_int_equal(trusted(w, names[i]), 1);
    }
}

static void damaged_trusted_root_is_an_error(void **state)
{
    struct world *w = *state;

    begin(w);
    files_put(&w->client.disk, "root.json", "{\"torn", 6);
    refuses(w, CW_E_VERIFY, "trusted root: line 1");
}

/* --- root ------------------------------------------------------------------------------------------- */

static void roots_are_followed_one_by_one(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_expires(&w->repo, "root", NOW - DAY); /* of those in between, expiry does not matter */
    repo_publish_root(&w->repo);
    repo_publish_root(&w->repo);
    repo_set_expires(&w->repo, "root", NOW + DAY);
    repo_publish_root(&w->repo);
    accepts(w);
    assert_string_equal(w->client.requests, "2.root.json 3.root.json 4.root.json 5.root.json timestamp.json");
    assert_int_equal(trusted(w, "root.json"), 4);
}

static void expired_last_root_is_refused(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_expires(&w->repo, "root", NOW);
    repo_publish_root(&w->repo);
    refuses(w, CW_E_EXPIRED, "root version 2 expired at 2027-01-15T08:00:00Z");
    assert_string_equal(w->client.requests, "2.root.json 3.root.json");
    assert_int_equal(trusted(w, "root.json"), 2);
}

static void root_of_the_wrong_version_is_refused(void **state)
{
    static const int64_t versions[] = {1, 3};
    struct world *w = *state;
    size_t len;

    begin(w);
    for (size_t i = 0; i < CW_COUNT(versions); i++) {
        char name[32];
        const char *bytes;

        repo_set_version(&w->repo, "root", versions[i]);
        repo_publish_role(&w->repo, "root");
        snprintf(name, sizeof name, "%d.root.json", (int)versions[i]);
        bytes = files_get(&w->repo.files, name, &len);
        files_put(&w->repo.files, "2.root.json", bytes, len);
        refuses(w, CW_E_VERIFY, "root after version 1: has version");
        assert_int_equal(trusted(w, "root.json"), 1);
    }
}

static void root_needs_the_keys_before_it_and_its_own(void **state)
{
    struct world *w = *state;
    json_t *keyids;
    struct cw_err err;

    begin(w);
    /* Version 2 hands over from one key to another. */
    keyids = json_object_get(json_object_get(json_object_get(repo_body(&w->repo, "root"), "roles"), "root"),
                             "keyids");
    json_array_clear(keyids);
    assert_cw_ok(cw_tuf_root_add_key(repo_body(&w->repo, "root"), "root", repo_key(&w->repo, K_ROOT2), &err),
                 err);
    repo_signers(&w->repo, "root", 1, K_ROOT2);
    repo_set_version(&w->repo, "root", 2);
    repo_publish_role(&w->repo, "root");
    refuses(w, CW_E_VERIFY, "by the keys of version 1: signed by 0 of the 1 keys that role 'root' needs");
    repo_signers(&w->repo, "root", 1, K_ROOT);
    repo_publish_role(&w->repo, "root");
    refuses(w, CW_E_VERIFY, "by its own keys: signed by 0 of the 1 keys");
    repo_signers(&w->repo, "root", 2, K_ROOT, K_ROOT2);
    repo_publish_role(&w->repo, "root");
    accepts(w);
    assert_int_equal(trusted(w, "root.json"), 2);
}

static void root_thresholds_hold_for_both_sides(void **state)
{
    struct world *w = *state;
    struct cw_err err;

    begin(w);
    assert_cw_ok(cw_tuf_root_add_key(repo_body(&w->repo, "root"), "root", repo_key(&w->repo, K_ROOT2), &err),
                 err);
    assert_cw_ok(cw_tuf_root_set_threshold(repo_body(&w->repo, "root"), "root", 2, &err), err);
    repo_publish_root(&w->repo);
    refuses(w, CW_E_VERIFY, "signed by 1 of the 2 keys");
    repo_signers(&w->repo, "root", 2, K_ROOT, K_ROOT2);
    repo_publish_role(&w->repo, "root");
    accepts(w);
}

static void at_most_256_roots_are_taken_in_one_run(void **state)
{
    struct world *w = *state;

    begin(w);
    for (int i = 2; i <= 258; i++)
        repo_publish_root(&w->repo);
    accepts(w);
    assert_int_equal(trusted(w, "root.json"), 257);
    assert_int_equal(w->client.fetches, 257);
    accepts(w);
    assert_int_equal(trusted(w, "root.json"), 258);
}

/* --- timestamp -------------------------------------------------------------------------------------- */

static void older_timestamp_is_a_rollback(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_publish(&w->repo, NULL);
    accepts(w);
    repo_set_version(&w->repo, "timestamp", 1);
    repo_publish_role(&w->repo, "timestamp");
    refuses(w, CW_E_VERIFY, "timestamp: version 1 is older than the trusted version 2");
    assert_int_equal(trusted(w, "timestamp.json"), 2);
}

/* An equal version is not an error, whatever else is in the file: the run goes on with what is trusted. */
static void equal_timestamp_is_discarded(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_expires(&w->repo, "timestamp", NOW + 2 * DAY);
    repo_publish_role(&w->repo, "timestamp");
    files_remove(&w->client.disk, "targets.json");
    accepts(w);
    assert_string_equal(w->client.requests, "2.root.json timestamp.json 1.targets.json");
    assert_int_equal(cw_tuf_update_meta(w->client.update, "timestamp")->expires, NOW + DAY);
}

static void timestamp_may_not_name_an_older_snapshot(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_publish(&w->repo, NULL);
    accepts(w);
    repo_set_version(&w->repo, "snapshot", 0);
    repo_set_version(&w->repo, "timestamp", 2);
    repo_publish(&w->repo, NULL);
    refuses(w, CW_E_VERIFY, "timestamp: names snapshot version 1, older than the trusted version 2");
}

static void expired_timestamp_is_a_freeze(void **state)
{
    struct world *w = *state;

    begin(w);
    w->client.params.now = NOW + DAY - 1;
    repo_set_expires(&w->repo, "root", NOW + 9 * DAY);
    repo_publish_root(&w->repo);
    accepts(w);
    w->client.params.now = NOW + DAY; /* expired at the very second */
    refuses(w, CW_E_EXPIRED,
            "timestamp version 1 expired at 2027-01-16T08:00:00Z, and the clock says 2027-01-16T08:00:00Z");
    repo_set_version(&w->repo, "timestamp", 2);
    repo_publish_role(&w->repo, "timestamp");
    refuses(w, CW_E_EXPIRED, "timestamp version 2 expired");
    assert_int_equal(trusted(w, "timestamp.json"), 1);
}

static void grace_is_counted_and_has_an_end(void **state)
{
    struct world *w = *state;

    begin(w);
    assert_int_equal(cw_tuf_update_grace_used(w->client.update), 0);
    w->client.params.grace = 2 * DAY;
    w->client.params.now = NOW + DAY;
    accepts(w);
    assert_int_equal(cw_tuf_update_grace_used(w->client.update), 1);
    w->client.params.now = NOW + 2 * DAY;
    accepts(w);
    assert_int_equal(cw_tuf_update_grace_used(w->client.update), DAY);
    w->client.params.now = NOW + 3 * DAY;
    refuses(w, CW_E_EXPIRED, "root version 1 expired at");
    w->client.params.grace = INT64_MAX; /* whoever does not judge expiry at all */
    accepts(w);
}

static void timestamp_must_be_there_and_small(void **state)
{
    struct world *w = *state;

    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    w->client.params.timestamp_max = 100;
    refuses(w, CW_E_VERIFY, "'timestamp.json' is larger than the 100 bytes allowed");
    files_remove(&w->repo.files, "timestamp.json");
    refuses(w, CW_E_INCOMPLETE, "'metadata/timestamp.json' is missing");
}

/* --- snapshot --------------------------------------------------------------------------------------- */

/* Snapshot and timestamp from different moments. */
static void snapshot_must_be_the_one_timestamp_names(void **state)
{
    struct world *w = *state;
    const char *bytes;
    size_t len;

    begin(w);
    repo_publish(&w->repo, NULL);
    bytes = files_get(&w->repo.files, "1.snapshot.json", &len);
    files_put(&w->repo.files, "2.snapshot.json", bytes, len);
    refuses(w, CW_E_VERIFY, "snapshot: sha256 differs");
    w->repo.hashes = false;
    repo_publish(&w->repo, NULL);
    bytes = files_get(&w->repo.files, "1.snapshot.json", &len);
    files_put(&w->repo.files, "3.snapshot.json", bytes, len);
    refuses(w, CW_E_VERIFY, "snapshot: has version 1, but timestamp names version 3");
    assert_int_equal(trusted(w, "snapshot.json"), 1);
}

static void snapshot_may_not_forget_a_role(void **state)
{
    struct world *w = *state;

    repo_delegate(&w->repo, "targets", "gateway", "gateway/*", K_A, true);
    begin(w);
    json_object_del(json_object_get(repo_body(&w->repo, "snapshot"), "meta"), "gateway.json");
    w->repo.count--;
    repo_publish(&w->repo, NULL);
    json_decref(w->repo.bodies[w->repo.count].signed_);
    refuses(w, CW_E_VERIFY, "snapshot: does not list 'gateway.json' any more");
}

static void snapshot_may_not_take_a_role_back(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_publish(&w->repo, "targets", NULL);
    accepts(w);
    repo_set_version(&w->repo, "targets", 1);
    repo_publish(&w->repo, NULL);
    refuses(w, CW_E_VERIFY, "snapshot: lists 'targets.json' in version 1, older than the trusted version 2");
    assert_int_equal(trusted(w, "snapshot.json"), 2);
}

static void expired_snapshot_is_refused(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_expires(&w->repo, "snapshot", NOW);
    repo_publish(&w->repo, NULL);
    refuses(w, CW_E_EXPIRED, "snapshot version 2 expired");
}

static void stated_length_above_the_limit_is_refused(void **state)
{
    struct world *w = *state;

    repo_publish(&w->repo, NULL);
    client_init(&w->client, &w->repo);
    w->client.params.snapshot_max = 10;
    refuses(w, CW_E_VERIFY, "more than the 10 allowed");
}

/* --- targets ---------------------------------------------------------------------------------------- */

static void targets_must_be_the_one_snapshot_lists(void **state)
{
    struct world *w = *state;
    const char *bytes;
    size_t len;

    begin(w);
    repo_publish(&w->repo, "targets", NULL);
    bytes = files_get(&w->repo.files, "1.targets.json", &len);
    files_put(&w->repo.files, "2.targets.json", bytes, len);
    refuses(w, CW_E_VERIFY, "targets: sha256 differs");
    w->repo.hashes = false;
    repo_publish(&w->repo, "targets", NULL);
    bytes = files_get(&w->repo.files, "1.targets.json", &len);
    files_put(&w->repo.files, "3.targets.json", bytes, len);
    refuses(w, CW_E_VERIFY, "targets: has version 1, but snapshot lists version 3");
}

static void expired_targets_is_refused(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_expires(&w->repo, "targets", NOW - 1);
    repo_publish(&w->repo, "targets", NULL);
    refuses(w, CW_E_EXPIRED, "targets version 2 expired");
}

/* Each online and offline role signed by a key that is not its own. */
static void every_role_needs_its_own_key(void **state)
{
    static const char *const roles[] = {"timestamp", "snapshot", "targets"};
    struct world *w = *state;

    begin(w);
    for (size_t i = 0; i < CW_COUNT(roles); i++) {
        struct body *body = repo_role(&w->repo, roles[i]);
        enum key own = body->signers[0];
        char text[128];

        body->signers[0] = K_A;
        repo_publish(&w->repo, "targets", NULL);
        snprintf(text, sizeof text, "%s: signed by 0 of the 1 keys that role '%s' needs", roles[i], roles[i]);
        refuses(w, CW_E_VERIFY, text);
        body->signers[0] = own;
    }
}

static void a_file_of_another_type_is_refused(void **state)
{
    struct world *w = *state;
    const char *bytes;
    size_t len;

    begin(w);
    bytes = files_get(&w->repo.files, "1.snapshot.json", &len);
    files_put(&w->repo.files, "timestamp.json", bytes, len);
    refuses(w, CW_E_VERIFY, "timestamp: is 'snapshot' metadata, not 'timestamp'");
}

/* One bit in any place of any file: nothing of it is taken. */
static void a_flipped_bit_anywhere_is_refused(void **state)
{
    static const char *const names[] = {"2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"};
    struct world *w = *state;

    begin(w);
    repo_publish_root(&w->repo);
    repo_publish(&w->repo, "targets", NULL);
    for (size_t i = 0; i < CW_COUNT(names); i++) {
        size_t len;
        char *bytes = (char *)files_get(&w->repo.files, names[i], &len);

        for (size_t at = 0; at + 1 < len; at++) { /* all but the line end at the very end */
            struct client client;

            client_init(&client, &w->repo);
            bytes[at] ^= 1;
            if (client_refresh(&client, &w->repo) == CW_OK)
                fail_msg("%s, byte %zu", names[i], at);
            bytes[at] ^= 1;
            client_clear(&client);
        }
    }
    accepts(w);
}

/* --- recovery --------------------------------------------------------------------------------------- */

static void replace_key(struct world *w, const char *role, enum key key)
{
    json_t *root = repo_body(&w->repo, "root");
    struct cw_err err;

    json_array_clear(json_object_get(json_object_get(json_object_get(root, "roles"), role), "keyids"));
    assert_cw_ok(cw_tuf_root_add_key(root, role, repo_key(&w->repo, key), &err), err);
    repo_signers(&w->repo, role, 1, key);
}

/* An attacker with a key drives the versions up; a new key makes the client forget them. */
static void rotating_one_online_key_recovers_from_fast_forward(void **state)
{
    static const struct {
        const char *role;
        enum key key;
    } rotations[] = {{"timestamp", K_TIMESTAMP2}, {"snapshot", K_SNAPSHOT2}};
    struct world *w = *state;

    begin(w);
    for (size_t i = 0; i < CW_COUNT(rotations); i++) {
        repo_set_version(&w->repo, "timestamp", 1000000);
        repo_set_version(&w->repo, "snapshot", 2000000);
        repo_set_version(&w->repo, "targets", 3000000);
        repo_publish(&w->repo, NULL);
        accepts(w);
        repo_set_version(&w->repo, "timestamp", 10);
        repo_set_version(&w->repo, "snapshot", 10);
        repo_set_version(&w->repo, "targets", 10);
        repo_publish(&w->repo, NULL);
        refuses(w, CW_E_VERIFY, "is older than the trusted version");
        replace_key(w, rotations[i].role, rotations[i].key);
        repo_publish_root(&w->repo);
        repo_publish(&w->repo, NULL);
        accepts(w);
        assert_int_equal(trusted(w, "timestamp.json"), 12);
        assert_int_equal(trusted(w, "snapshot.json"), 12);
        assert_int_equal(trusted(w, "targets.json"), 10);
    }
}

/* The run that took the new root came no further: the next one still recovers. */
static void recovery_survives_an_interrupted_run(void **state)
{
    struct world *w = *state;

    begin(w);
    repo_set_version(&w->repo, "timestamp", 1000000);
    repo_set_version(&w->repo, "snapshot", 1000000);
    repo_publish(&w->repo, NULL);
    accepts(w);
    replace_key(w, "snapshot", K_SNAPSHOT2);
    repo_publish_root(&w->repo);
    files_remove(&w->repo.files, "timestamp.json");
    refuses(w, CW_E_INCOMPLETE, "timestamp.json");
    assert_int_equal(trusted(w, "root.json"), 2);
    files_put(&w->repo.files, "timestamp.json", "{}", 2);
    repo_set_version(&w->repo, "timestamp", 1);
    repo_set_version(&w->repo, "snapshot", 1);
    repo_publish(&w->repo, NULL);
    accepts(w);
    assert_int_equal(trusted(w, "timestamp.json"), 2);
}

/* A key that is only added takes nothing away, so nothing is forgotten. */
static void adding_a_key_is_no_rotation(void **state)
{
    struct world *w = *state;
    struct cw_err err;

    begin(w);
    repo_publish(&w->repo, NULL);
    accepts(w);
    assert_cw_ok(
        cw_tuf_root_add_key(repo_body(&w->repo, "root"), "timestamp", repo_key(&w->repo, K_TIMESTAMP2), &err),
        err);
    repo_publish_root(&w->repo);
    repo_set_version(&w->repo, "timestamp", 1);
    repo_publish_role(&w->repo, "timestamp");
    refuses(w, CW_E_VERIFY, "timestamp: version 1 is older than the trusted version 2");
}

/* A trusted copy whose key the root has replaced is not believed, whatever was believed when it was
 * stored. */
static void trusted_copies_are_verified_under_the_current_root(void **state)
{
    struct world *w = *state;

    begin(w);
    replace_key(w, "targets", K_A);
    repo_publish_root(&w->repo);
    refuses(w, CW_E_VERIFY, "targets: signed by 0 of the 1 keys");
    assert_string_equal(w->client.requests, "2.root.json 3.root.json timestamp.json 1.targets.json");
    repo_publish(&w->repo, "targets", NULL);
    accepts(w);
}

/* --- the interface ---------------------------------------------------------------------------------- */

static void answers_that_nobody_asked_for_are_errors(void **state)
{
    struct world *w = *state;
    struct cw_tuf_want want;
    struct cw_err err;
    size_t len;

    begin(w);
    assert_cw_fails(CW_E_FAIL, "without having asked", cw_tuf_update_give(w->client.update, "{}", 2, &err),
                    err);
    assert_cw_fails(CW_E_FAIL, "nothing to store", cw_tuf_update_stored(w->client.update, &err), err);
    files_remove(&w->repo.files, "timestamp.json");
    refuses(w, CW_E_INCOMPLETE, "timestamp.json");
    assert_cw_fails(CW_E_FAIL, "has failed before", cw_tuf_update_next(w->client.update, &want, &err), err);
    assert_cw_fails(CW_E_FAIL, "before the refresh is done", cw_tuf_update_find(w->client.update, "x", &err),
                    err);
    assert_null(cw_tuf_update_bytes(w->client.update, "timestamp", &len));
}

static int add_name(void *ctx, const char *role, const struct cw_tuf_meta *meta, const void *bytes,
                    size_t len, struct cw_err *err)
{
    (void)err;
    assert_non_null(bytes);
    assert_true(len > 0 && meta->version == 1);
    cw_buf_addf(ctx, "%s ", role);
    return CW_OK;
}

static void each_role_is_told_once(void **state)
{
    struct world *w = *state;
    CW_AUTO_BUF names = CW_BUF_INIT(256);

    begin(w);
    assert_cw_ok(cw_tuf_update_each(w->client.update, add_name, &names, &w->client.err), w->client.err);
    assert_string_equal(names.data, "root timestamp snapshot targets ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_run_fetches_each_file_once),
        TEST(a_trusted_root_not_signed_by_itself_is_refused),
        TEST(what_is_stored_is_what_was_received),
        TEST(unchanged_repository_costs_two_fetches),
        TEST(only_what_changed_is_fetched),
        TEST(without_consistent_snapshots_names_bear_no_version),
        TEST(lengths_and_hashes_may_be_left_out),
        TEST(damaged_copies_are_fetched_again),
        TEST(damaged_trusted_root_is_an_error),
        TEST(roots_are_followed_one_by_one),
        TEST(expired_last_root_is_refused),
        TEST(root_of_the_wrong_version_is_refused),
        TEST(root_needs_the_keys_before_it_and_its_own),
        TEST(root_thresholds_hold_for_both_sides),
        TEST(at_most_256_roots_are_taken_in_one_run),
        TEST(older_timestamp_is_a_rollback),
        TEST(equal_timestamp_is_discarded),
        TEST(timestamp_may_not_name_an_older_snapshot),
        TEST(expired_timestamp_is_a_freeze),
        TEST(grace_is_counted_and_has_an_end),
        TEST(timestamp_must_be_there_and_small),
        TEST(snapshot_must_be_the_one_timestamp_names),
        TEST(snapshot_may_not_forget_a_role),
        TEST(snapshot_may_not_take_a_role_back),
        TEST(expired_snapshot_is_refused),
        TEST(stated_length_above_the_limit_is_refused),
        TEST(targets_must_be_the_one_snapshot_lists),
        TEST(expired_targets_is_refused),
        TEST(every_role_needs_its_own_key),
        TEST(a_file_of_another_type_is_refused),
        TEST(a_flipped_bit_anywhere_is_refused),
        TEST(rotating_one_online_key_recovers_from_fast_forward),
        TEST(recovery_survives_an_interrupted_run),
        TEST(adding_a_key_is_no_rotation),
        TEST(trusted_copies_are_verified_under_the_current_root),
        TEST(answers_that_nobody_asked_for_are_errors),
        TEST(each_role_is_told_once),
    };

    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
