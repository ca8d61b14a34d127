/* SPDX-License-Identifier: ISC */
/*
 * Repositories that other projects publish, verified from their roots to a target at the time they were
 * taken; and each of their metadata files with a bit turned over, refused. They are not part of this project:
 * CW_VECTORS names the folder they lie in, else it is looked for as "../shared/vectors" beside the sources,
 * and without it the tests are skipped.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/tuf_repo.h"

#define FLIPS 16 /* places in each file at which a bit is turned over */

struct vector {
    struct repo repo; /* its files only */
    struct client client;
    char target[256];
};

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    char *bytes;

    if (file == NULL)
        return NULL;
    assert_int_equal(fstat(fileno(file), &st), 0);
    bytes = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(bytes);
    *len = fread(bytes, 1, (size_t)st.st_size, file);
    fclose(file);
    return bytes;
}

static char *folder_of(const char *name)
{
    const char *folder = getenv("CW_VECTORS"), *source = getenv("CW_SRCDIR");
    char *path = folder != NULL
                     ? cw_str_format("%s/%s", folder, name)
                     : cw_str_format("%s/../shared/vectors/%s", source != NULL ? source : ".", name);
    struct stat st;

    assert_non_null(path);
    if (stat(path, &st) == 0)
        return path;
    print_message("# '%s' is not there; CW_VECTORS may name the folder it is in\n", path);
    free(path);
    return NULL;
}

static char *read_line(const char *folder, const char *name)
{
    CW_AUTO_FREE char *path = cw_str_format("%s/%s", folder, name);
    size_t len;
    char *text = read_file(path, &len);

    assert_non_null(text);
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static void read_metadata(struct files *files, const char *folder)
{
    CW_AUTO_FREE char *metadata = cw_str_format("%s/metadata", folder);
    DIR *dir = opendir(metadata);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        CW_AUTO_FREE char *path = cw_str_format("%s/%s", metadata, entry->d_name), *bytes = NULL;
        size_t len;

        if (!cw_str_ends(entry->d_name, ".json"))
            continue;
        bytes = read_file(path, &len);
        files_put(files, entry->d_name, bytes, len);
    }
    closedir(dir);
}

/* "2025-02-09 12:02:08+00:00" */
static int64_t read_time(const char *folder)
{
    CW_AUTO_FREE char *text = read_line(folder, "faketime");
    struct cw_err err;
    int64_t when;

    assert_true(strlen(text) > 10);
    text[10] = 'T';
    assert_cw_ok(cw_time_parse(&when, text, &err), err);
    return when;
}

/* Reads a repository and trusts that root, as if nothing had been fetched before. The test is skipped where
 * there is none. */
static struct vector *open_vector(const char *name, const char *root)
{
    CW_AUTO_FREE char *folder = folder_of(name), *path = NULL, *bytes = NULL, *target = NULL;
    struct vector *vector;
    size_t len;

    if (folder == NULL)
        return NULL;
    vector = calloc(1, sizeof *vector);
    assert_non_null(vector);
    path = cw_str_format("%s/%s", folder, root);
    bytes = read_file(path, &len);
    assert_non_null(bytes);
    files_put(&vector->client.disk, "root.json", bytes, len);
    vector->client.params.now = read_time(folder);
    target = read_line(folder, "targetpath");
    snprintf(vector->target, sizeof vector->target, "%s", target);
    read_metadata(&vector->repo.files, folder);
    return vector;
}

static void close_vector(struct vector *vector)
{
    client_clear(&vector->client);
    files_clear(&vector->repo.files);
    free(vector);
}

/* What a client does: from the root to the target's description. */
static int client_run(struct vector *vector, const char **role)
{
    int rc = client_refresh(&vector->client, &vector->repo);

    return rc == CW_OK ? client_find(&vector->client, &vector->repo, vector->target, role) : rc;
}

