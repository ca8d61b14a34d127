/* SPDX-License-Identifier: ISC */
/*
 * The publisher in memory of repo.h.
 */
#include "repo.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "tree/layout.h"
#include "tuf/write.h"

static struct cw_err err;

const struct repo_file *repo_file(const struct repo_files *files, const char *path)
{
    size_t i;

    for (i = 0; i < files->count; i++) {
        if (strcmp(files->items[i].path, path) == 0)
            return &files->items[i];
    }
    return NULL;
}

void repo_remove(struct repo_files *files, const char *path)
{
    struct repo_file *file = (struct repo_file *)repo_file(files, path);

    if (file == NULL)
        return;
    free(file->path);
    free(file->data);
    *file = files->items[--files->count];
}

void repo_put(struct repo_files *files, const char *path, const void *data, size_t len)
{
    struct repo_file *file;

    repo_remove(files, path);
    assert_true(files->count < REPO_FILES);
    file = &files->items[files->count++];
    file->path = strdup(path);
    file->data = malloc(len + 1);
    assert_true(file->path != NULL && file->data != NULL);
    memcpy(file->data, data, len);
    file->data[len] = '\0';
    file->len = len;
}

static void files_clear(struct repo_files *files)
{
    while (files->count > 0)
        repo_remove(files, files->items[0].path);
}

struct repo_role *repo_role(struct repo *repo, const char *name)
{
    size_t i;

    for (i = 0; i < repo->role_count; i++) {
        if (strcmp(repo->roles[i].name, name) == 0)
            return &repo->roles[i];
    }
    fail_msg("no role %s", name);
    return NULL;
}

static json_t *targets_body; /* the top-level targets of the one repo in use */

void repo_add_role(struct repo *repo, const char *name, const char *path)
{
    struct repo_role *role = &repo->roles[repo->role_count++];
    const char *const paths[] = {path, NULL};
    unsigned char keys[1][CW_ED25519_PUBLIC];
    const struct cw_tuf_delegation_spec spec = {.name = name,
                                                .paths = paths,
                                                .keys = (const unsigned char(*)[CW_ED25519_PUBLIC])keys,
                                                .key_count = 1,
                                                .threshold = 1,
                                                .terminating = true};

    role->name = name;
    assert_cw_ok(cw_secret_new(&role->key, &err), err);
    assert_cw_ok(cw_tuf_targets_new(&role->signed_, 1, REPO_EXPIRES, false, &err), err);
    memcpy(keys[0], cw_secret_public(role->key), CW_ED25519_PUBLIC);
    assert_cw_ok(cw_tuf_targets_delegate(targets_body, &spec, &err), err);
}

/* Signs a body with one or two keys and puts the file where it belongs. */
static void put_signed(struct repo *repo, const char *role, int64_t version, json_t *body,
                       const struct cw_secret *key, char sha256[CW_SHA256_TEXT], int64_t *length)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    char path[CW_PATH_MAX];

    assert_cw_ok(cw_tuf_envelope_new(&envelope, body, &err), err);
    assert_cw_ok(cw_tuf_envelope_sign(envelope, key, &err), err);
    assert_cw_ok(cw_tuf_envelope_format(&buf, envelope, &err), err);
    assert_cw_ok(cw_tree_metadata_path(path, version, role, &err), err);
    repo_put(&repo->tree, path, buf.data, buf.len);
    assert_cw_ok(cw_sha256(sha256, buf.data, buf.len, &err), err);
    *length = (int64_t)buf.len;
}

static void publish_root(struct repo *repo)
{
    static const char *const names[] = {"root", "targets", "snapshot", "timestamp"};
    const struct cw_secret *keys[] = {repo->root, repo->targets, repo->snapshot, repo->timestamp};
    json_auto_t *body = NULL;
    char sha256[CW_SHA256_TEXT];
    int64_t length;
    size_t i;

    assert_cw_ok(cw_tuf_root_new(&body, ++repo->root_version, REPO_EXPIRES, &err), err);
    for (i = 0; i < 4; i++)
        assert_cw_ok(cw_tuf_root_add_key(body, names[i], cw_secret_public(keys[i]), &err), err);
    put_signed(repo, "root", repo->root_version, body, repo->root, sha256, &length);
}

void repo_init(struct repo *repo)
{
    struct cw_secret **keys[] = {&repo->root, &repo->targets, &repo->snapshot, &repo->timestamp};
    size_t i;

    memset(repo, 0, sizeof *repo);
    assert_cw_ok(cw_crypt_init(&err), err);
    for (i = 0; i < 4; i++)
        assert_cw_ok(cw_secret_new(keys[i], &err), err);
    json_decref(targets_body);
    assert_cw_ok(cw_tuf_targets_new(&targets_body, 1, REPO_EXPIRES, true, &err), err);
    repo_add_role(repo, "gateway", "gateway/*/*");
    repo_add_role(repo, "plc", "plc/*/*");
    repo_add_role(repo, "stable", "channels/stable/*");
    publish_root(repo);
}

