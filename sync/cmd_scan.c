/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync scan: shows the site's scanner what it has not seen, or everything once more, since scanners learn.
 */
#include "base/clock.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/scan.h"
#include "sync/site.h"

static bool all;

const struct cw_option cmd_scan_options[] = {
    {CW_OPTION_FLAG, "all", &all, NULL,
     "also what has a verdict already: for when the scanner knows more than before"},
    {.kind = CW_OPTION_END},
};

int cmd_scan(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    struct cw_scan_result result = {0};
    json_auto_t *doc = NULL;
    int rc = cw_site_open(&site, cli, true, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK && site.scan == NULL)
        return cw_err_set(
            err, CW_E_USAGE,
            "site.lua names no scanner: add 'scan = { run = { \"/usr/bin/clamdscan\", \"{file}\" } }'");
    if (rc == CW_OK)
        rc = cw_scan_run(&result, &site, all, cw_clock_now(), cli, err);
    if (rc != CW_OK)
        return rc;
    if (result.scanned == 0)
        cw_cli_say(cli, "nothing to do: all %llu files were scanned before",
                   (unsigned long long)result.known);
    doc = json_pack("{s:I, s:I, s:I, s:I}", "scanned", (json_int_t)result.scanned, "known",
                    (json_int_t)result.known, "bad", (json_int_t)result.bad, "failed",
                    (json_int_t)result.failed);
    rc = doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
    if (rc == CW_OK && result.bad + result.failed > 0)
        return cw_err_set(err, CW_E_HELD, "%llu file%s not clean: sets that have them are held",
                          (unsigned long long)(result.bad + result.failed),
                          result.bad + result.failed == 1 ? " is" : "s are");
    return rc;
}
