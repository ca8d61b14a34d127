/* SPDX-License-Identifier: ISC */
/*
 * The two-key rule: what a stolen key can do, and every way in which TUF and the pinned manifests can
 * disagree.
 */
#include "repo.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "tree/layout.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int setup(void **state)
{
    struct repo *repo = calloc(1, sizeof *repo);

    if (repo == NULL)
        return -1;
    repo_init(repo);
    *state = repo;
    return 0;
}

static int teardown(void **state)
{
    repo_clear(*state);
    free(*state);
    return 0;
}

/* Refresh and load, as a site does. memory (may be NULL) is replaced by what it is afterwards on success. */
static int load(struct repo *repo, struct cw_set *set, const struct cw_set_wanted *wanted, json_t **memory,
                struct cw_err *err)
{
    struct cw_tuf_update *update = NULL;
    struct cw_set_source source;
    json_t *after = NULL;
    int rc = repo_refresh(repo, &update, err);

    *set = (struct cw_set){0};
    repo_source(&source, repo);
    if (rc == CW_OK)
        rc = cw_set_load(set, update, "stable", wanted, &source, memory != NULL ? *memory : NULL,
                         memory != NULL ? &after : NULL, err);
    if (rc == CW_OK && memory != NULL) {
        json_decref(*memory);
        *memory = after;
    }
    cw_tuf_update_free(update);
    return rc;
}

static void assert_refused(struct repo *repo, const char *why)
{
    struct cw_set set;
    struct cw_err err;

    assert_cw_fails(CW_E_VERIFY, why, load(repo, &set, NULL, NULL, &err), err);
    assert_null(set.channel.doc);
    assert_int_equal(set.file_count, 0);
}

static bool has_file(const struct cw_set *set, const char *target)
{
    size_t i, count = 0;

    for (i = 0; i < set->file_count; i++)
        count += strcmp(set->files[i].target, target) == 0;
    assert_true(count <= 1);
    return count == 1;
}

static void whole_set_is_listed(void **state)
{
    static const char *const targets[] = {"channels/stable/channel.json", "gateway/2.1.0/release.json",
                                          "gateway/2.1.0/gw-amd64.bin",   "gateway/2.1.0/gw-arm64.bin",
                                          "gateway/2.1.0/readme.txt",     "gateway/2.1.0/sbom.json",
                                          "plc/1.0.0/release.json",       "plc/1.0.0/plc.fw"};
    struct repo *repo = *state;
    struct cw_set set;
    struct cw_err err;
    size_t i;

    repo_fill(repo);
    assert_cw_ok(load(repo, &set, NULL, NULL, &err), err);
    assert_string_equal(set.sha256, repo->channel_sha256);
    assert_int_equal(set.release_count, 2);
    assert_string_equal(set.releases[0].product, "gateway");
    assert_string_equal(set.releases[1].product, "plc");
    assert_int_equal(set.file_count, CW_COUNT(targets));
    for (i = 0; i < CW_COUNT(targets); i++)
        assert_true(has_file(&set, targets[i]));
    for (i = 0; i < set.file_count; i++) {
        char path[CW_PATH_MAX];

        assert_cw_ok(cw_tree_target_path(path, set.files[i].target, set.files[i].sha256, &err), err);
        assert_non_null(repo_file(&repo->tree, path));
        assert_int_equal(repo_file(&repo->tree, path)->len, set.files[i].length);
    }
    cw_set_clear(&set);
}

static void wanted_part_brings_what_it_requires(void **state)
{
    static const char *const gateways[] = {"gate*", NULL}, *const plcs[] = {"plc", NULL},
                             *const arm[] = {"linux-arm64", NULL};
    const struct cw_set_wanted gateway_arm = {gateways, arm}, only_plc = {plcs, NULL};
    struct repo *repo = *state;
    struct cw_set set;
    struct cw_err err;

    repo_fill(repo);
    assert_cw_ok(load(repo, &set, &gateway_arm, NULL, &err), err);
    assert_int_equal(set.release_count, 2);
    assert_true(has_file(&set, "gateway/2.1.0/gw-arm64.bin"));
    assert_false(has_file(&set, "gateway/2.1.0/gw-amd64.bin"));
    assert_true(has_file(&set, "gateway/2.1.0/readme.txt"));
    assert_true(has_file(&set, "plc/1.0.0/plc.fw"));
    cw_set_clear(&set);
    assert_cw_ok(load(repo, &set, &only_plc, NULL, &err), err);
    assert_int_equal(set.release_count, 1);
    assert_string_equal(set.releases[0].product, "plc");
    assert_false(has_file(&set, "gateway/2.1.0/release.json"));
    cw_set_clear(&set);
}

