/* SPDX-License-Identifier: ISC */
/*
 * Files of the trust store; what may become trusted is decided by lib/tuf.
 */
#include "sync/mirror/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "tuf/meta.h"

#define ROOT_SUFFIX ".root.json"

static int trust_path(char path[CW_PATH_MAX], const struct cw_upstream *upstream, const char *name,
                      struct cw_err *err)
{
    char rest[CW_PATH_MAX];
    int n = snprintf(rest, sizeof rest, "trust/%s", name);

    if (n < 0 || (size_t)n >= sizeof rest)
        return cw_err_set(err, CW_E_VERIFY, "role name '%.64s…' is too long", name);
    return cw_site_upstream_path(path, upstream, rest, err);
}

static bool holds(int dir, const char *path, const void *bytes, size_t len)
{
    CW_AUTO_BUF old = CW_BUF_INIT(len + 1); /* one more byte, so that a longer file shows */

    return cw_at_read_file(&old, dir, path, NULL) == CW_OK && old.len == len &&
           (len == 0 || memcmp(old.data, bytes, len) == 0);
}

int cw_trust_write(int dir, const char *path, const void *bytes, size_t len, struct cw_err *err)
{
    return holds(dir, path, bytes, len) ? CW_OK : cw_file_replace(dir, path, bytes, len, 0644, err);
}

int cw_trust_add(struct cw_batch *batch, int dir, const char *path, const void *bytes, size_t len,
                 struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    int rc;

    if (holds(dir, path, bytes, len))
        return CW_OK;
    rc = cw_out_open(&out, dir, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_out_write(&out, bytes, len, err);
    return rc == CW_OK ? cw_batch_add(batch, &out, err) : rc;
}

int cw_trust_read(struct cw_buf *buf, const struct cw_site *site, const struct cw_upstream *upstream,
                  const char *name, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = trust_path(path, upstream, name, err);

    return rc == CW_OK ? cw_at_read_file(buf, site->fd, path, err) : rc;
}

int cw_trust_store(const struct cw_site *site, const struct cw_upstream *upstream, const char *name,
                   const void *bytes, size_t len, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = trust_path(path, upstream, name, err);

    return rc == CW_OK ? cw_trust_write(site->fd, path, bytes, len, err) : rc;
}

int cw_trust_open(int *fd, const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, "trust", err);

    *fd = -1;
    return rc == CW_OK ? cw_at_make_dir(fd, site->fd, path, err) : rc;
}

static void root_name(char name[64], int64_t version)
{
    snprintf(name, 64, "roots/%lld" ROOT_SUFFIX, (long long)version);
}

int cw_trust_read_root(struct cw_buf *buf, const struct cw_site *site, const struct cw_upstream *upstream,
                       int64_t version, struct cw_err *err)
{
    char name[64] = "root.json";
    int rc;

    if (version != 0)
        root_name(name, version);
    rc = cw_trust_read(buf, site, upstream, name, err);
    if (rc == CW_E_NOTFOUND && version == 0)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "nothing is trusted for upstream '%s' yet; run 'causeway-sync init --upstream %s "
                          "--root FILE --fingerprint SHA256'",
                          upstream->name, upstream->name);
    return rc;
}

int cw_trust_store_root(const struct cw_site *site, const struct cw_upstream *upstream, int64_t version,
                        const void *bytes, size_t len, struct cw_err *err)
{
    char name[64];
    int rc;

    root_name(name, version);
    rc = cw_trust_store(site, upstream, name, bytes, len, err);
    return rc == CW_OK ? cw_trust_store(site, upstream, "root.json", bytes, len, err) : rc;
}

struct root_visit {
    const struct cw_upstream *upstream;
    int (*fn)(void *ctx, int64_t version, const char *path, struct cw_err *err);
    void *ctx;
};

static int visit_root(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct root_visit *visit = ctx;
    char number[32];
    char whole[CW_PATH_MAX], name[64];
    uint64_t version;
    int rc;

    if (!S_ISREG(st->st_mode) || !cw_str_ends(path, ROOT_SUFFIX) ||
        strlen(path) - strlen(ROOT_SUFFIX) >= sizeof number)
        return CW_OK;
    snprintf(number, sizeof number, "%.*s", (int)(strlen(path) - strlen(ROOT_SUFFIX)), path);
    if (!cw_str_to_u64(number, INT64_MAX, &version) || version == 0)
        return CW_OK;
    root_name(name, (int64_t)version);
    rc = trust_path(whole, visit->upstream, name, err);
    return rc == CW_OK ? visit->fn(visit->ctx, (int64_t)version, whole, err) : rc;
}

int cw_trust_each_root(const struct cw_site *site, const struct cw_upstream *upstream,
                       int (*fn)(void *ctx, int64_t version, const char *path, struct cw_err *err), void *ctx,
                       struct cw_err *err)
{
    struct root_visit visit = {.upstream = upstream, .fn = fn, .ctx = ctx};
    char path[CW_PATH_MAX];
    int rc = trust_path(path, upstream, "roots", err);

    return rc == CW_OK ? cw_walk(site->fd, path, visit_root, &visit, err) : rc;
}
