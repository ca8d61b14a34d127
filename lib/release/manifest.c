/* SPDX-License-Identifier: ISC */
/*
 * Reading release manifests. As strict as a single document allows, since the publisher runs its own output
 * through here before a version becomes unchangeable.
 */
#include "release/manifest.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "release/name.h"
#include "release/semver.h"

static const char *const kinds[] = {[CW_KIND_FILE] = "file",
                                    [CW_KIND_ARCHIVE] = "archive",
                                    [CW_KIND_FIRMWARE] = "firmware",
                                    [CW_KIND_PACKAGE] = "package",
                                    NULL};

int cw_kind_parse(enum cw_kind *kind, const char *text, struct cw_err *err)
{
    size_t i;

    for (i = 0; kinds[i] != NULL; i++) {
        if (strcmp(kinds[i], text) == 0) {
            *kind = (enum cw_kind)i;
            return CW_OK;
        }
    }
    return cw_err_set(err, CW_E_VERIFY, "unknown kind '%s'; known are file, archive, firmware and package",
                      text);
}

const char *cw_kind_name(enum cw_kind kind)
{
    return kinds[kind];
}

int cw_severity_check(const char *text, struct cw_err *err)
{
    static const char *const severities[] = {"low", "normal", "high", "critical", NULL};
    size_t i;

    for (i = 0; severities[i] != NULL; i++) {
        if (strcmp(severities[i], text) == 0)
            return CW_OK;
    }
    return cw_err_set(err, CW_E_VERIFY, "unknown severity '%s'; known are low, normal, high and critical",
                      text);
}

/* "<product>/<version>/<file>" with a portable file name. */
static int check_path(const struct cw_manifest *manifest, const char *path, struct cw_err *err)
{
    size_t product = strlen(manifest->product), version = strlen(manifest->version);
    const char *file;

    if (strncmp(path, manifest->product, product) != 0 || path[product] != '/' ||
        strncmp(path + product + 1, manifest->version, version) != 0 || path[product + 1 + version] != '/')
        return cw_err_set(err, CW_E_VERIFY, "path '%.200s' does not lie in '%s/%s/'", path, manifest->product,
                          manifest->version);
    file = path + product + 1 + version + 1;
    if (strcasecmp(file, CW_MANIFEST_FILE) == 0)
        return cw_err_set(err, CW_E_VERIFY, "path '%s' is the manifest's own: name the file otherwise", path);
    return cw_name_check(file, "file", err);
}

/* What artifacts and SBOM have in common. */
static int parse_file(struct cw_artifact *file, const struct cw_manifest *manifest, const json_t *obj,
                      struct cw_err *err)
{
    int64_t length;
    int rc = cw_json_get_str(&file->path, obj, "path", err);

    if (rc == CW_OK)
        rc = check_path(manifest, file->path, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&length, obj, "length", 0, CW_LENGTH_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&file->sha256, obj, "sha256", err);
    if (rc == CW_OK && !cw_hex_is_sha256(file->sha256))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'sha256' is not 64 lower-case hex digits");
    if (rc != CW_OK)
        return rc;
    file->length = (uint64_t)length;
    file->platform = CW_PLATFORM_ANY;
    file->kind = CW_KIND_FILE;
    return CW_OK;
}

static int parse_artifact(struct cw_artifact *artifact, const struct cw_manifest *manifest, const json_t *obj,
                          struct cw_err *err)
{
    const char *kind;
    int rc = json_is_object(obj) ? parse_file(artifact, manifest, obj, err)
                                 : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK)
        rc = cw_json_get_str(&artifact->platform, obj, "platform", err);
    if (rc == CW_OK)
        rc = cw_name_check(artifact->platform, "platform", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&kind, obj, "kind", err);
    return rc == CW_OK ? cw_kind_parse(&artifact->kind, kind, err) : rc;
}

