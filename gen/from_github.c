/* SPDX-License-Identifier: ISC */
/*
 * add --from github-release: one release as GitHub's REST API gives it (GET /repos/O/R/releases/tags/T), or the event
 * that a workflow gets of it, or as 'gh release view --json' prints it; its assets downloaded beside it.
 * https://docs.github.com/rest/releases/releases
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gen/from_guess.h"
#include "gen/from_reader.h"
#include "release/manifest.h"

#define WRAPPED "release" /* what it is in an event */

static const struct words {
    const char *tag, *draft, *prerelease;
} of_api = {"tag_name", "draft", "prerelease"}, of_gh = {"tagName", "isDraft", "isPrerelease"};

/* "…/repos/OWNER/REPO/releases/1" or "https://github.com/OWNER/REPO/releases/tag/v1" → REPO. */
static const char *repository(struct cw_from_reader *r, const json_t *doc)
{
    static const char *const keys[] = {"url", "html_url"};
    size_t i;

    for (i = 0; i < 2; i++) {
        const char *url = json_string_value(json_object_get(doc, keys[i]));
        const char *end = url != NULL ? strstr(url, "/releases/") : NULL, *start = end;

        while (start != NULL && start > url && start[-1] != '/')
            start--;
        if (start != NULL && start < end)
            return cw_from_keep(r, "%.*s", (int)(end - start), start);
    }
    return NULL;
}

/* A number that is a file's size. */
static void read_size(struct cw_from_reader *r, struct cw_from_item *item, const json_t *asset)
{
    const json_t *size = json_object_get(asset, "size");
    double value = json_number_value(size);

    if (size == NULL)
        return;
    item->has_size = json_is_number(size) && value >= 0 && value <= (double)CW_LENGTH_MAX;
    item->size = item->has_size ? (uint64_t)value : 0;
    if (!item->has_size || (double)item->size != value) {
        item->has_size = false;
        cw_fields_wrong(&r->base.fields, item->field, "its size is no number of bytes");
    }
}

static void take_asset(struct cw_from_reader *r, const json_t *asset, const char *top, size_t index)
{
    struct cw_fields *fields = &r->base.fields;
    struct cw_from_item item = {.name = NULL};
    const char *state, *digest = NULL;

    cw_fields_item(item.field, top, "assets", index);
    if (!cw_fields_is_object(fields, asset, item.field))
        return;
    item.name = cw_fields_text(fields, asset, item.field, "name", true);
    state = cw_fields_text(fields, asset, item.field, "state", false);
    if (!json_is_null(json_object_get(asset, "digest"))) /* null for assets older than the field */
        digest = cw_fields_text(fields, asset, item.field, "digest", false);
    read_size(r, &item, asset);
    if (item.name == NULL || (item.path = cw_from_path(r, item.name, item.field)) == NULL)
        return;
    if (digest != NULL && digest[0] != '\0')
        cw_from_sum(r, &item, CW_SHA256, digest);
    item.left_out = cw_guess_companion(item.name);
    if (state != NULL && strcmp(state, "uploaded") != 0)
        cw_fields_wrong(fields, item.field, "'%s' is not uploaded yet: its state is '%s'", item.name, state);
    cw_from_take(r, &item);
}

static bool is_release(struct cw_from_reader *r, const json_t *doc, const char *top,
                       const struct words *words)
{
    struct cw_fields *fields = &r->base.fields;
    char draft[CW_FIELDS_PATH_MAX];

    if (json_is_array(doc))
        cw_fields_wrong(fields, "", "is a list of %zu releases; take one out of it, as with \"jq '.[0]'\"",
                        json_array_size(doc));
    else if (!cw_fields_is_object(fields, doc, top))
        return false;
    else if (!json_is_true(json_object_get(doc, words->draft)))
        return true;
    else {
        cw_fields_join(draft, top, words->draft);
        cw_fields_wrong(fields, draft, "this release is a draft; publish it on GitHub first");
    }
    return false;
}

int cw_from_github(struct cw_from_reader *r, struct cw_err *err)
{
    char fields[3][CW_FIELDS_PATH_MAX];
    struct cw_from_head head = {
        .product_field = fields[0], .version_field = fields[1], .notes_field = fields[2]};
    const json_t *assets;
    json_t *doc, *asset;
    const char *tag, *top = "";
    const struct words *words;
    size_t i;
    int rc = cw_from_load_json(r, &doc, err);

    if (rc != CW_OK || doc == NULL)
        return rc;
    if (json_is_object(json_object_get(doc, WRAPPED))) {
        top = WRAPPED;
        doc = json_object_get(doc, WRAPPED);
    }
    words = json_object_get(doc, of_gh.tag) != NULL ? &of_gh : &of_api;
    if (!is_release(r, doc, top, words))
        return CW_OK;
    cw_fields_join(fields[0], top, "url");
    cw_fields_join(fields[1], top, words->tag);
    cw_fields_join(fields[2], top, "body");
    tag = cw_fields_text(&r->base.fields, doc, top, words->tag, true);
    if (tag != NULL)
        head.version = tag[0] == 'v' ? tag + 1 : tag;
    if (!json_is_null(json_object_get(doc, "body")))
        head.notes = cw_fields_text(&r->base.fields, doc, top, "body", false);
    head.product = repository(r, doc);
    r->from->prerelease = json_is_true(json_object_get(doc, words->prerelease));
    assets = cw_fields_list(&r->base.fields, doc, top, "assets");
    if (assets == NULL || !cw_from_begin(r, &head))
        return CW_OK;
    json_array_foreach (assets, i, asset) {
        take_asset(r, asset, top, i);
    }
    return CW_OK;
}