/* c requires b requires a, found whatever their order is. */
static void requires_are_followed_to_the_end(void **state)
{
    static const char *const names[] = {"a", "b", "c"}, *const wanted_names[] = {"c", NULL};
    const struct cw_set_wanted wanted = {wanted_names, NULL};
    struct repo *repo = *state;
    json_t *releases = json_object();
    struct cw_set set;
    struct cw_err err;
    size_t i;

    for (i = 0; i < 3; i++) {
        char paths[3][8];
        json_t *doc;

        snprintf(paths[i], sizeof paths[i], "%s/*/*", names[i]);
        repo_add_role(repo, names[i], paths[i]);
        doc = repo_manifest(names[i], "1.0.0",
                            json_pack("[o]", repo_artifact(repo, names[i], "1.0.0", "f", "any")));
        if (i > 0)
            json_object_set_new(doc, "requires", json_pack("{s:s}", names[i - 1], "^1.0.0"));
        json_object_set_new(releases, names[i], repo_release(repo, names[i], names[i], "1.0.0", doc));
    }
    repo_channel(repo, "stable", 1, releases, NULL);
    repo_publish(repo);
    assert_cw_ok(load(repo, &set, &wanted, NULL, &err), err);
    assert_int_equal(set.release_count, 3);
    assert_int_equal(set.file_count, 7);
    cw_set_clear(&set);
}

/* The product's key is stolen: it signs other bytes under the same path, and a manifest that names them. */
static void stolen_product_key_changes_nothing(void **state)
{
    struct repo *repo = *state;

    repo_fill(repo);
    repo_target(repo, "gateway", "gateway/2.1.0/gw-amd64.bin", "evil", NULL);
    repo_publish(repo);
    assert_refused(repo,
                   "gateway 2.1.0: gateway/2.1.0/gw-amd64.bin: sha256 differs: the release manifest says");
    json_decref(repo_release(repo, "gateway", "gateway", "2.1.0", repo_gateway(repo, "2.1.0")));
    repo_target(repo, "gateway", "gateway/2.1.0/release.json", "{}", NULL);
    repo_publish(repo);
    assert_refused(repo, "gateway 2.1.0: gateway/2.1.0/release.json: sha256 differs: the channel says");
}

/* A new version alone, signed by the product's key, is not shipped before the channel names it. */
static void stolen_product_key_ships_nothing_new(void **state)
{
    struct repo *repo = *state;
    struct cw_set set;
    struct cw_err err;

    repo_fill(repo);
    json_decref(repo_release(repo, "gateway", "gateway", "6.6.6", repo_gateway(repo, "6.6.6")));
    repo_publish(repo);
    assert_cw_ok(load(repo, &set, NULL, NULL, &err), err);
    assert_false(has_file(&set, "gateway/6.6.6/release.json"));
    cw_set_clear(&set);
}

/* The channel's key is stolen: it names a release that no product key signed, or one that it signed
 * itself. */
static void stolen_channel_key_ships_nothing(void **state)
{
    struct repo *repo = *state;
    json_t *pin = json_pack("{s:s, s:s, s:i, s:s}", "version", "6.6.6", "sha256", SHA_A, "length", 10,
                            "promoted", "2026-01-01T00:00:00Z");

    repo_fill(repo);
    repo_channel(repo, "stable", 2, json_pack("{s:o}", "gateway", pin), NULL);
    repo_publish(repo);
    assert_refused(repo, "gateway 6.6.6: gateway/6.6.6/release.json: no role signs it");
    pin = repo_release(repo, "stable", "gateway", "6.6.6",
                       repo_manifest("gateway", "6.6.6",
                                     json_pack("[o]", repo_artifact(repo, "gateway", "1.0.0", "x", "any"))));
    repo_channel(repo, "stable", 3, json_pack("{s:o}", "gateway", pin), NULL);
    repo_publish(repo);
    assert_refused(repo, "gateway 6.6.6: gateway/6.6.6/release.json: no role signs it");
}

