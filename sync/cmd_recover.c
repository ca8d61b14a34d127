/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync recover: finishes or undoes what a power cut interrupted, now, for a unit that runs at boot. Every
 * other command that changes something does the same first.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/recover.h"

int cmd_recover(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    char said[CW_RECOVER_TEXT_MAX] = "";
    json_auto_t *doc = NULL;
    int rc = cw_site_open(&site, cli, true, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK)
        rc = cw_recover(said, &site, cw_clock_now(), err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%s", said[0] != '\0' ? said : "nothing was interrupted");
    doc = json_pack("{s:b, s:s}", "interrupted", said[0] != '\0', "said", said);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}
