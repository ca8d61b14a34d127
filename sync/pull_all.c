/* SPDX-License-Identifier: ISC */
/*
 * What each upstream's pull came to, said to people and to programs.
 */
#include "sync/pull_all.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "sync/mirror/mirror.h"
#include "sync/scan.h"
#include "sync/stale.h"

static void tell(const struct cw_cli *cli, const struct cw_upstream *upstream,
                 const struct cw_pull_result *result)
{
    char bytes[16], carried[16], by_delta[48] = "";

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
    cw_str_bytes(result->carried, carried);
    if (result->carried < result->bytes)
        snprintf(by_delta, sizeof by_delta, ", as %s with deltas", carried);
    cw_cli_say(cli, "%s: complete and genuine: %s serial %lld, %llu file%s (%s%s) from %s", upstream->name,
               upstream->channel, (long long)result->serial, (unsigned long long)result->files,
               cw_str_plural(result->files), bytes, by_delta, result->source);
}

static json_t *to_json(const struct cw_upstream *upstream, const struct cw_pull_result *result)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "upstream", upstream->name,
                     "channel", upstream->channel, "source", result->source, "changed", result->changed,
                     "older", result->older, "serial", (json_int_t)result->serial, "files",
                     (json_int_t)result->files, "bytes", (json_int_t)result->bytes, "carried",
                     (json_int_t)result->carried, "grace_used", (json_int_t)result->grace_used,
                     "root_version", (json_int_t)result->root_version);
}

static int pull_one(json_t *pulled, const struct cw_site *site, const struct cw_upstream *upstream,
                    const struct cw_pull_how *how, int64_t now, const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_pull_result result;
    json_t *row;
    int rc = cw_mirror_pull(&result, site, upstream, how, now, cli, err);

    if (rc == CW_OK)
        tell(cli, upstream, &result);
    else
        rc = cw_err_prefix(err, "upstream '%s'", upstream->name);
    if (pulled == NULL)
        return rc;
    row = rc == CW_OK ? to_json(upstream, &result)
                      : json_pack("{s:s, s:s}", "upstream", upstream->name, "error", err->text);
    return json_array_append_new(pulled, row) != 0 ? cw_err_nomem(err) : rc;
}

/* What one upstream failed in is no reason not to scan what the others brought. */
static int scan_new(const struct cw_site *site, int64_t now, int first, const struct cw_cli *cli,
                    struct cw_err *err)
{
    struct cw_scan_result result;
    struct cw_err own = {0};
    int rc = cw_scan_run(&result, site, false, now, cli, &own);

    if (rc != CW_OK && first == CW_OK)
        *err = own;
    else if (rc != CW_OK)
        cw_cli_warn(cli, "%s", own.text);
    return first != CW_OK ? first : rc;
}

int cw_pull_limit_new(struct cw_http_limit **limit, const char *limit_rate, struct cw_err *err)
{
    uint64_t rate;

    *limit = NULL;
    if (limit_rate == NULL)
        return CW_OK;
    if (!cw_str_to_size(limit_rate, &rate))
        return cw_err_set(err, CW_E_USAGE, "'%s' is no rate; write it as 500K or 2M, bytes a second",
                          limit_rate);
    return cw_http_limit_new(limit, rate, err);
}

int cw_pull_set_pause(struct cw_pull_how *how, const char *retry_wait, struct cw_err *err)
{
    if (retry_wait == NULL)
        return CW_OK;
    if (cw_duration_parse_ms(&how->retry_ms, retry_wait, err) != CW_OK)
        return cw_err_set(err, CW_E_USAGE, "--retry-wait: '%s' is not a length of time like 500ms, 2s or 1m",
                          retry_wait);
    if (how->retry_ms < 1 || how->retry_ms > CW_PULL_RETRY_MS_MAX)
        return cw_err_set(err, CW_E_USAGE, "--retry-wait must be between 1ms and 1h");
    return CW_OK;
}

int cw_pull_all(json_t *pulled, const struct cw_site *site, const struct cw_upstream *chosen,
                const struct cw_pull_how *how, int64_t now, const struct cw_cli *cli, struct cw_err *err)
{
    size_t i;
    int first = CW_OK;

    for (i = 0; i < site->upstream_count; i++) {
        const struct cw_upstream *upstream = &site->upstreams[i];
        struct cw_err own = {0};
        int rc;

        if (chosen != NULL && chosen != upstream)
            continue;
        rc = pull_one(pulled, site, upstream, how, now, cli, &own);
        if (rc == CW_E_NOMEM || (rc != CW_OK && first == CW_OK)) {
            *err = own;
            first = rc;
        } else if (rc != CW_OK) {
            cw_cli_warn(cli, "%s", own.text);
        }
        if (rc == CW_E_NOMEM)
            break;
    }
    cw_stale_warn(site, now, cli);
    return site->scan != NULL && first != CW_E_NOMEM ? scan_new(site, now, first, cli, err) : first;
}
