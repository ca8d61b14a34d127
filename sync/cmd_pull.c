/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync pull: takes in what an upstream published, from a web server, a folder or a bundle.
 */
#include "base/clock.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/deploy/recalled.h"
#include "sync/pull_all.h"

static const char *upstream_name, *limit_rate, *retry_wait;
static int64_t stall_time = CW_PULL_STALL_SECONDS;

const struct cw_option cmd_pull_options[] = {
    {CW_OPTION_STRING, "limit-rate", &limit_rate, "SIZE", CW_PULL_LIMIT_RATE_HELP},
    {CW_OPTION_STRING, "retry-wait", &retry_wait, "TIME", CW_PULL_RETRY_WAIT_HELP},
    {CW_OPTION_DURATION, "stall-time", &stall_time, "TIME",
     "give a web server up that sends less than 100 bytes a second for so long: 30s"},
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "pull from this upstream only"},
    {.kind = CW_OPTION_END},
};

static int set_limit(struct cw_pull_how *how, struct cw_err *err)
{
    if (stall_time < 1 || stall_time > CW_PULL_STALL_SECONDS_MAX)
        return cw_err_set(err, CW_E_USAGE, "--stall-time must be between 1s and 1h");
    return cw_pull_limit_new(&how->limit, limit_rate, err);
}

int cmd_pull(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "pulled");
    CW_AUTO_SITE site = CW_SITE_INIT;
    int64_t now = cw_clock_now();
    struct cw_pull_how how = {.where = argc > 1 ? argv[1] : NULL, .stall_seconds = stall_time};
    const struct cw_upstream *chosen = NULL;
    int rc;

    if (doc == NULL)
        return cw_err_nomem(err);
    rc = cw_pull_set_pause(&how, retry_wait, err);
    if (rc == CW_OK)
        rc = set_limit(&how, err);
    if (rc == CW_OK)
        rc = cw_site_open(&site, cli, true, err);
    if (rc == CW_OK && (how.where != NULL || upstream_name != NULL || site.upstream_count == 0))
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    if (rc != CW_OK) {
        cw_http_limit_free(how.limit);
        return rc;
    }
    rc = cw_pull_all(json_object_get(doc, "pulled"), &site, chosen, &how, now, cli, err);
    cw_http_limit_free(how.limit);
    cw_recalled_warn(&site, cli);
    if (rc != CW_OK && site.upstream_count > 1) {
        struct cw_err unheard = {0};

        (void)cw_cli_json(cli, doc,
                          &unheard); /* it says how the others fared; the error is told in any case */
        return rc;
    }
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}
