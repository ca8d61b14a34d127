/* SPDX-License-Identifier: ISC */
/*
 * Describing one release's change: see sync/deploy/change.h. Whether it may happen is asked elsewhere.
 */
#include "sync/deploy/change.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "release/semver.h"
#include "sync/deploy/store.h"

/* How a release differs from the installed one (a product's entry in a generation's record; NULL: not
 * installed). Another platform of the same version is an upgrade. */
static const char *change_kind(const char *version, const char *platform, const json_t *installed)
{
    const char *from = json_string_value(json_object_get(installed, "version"));
    const char *on = json_string_value(json_object_get(installed, "platform"));
    int order;

    if (from == NULL)
        return "install";
    order = cw_semver_compare(version, from);
    if (order == 0)
        return on != NULL && strcmp(on, platform) == 0 ? "same" : "upgrade";
    return order > 0 ? "upgrade" : "downgrade";
}

static const char *find_platform(const struct cw_manifest *manifest, const char *platform)
{
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        if (strcmp(manifest->artifacts[i].platform, platform) == 0)
            return manifest->artifacts[i].platform;
    }
    return NULL;
}

/* Of a release with builds for one platform only (and perhaps "any"), that one. */
static int only_platform(const char **platform, const struct cw_manifest *manifest, struct cw_err *err)
{
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        const char *here = manifest->artifacts[i].platform;

        if (strcmp(here, CW_PLATFORM_ANY) == 0)
            continue;
        if (*platform != NULL && strcmp(*platform, here) != 0)
            return cw_err_set(err, CW_E_HELD,
                              "%s %s has builds for '%s' and '%s': name this site's platforms in site.lua",
                              manifest->product, manifest->version, *platform, here);
        *platform = here;
    }
    return CW_OK;
}

int cw_change_platform(const char **platform, const struct cw_manifest *manifest,
                       const char *const *platforms, struct cw_err *err)
{
    int rc = CW_OK;

    *platform = NULL;
    if (platforms == NULL)
        rc = only_platform(platform, manifest, err);
    for (size_t i = 0; platforms != NULL && platforms[i] != NULL && *platform == NULL; i++)
        *platform = find_platform(manifest, platforms[i]);
    if (rc == CW_OK && *platform == NULL)
        *platform = find_platform(manifest, CW_PLATFORM_ANY);
    if (rc == CW_OK && *platform == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "%s %s has no build for this site's platforms",
                          manifest->product, manifest->version);
    return rc;
}

static int add_artifacts(json_t *list, uint64_t *bytes, const struct cw_manifest *manifest,
                         const char *platform)
{
    *bytes = 0;
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        const struct cw_artifact *artifact = &manifest->artifacts[i];

        if (strcmp(artifact->platform, platform) != 0 && strcmp(artifact->platform, CW_PLATFORM_ANY) != 0)
            continue;
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "path", artifact->path, "sha256",
                                                  artifact->sha256, "length", (json_int_t)artifact->length,
                                                  "kind", cw_kind_name(artifact->kind))) != 0)
            return -1;
        *bytes += artifact->length;
    }
    return 0;
}

int cw_change_compose(json_t **change, const struct cw_manifest *manifest, const struct cw_pin *pin,
                      const char *platform, const json_t *installed, struct cw_err *err)
{
    const char *from = json_string_value(json_object_get(installed, "version"));
    json_auto_t *artifacts = json_array();
    json_auto_t *requires =
        manifest->requires != NULL ? cw_json_deep_copy(manifest->requires) : json_object();
    uint64_t bytes;

    if (artifacts == NULL || requires == NULL || add_artifacts(artifacts, &bytes, manifest, platform) != 0)
        return cw_err_nomem(err);
    *change = cw_json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s, s:I, s:s, s:O, s:O}", "product",
                           manifest->product, "from", from, "to", manifest->version, "change",
                           change_kind(manifest->version, platform, installed), "severity",
                           manifest->severity, "platform", platform, "bytes", (json_int_t)bytes,
                           "manifest_sha256", pin->sha256, "requires", requires, "artifacts", artifacts);
    return *change != NULL ? CW_OK : cw_err_nomem(err);
}