/* A role that may sign for a product, but is not its role (a mistake in targets), does not count. */
static void other_roles_do_not_count(void **state)
{
    struct repo *repo = *state;
    json_t *pin;

    repo_add_role(repo, "hmi-build", "hmi/*/*");
    repo_target(repo, "hmi-build", "hmi/1.0.0/f", "f", NULL);
    pin = repo_release(repo, "hmi-build", "hmi", "1.0.0",
                       repo_manifest("hmi", "1.0.0",
                                     json_pack("[{s:s, s:i, s:s, s:s, s:s}]", "path", "hmi/1.0.0/f", "length",
                                               1, "sha256", SHA_A, "platform", "any", "kind", "file")));
    repo_channel(repo, "stable", 1, json_pack("{s:o}", "hmi", pin), NULL);
    repo_publish(repo);
    assert_refused(repo,
                   "hmi 1.0.0: hmi/1.0.0/release.json: signed by role 'hmi-build'; only role 'hmi' may");
}

/* TUF forgets versions when snapshot and timestamp keys rotate; the site's memory does not. */
static void replay_after_key_rotation_is_refused(void **state)
{
    struct repo *repo = *state;
    struct repo_role *stable = repo_role(repo, "stable");
    json_auto_t *memory = NULL, *old = NULL, *before = NULL;
    struct cw_set set;
    struct cw_err err;

    repo_fill(repo);
    old = json_deep_copy(stable->signed_);
    repo_channel(
        repo, "stable", 2,
        json_pack("{s:o}", "plc", repo_release(repo, "plc", "plc", "1.1.0", repo_plc(repo, "1.1.0"))), NULL);
    repo_publish(repo);
    assert_cw_ok(load(repo, &set, NULL, &memory, &err), err);
    assert_int_equal(set.channel.serial, 2);
    cw_set_clear(&set);
    before = json_deep_copy(memory);

    json_decref(stable->signed_);
    stable->signed_ = json_incref(old);
    repo_rotate_online(repo);
    repo->snapshot_version = repo->timestamp_version = repo->targets_version = 0;
    repo_publish(repo);
    assert_cw_fails(CW_E_VERIFY, "channel 'stable': serial 1 is older than 2",
                    load(repo, &set, NULL, &memory, &err), err);
    assert_true(json_equal(memory, before));
}

static void disagreements_are_named(void **state)
{
    static const struct {
        const char *target; /* what the product's role signs otherwise */
        int64_t length;     /* -1: as it is */
        const char *sha256; /* NULL: as it is */
        const char *why;
    } cases[] = {
        {"gateway/2.1.0/gw-arm64.bin", 1, NULL, "gateway 2.1.0: gateway/2.1.0/gw-arm64.bin: length differs"},
        {"gateway/2.1.0/gw-arm64.bin", -1, SHA_A,
         "gateway 2.1.0: gateway/2.1.0/gw-arm64.bin: sha256 differs"},
        {"gateway/2.1.0/readme.txt", 1, NULL, "gateway 2.1.0: gateway/2.1.0/readme.txt: length differs"},
        {"gateway/2.1.0/sbom.json", -1, SHA_A, "gateway 2.1.0: gateway/2.1.0/sbom.json: sha256 differs"},
        {"gateway/2.1.0/sbom.json", 7, NULL, "gateway 2.1.0: gateway/2.1.0/sbom.json: length differs"},
        {"gateway/2.1.0/release.json", 9, NULL, "gateway 2.1.0: gateway/2.1.0/release.json: length differs"},
        {"gateway/2.1.0/release.json", -1, SHA_A,
         "gateway 2.1.0: gateway/2.1.0/release.json: sha256 differs"},
    };
    struct repo *repo = *state;
    size_t i;

    repo_fill(repo);
    for (i = 0; i < CW_COUNT(cases); i++) {
        json_t *targets = json_object_get(repo_role(repo, "gateway")->signed_, "targets");
        json_t *entry = json_object_get(targets, cases[i].target);
        json_auto_t *before = json_deep_copy(entry);
        const char *sha256 = json_string_value(json_object_get(json_object_get(before, "hashes"), "sha256"));

        repo_sign_target(repo, "gateway", cases[i].target,
                         cases[i].length >= 0 ? cases[i].length
                                              : json_integer_value(json_object_get(before, "length")),
                         cases[i].sha256 != NULL ? cases[i].sha256 : sha256);
        repo_publish(repo);
        assert_refused(repo, cases[i].why);
        json_object_set(targets, cases[i].target, before);
    }
}

