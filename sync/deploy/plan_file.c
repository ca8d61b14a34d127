/* SPDX-License-Identifier: ISC */
/*
 * Reading, writing and comparing plans: see sync/deploy/plan_file.h.
 */
#include "sync/deploy/plan_file.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "codec/json_file.h"
#include "fs/root.h"

#define ID_MIN 4 /* digits of a shortened id; fewer name anything */

bool cw_plan_is_id(const char *which)
{
    size_t len = strlen(which);

    return len >= ID_MIN && len < CW_SHA256_TEXT && strspn(which, "0123456789abcdef") == len;
}

int cw_plan_store(int site, const json_t *plan, struct cw_err *err)
{
    char path[CW_PATH_MAX];

    snprintf(path, sizeof path, CW_PLANS_FOLDER "/%s.json", cw_json_text(plan, "id"));
    return cw_json_file_replace(site, path, plan, CW_PLAN_MAX, err);
}

int cw_plan_write_file(const char *path, const json_t *plan, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    const char *name;
    int rc = cw_dir_open_parent(&dir, &name, path, err);

    return rc == CW_OK ? cw_json_file_replace(dir, name, plan, CW_PLAN_MAX, err) : rc;
}

/* Every text of the document as it may be shown. New reference; NULL: no memory. */
static json_t *visible(const json_t *value)
{
    json_auto_t *made = NULL;
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_string(value)) {
        size_t size = 4 * json_string_length(value) + 1;
        CW_AUTO_FREE char *text = malloc(size);

        if (text == NULL)
            return NULL;
        cw_str_visible(text, size, json_string_value(value));
        return json_string(text);
    }
    if (json_is_array(value)) {
        made = json_array();
        json_array_foreach (value, i, item) {
            if (json_array_append_new(made, visible(item)) != 0)
                return NULL;
        }
        return json_incref(made);
    }
    if (!json_is_object(value))
        return json_incref((json_t *)value);
    made = json_object();
    json_object_foreach ((json_t *)value, key, item) {
        if (json_object_set_new(made, key, visible(item)) != 0)
            return NULL;
    }
    return json_incref(made);
}

/* What showing and comparing relies on; the id covers the rest. */
static int check_shape(const json_t *plan, struct cw_err *err)
{
    static const char *const texts[] = {"id", "site", "site_sha256", "install_root", "policy_sha256"};
    json_t *list, *unit;
    const char *text;
    int64_t number;
    size_t i;
    int rc = cw_json_check_format(plan, CW_PLAN_TYPE, err);

    for (i = 0; i < CW_COUNT(texts) && rc == CW_OK; i++)
        rc = cw_json_get_str(&text, plan, texts[i], err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&number, plan, "generation", 0, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&list, plan, "upstreams", err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&list, plan, "units", err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, unit) {
        if (rc == CW_OK)
            rc = cw_json_get_array(&(json_t *){NULL}, unit, "changes", err);
        if (rc == CW_OK)
            rc = cw_json_get_str(&text, unit, "upstream", err);
    }
    return rc;
}

