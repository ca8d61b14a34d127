/* SPDX-License-Identifier: ISC */
/*
 * What site.lua may say, checked: every mistake is named by the place it stands at. Pure: JSON in, struct
 * cw_site filled. Running site.lua is site.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "release/name.h"
#include "sync/deploy/action.h"
#include "sync/site.h"

/* The script writes {} for an empty table of either kind; an empty array is then an empty object. */
static int object_in(const json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    *value = json_object_get(obj, key);
    if (*value == NULL || json_is_object(*value))
        return CW_OK;
    if (json_is_array(*value) && json_array_size(*value) == 0) {
        *value = NULL;
        return CW_OK;
    }
    return cw_err_set(err, CW_E_FAIL, "'%s' is not a table with names", key);
}

/* The same for lists: an absent one is NULL. */
static int list_in(json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    *value = json_object_get(obj, key);
    if (*value == NULL || json_is_array(*value))
        return CW_OK;
    return cw_err_set(err, CW_E_FAIL, "'%s' is not a list", key);
}

/* A list of names as a NULL-terminated array; globs are checked as such, without their special characters. */
static int names_in(const char ***names, const json_t *obj, const char *key, const char *what, bool globs,
                    struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = list_in(&list, obj, key, err);

    if (rc != CW_OK || list == NULL)
        return rc;
    if (json_array_size(list) == 0)
        return cw_err_set(err, CW_E_FAIL, "'%s' is empty; leave it out to take all", key);
    *names = calloc(json_array_size(list) + 1, sizeof **names);
    if (*names == NULL)
        return cw_err_nomem(err);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);

        if (text == NULL)
            return cw_err_set(err, CW_E_FAIL, "'%s' has an entry that is not a string", key);
        if (globs ? text[0] == '\0' || strchr(text, '/') != NULL : cw_name_check(text, what, err) != CW_OK)
            return globs
                       ? cw_err_set(err, CW_E_FAIL, "'%s': '%s' is not a pattern of product names", key, text)
                       : cw_err_prefix(err, "'%s'", key);
        (*names)[i] = text;
    }
    return CW_OK;
}

static bool is_url(const char *text)
{
    return cw_str_starts(text, "https://") || cw_str_starts(text, "http://");
}

static int take_removable(struct cw_source_spec *spec, const json_t *item, struct cw_err *err)
{
    static const char *const keys[] = {"removable", NULL};
    int rc = cw_json_only(item, keys, err);

    spec->kind = CW_SOURCE_REMOVABLE;
    if (rc == CW_OK)
        rc = cw_json_get_str(&spec->where, item, "removable", err);
    if (rc == CW_OK && spec->where[0] != '/')
        rc = cw_err_set(err, CW_E_FAIL, "removable '%s' is not an absolute path", spec->where);
    return rc;
}

/* A token would be read by everybody on the way; on the machine itself there is no way. */
static bool is_private(const char *url)
{
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    size_t i, len;

    for (i = 0; i < CW_COUNT(hosts); i++) {
        len = strlen(hosts[i]);
        if (cw_str_starts(url, hosts[i]) && (url[len] == '\0' || url[len] == ':' || url[len] == '/'))
            return true;
    }
    return cw_str_starts(url, "https://");
}

static int take_files(struct cw_http_options *http, const json_t *item, struct cw_err *err)
{
    static const char *const keys[] = {"ca", "cert", "key", "bearer"};
    const char **const places[] = {&http->ca_file, &http->cert_file, &http->key_file, &http->bearer_file};
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_COUNT(keys) && rc == CW_OK; i++) {
        rc = cw_json_opt_str(places[i], item, keys[i], err);
        if (rc == CW_OK && *places[i] != NULL && (*places[i])[0] != '/')
            rc = cw_err_set(err, CW_E_FAIL, "%s '%s' is not an absolute path", keys[i], *places[i]);
    }
    if (rc == CW_OK && http->key_file != NULL && http->cert_file == NULL)
        rc = cw_err_set(err, CW_E_FAIL, "'key' without 'cert'");
    return rc;
}

