/* SPDX-License-Identifier: ISC */
/*
 * The repository and client of tuf_repo.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tuf_repo.h"

#include "base/clock.h"

void files_put(struct files *files, const char *name, const char *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < files->count && strcmp(files->list[i].name, name) != 0; i++)
        ;
    assert_in_range(i, 0, sizeof files->list / sizeof files->list[0] - 1);
    if (i == files->count)
        files->count++;
    else
        free(files->list[i].bytes);
    snprintf(files->list[i].name, sizeof files->list[i].name, "%s", name);
    files->list[i].bytes = malloc(len + 1);
    assert_non_null(files->list[i].bytes);
    memcpy(files->list[i].bytes, bytes, len);
    files->list[i].bytes[len] = '\0';
    files->list[i].len = len;
}

const char *files_get(const struct files *files, const char *name, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->list[i].name, name) == 0) {
            *len = files->list[i].len;
            return files->list[i].bytes;
        }
    }
    return NULL;
}

void files_remove(struct files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->list[i].name, name) == 0) {
            free(files->list[i].bytes);
            files->list[i] = files->list[--files->count];
            return;
        }
    }
}

void files_clear(struct files *files)
{
    while (files->count > 0)
        files_remove(files, files->list[0].name);
}

struct body *repo_role(struct repo *repo, const char *role)
{
    for (size_t i = 0; i < repo->count; i++) {
        if (strcmp(repo->bodies[i].role, role) == 0)
            return &repo->bodies[i];
    }
    return NULL;
}

json_t *repo_body(struct repo *repo, const char *role)
{
    struct body *body = repo_role(repo, role);

    assert_non_null(body);
    return body->signed_;
}

const unsigned char *repo_key(const struct repo *repo, enum key key)
{
    return cw_secret_public(repo->secrets[key]);
}

void repo_signers(struct repo *repo, const char *role, size_t count, ...)
{
    struct body *body = repo_role(repo, role);
    va_list ap;

    va_start(ap, count);
    for (size_t i = 0; i < count; i++)
        body->signers[i] = va_arg(ap, enum key);
    va_end(ap);
    body->signer_count = count;
}

static void add_body(struct repo *repo, const char *role, json_t *signed_, enum key key)
{
    struct body *body = &repo->bodies[repo->count++];

    snprintf(body->role, sizeof body->role, "%s", role);
    body->signed_ = signed_;
    body->signers[0] = key;
    body->signer_count = 1;
}

void repo_init(struct repo *repo)
{
    static const struct {
        const char *role;
        enum key key;
        int (*make)(json_t **signed_, int64_t version, int64_t expires, struct cw_err *err);
    } top[] = {{"root", K_ROOT, cw_tuf_root_new},
               {"timestamp", K_TIMESTAMP, cw_tuf_timestamp_new},
               {"snapshot", K_SNAPSHOT, cw_tuf_snapshot_new},
               {"targets", K_TARGETS, NULL}};
    struct cw_err err;

    *repo = (struct repo){.consistent = true, .hashes = true};
    for (int i = 0; i < K_COUNT; i++) { /* the same keys in each run */
        unsigned char seed[CW_ED25519_SEED] = {(unsigned char)i, 1};

        assert_int_equal(cw_secret_from_seed(&repo->secrets[i], seed, &err), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        json_t *signed_ = NULL;

        if (top[i].make != NULL)
            assert_int_equal(top[i].make(&signed_, 1, NOW + DAY, &err), 0);
        else
            assert_int_equal(cw_tuf_targets_new(&signed_, 1, NOW + DAY, true, &err), 0);
        add_body(repo, top[i].role, signed_, top[i].key);
        assert_int_equal(
            cw_tuf_root_add_key(repo_body(repo, "root"), top[i].role, repo_key(repo, top[i].key), &err), 0);
    }
}

void repo_clear(struct repo *repo)
{
    for (int i = 0; i < K_COUNT; i++)
        cw_secret_free(repo->secrets[i]);
    for (size_t i = 0; i < repo->count; i++)
        json_decref(repo->bodies[i].signed_);
    files_clear(&repo->files);
}