static int read_plan(json_t **plan, const struct cw_buf *text, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    char id[CW_SHA256_TEXT];
    int rc = cw_json_parse(&doc, cw_buf_text(text), text->len, err);

    if (rc == CW_OK)
        rc = check_shape(doc, err);
    if (rc == CW_OK)
        rc = cw_plan_id(id, doc, err);
    if (rc == CW_OK && strcmp(id, cw_json_text(doc, "id")) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "was changed: its id is not that of what it says");
    if (rc != CW_OK)
        return rc;
    *plan = visible(doc);
    return *plan != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_plan_read_file(json_t **plan, const char *path, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PLAN_MAX);
    int rc = cw_path_read_all(&text, path, err);

    if (rc != CW_OK)
        return rc;
    rc = read_plan(plan, &text, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

/* The name of the stored plan whose id starts so. */
static int find_stored(char name[CW_PATH_MAX], int site, const char *id, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *entry;
    int rc = cw_at_open_list(&stream, site, CW_PLANS_FOLDER, err);

    name[0] = '\0';
    while (rc == CW_OK && (rc = cw_dir_next(&entry, stream, CW_PLANS_FOLDER, err)) == CW_OK &&
           entry != NULL) {
        if (!cw_str_starts(entry, id))
            continue;
        if (name[0] != '\0')
            return cw_err_set(err, CW_E_FAIL, "'%s' may be several plans: give more of its digits", id);
        snprintf(name, CW_PATH_MAX, CW_PLANS_FOLDER "/%s", entry);
    }
    if (rc == CW_E_NOTFOUND || (rc == CW_OK && name[0] == '\0'))
        return cw_err_set(err, CW_E_NOTFOUND, "there is no plan %s: 'causeway-sync plan' makes one", id);
    return rc;
}

int cw_plan_find(json_t **plan, int site, const char *which, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PLAN_MAX);
    char name[CW_PATH_MAX];
    int rc;

    if (!cw_plan_is_id(which)) {
        rc = cw_plan_read_file(plan, which, err);
        if (rc == CW_E_NOTFOUND)
            return cw_err_set(err, CW_E_USAGE,
                              "'%s' is neither a plan's id (at least %d of its digits) nor a file", which,
                              ID_MIN);
        return rc;
    }
    rc = find_stored(name, site, which, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, site, name, err);
    return rc == CW_OK ? read_plan(plan, &text, err) : rc;
}

/* Adds one thing that changed. */
static void __attribute__((format(printf, 2, 3))) differ(struct cw_buf *what, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cw_buf_addf(what, "%s%s", what->len > 0 ? ", " : "", text);
}

static long long int_of(const json_t *obj, const char *key)
{
    return (long long)json_integer_value(json_object_get(obj, key));
}

static void compare_upstream(struct cw_buf *what, const json_t *now, const json_t *then)
{
    const char *name = cw_json_text(now, "upstream");

    if (then == NULL)
        differ(what, "upstream '%s' was not there", name);
    else if (int_of(now, "root_version") != int_of(then, "root_version"))
        differ(what, "the trust of '%s' is root version %lld, not %lld", name, int_of(now, "root_version"),
               int_of(then, "root_version"));
    if (then != NULL &&
        strcmp(cw_json_text(now, "channel_sha256"), cw_json_text(then, "channel_sha256")) != 0)
        differ(what, "'%s/%s' is at serial %lld, not %lld", name, cw_json_text(now, "channel"),
               int_of(now, "serial"), int_of(then, "serial"));
}

static void compare_upstreams(struct cw_buf *what, const json_t *now, const json_t *then)
{
    json_t *upstream;
    size_t i;

    json_array_foreach (json_object_get(now, "upstreams"), i, upstream)
        compare_upstream(what, upstream, cw_plan_find_upstream(then, cw_json_text(upstream, "upstream")));
    json_array_foreach (json_object_get(then, "upstreams"), i, upstream) {
        if (cw_plan_find_upstream(now, cw_json_text(upstream, "upstream")) == NULL)
            differ(what, "upstream '%s' is not there any more", cw_json_text(upstream, "upstream"));
    }
}

int cw_plan_is_current(const json_t *plan, const json_t *meant, struct cw_err *err)
{
    CW_AUTO_BUF what = CW_BUF_INIT(2048);

    if (strcmp(cw_json_text(plan, "id"), cw_json_text(meant, "id")) == 0)
        return CW_OK;
    if (strcmp(cw_json_text(plan, "site"), cw_json_text(meant, "site")) != 0)
        return cw_err_set(err, CW_E_FAIL, "plan %.12s is for site '%s'; this is '%s'",
                          cw_json_text(meant, "id"), cw_json_text(meant, "site"), cw_json_text(plan, "site"));
    if (strcmp(cw_json_text(plan, "site_sha256"), cw_json_text(meant, "site_sha256")) != 0 ||
        strcmp(cw_json_text(plan, "install_root"), cw_json_text(meant, "install_root")) != 0)
        differ(&what, "site.lua says something else");
    if (strcmp(cw_json_text(plan, "policy_sha256"), cw_json_text(meant, "policy_sha256")) != 0)
        differ(&what, "policy.lua is another");
    if (int_of(plan, "generation") != int_of(meant, "generation"))
        differ(&what, "generation %lld runs, not %lld", int_of(plan, "generation"),
               int_of(meant, "generation"));
    compare_upstreams(&what, plan, meant);
    if (what.len == 0)
        differ(&what, "what would be changed, or the commands, are not the same");
    return cw_err_set(
        err, CW_E_FAIL,
        "the world changed since plan %.12s was made: %s: 'causeway-sync plan' shows what it would "
        "be now",
        cw_json_text(meant, "id"), cw_buf_text(&what));
}
