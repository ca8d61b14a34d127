/* SPDX-License-Identifier: ISC */
/*
 * Opening a site's folder: find it, lock it, evaluate site.lua in the jail. What the configuration may say is
 * checked in site_config.c.
 */
#include "sync/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/canon.h"
#include "fs/lock.h"
#include "sync/library.h"
#include "sync/site_line.h"

static int find_path(char **path, int fd, struct cw_err *err)
{
    char link[64], target[4096];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, target, sizeof target - 1);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to find the path of the site's folder");
    target[n] = '\0';
    *path = strdup(target);
    return *path == NULL ? cw_err_nomem(err) : CW_OK;
}

static int hash_config(struct cw_site *site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SITE_CONFIG_MAX);
    int rc = cw_canon_format(&text, site->config, err);

    if (rc == CW_OK)
        rc = cw_buf_check(&text, CW_SITE_MARKER, err);
    return rc == CW_OK ? cw_sha256(site->config_sha256, text.data, text.len, err) : rc;
}

static int evaluate(struct cw_site *site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SITE_LUA_MAX);
    struct cw_script_source source = {.name = CW_SITE_MARKER};
    int rc = cw_at_read_file(&text, site->fd, CW_SITE_MARKER, err);

    if (rc != CW_OK)
        return rc;
    source.text = cw_buf_text(&text);
    source.len = text.len;
    rc = cw_library_run(&site->config, CW_LIBRARY_SITE, &source, NULL, NULL, err);
    return rc == CW_OK ? hash_config(site, err) : rc;
}

/* "site.lua: …" becomes "site.lua:12: …", where the line can be told. */
static int add_line(const struct cw_site *site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_SITE_LUA_MAX);
    const struct cw_err old = *err;
    unsigned line = 0;

    if (cw_str_starts(err->text, CW_SITE_MARKER ": ") &&
        cw_at_read_file(&text, site->fd, CW_SITE_MARKER, NULL) == CW_OK)
        line = cw_site_line(cw_buf_text(&text), text.len, err->text);
    return line == 0
               ? err->code
               : cw_err_set(err, old.code, CW_SITE_MARKER ":%u%s", line, old.text + strlen(CW_SITE_MARKER));
}

int cw_site_open_at(struct cw_site *site, int fd, bool lock, struct cw_err *err)
{
    int rc;

    *site = (struct cw_site)CW_SITE_INIT;
    site->fd = fd;
    rc = find_path(&site->path, fd, err);
    if (rc == CW_OK && lock)
        rc = cw_lock_take(&site->lock, fd, CW_SITE_LOCK, err);
    if (rc == CW_OK)
        rc = evaluate(site, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_site_configure(site, err);
    return rc == CW_E_FAIL && err != NULL ? add_line(site, err) : rc;
}

int cw_site_open(struct cw_site *site, const struct cw_cli *cli, bool lock, struct cw_err *err)
{
    int fd, rc;

    *site = (struct cw_site)CW_SITE_INIT;
    rc = cw_cli_open_folder(&fd, cli, CW_SITE_MARKER, err);
    return rc == CW_OK ? cw_site_open_at(site, fd, lock, err) : rc;
}

void cw_site_close(struct cw_site *site)
{
    size_t i;

    for (i = 0; i < site->upstream_count; i++) {
        free(site->upstreams[i].products);
        free(site->upstreams[i].platforms);
    }
    json_decref(site->people);
    json_decref(site->config);
    json_decref(site->scan);
    free(site->path);
    if (site->lock >= 0)
        close(site->lock);
    if (site->fd >= 0)
        close(site->fd);
    *site = (struct cw_site)CW_SITE_INIT;
}

static int list_upstreams(struct cw_buf *buf, const struct cw_site *site)
{
    size_t i;

    for (i = 0; i < site->upstream_count; i++)
        cw_buf_addf(buf, "%s%s", i == 0 ? "" : ", ", site->upstreams[i].name);
    return buf->failed;
}

int cw_site_upstream(const struct cw_upstream **upstream, const struct cw_site *site, const char *name,
                     struct cw_err *err)
{
    CW_AUTO_BUF names = CW_BUF_INIT(512);
    size_t i;

    for (i = 0; i < site->upstream_count; i++) {
        if (name == NULL ? site->upstream_count == 1 : strcmp(site->upstreams[i].name, name) == 0) {
            *upstream = &site->upstreams[i];
            return CW_OK;
        }
    }
    if (site->upstream_count == 0)
        return cw_err_set(err, CW_E_USAGE, "site.lua names no upstream; add one to 'upstreams'");
    (void)list_upstreams(&names, site); /* a list cut short still helps */
    if (name != NULL)
        return cw_err_set(err, CW_E_USAGE, "no upstream '%s' in site.lua; there is %s", name,
                          cw_buf_text(&names));
    return cw_err_set(err, CW_E_USAGE, "this site has several upstreams; choose one with --upstream: %s",
                      cw_buf_text(&names));
}

int cw_site_upstream_path(char out[CW_PATH_MAX], const struct cw_upstream *upstream, const char *rest,
                          struct cw_err *err)
{
    int n = snprintf(out, CW_PATH_MAX, "upstreams/%s%s%s", upstream->name, rest[0] != '\0' ? "/" : "", rest);

    if (n < 0 || n >= CW_PATH_MAX)
        return cw_err_set(err, CW_E_FAIL, "path of upstream '%s' is too long", upstream->name);
    return CW_OK;
}