int64_t repo_version(struct repo *repo, const char *role)
{
    return json_integer_value(json_object_get(repo_body(repo, role), "version"));
}

void repo_set_version(struct repo *repo, const char *role, int64_t version)
{
    json_object_set_new(repo_body(repo, role), "version", json_integer(version));
}

void repo_set_expires(struct repo *repo, const char *role, int64_t expires)
{
    char text[CW_TIME_TEXT];

    cw_time_format(expires, text);
    json_object_set_new(repo_body(repo, role), "expires", json_string(text));
}

void repo_delegate(struct repo *repo, const char *delegator, const char *role, const char *pattern,
                   enum key key, bool terminating)
{
    const char *paths[] = {pattern, NULL};
    unsigned char keys[1][CW_ED25519_PUBLIC];
    struct cw_tuf_delegation_spec spec = {.name = role,
                                          .paths = paths,
                                          .keys = (const unsigned char(*)[CW_ED25519_PUBLIC])keys,
                                          .key_count = 1,
                                          .threshold = 1,
                                          .terminating = terminating};
    json_t *signed_;
    struct cw_err err;

    memcpy(keys[0], repo_key(repo, key), CW_ED25519_PUBLIC);
    assert_int_equal(cw_tuf_targets_delegate(repo_body(repo, delegator), &spec, &err), 0);
    if (repo_role(repo, role) == NULL) {
        assert_int_equal(cw_tuf_targets_new(&signed_, 1, NOW + DAY, true, &err), 0);
        add_body(repo, role, signed_, key);
    }
}

void repo_add_target(struct repo *repo, const char *role, const char *path)
{
    char sha256[CW_SHA256_TEXT];
    struct cw_err err;

    assert_int_equal(cw_sha256(sha256, path, strlen(path), &err), 0);
    assert_int_equal(
        cw_tuf_targets_add(repo_body(repo, role), path, (int64_t)strlen(path), sha256, NULL, &err), 0);
}

void repo_publish_role(struct repo *repo, const char *role)
{
    const struct body *body = repo_role(repo, role);
    CW_AUTO_BUF text = CW_BUF_INIT(4 << 20), name = CW_BUF_INIT(512);
    json_auto_t *envelope = NULL;
    struct cw_err err;

    assert_int_equal(cw_tuf_envelope_new(&envelope, body->signed_, &err), 0);
    for (size_t i = 0; i < body->signer_count; i++)
        assert_int_equal(cw_tuf_envelope_sign(envelope, repo->secrets[body->signers[i]], &err), 0);
    assert_int_equal(cw_tuf_envelope_format(&text, envelope, &err), 0);
    if (strcmp(role, "root") == 0 || (repo->consistent && strcmp(role, "timestamp") != 0))
        cw_buf_addf(&name, "%lld.", (long long)repo_version(repo, role));
    assert_int_equal(cw_tuf_role_filename(&name, role, &err), 0);
    files_put(&repo->files, name.data, text.data, text.len);
}

/* States a role's published file in snapshot or timestamp. */
static void state_file(struct repo *repo, const char *where, const char *role)
{
    CW_AUTO_BUF name = CW_BUF_INIT(512);
    char sha256[CW_SHA256_TEXT];
    const char *bytes;
    size_t len = 0;
    struct cw_err err;

    if (repo->consistent)
        cw_buf_addf(&name, "%lld.", (long long)repo_version(repo, role));
    assert_int_equal(cw_tuf_role_filename(&name, role, &err), 0);
    bytes = files_get(&repo->files, name.data, &len);
    assert_non_null(bytes);
    assert_int_equal(cw_sha256(sha256, bytes, len, &err), 0);
    assert_int_equal(cw_tuf_meta_add(repo_body(repo, where), role, repo_version(repo, role), (int64_t)len,
                                     repo->hashes ? sha256 : NULL, &err),
                     0);
}

