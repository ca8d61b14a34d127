/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync apply: makes the present plan, or the one that is named, the running generation.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"

const struct cw_option cmd_apply_options[] = {
    {.kind = CW_OPTION_END},
};

int cmd_apply(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *result = NULL;
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&site, cli, now, err);

    if (rc == CW_OK)
        rc = cw_deploy_run(&result, &site, argc > 1 ? argv[1] : NULL, false, now, cli, err);
    return rc == CW_OK ? cw_cli_json(cli, result, err) : rc;
}
