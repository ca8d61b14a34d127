/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync pull: takes in what an upstream published, from a web server, a folder or a bundle.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/recalled.h"
#include "sync/pull_all.h"

static const char *upstream_name;

const struct cw_option cmd_pull_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "pull from this upstream only"},
    {.kind = CW_OPTION_END},
};

int cmd_pull(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "pulled");
    CW_AUTO_SITE site = CW_SITE_INIT;
    int64_t now = cw_clock_now();
    const char *where = argc > 1 ? argv[1] : NULL;
    const struct cw_upstream *chosen = NULL;
    int rc;

    if (doc == NULL)
        return cw_err_nomem(err);
    rc = cw_site_open(&site, cli, true, err);
    if (rc == CW_OK && (where != NULL || upstream_name != NULL || site.upstream_count == 0))
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_pull_all(json_object_get(doc, "pulled"), &site, chosen, where, now, cli, err);
    cw_recalled_warn(&site, cli);
    if (rc != CW_OK && site.upstream_count > 1) {
        struct cw_err unheard = {0};

        (void)cw_cli_json(cli, doc,
                          &unheard); /* it says how the others fared; the error is told in any case */
        return rc;
    }
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}
