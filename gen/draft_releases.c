/* SPDX-License-Identifier: ISC */
/*
 * Composing staged releases into their products' roles, a new product's delegation included.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "codec/json.h"
#include "crypt/hash.h"
#include "gen/draft.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* A staged release and its bytes as they will be published. */
struct release {
    const char *key; /* "product@version" */
    struct cw_manifest manifest;
    struct cw_buf bytes;
    char sha256[CW_SHA256_TEXT];
    char target[CW_PATH_MAX];
};

static void clear(struct release *release)
{
    cw_manifest_clear(&release->manifest);
    cw_buf_clear(&release->bytes);
}

static int prepare(struct release *release, const json_t *doc, struct cw_err *err)
{
    int rc = cw_json_format(&release->bytes, doc, err);

    if (rc == CW_OK)
        rc = cw_manifest_parse(&release->manifest, release->bytes.data, release->bytes.len, err);
    if (rc == CW_OK)
        rc = cw_sha256(release->sha256, release->bytes.data, release->bytes.len, err);
    if (rc == CW_OK)
        rc = cw_tree_release_target(release->target, release->manifest.product, release->manifest.version,
                                    err);
    return rc;
}

/* Published already (a publish was killed before it removed what was staged), or with other content? */
static int find_published(bool *published, const struct release *release, const struct cw_state *state,
                          struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(state, release->manifest.product);
    struct cw_state_target said;
    int rc;

    *published = false;
    if (role == NULL)
        return CW_OK;
    rc = cw_state_target(&said, state, role, release->target, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc != CW_OK)
        return rc;
    if (strcmp(said.sha256, release->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "is published with other content, and a version never changes: remove '%s/%s.json'",
                          CW_STAGE_RELEASES, release->key);
    *published = true;
    return CW_OK;
}

/* A product's first release: `targets` hands "<product>/<version>/<file>" to its build key. */
static int delegate(struct cw_draft *draft, const struct cw_draft_input *input, const char *product,
                    struct cw_err *err)
{
    char name[CW_KEYS_NAME_MAX], glob[CW_PATH_MAX];
    const char *const paths[] = {glob, NULL};
    struct cw_tuf_delegation_spec spec = {
        .name = product, .paths = paths, .key_count = 1, .threshold = 1, .terminating = true};
    int64_t expires = input->now + input->config->expires[CW_LIFE_PRODUCT];
    const struct cw_key *key;
    json_t *targets, *body;
    int rc;

    snprintf(name, sizeof name, "product-%s", product);
    snprintf(glob, sizeof glob, "%s/*/*", product);
    key = cw_keys_named(input->keys, name);
    if (key == NULL)
        return cw_err_set(err, CW_E_FAIL,
                          "there is no build key '%s/%s.pub' for the new product; run 'add' again to make it",
                          "keys", name);
    spec.keys = &key->public_key;
    rc = cw_draft_touch(&targets, draft, input, "targets", err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_delegate(targets, &spec, err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_new(&body, 1, expires, false, err);
    if (rc == CW_OK && json_object_set_new(draft->roles, product, body) != 0)
        rc = cw_err_nomem(err);
    return rc == CW_OK ? cw_draft_report(draft, "products", json_string(product), err) : rc;
}

/* The artifact was made durable by `add`; here it only has to be there still, at its length. */
static int check_there(const struct cw_draft_input *input, const struct cw_artifact *artifact,
                       struct cw_err *err)
{
    char path[CW_PATH_MAX];
    struct stat st;
    int rc = cw_tree_target_path(path, artifact->path, artifact->sha256, err);

    if (rc == CW_OK)
        rc = cw_at_stat(&st, input->state->tree, path, err);
    if (rc == CW_E_NOTFOUND ||
        (rc == CW_OK && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != artifact->length)))
        return cw_err_set(err, CW_E_INCOMPLETE,
                          "'tree/%s' is missing or was changed since it was added; run 'add' again", path);
    return rc;
}

static int add_artifact(json_t *body, const struct cw_draft_input *input, const struct cw_artifact *artifact,
                        struct cw_err *err)
{
    int rc = check_there(input, artifact, err);

    return rc == CW_OK ? cw_tuf_targets_add(body, artifact->path, (int64_t)artifact->length, artifact->sha256,
                                            NULL, err)
                       : rc;
}

static int add_targets(json_t *body, const struct cw_draft_input *input, const struct release *release,
                       struct cw_err *err)
{
    const struct cw_manifest *manifest = &release->manifest;
    size_t i;
    int rc =
        cw_tuf_targets_add(body, release->target, (int64_t)release->bytes.len, release->sha256, NULL, err);

    for (i = 0; i < manifest->artifact_count && rc == CW_OK; i++)
        rc = add_artifact(body, input, &manifest->artifacts[i], err);
    if (rc == CW_OK && manifest->has_sbom)
        rc = add_artifact(body, input, &manifest->sbom, err);
    return rc;
}

static int report(struct cw_draft *draft, const struct release *release, struct cw_err *err)
{
    const struct cw_manifest *manifest = &release->manifest;
    uint64_t bytes = 0;
    size_t i;
    json_t *digest =
        json_pack("{s:s, s:I}", "sha256", release->sha256, "length", (json_int_t)release->bytes.len);

    if (json_object_set_new(draft->manifests, release->key, digest) != 0)
        return cw_err_nomem(err);
    for (i = 0; i < manifest->artifact_count; i++)
        bytes += manifest->artifacts[i].length;
    return cw_draft_report(draft, "releases",
                           json_pack("{s:s, s:s, s:s, s:I, s:I}", "product", manifest->product, "version",
                                     manifest->version, "severity", manifest->severity, "artifacts",
                                     (json_int_t)manifest->artifact_count, "bytes", (json_int_t)bytes),
                           err);
}

static int add_release(struct cw_draft *draft, const struct cw_draft_input *input, struct release *release,
                       struct cw_err *err)
{
    const char *product = release->manifest.product;
    char path[CW_PATH_MAX];
    json_t *body;
    int rc = CW_OK;

    if (cw_state_channel(input->state, product) != NULL)
        return cw_err_set(err, CW_E_VERIFY, "a channel has that name; a product needs another");
    if (cw_state_product(input->state, product) == NULL && json_object_get(draft->roles, product) == NULL)
        rc = delegate(draft, input, product, err);
    if (rc == CW_OK)
        rc = cw_draft_touch(&body, draft, input, product, err);
    if (rc == CW_OK)
        rc = add_targets(body, input, release, err);
    if (rc == CW_OK)
        rc = report(draft, release, err);
    if (rc == CW_OK)
        rc = cw_tree_target_path(path, release->target, release->sha256, err);
    return rc == CW_OK ? cw_draft_add_file(draft, CW_STEP_MANIFESTS, path, &release->bytes, err) : rc;
}

static int compose_release(struct cw_draft *draft, const struct cw_draft_input *input, const char *key,
                           const json_t *doc, struct cw_err *err)
{
    struct release release = {.key = key, .bytes = CW_BUF_INIT(CW_MANIFEST_MAX)};
    bool published = false;
    char path[CW_PATH_MAX];
    int rc = prepare(&release, doc, err);

    if (rc == CW_OK)
        rc = find_published(&published, &release, input->state, err);
    if (rc == CW_OK)
        rc = cw_stage_release_path(path, release.manifest.product, release.manifest.version, err);
    if (rc == CW_OK && json_array_append_new(draft->staged, json_string(path)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK && !published)
        rc = add_release(draft, input, &release, err);
    if (rc != CW_OK)
        cw_err_prefix(err, "%s", key);
    clear(&release);
    return rc;
}

int cw_draft_compose_releases(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    const char *key;
    json_t *doc;
    int rc = CW_OK;

    json_object_foreach (input->stage->releases, key, doc) {
        rc = compose_release(draft, input, key, doc, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}