#define ATTESTATION "channels/stable/plc_1.0.0.json"

/* A channel with plc alone and an attestation for it, signed by `role` and named with this hash (NULL: its
 * own). */
static void attest(struct repo *repo, const char *role, const char *sha256, json_int_t length)
{
    json_t *plc = repo_release(repo, "plc", "plc", "1.0.0", repo_plc(repo, "1.0.0"));
    char own[CW_SHA256_TEXT];

    repo_target(repo, role, ATTESTATION, "envelope", own);
    json_object_set_new(plc, "attestations",
                        json_pack("[{s:s, s:s, s:I, s:s, s:[]}]", "path", ATTESTATION, "sha256",
                                  sha256 != NULL ? sha256 : own, "length", length, "predicate", "https://p",
                                  "signers"));
    repo_channel(repo, "stable", 1, json_pack("{s:o}", "plc", plc), NULL);
    repo_publish(repo);
}

static void attestations_are_part_of_the_set(void **state)
{
    struct repo *repo = *state;
    struct cw_set set;
    struct cw_err err;

    attest(repo, "stable", NULL, 8);
    assert_cw_ok(load(repo, &set, NULL, NULL, &err), err);
    assert_int_equal(set.file_count, 4);
    assert_true(has_file(&set, ATTESTATION));
    cw_set_clear(&set);
}

static void attestations_come_with_their_release(void **state)
{
    static const char *const none[] = {"gate*", NULL};
    const struct cw_set_wanted wanted = {none, NULL};
    struct repo *repo = *state;
    struct cw_set set;
    struct cw_err err;

    attest(repo, "stable", NULL, 8);
    assert_cw_ok(load(repo, &set, &wanted, NULL, &err), err);
    assert_int_equal(set.file_count, 1);
    cw_set_clear(&set);
}

static void attestations_that_differ_are_refused(void **state)
{
    struct repo *repo = *state;

    attest(repo, "stable", SHA_A, 8);
    assert_refused(repo, "plc 1.0.0: " ATTESTATION ": sha256 differs: the channel says aaaa");
    attest(repo, "stable", NULL, 9);
    assert_refused(repo, "plc 1.0.0: " ATTESTATION ": length differs: the channel says 9");
    json_object_del(json_object_get(repo_role(repo, "stable")->signed_, "targets"), ATTESTATION);
    repo_publish(repo);
    assert_refused(repo, "plc 1.0.0: " ATTESTATION ": no role signs it");
}

static void unsigned_artifact_is_refused(void **state)
{
    struct repo *repo = *state;

    repo_fill(repo);
    json_object_del(json_object_get(repo_role(repo, "gateway")->signed_, "targets"),
                    "gateway/2.1.0/readme.txt");
    repo_publish(repo);
    assert_refused(repo, "gateway 2.1.0: gateway/2.1.0/readme.txt: no role signs it");
}

/* The manifest that lies at one release's place says that it is another. */
static void product_and_version_must_agree(void **state)
{
    struct repo *repo = *state;
    json_t *pin = repo_release(repo, "plc", "plc", "1.0.0", repo_plc(repo, "0.9.0"));

    repo_channel(repo, "stable", 1, json_pack("{s:o}", "plc", pin), NULL);
    repo_publish(repo);
    assert_refused(repo, "plc 1.0.0: plc/1.0.0/release.json: says that it is plc 0.9.0");
    pin = repo_release(repo, "plc", "plc", "1.0.0",
                       repo_manifest("gateway", "1.0.0",
                                     json_pack("[o]", repo_artifact(repo, "gateway", "1.0.0", "x", "any"))));
    repo_channel(repo, "stable", 2, json_pack("{s:o}", "plc", pin), NULL);
    repo_publish(repo);
    assert_refused(repo, "plc 1.0.0: plc/1.0.0/release.json: says that it is gateway 1.0.0");
}

