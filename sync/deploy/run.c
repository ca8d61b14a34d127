/* SPDX-License-Identifier: ISC */
/*
 * What the commands apply and update share: see sync/deploy/run.h. The deciding is plan.c's, the doing
 * apply.c's.
 */
#include "sync/deploy/run.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "sync/deploy/apply.h"
#include "sync/deploy/plan_file.h"
#include "sync/deploy/recalled.h"
#include "sync/deploy/show.h"

void cw_deploy_warn_clock(const struct cw_world *world, const struct cw_cli *cli)
{
    char now[CW_TIME_TEXT], floor[CW_TIME_TEXT];

    if (world->now >= world->floor)
        return;
    cw_time_format(world->now, now);
    cw_time_format(world->floor, floor);
    cw_cli_warn(
        cli,
        "the clock says %s, but something signed at %s was seen: windows stay closed until it is set right",
        now, floor);
}

static int answer(json_t **result, bool applied, int64_t generation, const json_t *plan, struct cw_err *err)
{
    *result =
        json_pack("{s:b, s:I, s:O}", "applied", applied, "generation", (json_int_t)generation, "plan", plan);
    return *result != NULL ? CW_OK : cw_err_nomem(err);
}

/* Did the running generation come from the plan that is meant? Then there is nothing left to do, and that is
 * success. */
static bool is_applied(const struct cw_world *world, const json_t *meant)
{
    const char *plan = json_string_value(json_object_get(world->generation, "plan"));
    const char *id = json_string_value(json_object_get(meant, "id"));

    return id != NULL && plan != NULL && strcmp(plan, id) == 0;
}

/* The plan that `which` names: the present one, also when it was not stored yet, or one from a file. */
static int find_meant(json_t **meant, const struct cw_site *site, const json_t *plan, const char *which,
                      struct cw_err *err)
{
    const char *id = json_string_value(json_object_get(plan, "id"));

    if (which == NULL || (cw_plan_is_id(which) && cw_str_starts(id, which))) {
        *meant = which != NULL ? json_incref((json_t *)plan) : NULL;
        return CW_OK;
    }
    return cw_plan_find(meant, site->fd, which, err);
}

static int refuse(const json_t *plan, struct cw_err *err)
{
    const json_t *unit = json_array_get(json_object_get(plan, "units"), 0);
    size_t more = cw_plan_units(plan) - 1;
    char why[1024];

    cw_plan_why(why, unit);
    if (more > 0)
        return cw_err_set(err, CW_E_HELD, "nothing may be applied now: %s: %s (and %zu more)",
                          json_string_value(json_object_get(unit, "upstream")), why, more);
    return cw_err_set(err, CW_E_HELD, "nothing may be applied now: %s: %s",
                      json_string_value(json_object_get(unit, "upstream")), why);
}

static int apply_ready(json_t **result, const struct cw_world *world, const json_t *plan,
                       const struct cw_cli *cli, struct cw_err *err)
{
    int64_t number;
    int rc = cw_apply(&number, world, plan, NULL, cli, err);

    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "generation %lld runs", (long long)number);
    return answer(result, true, number, plan, err);
}

int cw_deploy_run(json_t **result, const struct cw_site *site, const char *which, bool timer, int64_t now,
                  const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_WORLD world = CW_WORLD_INIT;
    json_auto_t *plan = NULL, *meant = NULL;
    int rc = cw_world_load(&world, site, now, err);

    *result = NULL;
    if (rc == CW_OK)
        rc = cw_world_plan(&plan, &world, err);
    if (rc != CW_OK)
        return rc;
    cw_deploy_warn_clock(&world, cli);
    cw_recalled_warn(site, cli);
    cw_world_warn(&world, plan, cli);
    rc = find_meant(&meant, site, plan, which, err);
    if (rc == CW_OK && is_applied(&world, meant)) {
        cw_cli_say(cli, "nothing to do: plan %s is what generation %lld was made by", which,
                   (long long)world.current);
        return answer(result, false, world.current, plan, err);
    }
    if (rc == CW_OK && meant != NULL)
        rc = cw_plan_is_current(plan, meant, err);
    if (rc == CW_OK && cw_plan_units(plan) > 0 && !cli->dry_run)
        rc = cw_plan_store(site->fd, plan, err);
    if (rc != CW_OK)
        return rc;
    cw_plan_show(cli, plan);
    if (cw_plan_units(plan) == 0 || cli->dry_run || (timer && cw_plan_ready(plan) == 0))
        return answer(result, false, world.current, plan, err);
    if (cw_plan_ready(plan) == 0)
        return refuse(plan, err);
    return apply_ready(result, &world, plan, cli, err);
}