static int take_web(struct cw_source_spec *spec, const json_t *item, struct cw_err *err)
{
    static const char *const keys[] = {"url", "ca", "cert", "key", "bearer", "netrc", "proxy", NULL};
    struct cw_http_options *http = &spec->http;
    int rc = cw_json_only(item, keys, err);

    spec->kind = CW_SOURCE_HTTP;
    if (rc == CW_OK)
        rc = cw_json_get_str(&spec->where, item, "url", err);
    if (rc == CW_OK && !is_url(spec->where))
        rc = cw_err_set(err, CW_E_FAIL, "url '%s' is no http(s) URL", spec->where);
    if (rc == CW_OK)
        rc = take_files(http, item, err);
    if (rc == CW_OK)
        rc = cw_json_opt_bool(&http->netrc, item, "netrc", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&http->proxy, item, "proxy", err);
    if (rc == CW_OK && (http->bearer_file != NULL || http->netrc) && !is_private(spec->where))
        rc = cw_err_set(err, CW_E_FAIL, "url '%s': a token or password would travel in the clear; use https",
                        spec->where);
    return rc;
}

static int take_source(struct cw_source_spec *spec, const json_t *item, struct cw_err *err)
{
    const char *text = json_string_value(item);

    if (json_is_object(item))
        return json_object_get(item, "removable") != NULL ? take_removable(spec, item, err)
                                                          : take_web(spec, item, err);
    if (text == NULL)
        return cw_err_set(
            err, CW_E_FAIL,
            "a source is neither a text nor { url = \"https://…\" } nor removable \"/media/*/…\"");
    spec->where = text;
    if (is_url(text))
        spec->kind = CW_SOURCE_HTTP;
    else if (text[0] == '/')
        spec->kind = CW_SOURCE_FOLDER;
    else
        return cw_err_set(err, CW_E_FAIL, "source '%s' is neither an http(s) URL nor an absolute folder",
                          text);
    return CW_OK;
}

static int take_sources(struct cw_upstream *upstream, const json_t *entry, struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = list_in(&list, entry, "sources", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(list) > CW_SOURCES_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d sources", CW_SOURCES_MAX);
    json_array_foreach (list, i, item) {
        rc = take_source(&upstream->sources[i], item, err);
        if (rc != CW_OK)
            return rc;
        upstream->source_count++;
    }
    return CW_OK;
}

static int take_grace(struct cw_upstream *upstream, const json_t *entry, struct cw_err *err)
{
    static const char *const keys[] = {"http", "folder", "removable", NULL};
    int64_t *const places[] = {&upstream->grace_http, &upstream->grace_folder, &upstream->grace_removable};
    const json_t *grace;
    size_t i;
    int rc = object_in(&grace, entry, "grace", err);

    if (rc == CW_OK && grace != NULL)
        rc = cw_json_only(grace, keys, err);
    for (i = 0; i < 3 && rc == CW_OK; i++) {
        const char *text = NULL;

        rc = cw_json_opt_str(&text, grace, keys[i], err);
        if (rc == CW_OK && text != NULL)
            rc = cw_duration_parse(places[i], text, err);
    }
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "grace");
}

static int take_independent(struct cw_upstream *upstream, const json_t *entry, struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = list_in(&list, entry, "independent", err);

    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return cw_err_set(err, CW_E_FAIL, "'independent' has an entry that is not a string");
        rc = cw_name_check_product(json_string_value(item), err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "'independent'");
    }
    upstream->independent = json_array_size(list) > 0 ? list : NULL;
    return rc;
}

static int take_upstream(struct cw_upstream *upstream, const char *name, const json_t *entry,
                         struct cw_err *err)
{
    static const char *const keys[] = {"sources", "channel",     "products", "platforms",
                                       "grace",   "independent", NULL};
    int rc = cw_name_check(name, "upstream", err);

    upstream->name = name;
    if (rc == CW_OK && !json_is_object(entry))
        rc = cw_err_set(err, CW_E_FAIL, "not a table with names");
    if (rc == CW_OK)
        rc = cw_json_only(entry, keys, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&upstream->channel, entry, "channel", err);
    if (rc == CW_OK)
        rc = cw_name_check_channel(upstream->channel, err);
    if (rc == CW_OK)
        rc = take_sources(upstream, entry, err);
    if (rc == CW_OK)
        rc = names_in(&upstream->products, entry, "products", "product", true, err);
    if (rc == CW_OK)
        rc = names_in(&upstream->platforms, entry, "platforms", "platform", false, err);
    if (rc == CW_OK)
        rc = take_grace(upstream, entry, err);
    if (rc == CW_OK)
        rc = take_independent(upstream, entry, err);
    upstream->wanted.products = (const char *const *)upstream->products;
    upstream->wanted.platforms = (const char *const *)upstream->platforms;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "upstreams.%s", name);
}