static int parse_artifacts(struct cw_manifest *manifest, struct cw_err *err)
{
    json_t *array, *item;
    size_t i;
    int rc = cw_json_get_array(&array, manifest->doc, "artifacts", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(array) == 0)
        return cw_err_set(err, CW_E_VERIFY, "field 'artifacts' is empty");
    if (json_array_size(array) > CW_ARTIFACTS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field 'artifacts' has more than %d entries", CW_ARTIFACTS_MAX);
    manifest->artifacts = calloc(json_array_size(array), sizeof *manifest->artifacts);
    if (manifest->artifacts == NULL)
        return cw_err_nomem(err);
    manifest->artifact_count = json_array_size(array);
    json_array_foreach (array, i, item) {
        if (parse_artifact(&manifest->artifacts[i], manifest, item, err) != CW_OK)
            return cw_err_prefix(err, "artifacts[%zu]", i);
    }
    return CW_OK;
}

static int parse_sbom(struct cw_manifest *manifest, struct cw_err *err)
{
    json_t *sbom = NULL;
    int rc = cw_json_opt_obj(&sbom, manifest->doc, "sbom", err);

    if (rc != CW_OK || sbom == NULL)
        return rc;
    if (parse_file(&manifest->sbom, manifest, sbom, err) != CW_OK)
        return cw_err_prefix(err, "sbom");
    manifest->has_sbom = true;
    return CW_OK;
}

/* No two files that one folder on a stick could not hold. */
static int check_distinct(const struct cw_manifest *manifest, struct cw_err *err)
{
    size_t i, count = manifest->artifact_count;
    CW_AUTO_FREE const char **paths = calloc(count + 1, sizeof *paths);

    if (paths == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < count; i++)
        paths[i] = manifest->artifacts[i].path;
    if (manifest->has_sbom)
        paths[count++] = manifest->sbom.path;
    qsort(paths, count, sizeof *paths, cw_str_compare_folded);
    for (i = 1; i < count; i++) {
        if (strcmp(paths[i - 1], paths[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY, "path '%s' stands there twice", paths[i]);
        if (strcasecmp(paths[i - 1], paths[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY, "paths '%s' and '%s' differ by case only", paths[i - 1],
                              paths[i]);
    }
    return CW_OK;
}

static int parse_requires(struct cw_manifest *manifest, struct cw_err *err)
{
    const char *product;
    json_t *range, *requires = NULL;
    int rc = cw_json_opt_obj(&requires, manifest->doc, "requires", err);

    if (rc != CW_OK || requires == NULL)
        return rc;
    if (json_object_size(requires) > CW_REQUIRES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field 'requires' has more than %d entries", CW_REQUIRES_MAX);
    json_object_foreach (requires, product, range) {
        if (cw_name_check_product(product, err) != CW_OK)
            return cw_err_prefix(err, "requires");
        if (strcmp(product, manifest->product) == 0)
            return cw_err_set(err, CW_E_VERIFY, "requires: '%s' cannot require itself", product);
        if (!json_is_string(range))
            return cw_err_set(err, CW_E_VERIFY, "requires: the range of '%s' is not a string", product);
        if (cw_semver_range_check(json_string_value(range), err) != CW_OK)
            return cw_err_prefix(err, "requires: '%s'", product);
    }
    manifest->requires = requires;
    return CW_OK;
}

static int check_features(const struct cw_manifest *manifest, struct cw_err *err)
{
    json_t *feature, *features = NULL, *attestations = NULL;
    size_t i;
    int rc = cw_json_opt_array(&attestations, manifest->doc, "attestations", err);

    if (rc == CW_OK)
        rc = cw_json_opt_array(&features, manifest->doc, "features", err);
    if (rc != CW_OK)
        return rc;
    if (json_array_size(features) > CW_FEATURES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field 'features' has more than %d entries", CW_FEATURES_MAX);
    json_array_foreach (features, i, feature) {
        if (!json_is_string(feature))
            return cw_err_set(err, CW_E_VERIFY, "features[%zu] is not a string", i);
        if (cw_name_check(json_string_value(feature), "feature", err) != CW_OK)
            return cw_err_prefix(err, "features[%zu]", i);
    }
    return CW_OK;
}

static int parse_texts(struct cw_manifest *manifest, struct cw_err *err)
{
    int rc = cw_json_get_str(&manifest->product, manifest->doc, "product", err);

    if (rc == CW_OK)
        rc = cw_name_check_product(manifest->product, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&manifest->version, manifest->doc, "version", err);
    if (rc == CW_OK)
        rc = cw_semver_check(manifest->version, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&manifest->severity, manifest->doc, "severity", err);
    if (rc == CW_OK)
        rc = cw_severity_check(manifest->severity, err);
    manifest->notes = "";
    if (rc == CW_OK)
        rc = cw_json_opt_str(&manifest->notes, manifest->doc, "notes", err);
    return rc == CW_OK ? cw_text_check(manifest->notes, "field 'notes'", err) : rc;
}

static int parse(struct cw_manifest *manifest, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    if (len > CW_MANIFEST_MAX)
        return cw_err_set(err, CW_E_VERIFY, "is larger than %zu bytes", CW_MANIFEST_MAX);
    rc = cw_json_parse(&manifest->doc, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(manifest->doc, CW_RELEASE_TYPE, err);
    if (rc == CW_OK && json_object_get(manifest->doc, "sealed") != NULL)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "is sealed, which this version of Causeway cannot open: install a newer one");
    if (rc == CW_OK)
        rc = parse_texts(manifest, err);
    if (rc == CW_OK)
        rc = parse_requires(manifest, err);
    if (rc == CW_OK)
        rc = check_features(manifest, err);
    if (rc == CW_OK)
        rc = parse_artifacts(manifest, err);
    if (rc == CW_OK)
        rc = parse_sbom(manifest, err);
    return rc == CW_OK ? check_distinct(manifest, err) : rc;
}

int cw_manifest_parse(struct cw_manifest *manifest, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    *manifest = (struct cw_manifest){0};
    rc = parse(manifest, bytes, len, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_manifest_clear(manifest);
    return cw_err_prefix(err, "release manifest");
}

/* Copies the text to *at, which moves behind it. */
static const char *keep(char **at, const char *text)
{
    size_t len = strlen(text) + 1;
    char *kept = memcpy(*at, text, len);

    *at += len;
    return kept;
}

int cw_manifest_lighten(struct cw_manifest *manifest, struct cw_err *err)
{
    size_t i, room = 0;
    char *at;

    for (i = 0; i < manifest->artifact_count; i++) {
        const struct cw_artifact *artifact = &manifest->artifacts[i];

        room += strlen(artifact->path) + strlen(artifact->sha256) + strlen(artifact->platform) + 3;
    }
    if (manifest->texts != NULL || room == 0)
        return CW_OK;
    at = manifest->texts = malloc(room);
    if (at == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < manifest->artifact_count; i++) {
        struct cw_artifact *artifact = &manifest->artifacts[i];

        artifact->path = keep(&at, artifact->path);
        artifact->sha256 = keep(&at, artifact->sha256);
        artifact->platform = keep(&at, artifact->platform);
    }
    (void)json_object_del(manifest->doc, "artifacts");
    return CW_OK;
}

void cw_manifest_clear(struct cw_manifest *manifest)
{
    json_decref(manifest->doc);
    free(manifest->texts);
    free(manifest->artifacts);
    *manifest = (struct cw_manifest){0};
}
