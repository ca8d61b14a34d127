/* SPDX-License-Identifier: ISC */
/*
 * add --from build-info: Artifactory's build-info.json; the artifacts of all modules, from a folder.
 * https://github.com/jfrog/build-info-go/blob/main/buildinfo-schema.json
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/from_guess.h"
#include "gen/from_reader.h"
#include "release/semver.h"

#define WRAPPED "buildInfo" /* what it is in an answer of Artifactory's REST API */

/* "path" is the folder or the whole path in Artifactory: the file may lie there, or plainly under its name. */
static const char *find_path(struct cw_from_reader *r, const char *name, const char *path, const char *field)
{
    const char *tries[3] = {path, NULL, name};
    size_t i;

    tries[1] = path != NULL ? cw_from_keep(r, "%s/%s", path, name) : NULL;
    for (i = 0; i < CW_COUNT(tries); i++) {
        CW_AUTO_FREE char *full = tries[i] != NULL ? cw_str_format("%s%s", r->files, tries[i]) : NULL;
        struct stat st;

        if (full != NULL && cw_path_is_relative(tries[i]) && stat(full, &st) == 0 && S_ISREG(st.st_mode))
            return tries[i];
    }
    return cw_from_path(r, name, field);
}

static void take_artifact(struct cw_from_reader *r, const json_t *artifact, const char *base)
{
    struct cw_from_item item = {.name = NULL};
    struct cw_fields *fields = &r->base.fields;
    const char *sum;

    snprintf(item.field, sizeof item.field, "%s", base);
    if (!cw_fields_is_object(fields, artifact, base))
        return;
    item.name = cw_fields_text(fields, artifact, base, "name", true);
    if (item.name == NULL)
        return;
    item.path = find_path(r, item.name, cw_fields_text(fields, artifact, base, "path", false), base);
    if (item.path == NULL)
        return;
    for (enum cw_hash_kind kind = 0; kind < CW_HASH_KINDS; kind++) {
        sum = cw_fields_text(fields, artifact, base, cw_hash_name(kind), false);
        if (sum != NULL && sum[0] != '\0')
            cw_from_sum(r, &item, kind, sum);
    }
    item.left_out = cw_guess_companion(item.name);
    cw_from_take(r, &item);
}

/* "group:name:version" of Maven and Gradle; "name:version" of others, where "group:name" must not pass for it, nor "folder :: job" of
 * Jenkins. */
static bool is_version(const char *id, const char *colon)
{
    struct cw_err err;

    if (colon[1] == '\0' || strstr(id, "::") != NULL)
        return false;
    return strchr(id, ':') != colon || cw_semver_check(colon + 1, &err) == CW_OK;
}

/* What stands behind the last ':' of all modules' ids ("group:name:version"), if they agree. */
static const char *modules_version(const json_t *modules)
{
    const char *version = NULL;
    json_t *module;
    size_t i;

    json_array_foreach (modules, i, module) {
        const char *id = json_string_value(json_object_get(module, "id"));
        const char *colon = id != NULL ? strrchr(id, ':') : NULL;

        if (json_array_size(json_object_get(module, "artifacts")) == 0)
            continue;
        if (colon == NULL || !is_version(id, colon) || (version != NULL && strcmp(version, colon + 1) != 0))
            return NULL;
        version = colon + 1;
    }
    return version;
}

struct places { /* of what the head says, as messages have it */
    char product[CW_FIELDS_PATH_MAX], id[CW_FIELDS_PATH_MAX], number[CW_FIELDS_PATH_MAX];
};

static void set_head(struct cw_from_reader *r, struct cw_from_head *head, struct places *places,
                     const json_t *doc, const char *top, const json_t *modules)
{
    struct cw_err err;

    cw_fields_join(places->product, top, "name");
    cw_fields_join(places->id, top, "modules[0].id");
    cw_fields_join(places->number, top, "number");
    *head = (struct cw_from_head){
        .product_field = places->product, .version_field = places->id, .notes_field = ""};
    head->product = cw_fields_text(&r->base.fields, doc, top, "name", false);
    head->version = modules_version(modules);
    if (head->version != NULL)
        return;
    head->version_field = places->number;
    head->version = json_string_value(json_object_get(doc, "number"));
    if (head->version != NULL && cw_semver_check(head->version, &err) != CW_OK)
        head->version = NULL; /* the number of a build, not a version */
}

int cw_from_build_info(struct cw_from_reader *r, struct cw_err *err)
{
    struct cw_from_head head;
    struct places places;
    char base[CW_FIELDS_PATH_MAX], field[CW_FIELDS_PATH_MAX];
    json_t *doc, *module, *artifact;
    const json_t *modules, *artifacts;
    const char *top = "";
    size_t i, j;
    int rc = cw_from_load_json(r, &doc, err);

    if (rc != CW_OK || doc == NULL || !cw_fields_is_object(&r->base.fields, doc, top))
        return rc;
    if (json_is_object(json_object_get(doc, WRAPPED))) {
        top = WRAPPED;
        doc = json_object_get(doc, WRAPPED);
    }
    modules = cw_fields_list(&r->base.fields, doc, top, "modules");
    set_head(r, &head, &places, doc, top, modules);
    if (modules == NULL || !cw_from_begin(r, &head))
        return CW_OK;
    json_array_foreach (modules, i, module) {
        cw_fields_item(base, top, "modules", i);
        artifacts = json_object_get(module, "artifacts");
        json_array_foreach (artifacts, j, artifact) {
            cw_fields_item(field, base, "artifacts", j);
            take_artifact(r, artifact, field);
        }
    }
    return CW_OK;
}
