/* SPDX-License-Identifier: ISC */
/*
 * Judging a catalog's releases against the repository; see gen/admit.h.
 */
#include "gen/admit.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/walk.h"
#include "tree/layout.h"

/* What judging one release carries along. */
struct judging {
    const struct cw_catalog *catalog;
    const struct cw_catalog_release *release;
    const struct cw_known *known;
    struct cw_mistakes *mistakes;
};

static void wrong(struct judging *j, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(struct judging *j, const char *field, const char *fmt, ...)
{
    char what[CW_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    cw_catalog_mistake(j->catalog, j->mistakes, field, what);
}

static const char *path_of(const json_t *file)
{
    return json_string_value(json_object_get(file, "path"));
}

int cw_known_set(struct cw_known *known, json_t *doc, bool published, struct cw_err *err)
{
    const json_t *sbom = json_object_get(doc, "sbom"), *artifact;
    size_t i;
    int rc = CW_OK;

    *known = (struct cw_known){.doc = doc, .published = published};
    json_array_foreach (json_object_get(doc, "artifacts"), i, artifact) {
        if (rc == CW_OK)
            rc = cw_names_add(&known->files, path_of(artifact), i, err);
    }
    return rc == CW_OK && sbom != NULL ? cw_names_add(&known->files, path_of(sbom), i, err) : rc;
}

void cw_known_clear(struct cw_known *known)
{
    json_decref(known->doc);
    cw_names_clear(&known->files);
    *known = (struct cw_known){.doc = NULL};
}

int cw_admit_known(struct cw_known *known, const struct cw_catalog_release *release,
                   const struct cw_state *state, const struct cw_stage *stage, struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(state, release->product);
    struct cw_manifest manifest = {.doc = NULL};
    json_t *staged = NULL;
    bool maybe = false;
    int rc = role != NULL ? cw_state_may_have(&maybe, state, role, release->version, err) : CW_OK;

    *known = (struct cw_known){.doc = NULL};
    if (rc != CW_OK)
        return rc;
    rc = maybe ? cw_state_read_release(&manifest, state, release->product, release->version, err)
               : CW_E_NOTFOUND;
    if (rc == CW_OK)
        rc = cw_known_set(known, json_incref(manifest.doc), true, err);
    cw_manifest_clear(&manifest);
    if (rc != CW_E_NOTFOUND)
        return rc;
    rc = cw_stage_release(&staged, stage, release->product, release->version, err);
    if (rc == CW_OK)
        return cw_known_set(known, staged, false, err);
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

static bool case_differs(const char *a, const char *b, size_t len)
{
    return strlen(a) == len && strncasecmp(a, b, len) == 0 && strncmp(a, b, len) != 0;
}

/* Roles and folders carry products' names, so they must differ by more than case, and from channels. */
static void check_product(struct judging *j, const struct cw_state *state, const struct cw_stage *stage)
{
    const char *product = j->release->product;
    char field[CW_FIELDS_PATH_MAX];
    const char *key;
    json_t *doc;
    size_t i;

    if (j->release->field[0] != '\0')
        snprintf(field, sizeof field, "%.*s.name", (int)strcspn(j->release->field, "."), j->release->field);
    else
        snprintf(field, sizeof field, "product"); /* of a line */
    if (cw_state_is_bin(state, product))
        wrong(j, field, "'%s' is the name of a hash bin of another product; choose another", product);
    for (i = 0; i < state->role_count; i++) {
        if (state->roles[i].is_channel && strcasecmp(state->roles[i].name, product) == 0)
            wrong(j, field, "'%s' is the name of a channel; a product needs another", product);
        else if (case_differs(product, state->roles[i].name, strlen(state->roles[i].name)))
            wrong(j, field, "'%s' differs by case only from the product '%s'", product, state->roles[i].name);
    }
    json_object_foreach (stage->releases, key, doc) {
        if (case_differs(product, key, strcspn(key, "@"))) {
            wrong(j, field, "'%s' differs by case only from the product '%.*s'", product,
                  (int)strcspn(key, "@"), key);
            return;
        }
    }
}

static void check_version_name(struct judging *j, const char *other, size_t len)
{
    char field[CW_FIELDS_PATH_MAX];

    if (!case_differs(j->release->version, other, len))
        return;
    cw_fields_join(field, j->release->field, "version");
    wrong(j, field, "'%s' differs by case only from version '%.*s'", j->release->version, (int)len, other);
}

/* Only letters differ by case, and most versions have none: nothing to look for then. */
static bool has_letter(const char *version)
{
    return version[strcspn(version, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] != '\0';
}

/* What lies in the tree under the product's name; a version is published only when its manifest is there. */
static int check_folder(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct judging *j = ctx;
    const char *slash = strchr(path, '/');

    (void)err;
    if (slash != NULL && S_ISREG(st->st_mode) && cw_str_ends(path, "." CW_MANIFEST_FILE))
        check_version_name(j, path, (size_t)(slash - path));
    return CW_OK;
}

static int check_version(struct judging *j, const struct cw_state *state, const struct cw_stage *stage,
                         struct cw_err *err)
{
    size_t len = strlen(j->release->product);
    char path[CW_PATH_MAX];
    const char *key;
    json_t *value;
    int rc;

    if (!has_letter(j->release->version))
        return CW_OK;
    json_object_foreach (stage->releases, key, value) {
        if (strncmp(key, j->release->product, len) == 0 && key[len] == '@')
            check_version_name(j, key + len + 1, strlen(key + len + 1));
    }
    snprintf(path, sizeof path, "%s/%.900s", CW_TREE_TARGETS, j->release->product);
    rc = cw_walk(state->tree, path, check_folder, j, err);
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

static const char *where(const struct judging *j)
{
    return j->known->published ? "published" : "staged";
}

static void what_next(struct judging *j, char next[CW_ERR_TEXT_MAX])
{
    if (j->known->published)
        snprintf(next, CW_ERR_TEXT_MAX, "a version never changes: release another one");
    else
        snprintf(next, CW_ERR_TEXT_MAX,
                 "make them agree, or remove '%s/%s@%s.json' to start that version again", CW_STAGE_RELEASES,
                 j->release->product, j->release->version);
}

/* Severity, notes, requirements and features belong to the version, so every catalog that brings a part of it
 * says the same. */
static void check_head(struct judging *j)
{
    static const char *const keys[] = {"severity", "notes", "requires", "features"};
    char field[CW_FIELDS_PATH_MAX], next[CW_ERR_TEXT_MAX];
    size_t i;

    what_next(j, next);
    for (i = 0; i < CW_COUNT(keys); i++) {
        const json_t *ours = json_object_get(j->release->head, keys[i]);
        const json_t *theirs = json_object_get(j->known->doc, keys[i]);

        if ((ours == NULL && theirs == NULL) || json_equal(ours, theirs))
            continue;
        cw_fields_join(field, j->release->field, keys[i]);
        wrong(j, field, "differs from what is %s of %s %s; %s", where(j), j->release->product,
              j->release->version, next);
    }
}

/* An artifact or the SBOM by its path; also one whose path differs by case. */
static const json_t *find_file(const struct cw_known *known, const char *target)
{
    const json_t *artifacts = json_object_get(known->doc, "artifacts");
    size_t number = cw_names_find(&known->files, target);

    if (number == CW_NAMES_NONE)
        return NULL;
    return number < json_array_size(artifacts) ? json_array_get(artifacts, number)
                                               : json_object_get(known->doc, "sbom");
}

static bool same_text(const json_t *obj, const char *key, const char *text)
{
    const char *have = json_string_value(json_object_get(obj, key));

    return have == text || (have != NULL && text != NULL && strcmp(have, text) == 0);
}

static void check_file(struct judging *j, const struct cw_catalog_file *file)
{
    const struct cw_catalog_release *release = j->release;
    char target[CW_PATH_MAX], next[CW_ERR_TEXT_MAX];
    const json_t *have;

    snprintf(target, sizeof target, "%s/%s/%s", release->product, release->version, file->name);
    what_next(j, next);
    have = find_file(j->known, target);
    if (have == NULL && file->kind == NULL && json_object_get(j->known->doc, "sbom") != NULL)
        wrong(j, file->field, "another SBOM is %s for %s %s; %s", where(j), release->product,
              release->version, next);
    else if (have == NULL && j->known->published)
        wrong(j, file->field, "%s %s is published without '%s'; %s", release->product, release->version,
              file->name, next);
    else if (have != NULL && !same_text(have, "path", target))
        wrong(j, file->field,
              "the name '%s' differs by case only from one that is %s; give it another 'name'", file->name,
              where(j));
    else if (have != NULL && (!same_text(have, "kind", file->kind) ||
                              (file->kind != NULL && !same_text(have, "platform", file->platform))))
        wrong(j, file->field, "'%s' is %s with another platform or kind; %s", file->name, where(j), next);
    else if (have != NULL && !file->folder &&
             (uint64_t)json_integer_value(json_object_get(have, "length")) != file->size)
        wrong(j, file->field, "'%s' has other bytes than what is %s as %s %s; %s", file->name, where(j),
              release->product, release->version, next);
}

int cw_admit_check(const struct cw_catalog *catalog, const struct cw_catalog_release *release,
                   const struct cw_known *known, const struct cw_state *state, const struct cw_stage *stage,
                   struct cw_mistakes *mistakes, struct cw_err *err)
{
    struct judging j = {.catalog = catalog, .release = release, .known = known, .mistakes = mistakes};
    size_t i, before = mistakes->count;
    int rc = CW_OK;

    check_product(&j, state, stage);
    if (known->doc == NULL)
        rc = check_version(&j, state, stage, err);
    else
        check_head(&j);
    if (rc != CW_OK)
        return rc;
    for (i = 0; known->doc != NULL && i < release->file_count; i++)
        check_file(&j, &release->files[i]);
    if (mistakes->count == before)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "%s %s cannot be added", release->product, release->version);
}

const char *cw_admit_expected(const struct cw_known *known, const char *target,
                              const struct cw_catalog_file *file)
{
    const json_t *have = find_file(known, target);

    return have != NULL ? json_string_value(json_object_get(have, "sha256")) : file->sha256;
}

int cw_admit_start(json_t **doc, const struct cw_known *known, const struct cw_catalog_release *release,
                   struct cw_err *err)
{
    if (known->doc != NULL) {
        *doc = cw_json_deep_copy(known->doc);
        return *doc != NULL ? CW_OK : cw_err_nomem(err);
    }
    *doc = json_pack("{s:s, s:s, s:s, s:s, s:[], s:[]}", "_type", CW_RELEASE_TYPE, "format", "1.0", "product",
                     release->product, "version", release->version, "artifacts", "attestations");
    if (*doc == NULL || json_object_update(*doc, release->head) != 0) {
        json_decref(*doc);
        *doc = NULL;
        return cw_err_nomem(err);
    }
    return CW_OK;
}

/* Sorted by path, so that the order in which catalogs came leaves no trace. *at: where the path is (true), or belongs. */
static bool find_place(size_t *at, const json_t *artifacts, const char *target)
{
    size_t from = 0, to = json_array_size(artifacts);

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(path_of(json_array_get(artifacts, middle)), target) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *at = from;
    return from < json_array_size(artifacts) && strcmp(path_of(json_array_get(artifacts, from)), target) == 0;
}

int cw_admit_file(json_t *doc, const struct cw_catalog_file *file, const char *target, const char *sha256,
                  uint64_t length, struct cw_err *err)
{
    json_t *artifacts = json_object_get(doc, "artifacts"), *entry;
    size_t at = 0;
    int failed;

    if (file->kind == NULL ? json_object_get(doc, "sbom") != NULL : find_place(&at, artifacts, target))
        return CW_OK;
    entry = json_pack("{s:s, s:s, s:I}", "path", target, "sha256", sha256, "length", (json_int_t)length);
    if (entry == NULL)
        return cw_err_nomem(err);
    if (file->kind == NULL) {
        failed = json_object_set_new(doc, "sbom", entry);
    } else if (json_object_set_new(entry, "platform", json_string(file->platform)) != 0 ||
               json_object_set_new(entry, "kind", json_string(file->kind)) != 0) {
        json_decref(entry);
        failed = -1;
    } else {
        failed = json_array_insert_new(artifacts, at, entry);
    }
    return failed == 0 ? CW_OK : cw_err_nomem(err);
}