static int take_upstreams(struct cw_site *site, struct cw_err *err)
{
    const json_t *upstreams;
    const char *name;
    json_t *entry;
    int rc = object_in(&upstreams, site->config, "upstreams", err);

    if (rc != CW_OK)
        return rc;
    if (json_object_size(upstreams) > CW_UPSTREAMS_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d upstreams", CW_UPSTREAMS_MAX);
    json_object_foreach ((json_t *)upstreams, name, entry) {
        struct cw_upstream *upstream = &site->upstreams[site->upstream_count++];

        rc = take_upstream(upstream, name, entry, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int flag_in(bool *flag, const json_t *obj, const char *key, struct cw_err *err)
{
    const json_t *value = json_object_get(obj, key);

    if (value != NULL && !json_is_boolean(value))
        return cw_err_set(err, CW_E_FAIL, "'%s' is neither true nor false", key);
    *flag = json_is_true(value);
    return CW_OK;
}

/* "user" or "user:group"; whether there are such is found out where they are needed. */
static int check_owner(const json_t *value, const char *key, struct cw_err *err)
{
    const char *text = json_string_value(value), *colon = text != NULL ? strchr(text, ':') : NULL;

    if (text == NULL || text[0] == '\0' || text[0] == ':' ||
        (colon != NULL && (colon[1] == '\0' || strchr(colon + 1, ':') != NULL)))
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a user, as \"user\" or \"user:group\"", key);
    return CW_OK;
}

static int take_owners(struct cw_install_options *options, const json_t *install, struct cw_err *err)
{
    const json_t *owner = json_object_get(install, "owner");
    const char *name;
    json_t *value;
    int rc = object_in(&options->owners, install, "owners", err);

    if (rc == CW_OK && owner != NULL)
        rc = check_owner(owner, "owner", err);
    options->owner = json_string_value(owner);
    json_object_foreach ((json_t *)options->owners, name, value) {
        if (rc == CW_OK && (rc = check_owner(value, name, err)) != CW_OK)
            rc = cw_err_prefix(err, "owners");
    }
    return rc;
}

static int take_xattrs(struct cw_install_options *options, const json_t *install, struct cw_err *err)
{
    json_t *list, *item;
    size_t i;
    int rc = list_in(&list, install, "xattrs", err);

    if (rc == CW_OK && json_array_size(list) > CW_XATTR_PATTERNS_MAX)
        return cw_err_set(err, CW_E_FAIL, "'xattrs' has more than %d entries", CW_XATTR_PATTERNS_MAX);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);

        if (text == NULL || (!cw_str_starts(text, "user.") && strcmp(text, "security.capability") != 0))
            return cw_err_set(err, CW_E_FAIL,
                              "'xattrs' has an entry that is neither \"user.…\" nor \"security.capability\"");
        options->xattrs[i] = text;
    }
    return rc;
}

static int take_install(struct cw_site *site, struct cw_err *err)
{
    static const char *const keys[] = {"root", "owner", "owners", "modes", "set_id", "xattrs", NULL};
    const json_t *install;
    int rc = object_in(&install, site->config, "install", err);

    if (rc != CW_OK || install == NULL)
        return rc;
    rc = cw_json_only(install, keys, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&site->install_root, install, "root", err);
    if (rc == CW_OK && site->install_root != NULL &&
        (site->install_root[0] != '/' || site->install_root[1] == '\0'))
        rc = cw_err_set(err, CW_E_FAIL, "root '%s' is not an absolute path below '/'", site->install_root);
    if (rc == CW_OK)
        rc = take_owners(&site->install, install, err);
    if (rc == CW_OK)
        rc = flag_in(&site->install.modes, install, "modes", err);
    if (rc == CW_OK)
        rc = flag_in(&site->install.set_id, install, "set_id", err);
    if (rc == CW_OK)
        rc = take_xattrs(&site->install, install, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "install");
}

static int take_keep(struct cw_site *site, struct cw_err *err)
{
    static const char *const keys[] = {"versions", NULL};
    const json_t *keep;
    int rc = object_in(&keep, site->config, "keep", err);

    site->keep_versions = CW_KEEP_VERSIONS;
    if (rc != CW_OK || keep == NULL)
        return rc;
    rc = cw_json_only(keep, keys, err);
    if (rc == CW_OK && json_object_get(keep, "versions") != NULL)
        rc = cw_json_get_int(&site->keep_versions, keep, "versions", 1, CW_KEEP_VERSIONS_MAX, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "keep");
}

/* An exit code or a list of them. */
static bool are_codes(const json_t *codes)
{
    json_t *code;
    size_t i;

    json_array_foreach (codes, i, code) {
        if (!json_is_integer(code))
            return false;
    }
    return json_is_integer(codes) || json_is_array(codes);
}

/* The words of an action, with those of its verdict: what is clean is what that action calls success. */
static int read_scan(json_t **made, const json_t *scan, struct cw_err *err)
{
    static const char *const keys[] = {"run", "timeout", "clean", "bad", "env", "user", "group", "dir", NULL};
    json_auto_t *value = cw_json_copy(scan), *action = NULL, *bad = NULL;
    json_t *codes = json_object_get(scan, "bad"), *word;
    bool names_file = false;
    size_t i;
    int rc = value != NULL ? cw_json_only(scan, keys, err) : cw_err_nomem(err);

    if (rc != CW_OK)
        return rc;
    if (json_object_get(value, "clean") != NULL && !are_codes(json_object_get(value, "clean")))
        return cw_err_set(err, CW_E_FAIL, "'clean' is neither an exit code nor a list of them");
    if (codes != NULL && !are_codes(codes))
        return cw_err_set(err, CW_E_FAIL, "'bad' is neither an exit code nor a list of them");
    if (json_object_get(value, "clean") != NULL &&
        json_object_set(value, "exit", json_object_get(value, "clean")) != 0)
        return cw_err_nomem(err);
    (void)json_object_del(value, "clean");
    (void)json_object_del(value, "bad");
    rc = cw_action_read(&action, value, CW_ACTION_COMMAND, NULL, err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (json_object_get(action, "run"), i, word)
        names_file = names_file || strstr(json_string_value(word), "{file}") != NULL;
    if (!names_file)
        return cw_err_set(err, CW_E_FAIL, "run: no word has {file} in it, so nothing would be scanned");
    bad = codes == NULL            ? json_pack("[i]", 1)
          : json_is_integer(codes) ? json_pack("[O]", codes)
                                   : json_incref(codes);
    *made = json_pack("{s:O, s:O}", "action", action, "bad", bad);
    return *made != NULL ? CW_OK : cw_err_nomem(err);
}

static int take_scan(struct cw_site *site, struct cw_err *err)
{
    const json_t *scan;
    int rc = object_in(&scan, site->config, "scan", err);

    if (rc != CW_OK || scan == NULL)
        return rc;
    rc = read_scan(&site->scan, scan, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "scan");
}

static int take_stale(struct cw_site *site, struct cw_err *err)
{
    const char *text = NULL;
    int rc = cw_json_opt_str(&text, site->config, "stale", err);

    if (rc == CW_OK && text != NULL)
        rc = cw_duration_parse(&site->stale, text, err);
    if (rc == CW_OK && text != NULL && site->stale == 0)
        rc = cw_err_set(err, CW_E_FAIL, "a length of time above 0 is wanted, as in \"14d\"");
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "stale");
}

static int configure(struct cw_site *site, struct cw_err *err)
{
    static const char *const keys[] = {"site",      "upstreams", "install",     "keep",  "scan",
                                       "approvers", "groups",    "break_glass", "stale", NULL};
    int rc;

    if (!json_is_object(site->config))
        return cw_err_set(err, CW_E_FAIL, "it must return a table: return { site = \"…\", … }");
    rc = cw_json_only(site->config, keys, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&site->name, site->config, "site", err);
    if (rc == CW_OK)
        rc = cw_name_check(site->name, "site", err);
    if (rc == CW_OK)
        rc = take_upstreams(site, err);
    if (rc == CW_OK)
        rc = take_install(site, err);
    if (rc == CW_OK)
        rc = take_keep(site, err);
    if (rc == CW_OK)
        rc = take_scan(site, err);
    if (rc == CW_OK)
        rc = take_stale(site, err);
    return rc == CW_OK ? cw_site_configure_people(site, err) : rc;
}

int cw_site_configure(struct cw_site *site, struct cw_err *err)
{
    int rc = configure(site, err);

    if (rc == CW_OK)
        return CW_OK;
    cw_err_prefix(err, "site.lua");
    /* The getters take it for foreign bytes; here it is the person's own file. */
    return rc == CW_E_NOMEM ? rc : (err->code = CW_E_FAIL);
}