/* The target's own bytes, by the name that its sha256 gives it. */
static void check_target(struct vector *vector, const char *name)
{
    CW_AUTO_FREE char *folder = folder_of(name), *path = NULL, *bytes = NULL;
    const char *base = cw_str_basename(vector->target);
    int above = (int)(base - vector->target);
    struct cw_tuf_file file;
    struct cw_err err;
    size_t len;

    assert_cw_ok(cw_tuf_update_found(vector->client.update, &file, NULL, &err), err);
    path =
        cw_str_format("%s/targets/%.*s%s.%s", folder, above, vector->target, cw_tuf_file_sha256(&file), base);
    bytes = read_file(path, &len);
    assert_non_null(bytes);
    assert_cw_ok(cw_tuf_file_check(&file, bytes, len, &err), err);
    bytes[0] ^= 1;
    assert_cw_fails(CW_E_VERIFY, "sha256 differs", cw_tuf_file_check(&file, bytes, len, &err), err);
}

static void verify_vector(const char *name, const char *root, const char *role, const char *requests)
{
    struct vector *vector = open_vector(name, root);
    const char *got = NULL;

    if (vector == NULL)
        skip();
    assert_cw_ok(client_run(vector, &got), vector->client.err);
    assert_string_equal(got, role);
    assert_string_equal(vector->client.requests, requests);
    check_target(vector, name);
    /* a second run asks for what may have changed and for nothing else */
    assert_cw_ok(client_run(vector, &got), vector->client.err);
    assert_int_equal(vector->client.fetches, 2);
    close_vector(vector);
}

static void tuf_on_ci_holds(void **state)
{
    (void)state;
    verify_vector("tuf-on-ci-0.11", "initial_root.json", "delegatedrole",
                  "2.root.json timestamp.json 2.snapshot.json 1.targets.json 2.delegatedrole.json");
}

static void sigstore_holds(void **state)
{
    (void)state;
    verify_vector("sigstore-root-signing", "initial_root.json", "targets",
                  "13.root.json timestamp.json 159.snapshot.json 11.targets.json");
}

/* Twelve roots from the first ceremony on: hexadecimal points and PEM, keytypes of both generations,
 * fractions and an offset in times, keyids that are no digests of the keys (which no client has to care
 * about). */
static void sigstore_holds_from_its_first_root(void **state)
{
    (void)state;
    verify_vector(
        "sigstore-root-signing", "metadata/1.root.json", "targets",
        "2.root.json 3.root.json 4.root.json 5.root.json 6.root.json 7.root.json 8.root.json 9.root.json "
        "10.root.json 11.root.json 12.root.json 13.root.json timestamp.json 159.snapshot.json "
        "11.targets.json");
}

static void time_decides(void **state)
{
    struct vector *vector = open_vector("sigstore-root-signing", "initial_root.json");

    (void)state;
    if (vector == NULL)
        skip();
    vector->client.params.now += 7 * DAY;
    assert_cw_fails(CW_E_EXPIRED, "timestamp version 272 expired at 2025-02-15T19:20:37Z",
                    client_run(vector, NULL), vector->client.err);
    close_vector(vector);
}

/* --- a bit turned over ---------------------------------------------------------------------------------- */

/* Where the signed part of a file begins and ends. */
static void signed_part(const char *bytes, size_t len, size_t *from, size_t *to)
{
    const char *signed_ = strstr(bytes, "\"signed\""), *signatures = strstr(bytes, "\"signatures\"");

    assert_non_null(signed_);
    assert_non_null(signatures);
    *from = (size_t)(signed_ - bytes);
    *to = signatures > signed_ ? (size_t)(signatures - bytes) : len;
    while (*to > *from &&
           bytes[*to - 1] != '}') /* what is between the two is not signed, nor is what is behind */
        (*to)--;
    if (signatures < signed_)
        (*to)--; /* the brace of the whole file */
}

/* Turns over one bit in a signed part: not in white space, where a tab may become another white space. */
static size_t turn_over(char *bytes, size_t len, size_t step)
{
    size_t from, to, place;

    signed_part(bytes, len, &from, &to);
    place = from + (to - from) * step / FLIPS;
    while (strchr(" \t\r\n", bytes[place]) != NULL)
        place++;
    bytes[place] = (char)(bytes[place] ^ (1 << step % 8));
    return place;
}

