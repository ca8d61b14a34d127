/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync plan: what a sync would change, why, and what it waits for. Changes nothing but the list of
 * plans, and the file that was asked for.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/plan_file.h"
#include "sync/deploy/recalled.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"
#include "sync/deploy/show.h"

static const char *out;

const struct cw_option cmd_plan_options[] = {
    {CW_OPTION_STRING, "out", &out, "FILE", "write the plan to a file as well, to be approved elsewhere"},
    {.kind = CW_OPTION_END},
};

static int write_out(const json_t *plan, struct cw_err *err)
{
    if (cw_plan_units(plan) == 0)
        return cw_err_set(err, CW_E_FAIL, "there is nothing to do, so no plan is written to '%s'", out);
    return cw_plan_write_file(out, plan, err);
}

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
    if (rc == CW_OK && out != NULL)
        rc = write_out(plan, err);
    if (rc != CW_OK)
        return rc;
    cw_world_warn(&world, plan, cli);
    cw_deploy_warn_clock(&world, cli);
    cw_recalled_warn(&site, cli);
    cw_plan_show(cli, plan);
    return cw_cli_json(cli, plan, err);
}