void repo_publish(struct repo *repo, ...)
{
    const char *role;
    va_list ap;
    size_t len;

    if (files_get(&repo->files, "timestamp.json", &len) != NULL) { /* the first one leaves all in version 1 */
        va_start(ap, repo);
        while ((role = va_arg(ap, const char *)) != NULL)
            repo_set_version(repo, role, repo_version(repo, role) + 1);
        va_end(ap);
        repo_set_version(repo, "snapshot", repo_version(repo, "snapshot") + 1);
        repo_set_version(repo, "timestamp", repo_version(repo, "timestamp") + 1);
    } else {
        json_object_set_new(repo_body(repo, "root"), "consistent_snapshot", json_boolean(repo->consistent));
        repo_publish_role(repo, "root");
    }
    for (size_t i = 3; i < repo->count; i++) {
        repo_publish_role(repo, repo->bodies[i].role);
        state_file(repo, "snapshot", repo->bodies[i].role);
    }
    repo_publish_role(repo, "snapshot");
    state_file(repo, "timestamp", "snapshot");
    repo_publish_role(repo, "timestamp");
}

void repo_publish_root(struct repo *repo)
{
    repo_set_version(repo, "root", repo_version(repo, "root") + 1);
    repo_publish_role(repo, "root");
}

void client_init(struct client *client, const struct repo *repo)
{
    size_t len;
    const char *root = files_get(&repo->files, "1.root.json", &len);

    *client = (struct client){.params = {.now = NOW}};
    assert_non_null(root);
    files_put(&client->disk, "root.json", root, len);
}

void client_clear(struct client *client)
{
    files_clear(&client->disk);
    cw_tuf_update_free(client->update);
}

static int answer(struct client *client, const char *bytes, size_t len)
{
    return bytes != NULL ? cw_tuf_update_give(client->update, bytes, len, &client->err)
                         : cw_tuf_update_absent(client->update, &client->err);
}

static int drive(struct client *client, const struct repo *repo)
{
    struct cw_tuf_want want;
    size_t len = 0, used;
    int rc;

    while ((rc = cw_tuf_update_next(client->update, &want, &client->err)) == CW_OK &&
           want.kind != CW_TUF_DONE) {
        const char *bytes;

        switch (want.kind) {
        case CW_TUF_LOAD:
            bytes = files_get(&client->disk, want.name, &len);
            rc = answer(client, bytes, len);
            break;
        case CW_TUF_FETCH:
            used = strlen(client->requests);
            snprintf(client->requests + used, sizeof client->requests - used, "%s%s", used > 0 ? " " : "",
                     want.name);
            client->fetches++;
            bytes = files_get(&repo->files, want.name, &len);
            rc = answer(client, bytes, len);
            break;
        default:
            files_put(&client->disk, want.name, want.bytes, want.len);
            rc = cw_tuf_update_stored(client->update, &client->err);
        }
        if (rc != CW_OK)
            break;
    }
    return rc;
}

int client_refresh(struct client *client, const struct repo *repo)
{
    size_t len = 0;
    const char *root = files_get(&client->disk, "root.json", &len);
    int rc;

    cw_tuf_update_free(client->update);
    client->requests[0] = '\0';
    client->fetches = 0;
    cw_err_clear(&client->err);
    rc = cw_tuf_update_new(&client->update, &client->params, root, len, &client->err);
    return rc == CW_OK ? drive(client, repo) : rc;
}

int client_find(struct client *client, const struct repo *repo, const char *path, const char **role)
{
    struct cw_tuf_file file;
    int rc = cw_tuf_update_find(client->update, path, &client->err);

    if (rc == CW_OK)
        rc = drive(client, repo);
    return rc == CW_OK ? cw_tuf_update_found(client->update, &file, role, &client->err) : rc;
}

int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    repo_init(&world->repo);
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;

    client_clear(&world->client);
    repo_clear(&world->repo);
    free(world);
    return 0;
}