/* A fresh run against the repository with one file changed. */
static void refuse_change(const char *root, const char *repository, const char *name, size_t step)
{
    struct vector *vector = open_vector(repository, root);
    size_t len, place;
    char *bytes = (char *)files_get(&vector->repo.files, name, &len); /* the test's own copy */

    assert_non_null(bytes);
    place = turn_over(bytes, len, step);
    if (client_run(vector, NULL) == CW_OK)
        fail_msg("%s: bit %zu of byte %zu can be turned over", name, step % 8, place);
    assert_in_range(-vector->client.err.code, -CW_E_VERIFY, -CW_E_EXPIRED);
    close_vector(vector);
}

static void refuse_changes(const char *repository, const char *root, const char *const *names)
{
    struct vector *vector = open_vector(repository, root);

    if (vector == NULL)
        skip();
    close_vector(vector);
    for (; *names != NULL; names++) {
        for (size_t step = 0; step < FLIPS; step++)
            refuse_change(root, repository, *names, step);
    }
}

static void tuf_on_ci_with_a_bit_turned_over_is_refused(void **state)
{
    static const char *const names[] = {"timestamp.json", "2.snapshot.json", "1.targets.json",
                                        "2.delegatedrole.json", NULL};

    (void)state;
    refuse_changes("tuf-on-ci-0.11", "initial_root.json", names);
}

static void sigstore_with_a_bit_turned_over_is_refused(void **state)
{
    static const char *const names[] = {
        "2.root.json",  "3.root.json",    "4.root.json",       "5.root.json",     "6.root.json",
        "7.root.json",  "8.root.json",    "9.root.json",       "10.root.json",    "11.root.json",
        "12.root.json", "timestamp.json", "159.snapshot.json", "11.targets.json", NULL};

    (void)state;
    refuse_changes("sigstore-root-signing", "metadata/1.root.json", names);
}

/* The root that trust begins with vouches for itself only, but that it must. */
static void a_first_root_with_a_bit_turned_over_is_refused(void **state)
{
    static const char *const starts[][2] = {{"tuf-on-ci-0.11", "initial_root.json"},
                                            {"sigstore-root-signing", "initial_root.json"},
                                            {"sigstore-root-signing", "metadata/1.root.json"}};

    (void)state;
    for (size_t i = 0; i < 3 * FLIPS; i++) {
        struct vector *vector = open_vector(starts[i / FLIPS][0], starts[i / FLIPS][1]);
        size_t len;
        char *bytes;

        if (vector == NULL)
            skip();
        bytes = (char *)files_get(&vector->client.disk, "root.json", &len);
        turn_over(bytes, len, i % FLIPS);
        assert_cw_fails(CW_E_VERIFY, "trusted root", client_run(vector, NULL), vector->client.err);
        close_vector(vector);
    }
}

/* Of as many signatures as are needed, none can be spoilt. */
static void sigstore_with_spoilt_signatures_is_refused(void **state)
{
    struct vector *vector = open_vector("sigstore-root-signing", "initial_root.json");
    char *bytes, *sig;
    size_t len;

    (void)state;
    if (vector == NULL)
        skip();
    bytes = (char *)files_get(&vector->client.disk, "root.json", &len);
    for (sig = bytes; (sig = strstr(sig, "\"sig\": \"30")) != NULL; sig++) {
        sig[40] ^= 1;
        assert_cw_fails(CW_E_VERIFY, "signed by 2 of the 3 keys", client_run(vector, NULL),
                        vector->client.err);
        sig[40] ^= 1;
    }
    assert_cw_ok(client_run(vector, NULL), vector->client.err);
    close_vector(vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuf_on_ci_holds),
        cmocka_unit_test(sigstore_holds),
        cmocka_unit_test(sigstore_holds_from_its_first_root),
        cmocka_unit_test(time_decides),
        cmocka_unit_test(tuf_on_ci_with_a_bit_turned_over_is_refused),
        cmocka_unit_test(sigstore_with_a_bit_turned_over_is_refused),
        cmocka_unit_test(a_first_root_with_a_bit_turned_over_is_refused),
        cmocka_unit_test(sigstore_with_spoilt_signatures_is_refused),
    };

    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