void repo_clear(struct repo *repo)
{
    size_t i;

    for (i = 0; i < repo->role_count; i++) {
        cw_secret_free(repo->roles[i].key);
        json_decref(repo->roles[i].signed_);
    }
    cw_secret_free(repo->root);
    cw_secret_free(repo->targets);
    cw_secret_free(repo->snapshot);
    cw_secret_free(repo->timestamp);
    files_clear(&repo->tree);
    files_clear(&repo->trusted);
    json_decref(targets_body);
    targets_body = NULL;
}

void repo_sign_target(struct repo *repo, const char *role, const char *target, int64_t length,
                      const char *sha256)
{
    assert_cw_ok(cw_tuf_targets_add(repo_role(repo, role)->signed_, target, length, sha256, NULL, &err), err);
}

void repo_target(struct repo *repo, const char *role, const char *target, const char *content, char *sha256)
{
    char hash[CW_SHA256_TEXT], path[CW_PATH_MAX];

    assert_cw_ok(cw_sha256(hash, content, strlen(content), &err), err);
    repo_sign_target(repo, role, target, (int64_t)strlen(content), hash);
    assert_cw_ok(cw_tree_target_path(path, target, hash, &err), err);
    repo_put(&repo->tree, path, content, strlen(content));
    if (sha256 != NULL)
        memcpy(sha256, hash, sizeof hash);
}

json_t *repo_artifact(struct repo *repo, const char *product, const char *version, const char *file,
                      const char *platform)
{
    char target[CW_PATH_MAX], content[CW_PATH_MAX + 32], sha256[CW_SHA256_TEXT];

    assert_cw_ok(cw_tree_artifact_target(target, product, version, file, &err), err);
    snprintf(content, sizeof content, "the bytes of %s", target);
    repo_target(repo, product, target, content, sha256);
    return json_pack("{s:s, s:I, s:s, s:s, s:s}", "path", target, "length", (json_int_t)strlen(content),
                     "sha256", sha256, "platform", platform, "kind", "file");
}

json_t *repo_manifest(const char *product, const char *version, json_t *artifacts)
{
    json_t *doc =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "_type", CW_RELEASE_TYPE, "format", "1.0", "product",
                  product, "version", version, "severity", "normal", "artifacts", artifacts);

    assert_non_null(doc);
    return doc;
}

json_t *repo_release(struct repo *repo, const char *role, const char *product, const char *version,
                     json_t *doc)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_MANIFEST_MAX);
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

    assert_cw_ok(cw_json_format(&buf, doc, &err), err);
    json_decref(doc);
    assert_cw_ok(cw_tree_release_target(target, product, version, &err), err);
    repo_target(repo, role, target, buf.data, sha256);
    return json_pack("{s:s, s:s, s:I, s:s}", "version", version, "sha256", sha256, "length",
                     (json_int_t)buf.len, "promoted", "2026-01-01T00:00:00Z");
}

void repo_channel(struct repo *repo, const char *channel, int64_t serial, json_t *releases, json_t *extra)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_CHANNEL_MAX);
    char target[CW_PATH_MAX];
    json_auto_t *doc = json_pack("{s:s, s:s, s:s, s:I, s:s, s:o}", "_type", CW_CHANNEL_TYPE, "format", "1.0",
                                 "channel", channel, "serial", (json_int_t)serial, "published",
                                 "2026-01-01T00:00:00Z", "releases", releases);

    assert_non_null(doc);
    if (serial > 1)
        json_object_set_new(doc, "previous", json_string(repo->channel_sha256));
    if (extra != NULL)
        json_object_update(doc, extra);
    json_decref(extra);
    assert_cw_ok(cw_json_format(&buf, doc, &err), err);
    assert_cw_ok(cw_tree_channel_target(target, channel, &err), err);
    repo_target(repo, channel, target, buf.data, repo->channel_sha256);
}

void repo_publish(struct repo *repo)
{
    json_auto_t *snapshot = NULL, *timestamp = NULL;
    char sha256[CW_SHA256_TEXT];
    int64_t length;
    size_t i;

    repo->targets_version++;
    assert_cw_ok(cw_tuf_snapshot_new(&snapshot, ++repo->snapshot_version, REPO_EXPIRES, &err), err);
    for (i = 0; i < repo->role_count; i++) {
        struct repo_role *role = &repo->roles[i];

        json_object_set_new(role->signed_, "version", json_integer(repo->targets_version));
        put_signed(repo, role->name, repo->targets_version, role->signed_, role->key, sha256, &length);
        assert_cw_ok(cw_tuf_meta_add(snapshot, role->name, repo->targets_version, length, sha256, &err), err);
    }
    json_object_set_new(targets_body, "version", json_integer(repo->targets_version));
    put_signed(repo, "targets", repo->targets_version, targets_body, repo->targets, sha256, &length);
    assert_cw_ok(cw_tuf_meta_add(snapshot, "targets", repo->targets_version, length, sha256, &err), err);
    put_signed(repo, "snapshot", repo->snapshot_version, snapshot, repo->snapshot, sha256, &length);
    assert_cw_ok(cw_tuf_timestamp_new(&timestamp, ++repo->timestamp_version, REPO_EXPIRES, &err), err);
    json_object_set_new(timestamp, "published", json_string("2026-01-01T00:00:00Z"));
    assert_cw_ok(cw_tuf_meta_add(timestamp, "snapshot", repo->snapshot_version, length, sha256, &err), err);
    put_signed(repo, "timestamp", 0, timestamp, repo->timestamp, sha256, &length);
}

