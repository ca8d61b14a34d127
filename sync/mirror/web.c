/* SPDX-License-Identifier: ISC */
/*
 * The memory of web servers, and the order that follows from it.
 */
#include "sync/mirror/web.h"

#include <string.h>

#include "base/clock.h"
#include "codec/json_file.h"

#define FILE_NAME "sources.json"
#define FILE_MAX ((size_t)256 << 10) /* 32 servers with a page of text each */

/* Those that are no record, or too old, or of a clock that was wrong. */
static void drop_old(struct cw_web *web, int64_t now)
{
    const char *shown, *why, *text;
    json_t *entry;
    void *next;

    json_object_foreach_safe (web->failed, next, shown, entry) {
        int64_t when;

        if (cw_json_get_str(&text, entry, "time", NULL) == CW_OK &&
            cw_json_get_str(&why, entry, "why", NULL) == CW_OK && cw_time_parse(&when, text, NULL) == CW_OK &&
            when <= now && now - when < CW_WEB_FORGET_SECONDS)
            continue;
        (void)json_object_del(web->failed, shown);
        web->changed = true;
    }
}

int cw_web_load(struct cw_web *web, const struct cw_site *site, const struct cw_upstream *upstream,
                int64_t now, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *failed = NULL;
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, FILE_NAME, err);

    *web = (struct cw_web){.failed = NULL};
    if (rc != CW_OK)
        return rc;
    if (cw_json_file_read(&doc, site->fd, path, FILE_MAX, NULL) == CW_OK &&
        cw_json_check_format(doc, CW_WEB_TYPE, NULL) == CW_OK)
        (void)cw_json_get_obj(&failed, doc, "failed", NULL);
    web->failed = failed != NULL ? json_incref(failed) : json_object();
    if (web->failed == NULL)
        return cw_err_nomem(err);
    drop_old(web, now);
    return CW_OK;
}

void cw_web_clear(struct cw_web *web)
{
    json_decref(web->failed);
    web->failed = NULL;
}

static bool has_failed(const struct cw_web *web, const struct cw_source_spec *spec)
{
    char shown[CW_HTTP_SHOWN_MAX];

    if (spec->kind != CW_SOURCE_HTTP)
        return false;
    cw_http_shown(shown, spec->where);
    return json_object_get(web->failed, shown) != NULL;
}

void cw_web_arrange(struct cw_web *web, const struct cw_upstream *upstream, const struct cw_http_options *run)
{
    size_t i, pass, count = 0, servers = 0;

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < upstream->source_count; i++) {
            if (has_failed(web, &upstream->sources[i]) == (pass == 1))
                web->order[count++] = i;
        }
    }
    for (i = 0; i < upstream->source_count; i++)
        servers += upstream->sources[i].kind == CW_SOURCE_HTTP;
    for (i = 0; i < upstream->source_count; i++) {
        web->options[i] = upstream->sources[i].http;
        web->options[i].limit = run->limit;
        web->options[i].min_rate_seconds = run->min_rate_seconds;
        web->options[i].retry_ms = run->retry_ms;
        web->options[i].tries = servers > 1 ? CW_HTTP_TRIES_OF_SEVERAL : CW_HTTP_TRIES;
    }
}

struct cw_http_options cw_web_options(const struct cw_upstream *upstream, const char *url)
{
    struct cw_http_options options = {.ca_file = NULL};
    size_t i;

    for (i = 0; upstream != NULL && i < upstream->source_count; i++) {
        if (upstream->sources[i].kind == CW_SOURCE_HTTP && strcmp(upstream->sources[i].where, url) == 0)
            options = upstream->sources[i].http;
    }
    options.tries = CW_HTTP_TRIES;
    return options;
}

int cw_web_note(struct cw_web *web, const char *shown, int64_t now, const char *why, struct cw_err *err)
{
    char text[CW_TIME_TEXT];

    if (why == NULL) {
        web->changed = web->changed || json_object_del(web->failed, shown) == 0;
        return CW_OK;
    }
    cw_time_format(now, text);
    web->changed = true;
    return json_object_set_new(web->failed, shown, json_pack("{s:s, s:s}", "time", text, "why", why)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

int cw_web_save(struct cw_web *web, const struct cw_site *site, const struct cw_upstream *upstream,
                struct cw_err *err)
{
    json_auto_t *doc = NULL;
    char path[CW_PATH_MAX];
    int rc;

    if (!web->changed)
        return CW_OK;
    doc = json_pack("{s:s, s:s, s:O}", "_type", CW_WEB_TYPE, "format", "1.0", "failed", web->failed);
    rc = cw_site_upstream_path(path, upstream, FILE_NAME, err);
    if (rc == CW_OK)
        rc = cw_json_file_replace(site->fd, path, doc, FILE_MAX, err);
    web->changed = rc != CW_OK;
    return rc;
}
