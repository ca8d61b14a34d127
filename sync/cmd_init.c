/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync init: makes a site, or begins (or begins anew) its trust in an upstream.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/lock.h"
#include "release/name.h"
#include "sync/commands.h"
#include "sync/history.h"
#include "sync/identity.h"
#include "sync/library.h"
#include "sync/mirror/begin.h"
#include "sync/site.h"
#include "sync/starter.h"

static struct {
    const char *root, *fingerprint, *upstream, *channel, *install, *site;
    struct cw_cli_list sources, products, platforms;
    bool forget;
} options;

const struct cw_option cmd_init_options[] = {
    {CW_OPTION_STRING, "root", &options.root, "FILE", "the publisher's root metadata"},
    {CW_OPTION_STRING, "fingerprint", &options.fingerprint, "SHA256",
     "its fingerprint, learnt by another way than the file came"},
    {CW_OPTION_STRING, "upstream", &options.upstream, "NAME", "what to call the publisher (upstream)"},
    {CW_OPTION_LIST, "source", &options.sources, "URL|DIR",
     "where its tree is, or a pattern of sticks ('/media/*/causeway')"},
    {CW_OPTION_STRING, "channel", &options.channel, "NAME", "the channel to follow (stable)"},
    {CW_OPTION_LIST, "product", &options.products, "PATTERN", "take these products only"},
    {CW_OPTION_LIST, "platform", &options.platforms, "NAME", "take builds for these platforms only"},
    {CW_OPTION_STRING, "install", &options.install, "DIR",
     "install releases here; without it the site only mirrors"},
    {CW_OPTION_STRING, "site", &options.site, "NAME", "the site's name (that of its folder)"},
    {CW_OPTION_FLAG, "forget-trust", &options.forget, NULL,
     "forget what the upstream said before: serials, versions, time; logged"},
    {.kind = CW_OPTION_END},
};

struct init { /* one run */
    const struct cw_cli *cli;
    struct cw_site site;
    const struct cw_upstream *upstream;
    struct cw_identity identity;
    struct cw_buf root;
    char sha256[CW_SHA256_TEXT];
    int64_t version;
    int64_t now;
};

static int read_root(struct init *init, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    int rc;

    if (options.root == NULL)
        return cw_err_set(err, CW_E_USAGE,
                          "--root is missing: name the file with the publisher's root metadata "
                          "(metadata/1.root.json of its tree)");
    fd = open(options.root, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", options.root);
    rc = cw_fd_read_all(&init->root, fd, options.root, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_trust_check(&init->version, init->sha256, cw_buf_text(&init->root), init->root.len,
                        options.fingerprint, err);
    return rc == CW_OK || rc == CW_E_USAGE ? rc : cw_err_prefix(err, "'%s'", options.root);
}

/* Folders may be given as people give them; in site.lua they are absolute. The copies live as long as the
 * program. */
static int make_absolute(const char **path, struct cw_err *err)
{
    char *whole, *here;

    if ((*path)[0] == '/' || strstr(*path, "://") != NULL)
        return CW_OK;
    here = realpath(".", NULL);
    if (here == NULL)
        return cw_err_errno(err, errno, "unable to find the working folder");
    whole = cw_str_format("%s/%s", here, cw_str_starts(*path, "./") ? *path + 2 : *path);
    free(here);
    *path = whole;
    return whole == NULL ? cw_err_nomem(err) : CW_OK;
}

static int check_options(struct cw_err *err)
{
    size_t i;
    int rc = cw_name_check(options.upstream, "upstream", err);

    if (rc == CW_OK)
        rc = cw_name_check_channel(options.channel, err);
    for (i = 0; i < options.platforms.count && rc == CW_OK; i++)
        rc = cw_name_check(options.platforms.items[i], "platform", err);
    for (i = 0; i < options.sources.count && rc == CW_OK; i++)
        rc = make_absolute(&options.sources.items[i], err);
    if (rc == CW_OK && options.install != NULL)
        rc = make_absolute(&options.install, err);
    return rc == CW_E_VERIFY ? (err->code = CW_E_USAGE) : rc;
}

static int write_if_absent(int dir, const char *name, const struct cw_buf *text, struct cw_err *err)
{
    bool there;
    int rc = cw_at_has(&there, dir, name, err);

    return rc != CW_OK || there ? rc : cw_file_replace(dir, name, cw_buf_text(text), text->len, 0644, err);
}

static int site_name(const char **name, const char *path, struct cw_err *err)
{
    *name = options.site != NULL ? options.site : cw_str_basename(path);
    if (cw_name_check(*name, "site", err) == CW_OK)
        return CW_OK;
    cw_err_prefix(err, "name the site with --site");
    return err->code = CW_E_USAGE;
}

/* site.lua as the options say it. */
static int compose(struct cw_buf *site, const struct init *init, struct cw_err *err)
{
    struct cw_starter starter = {.upstream = options.upstream,
                                 .channel = options.channel,
                                 .install = options.install,
                                 .sources = &options.sources,
                                 .products = &options.products,
                                 .platforms = &options.platforms};
    CW_AUTO_FREE char *path = NULL;
    char link[64];
    int rc;

    snprintf(link, sizeof link, "/proc/self/fd/%d", init->site.fd);
    path = realpath(link, NULL);
    rc = site_name(&starter.site, path != NULL ? path : "site", err);
    return rc == CW_OK ? cw_starter_site(site, &starter, err) : rc;
}

/* The files of a new site; site.lua, by which a site is known, comes last. */
static int write_files(struct init *init, const struct cw_buf *site, struct cw_err *err)
{
    CW_AUTO_BUF policy = CW_BUF_INIT(CW_STARTER_MAX);
    int rc = cw_starter_policy(&policy, err);

    if (rc == CW_OK)
        rc = write_if_absent(init->site.fd, CW_SITE_POLICY, &policy, err);
    return rc == CW_OK ? write_if_absent(init->site.fd, CW_SITE_MARKER, site, err) : rc;
}

/* The same init again, after it was interrupted say, goes on; other options are no way to change a site. */
static int check_same(const struct init *init, const struct cw_buf *site, const char *dir, struct cw_err *err)
{
    CW_AUTO_BUF there = CW_BUF_INIT(CW_SITE_LUA_MAX);
    int rc = cw_at_read_file(&there, init->site.fd, CW_SITE_MARKER, err);

    if (rc != CW_OK ||
        (there.len == site->len && memcmp(cw_buf_text(&there), cw_buf_text(site), site->len) == 0))
        return rc;
    return cw_err_set(err, CW_E_USAGE,
                      "'%s' has a site.lua already, and these options do not agree with it: edit it, then "
                      "init with --upstream, "
                      "--root and --fingerprint alone",
                      dir);
}

static int make_files(struct init *init, const char *dir, bool there, struct cw_err *err)
{
    CW_AUTO_BUF site = CW_BUF_INIT(CW_STARTER_MAX);
    int rc;

    options.upstream = options.upstream != NULL ? options.upstream : "upstream";
    options.channel = options.channel != NULL ? options.channel : "stable";
    rc = check_options(err);
    if (rc == CW_OK)
        rc = compose(&site, init, err);
    if (rc != CW_OK)
        return rc;
    return there ? check_same(init, &site, dir, err) : write_files(init, &site, err);
}

static int record(const struct init *init, enum cw_trust_began began, struct cw_err *err)
{
    json_auto_t *data = json_pack("{s:s, s:I, s:s, s:b, s:b}", "upstream", init->upstream->name, "root",
                                  (json_int_t)init->version, "fingerprint", init->sha256, "replaced",
                                  began == CW_TRUST_REPLACED, "forgot", options.forget);

    if (data == NULL)
        return cw_err_nomem(err);
    return cw_history_append(init->site.fd, init->now, "init", data, err);
}

static int tell(const struct init *init, enum cw_trust_began began, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:b}", "site", init->site.path, "identity",
                                 init->identity.id, "upstream", init->upstream->name, "root",
                                 (json_int_t)init->version, "fingerprint", init->sha256, "changed",
                                 began != CW_TRUST_SAME || options.forget, "forgot", options.forget);

    if (doc == NULL)
        return cw_err_nomem(err);
    if (began == CW_TRUST_SAME && !options.forget)
        cw_cli_say(init->cli, "%s: this root is trusted already", init->upstream->name);
    else
        cw_cli_say(init->cli, "%s: trusts root %lld, %s", init->upstream->name, (long long)init->version,
                   init->sha256);
    cw_cli_say(init->cli, "this site's own fingerprint is %s", init->identity.id);
    if (began == CW_TRUST_NEW)
        cw_cli_say(init->cli, "look at site.lua and policy.lua in '%s', then run 'causeway-sync pull'",
                   init->site.path);
    return cw_cli_json(init->cli, doc, err);
}