void repo_rotate_online(struct repo *repo)
{
    cw_secret_free(repo->snapshot);
    cw_secret_free(repo->timestamp);
    assert_cw_ok(cw_secret_new(&repo->snapshot, &err), err);
    assert_cw_ok(cw_secret_new(&repo->timestamp, &err), err);
    publish_root(repo);
}

json_t *repo_gateway(struct repo *repo, const char *version)
{
    json_t *artifacts =
        json_pack("[o, o, o]", repo_artifact(repo, "gateway", version, "gw-amd64.bin", "linux-amd64"),
                  repo_artifact(repo, "gateway", version, "gw-arm64.bin", "linux-arm64"),
                  repo_artifact(repo, "gateway", version, "readme.txt", "any"));
    json_t *doc = repo_manifest("gateway", version, artifacts);
    json_t *sbom = repo_artifact(repo, "gateway", version, "sbom.json", "any");

    json_object_del(sbom, "platform");
    json_object_del(sbom, "kind");
    json_object_set_new(doc, "sbom", sbom);
    json_object_set_new(doc, "requires", json_pack("{s:s}", "plc", ">=1.0.0"));
    return doc;
}

json_t *repo_plc(struct repo *repo, const char *version)
{
    return repo_manifest("plc", version,
                         json_pack("[o]", repo_artifact(repo, "plc", version, "plc.fw", "any")));
}

void repo_fill(struct repo *repo)
{
    json_t *gateway = repo_release(repo, "gateway", "gateway", "2.1.0", repo_gateway(repo, "2.1.0"));
    json_t *plc = repo_release(repo, "plc", "plc", "1.0.0", repo_plc(repo, "1.0.0"));

    repo_channel(repo, "stable", 1, json_pack("{s:o, s:o}", "gateway", gateway, "plc", plc), NULL);
    repo_publish(repo);
}

void repo_write(const struct repo *repo, int dir)
{
    size_t i;

    for (i = 0; i < repo->tree.count; i++) {
        const struct repo_file *file = &repo->tree.items[i];

        assert_cw_ok(cw_file_replace(dir, file->path, file->data, file->len, 0644, &err), err);
    }
}

static int answer(struct cw_tuf_update *update, const struct repo_file *file, struct cw_err *e)
{
    return file != NULL ? cw_tuf_update_give(update, file->data, file->len, e)
                        : cw_tuf_update_absent(update, e);
}

static int drive(void *ctx, struct cw_tuf_update *update, struct cw_err *e)
{
    struct repo *repo = ctx;
    struct cw_tuf_want want;
    char path[CW_PATH_MAX];
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, e)) == CW_OK && want.kind != CW_TUF_DONE) {
        snprintf(path, sizeof path, "metadata/%s", want.name);
        if (want.kind == CW_TUF_LOAD) {
            rc = answer(update, repo_file(&repo->trusted, want.name), e);
        } else if (want.kind == CW_TUF_FETCH) {
            rc = answer(update, repo_file(&repo->tree, path), e);
        } else {
            repo_put(&repo->trusted, want.name, want.bytes, want.len);
            rc = cw_tuf_update_stored(update, e);
        }
        if (rc != CW_OK)
            return rc;
    }
    return rc;
}

static int read_target(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *e)
{
    const struct repo_file *file = repo_file(&((struct repo *)ctx)->tree, tree_path);

    if (file == NULL)
        return cw_err_set(e, CW_E_INCOMPLETE, "'%s' is missing", tree_path);
    cw_buf_add(buf, file->data, file->len);
    return cw_buf_check(buf, tree_path, e);
}

void repo_source(struct cw_set_source *source, struct repo *repo)
{
    *source = (struct cw_set_source){.drive = drive, .read = read_target, .ctx = repo};
}

int repo_refresh(struct repo *repo, struct cw_tuf_update **update, struct cw_err *e)
{
    const struct cw_tuf_params params = {.now = REPO_NOW};
    const struct repo_file *root = repo_file(&repo->trusted, "root.json");
    int rc;

    if (root == NULL)
        root = repo_file(&repo->tree, "metadata/1.root.json");
    assert_non_null(root);
    rc = cw_tuf_update_new(update, &params, root->data, root->len, e);
    return rc == CW_OK ? drive(repo, *update, e) : rc;
}