static void channel_must_say_its_own_name(void **state)
{
    struct repo *repo = *state;

    repo_channel(repo, "stable", 1, json_object(), json_pack("{s:s}", "channel", "beta"));
    repo_publish(repo);
    assert_refused(repo, "channels/stable/channel.json: says that it is channel 'beta'");
}

static void requires_must_be_met(void **state)
{
    struct repo *repo = *state;
    json_t *gateway = repo_release(repo, "gateway", "gateway", "2.1.0", repo_gateway(repo, "2.1.0"));

    repo_channel(repo, "stable", 1, json_pack("{s:O}", "gateway", gateway), NULL);
    repo_publish(repo);
    assert_refused(repo, "gateway 2.1.0 requires plc >=1.0.0, but channel 'stable' has none");
    repo_channel(repo, "stable", 2,
                 json_pack("{s:o, s:o}", "gateway", gateway, "plc",
                           repo_release(repo, "plc", "plc", "0.9.0", repo_plc(repo, "0.9.0"))),
                 NULL);
    repo_publish(repo);
    assert_refused(repo, "gateway 2.1.0 requires plc >=1.0.0, but channel 'stable' has 0.9.0");
}

static void withdrawn_pin_is_refused(void **state)
{
    struct repo *repo = *state;
    json_t *plc = repo_release(repo, "plc", "plc", "1.0.0", repo_plc(repo, "1.0.0"));

    repo_channel(repo, "stable", 1, json_pack("{s:o}", "plc", plc),
                 json_pack("{s:{s:{s:s}}}", "withdrawn", "plc", "1.0.0", "burns"));
    repo_publish(repo);
    assert_refused(repo, "plc 1.0.0 is withdrawn (burns)");
}

static void changed_and_missing_manifests_are_found(void **state)
{
    struct repo *repo = *state;
    struct repo_file *file = NULL;
    struct cw_set set;
    struct cw_err err;
    size_t i;

    repo_fill(repo);
    for (i = 0; i < repo->tree.count; i++) {
        if (cw_str_ends(repo->tree.items[i].path, ".release.json") &&
            strstr(repo->tree.items[i].path, "plc") != NULL)
            file = &repo->tree.items[i];
    }
    assert_non_null(file);
    file->data[20] ^= 1;
    assert_refused(repo, "sha256 differs");
    repo_remove(&repo->tree, file->path);
    assert_cw_fails(CW_E_INCOMPLETE, "is missing", load(repo, &set, NULL, NULL, &err), err);
}

static void unknown_channel_is_refused(void **state)
{
    struct repo *repo = *state;
    struct cw_tuf_update *update = NULL;
    struct cw_set_source source;
    struct cw_set set;
    struct cw_err err;

    repo_fill(repo);
    repo_source(&source, repo);
    assert_cw_ok(repo_refresh(repo, &update, &err), err);
    assert_cw_fails(CW_E_VERIFY, "channels/beta/channel.json: no role signs it",
                    cw_set_load(&set, update, "beta", NULL, &source, NULL, NULL, &err), err);
    cw_tuf_update_free(update);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(whole_set_is_listed),
        case_of(wanted_part_brings_what_it_requires),
        case_of(requires_are_followed_to_the_end),
        case_of(stolen_product_key_changes_nothing),
        case_of(stolen_product_key_ships_nothing_new),
        case_of(stolen_channel_key_ships_nothing),
        case_of(other_roles_do_not_count),
        case_of(replay_after_key_rotation_is_refused),
        case_of(disagreements_are_named),
        case_of(attestations_are_part_of_the_set),
        case_of(attestations_come_with_their_release),
        case_of(attestations_that_differ_are_refused),
        case_of(unsigned_artifact_is_refused),
        case_of(product_and_version_must_agree),
        case_of(channel_must_say_its_own_name),
        case_of(requires_must_be_met),
        case_of(withdrawn_pin_is_refused),
        case_of(changed_and_missing_manifests_are_found),
        case_of(unknown_channel_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