static int begin(struct init *init, struct cw_err *err)
{
    const char *bytes = cw_buf_text(&init->root);
    enum cw_trust_began began = CW_TRUST_SAME;
    int rc = cw_identity_ensure(&init->identity, init->site.fd, init->now, err);

    if (rc == CW_OK)
        rc = cw_trust_compare(&began, &init->site, init->upstream, init->version, bytes, init->root.len, err);
    /* The log first: that somebody asked to forget must not depend on what happens next. */
    if (rc == CW_OK && (began != CW_TRUST_SAME || options.forget))
        rc = record(init, began, err);
    if (rc == CW_OK)
        rc = cw_trust_begin(&init->site, init->upstream, init->version, bytes, init->root.len, options.forget,
                            err);
    return rc == CW_OK ? tell(init, began, err) : rc;
}

static bool has_site_options(void)
{
    return options.sources.count + options.products.count + options.platforms.count > 0 ||
           options.install != NULL || options.site != NULL || options.channel != NULL;
}

static int open_site(struct init *init, const char *dir, struct cw_err *err)
{
    CW_AUTO_FD int lock = -1;
    bool there;
    int fd, rc = cw_dir_create(&fd, dir, err);

    if (rc != CW_OK)
        return rc;
    init->site.fd = fd;
    rc = cw_lock_take(&lock, fd, CW_SITE_LOCK, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, fd, CW_SITE_MARKER, err);
    if (rc != CW_OK)
        return rc;
    if (!there || has_site_options())
        rc = make_files(init, dir, there, err);
    if (rc == CW_OK)
        rc = cw_site_open_at(&init->site, fd, false, err);
    /* A site.lua that cannot be read would only be in the way of the next try. */
    if (rc != CW_OK && !there)
        (void)unlinkat(fd, CW_SITE_MARKER, 0);
    init->site.lock = lock;
    lock = -1;
    return rc == CW_OK ? cw_site_upstream(&init->upstream, &init->site, options.upstream, err) : rc;
}

int cmd_init(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct init init = {
        .cli = cli, .site = CW_SITE_INIT, .root = CW_BUF_INIT(CW_TUF_ROOT_MAX), .now = cw_clock_now()};
    const char *dir = argc > 1 ? argv[1] : cli->folder != NULL ? cli->folder : ".";
    int rc = read_root(&init, err);

    if (rc == CW_OK)
        rc = open_site(&init, dir, err);
    if (rc == CW_OK)
        rc = begin(&init, err);
    cw_site_close(&init.site);
    cw_buf_clear(&init.root);
    return rc;
}
