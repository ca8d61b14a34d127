/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync plan: what a sync would change, why, and what it waits for. Changes nothing but the list of
 * plans.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/recalled.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"
#include "sync/deploy/show.h"

const struct cw_option cmd_plan_options[] = {
    {.kind = CW_OPTION_END},
};

int cmd_plan(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    CW_AUTO_WORLD world = CW_WORLD_INIT;
    json_auto_t *plan = NULL;
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&site, cli, now, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK)
        rc = cw_world_load(&world, &site, now, err);
    if (rc == CW_OK)
        rc = cw_world_plan(&plan, &world, err);
    if (rc == CW_OK && cw_plan_units(plan) > 0)
        rc = cw_plan_store(site.fd, plan, err);
    if (rc != CW_OK)
        return rc;
    cw_deploy_warn_clock(&world, cli);
    cw_recalled_warn(&site, cli);
    cw_plan_show(cli, plan);
    return cw_cli_json(cli, plan, err);
}
