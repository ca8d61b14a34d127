/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing what is staged; see gen/stage.h.
 */
#include "gen/stage.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json_file.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

#define PROMOTION_MAX ((size_t)1 << 20) /* bytes: no larger than the channel manifest it becomes */

struct loading {
    int dir;
    struct cw_stage *stage;
};

static int read_doc(json_t **doc, int dir, const char *folder, const char *name, struct cw_buf *text,
                    struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    rc = cw_at_read_file(text, dir, path, err);
    if (rc == CW_OK)
        rc = cw_json_parse(doc, cw_buf_text(text), text->len, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

static bool is_document(const char *path, const struct stat *st)
{
    return S_ISREG(st->st_mode) && strchr(path, '/') == NULL && path[0] != '.' && cw_str_ends(path, ".json");
}

static int misnamed(const char *folder, const char *name, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "'%s/%s' is about something else than its name says; remove it",
                      folder, name);
}

/* "<product>@<version>[@elsewhere].json" */
static int load_release(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct loading *loading = ctx;
    CW_AUTO_FREE char *key = NULL;
    char *version;
    bool elsewhere;
    int rc;

    if (!is_document(path, st))
        return CW_OK;
    key = cw_str_format("%.*s", (int)(strlen(path) - strlen(".json")), path);
    if (key == NULL)
        return cw_err_nomem(err);
    elsewhere = cw_str_ends(key, CW_STAGE_ELSEWHERE);
    if (elsewhere)
        key[strlen(key) - strlen(CW_STAGE_ELSEWHERE)] = '\0';
    version = strchr(key, '@');
    if (version == NULL)
        return misnamed(CW_STAGE_RELEASES, path, err);
    *version = '\0';
    rc = cw_name_check_product(key, err);
    if (rc == CW_OK)
        rc = cw_semver_check(version + 1, err);
    *version = '@';
    if (rc == CW_OK && json_object_get(loading->stage->releases, key) != NULL)
        rc = cw_err_set(err, CW_E_VERIFY, "is staged twice; remove one of them");
    if (rc != CW_OK)
        return cw_err_prefix(err, "staged '%s'", path);
    return json_object_set_new(loading->stage->releases, key, json_boolean(elsewhere)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int check_promotions(const json_t *releases, struct cw_err *err)
{
    const char *product;
    json_t *version;
    int rc;

    json_object_foreach ((json_t *)releases, product, version) {
        rc = cw_name_check_product(product, err);
        if (rc == CW_OK && json_is_null(version))
            continue;
        if (rc == CW_OK && !json_is_string(version))
            rc = cw_err_set(err, CW_E_VERIFY, "field '%s' is neither a string nor null", product);
        if (rc == CW_OK)
            rc = cw_semver_check(json_string_value(version), err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int check_withdrawn(const json_t *withdrawn, struct cw_err *err)
{
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach ((json_t *)withdrawn, product, versions) {
        int rc = cw_name_check_product(product, err);

        if (rc == CW_OK && !json_is_object(versions))
            rc = cw_err_set(err, CW_E_VERIFY, "field 'withdrawn.%s' is not an object", product);
        if (rc != CW_OK)
            return rc;
        json_object_foreach (versions, version, reason) {
            if (!json_is_string(reason))
                return cw_err_set(err, CW_E_VERIFY, "the reason for %s %s is not a string", product, version);
            if (cw_semver_check(version, err) != CW_OK ||
                cw_text_check(json_string_value(reason), "the reason", err) != CW_OK)
                return cw_err_prefix(err, "withdrawn: '%s'", product);
        }
    }
    return CW_OK;
}

static int load_promotions(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct loading *loading = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT(PROMOTION_MAX);
    json_auto_t *doc = NULL;
    const char *channel;
    json_t *releases, *withdrawn = NULL;
    int rc;

    if (!is_document(path, st))
        return CW_OK;
    rc = read_doc(&doc, loading->dir, CW_STAGE_CHANNELS, path, &text, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(doc, CW_PROMOTION_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&channel, doc, "channel", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&releases, doc, "releases", err);
    if (rc == CW_OK)
        rc = check_promotions(releases, err);
    if (rc == CW_OK)
        rc = cw_json_opt_obj(&withdrawn, doc, "withdrawn", err);
    if (rc == CW_OK)
        rc = check_withdrawn(withdrawn, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "staged '%s'", path);
    if (strlen(path) != strlen(channel) + 5 || !cw_str_starts(path, channel))
        return misnamed(CW_STAGE_CHANNELS, path, err);
    if (json_object_set(loading->stage->promotions, channel, releases) != 0 ||
        (withdrawn != NULL && json_object_set(loading->stage->withdrawals, channel, withdrawn) != 0))
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_stage_load(struct cw_stage *stage, int dir, struct cw_err *err)
{
    struct loading loading = {.dir = dir, .stage = stage};
    bool there;
    int rc;

    *stage = (struct cw_stage){.releases = json_object(),
                               .promotions = json_object(),
                               .withdrawals = json_object(),
                               .dir = dir,
                               .home = dir};
    if (stage->releases == NULL || stage->promotions == NULL || stage->withdrawals == NULL)
        return cw_err_nomem(err);
    rc = cw_at_has(&there, dir, CW_STAGE_RELEASES, err);
    if (rc == CW_OK && there)
        rc = cw_walk(dir, CW_STAGE_RELEASES, load_release, &loading, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, dir, CW_STAGE_CHANNELS, err);
    if (rc == CW_OK && there)
        rc = cw_walk(dir, CW_STAGE_CHANNELS, load_promotions, &loading, err);
    return rc;
}

void cw_stage_clear(struct cw_stage *stage)
{
    json_decref(stage->releases);
    json_decref(stage->promotions);
    json_decref(stage->withdrawals);
    *stage = (struct cw_stage){.releases = NULL};
}

static const json_t *find(const struct cw_stage *stage, const char *product, const char *version)
{
    char key[2 * CW_NAME_MAX + 2]; /* what does not fit is no portable name, so it is not staged */

    snprintf(key, sizeof key, "%s@%s", product, version);
    return json_object_get(stage->releases, key);
}

bool cw_stage_has(const struct cw_stage *stage, const char *product, const char *version)
{
    return find(stage, product, version) != NULL;
}

bool cw_stage_is_elsewhere(const struct cw_stage *stage, const char *product, const char *version)
{
    return json_is_true(find(stage, product, version));
}

static int release_path(char path[CW_PATH_MAX], const char *folder, const char *product, const char *version,
                        bool elsewhere, struct cw_err *err)
{
    int len = snprintf(path, CW_PATH_MAX, "%s/%s@%s%s.json", folder, product, version,
                       elsewhere ? CW_STAGE_ELSEWHERE : "");

    if (len < 0 || len >= CW_PATH_MAX || !cw_path_is_relative(path))
        return cw_err_set(err, CW_E_VERIFY, "'%s' %s cannot be the name of a file", product, version);
    return CW_OK;
}

int cw_stage_release_path(char path[CW_PATH_MAX], const char *product, const char *version, bool elsewhere,
                          struct cw_err *err)
{
    return release_path(path, CW_STAGE_RELEASES, product, version, elsewhere, err);
}

int cw_stage_read(struct cw_buf *text, const struct cw_stage *stage, const char *product, const char *version,
                  struct cw_err *err)
{
    const json_t *found = find(stage, product, version);
    char path[CW_PATH_MAX];
    int rc;

    if (found == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "%s %s is not staged", product, version);
    rc = release_path(path, CW_STAGE_INCOMING, product, version, json_is_true(found), err);
    if (rc == CW_OK)
        rc = cw_at_read_file(text, stage->dir, path, err);
    if (rc == CW_E_NOTFOUND)
        rc = cw_stage_release_path(path, product, version, json_is_true(found), err);
    else
        return rc;
    return rc == CW_OK ? cw_at_read_file(text, stage->dir, path, err) : rc;
}

int cw_stage_release(json_t **doc, const struct cw_stage *stage, const char *product, const char *version,
                     struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    struct cw_manifest manifest = {.doc = NULL};
    int rc = cw_stage_read(&text, stage, product, version, err);

    *doc = NULL;
    if (rc == CW_OK)
        rc = cw_manifest_parse(&manifest, text.data, text.len, err);
    if (rc == CW_OK && (strcmp(manifest.product, product) != 0 || strcmp(manifest.version, version) != 0))
        rc = cw_err_set(err, CW_E_VERIFY, "is about something else than its name says; remove it");
    if (rc == CW_OK)
        *doc = json_incref(manifest.doc);
    cw_manifest_clear(&manifest);
    if (rc != CW_OK && rc != CW_E_NOTFOUND)
        cw_err_prefix(err, "staged '%s@%s'", product, version);
    return rc;
}

/* All become durable together in cw_stage_commit(). */
int cw_stage_put_release(struct cw_stage *stage, const char *product, const char *version, bool elsewhere,
                         const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_FREE char *key = cw_str_format("%s@%s", product, version);
    char path[CW_PATH_MAX];
    int rc = release_path(path, CW_STAGE_INCOMING, product, version, elsewhere, err);

    if (rc == CW_OK)
        rc = cw_file_write(stage->dir, path, text->data, text->len, 0644, err);
    if (rc != CW_OK)
        return rc;
    if (key == NULL || json_object_set_new(stage->releases, key, json_boolean(elsewhere)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_stage_commit(struct cw_stage *stage, struct cw_err *err)
{
    return cw_move_files(stage->dir, CW_STAGE_INCOMING, CW_STAGE_RELEASES, err);
}

int cw_stage_put_channel(const struct cw_stage *stage, const char *channel, struct cw_err *err)
{
    json_t *releases = json_object_get(stage->promotions, channel);
    json_t *withdrawn = json_object_get(stage->withdrawals, channel);
    json_auto_t *doc = NULL;
    char path[CW_PATH_MAX];

    snprintf(path, sizeof path, "%s/%s.json", CW_STAGE_CHANNELS, channel);
    if (json_object_size(releases) == 0 && json_object_size(withdrawn) == 0)
        return cw_remove(stage->dir, path, err);
    doc = json_pack("{s:s, s:s, s:s, s:o, s:O*}", "_type", CW_PROMOTION_TYPE, "format", "1.0", "channel",
                    channel, "releases", releases != NULL ? json_incref(releases) : json_object(),
                    "withdrawn", withdrawn);
    return cw_json_file_replace(stage->dir, path, doc, PROMOTION_MAX, err);
}