/* What the channel pins of them: verified when the release entered the channel, and held by hash since. */
static json_t *attestations_of(const struct cw_pin *pin)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < pin->attestation_count; i++) {
        if (json_array_append_new(list, json_pack("{s:s, s:s}", "predicate", pin->attestations[i].predicate,
                                                  "sha256", pin->attestations[i].sha256)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

json_t *cw_change_for_policy(const json_t *change, const struct cw_manifest *manifest,
                             const struct cw_pin *pin, const char *scan)
{
    const json_t *features = json_object_get(manifest->doc, "features");
    json_t *attestations = attestations_of(pin);
    char promoted[CW_TIME_TEXT];

    cw_time_format(pin->promoted, promoted);
    return cw_json_pack("{s:O, s:O*, s:O, s:O, s:O, s:O, s:O, s:O, s:s, s:s, s:o, s:o, s:s*}", "product",
                        json_object_get(change, "product"), "from", json_object_get(change, "from"),
                        "version", json_object_get(change, "to"), "change", json_object_get(change, "change"),
                        "severity", json_object_get(change, "severity"), "platform",
                        json_object_get(change, "platform"), "bytes", json_object_get(change, "bytes"),
                        "requires", json_object_get(change, "requires"), "promoted", promoted, "notes",
                        manifest->notes != NULL ? manifest->notes : "", "features",
                        features != NULL ? cw_json_deep_copy(features) : json_array(), "attestations",
                        attestations, "scan", scan);
}

static int set_text(json_t *obj, const char *key, json_t *text, struct cw_err *err)
{
    return json_object_set_new(obj, key, text) == 0 ? CW_OK : cw_err_nomem(err);
}

/* The folder that matters at each stage: what runs at that moment, or what was staged. */
static int add_folders(json_t *dirs, const json_t *change, const char *install_root, struct cw_err *err)
{
    const char *product = cw_json_text_or_null(change, "product");
    json_auto_t *current = json_sprintf("%s/current/%s", install_root, product);
    char path[CW_PATH_MAX];
    int rc = cw_store_release_path(path, product, cw_json_text_or_null(change, "to"),
                                   cw_json_text_or_null(change, "platform"), err);

    if (rc != CW_OK)
        return rc;
    if (current == NULL || json_object_set(dirs, "check", current) != 0 ||
        json_object_set(dirs, "after", current) != 0)
        return cw_err_nomem(err);
    if (cw_json_text_or_null(change, "from") != NULL &&
        (json_object_set(dirs, "before", current) != 0 || json_object_set(dirs, "undo", current) != 0))
        return cw_err_nomem(err);
    return set_text(dirs, "stage", json_sprintf("%s/%s", install_root, path), err);
}

/* What was handed on of the installed release in this one's place: of the same name, or the only one of its kind on
 * both sides. NULL: nothing. */
static const char *find_previous(const json_t *installed, const json_t *artifacts, const json_t *artifact)
{
    const char *kind = cw_json_text_or_null(artifact, "kind"), *only = NULL;
    json_t *other;
    size_t i, before = 0, now = 0;

    json_array_foreach (json_object_get(installed, "delivers"), i, other) {
        if (strcmp(cw_json_text_or_null(other, "name"), cw_json_text_or_null(artifact, "name")) == 0)
            return cw_json_text_or_null(other, "name");
        if (strcmp(cw_json_text_or_null(other, "kind"), kind) == 0) {
            only = cw_json_text_or_null(other, "name");
            before++;
        }
    }
    json_array_foreach (artifacts, i, other)
        now += strcmp(cw_json_text_or_null(other, "kind"), kind) == 0;
    return before == 1 && now == 1 ? only : NULL;
}

static int add_previous(json_t *artifact, const json_t *artifacts, const json_t *change,
                        const json_t *installed, const char *install_root, struct cw_err *err)
{
    const char *name = find_previous(installed, artifacts, artifact);
    char path[CW_PATH_MAX];
    int rc;

    if (name == NULL)
        return CW_OK;
    rc = cw_store_release_path(path, cw_json_text_or_null(change, "product"),
                               cw_json_text_or_null(installed, "version"),
                               cw_json_text_or_null(installed, "platform"), err);
    return rc == CW_OK ? set_text(artifact, "previous",
                                  json_pack("{s:s, s:o, s:O}", "name", name, "file",
                                            json_sprintf("%s/%s/%s", install_root, path, name), "version",
                                            json_object_get(installed, "version")),
                                  err)
                       : rc;
}

/* The artifacts that are to be handed on. */
static int add_delivered(json_t *list, const json_t *change, const json_t *installed,
                         const char *install_root, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    json_t *entry;
    size_t i;
    int rc = cw_store_release_path(path, cw_json_text_or_null(change, "product"),
                                   cw_json_text_or_null(change, "to"),
                                   cw_json_text_or_null(change, "platform"), err);

    json_array_foreach (json_object_get(change, "artifacts"), i, entry) {
        const char *kind = cw_json_text_or_null(entry, "kind"),
                   *name = cw_str_basename(cw_json_text_or_null(entry, "path"));

        if (strcmp(kind, "package") != 0 && strcmp(kind, "firmware") != 0)
            continue;
        if (rc == CW_OK &&
            json_array_append_new(
                list, json_pack("{s:O, s:O, s:O*, s:O, s:s, s:s, s:o, s:O, s:O, s:O}", "product",
                                json_object_get(change, "product"), "version", json_object_get(change, "to"),
                                "from", json_object_get(change, "from"), "platform",
                                json_object_get(change, "platform"), "kind", kind, "name", name, "file",
                                json_sprintf("%s/%s/%s", install_root, path, name), "path",
                                json_object_get(entry, "path"), "sha256", json_object_get(entry, "sha256"),
                                "length", json_object_get(entry, "length"))) != 0)
            return cw_err_nomem(err);
    }
    json_array_foreach (list, i, entry) {
        if (rc == CW_OK)
            rc = add_previous(entry, list, change, installed, install_root, err);
    }
    return rc;
}

int cw_change_question(json_t **question, const json_t *change, const json_t *release,
                       const json_t *installed, const char *install_root, struct cw_err *err)
{
    json_auto_t *made = json_pack("{s:O, s:{}, s:[]}", "release", release, "dirs", "artifacts");
    int rc;

    *question = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    rc = add_folders(json_object_get(made, "dirs"), change, install_root, err);
    if (rc == CW_OK)
        rc = add_delivered(json_object_get(made, "artifacts"), change, installed, install_root, err);
    if (rc == CW_OK)
        *question = json_incref(made);
    return rc;
}
