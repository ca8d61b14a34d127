/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing what is staged; see gen/stage.h.
 */
#include "gen/stage.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
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

static int load_release(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct loading *loading = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    CW_AUTO_FREE char *key = NULL;
    struct cw_manifest manifest = {.doc = NULL};
    json_auto_t *doc = NULL;
    bool matches;
    int rc;

    if (!is_document(path, st))
        return CW_OK;
    rc = read_doc(&doc, loading->dir, CW_STAGE_RELEASES, path, &text, err);
    if (rc == CW_OK)
        rc = cw_manifest_parse(&manifest, text.data, text.len, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "staged '%s'", path);
    key = cw_str_format("%s@%s", manifest.product, manifest.version); /* '@' is in neither */
    cw_manifest_clear(&manifest);
    if (key == NULL)
        return cw_err_nomem(err);
    matches = strlen(path) == strlen(key) + 5 && cw_str_starts(path, key);
    if (!matches)
        return misnamed(CW_STAGE_RELEASES, path, err);
    return json_object_set(loading->stage->releases, key, doc) == 0 ? CW_OK : cw_err_nomem(err);
}

static int check_promotions(const json_t *releases, struct cw_err *err)
{
    const char *product;
    json_t *version;
    int rc;

    json_object_foreach ((json_t *)releases, product, version) {
        rc = cw_name_check_product(product, err);
        if (rc == CW_OK && !json_is_string(version))
            rc = cw_err_set(err, CW_E_VERIFY, "field '%s' is not a string", product);
        if (rc == CW_OK)
            rc = cw_semver_check(json_string_value(version), err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int load_promotions(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct loading *loading = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT(PROMOTION_MAX);
    json_auto_t *doc = NULL;
    const char *channel;
    json_t *releases;
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
    if (rc != CW_OK)
        return cw_err_prefix(err, "staged '%s'", path);
    if (strlen(path) != strlen(channel) + 5 || !cw_str_starts(path, channel))
        return misnamed(CW_STAGE_CHANNELS, path, err);
    return json_object_set(loading->stage->promotions, channel, releases) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_stage_load(struct cw_stage *stage, int dir, struct cw_err *err)
{
    struct loading loading = {.dir = dir, .stage = stage};
    bool there;
    int rc;

    *stage = (struct cw_stage){.releases = json_object(), .promotions = json_object()};
    if (stage->releases == NULL || stage->promotions == NULL)
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
    *stage = (struct cw_stage){.releases = NULL};
}

json_t *cw_stage_find(const struct cw_stage *stage, const char *product, const char *version)
{
    char key[2 * CW_NAME_MAX + 2]; /* what does not fit is no portable name, so it is not staged */

    snprintf(key, sizeof key, "%s@%s", product, version);
    return json_object_get(stage->releases, key);
}

int cw_stage_release_path(char path[CW_PATH_MAX], const char *product, const char *version,
                          struct cw_err *err)
{
    int len = snprintf(path, CW_PATH_MAX, "%s/%s@%s.json", CW_STAGE_RELEASES, product, version);

    if (len < 0 || len >= CW_PATH_MAX || !cw_path_is_relative(path))
        return cw_err_set(err, CW_E_VERIFY, "'%s' %s cannot be the name of a file", product, version);
    return CW_OK;
}

int cw_stage_put_promotions(int dir, const char *channel, const json_t *releases, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(PROMOTION_MAX);
    json_auto_t *doc = NULL;
    char path[CW_PATH_MAX];
    int rc;

    snprintf(path, sizeof path, "%s/%s.json", CW_STAGE_CHANNELS, channel);
    if (json_object_size(releases) == 0)
        return cw_remove(dir, path, err);
    doc = json_pack("{s:s, s:s, s:s, s:O}", "_type", CW_PROMOTION_TYPE, "format", "1.0", "channel", channel,
                    "releases", releases);
    if (doc == NULL)
        return cw_err_nomem(err);
    rc = cw_json_format(&text, doc, err);
    return rc == CW_OK ? cw_file_replace(dir, path, text.data, text.len, 0644, err) : rc;
}
