/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync pull: takes in what an upstream published, from a web server, a folder or a bundle.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/mirror/mirror.h"

static const char *upstream_name;

const struct cw_option cmd_pull_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "pull from this upstream only"},
    {.kind = CW_OPTION_END},
};

static void tell(const struct cw_cli *cli, const struct cw_upstream *upstream,
                 const struct cw_pull_result *result)
{
    char bytes[16];

    if (result->older) {
        cw_cli_say(cli, "%s: nothing is taken from %s: it is older than what this site has, %s serial %lld",
                   upstream->name, result->source, upstream->channel, (long long)result->serial);
        return;
    }
    if (!result->changed) {
        cw_cli_say(cli, "%s: up to date: %s serial %lld", upstream->name, upstream->channel,
                   (long long)result->serial);
        return;
    }
    cw_str_bytes(result->bytes, bytes);
    cw_cli_say(cli, "%s: complete and genuine: %s serial %lld, %llu file%s (%s) from %s", upstream->name,
               upstream->channel, (long long)result->serial, (unsigned long long)result->files,
               cw_str_plural(result->files), bytes, result->source);
}

static json_t *to_json(const struct cw_upstream *upstream, const struct cw_pull_result *result)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "upstream", upstream->name,
                     "channel", upstream->channel, "source", result->source, "changed", result->changed,
                     "older", result->older, "serial", (json_int_t)result->serial, "files",
                     (json_int_t)result->files, "bytes", (json_int_t)result->bytes, "grace_used",
                     (json_int_t)result->grace_used, "root_version", (json_int_t)result->root_version);
}

static int pull_one(json_t *list, const struct cw_site *site, const struct cw_upstream *upstream,
                    const char *where, int64_t now, const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_pull_result result;
    int rc = cw_mirror_pull(&result, site, upstream, where, now, cli, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "upstream '%s'", upstream->name);
    tell(cli, upstream, &result);
    return json_array_append_new(list, to_json(upstream, &result)) != 0 ? cw_err_nomem(err) : CW_OK;
}

int cmd_pull(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "pulled");
    CW_AUTO_SITE site = CW_SITE_INIT;
    int64_t now = cw_clock_now();
    const char *where = argc > 1 ? argv[1] : NULL;
    const struct cw_upstream *chosen = NULL;
    size_t i;
    int rc;

    if (doc == NULL)
        return cw_err_nomem(err);
    rc = cw_site_open(&site, cli, true, err);
    if (rc == CW_OK && (where != NULL || upstream_name != NULL || site.upstream_count == 0))
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    for (i = 0; i < site.upstream_count && rc == CW_OK; i++) {
        if (chosen == NULL || chosen == &site.upstreams[i])
            rc = pull_one(json_object_get(doc, "pulled"), &site, &site.upstreams[i], where, now, cli, err);
    }
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}
