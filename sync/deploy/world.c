/* SPDX-License-Identifier: ISC */
/*
 * Reading the world and handing it to the planner: see sync/deploy/world.h.
 */
#include "sync/deploy/world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync/deploy/approvals.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/store.h"
#include "sync/mirror/mirror.h"
#include "sync/scan.h"

static int decide(void *ctx, struct cw_decision *decision, const json_t *set, const json_t *site,
                  struct cw_err *err)
{
    return cw_policy_decide(decision, ctx, set, site, err);
}

static int actions(void *ctx, json_t **answer, const json_t *question, struct cw_err *err)
{
    return cw_policy_actions(answer, ctx, question, err);
}

static int load_sets(struct cw_world *world, struct cw_err *err)
{
    const struct cw_site *site = world->site;
    size_t found = 0;

    world->sets = calloc(site->upstream_count + 1, sizeof *world->sets);
    if (world->sets == NULL)
        return cw_err_nomem(err);
    for (size_t i = 0; i < site->upstream_count; i++) {
        int rc = cw_mirror_load(&world->sets[i], &world->root_versions[i], site, &site->upstreams[i], err);

        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return cw_err_prefix(err, "upstream '%s'", site->upstreams[i].name);
        world->pulled[i] = rc == CW_OK;
        found += rc == CW_OK ? 1 : 0;
    }
    if (found == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "nothing was pulled yet: 'causeway-sync pull' does that");
    cw_err_clear(err);
    return CW_OK;
}

static int load_installed(struct cw_world *world, struct cw_err *err)
{
    int rc = cw_dir_open(&world->root, world->site->install_root, err);

    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_store_current(&world->current, world->root, err);
    if (rc == CW_OK && world->current != 0)
        rc = cw_store_read(&world->generation, world->root, world->current, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", world->site->install_root);
}

/* By the floor where the clock is behind it: what has expired stays so. */
static int load_approvals(struct cw_world *world, struct cw_err *err)
{
    int64_t now = world->now > world->floor ? world->now : world->floor;
    int rc = cw_people_load(&world->people, world->site, err);

    if (rc != CW_OK)
        return rc;
    world->described = cw_people_describe(&world->people, world->site);
    world->problems = json_array();
    if (world->described == NULL || world->problems == NULL)
        return cw_err_nomem(err);
    return cw_approvals_load(&world->approvals, world->problems, world->site, &world->people, now, err);
}

int cw_world_load(struct cw_world *world, const struct cw_site *site, int64_t now, struct cw_err *err)
{
    int rc;

    *world = (struct cw_world)CW_WORLD_INIT;
    world->site = site;
    world->now = now;
    if (site->install_root == NULL)
        return cw_err_set(
            err, CW_E_USAGE,
            "site.lua names no install root, so this site only mirrors: add 'install = { root = \"/…\" }'");
    rc = load_sets(world, err);
    if (rc == CW_OK)
        rc = load_installed(world, err);
    if (rc == CW_OK)
        rc = cw_holds_load(&world->holds, site->fd, err);
    if (rc == CW_OK)
        rc = cw_scans_load(&world->scans, site, err);
    if (rc == CW_OK)
        rc = cw_policy_open(&world->policy, site->fd, err);
    if (rc == CW_OK)
        rc = cw_mirror_time_floor(&world->floor, site, err);
    return rc == CW_OK ? load_approvals(world, err) : rc;
}

void cw_world_clear(struct cw_world *world)
{
    for (size_t i = 0; world->sets != NULL && i < world->site->upstream_count; i++)
        cw_set_clear(&world->sets[i]);
    free(world->sets);
    cw_policy_free(world->policy);
    json_decref(world->holds);
    json_decref(world->scans);
    cw_people_clear(&world->people);
    json_decref(world->described);
    json_decref(world->approvals);
    json_decref(world->problems);
    json_decref(world->generation);
    if (world->root >= 0)
        close(world->root);
    *world = (struct cw_world)CW_WORLD_INIT;
}

void cw_world_warn(const struct cw_world *world, const json_t *plan, const struct cw_cli *cli)
{
    const char *id = json_string_value(json_object_get(plan, "id"));
    json_t *problem;
    size_t i;

    json_array_foreach (world->problems, i, problem) {
        if (cw_approvals_concern(json_string_value(problem), id))
            cw_cli_warn(cli, "%s; it does not count", json_string_value(problem));
    }
}

int cw_world_plan(json_t **plan, const struct cw_world *world, struct cw_err *err)
{
    struct cw_plan_upstream upstreams[CW_UPSTREAMS_MAX];
    struct cw_plan_policy policy = {.decide = decide,
                                    .actions = actions,
                                    .ctx = world->policy,
                                    .sha256 = cw_policy_sha256(world->policy)};
    struct cw_plan_input input = {
        .site = world->site->name,
        .site_sha256 = world->site->config_sha256,
        .install_root = world->site->install_root,
        .upstreams = upstreams,
        .generation = world->generation,
        .holds = world->holds,
        .scans = world->scans,
        .policy = &policy,
        .people = world->described,
        .approvals = world->approvals,
        .now = world->now,
        .clock_trusted = world->now >= world->floor,
    };

    for (size_t i = 0; i < world->site->upstream_count; i++) {
        if (world->pulled[i])
            upstreams[input.upstream_count++] =
                (struct cw_plan_upstream){.config = &world->site->upstreams[i],
                                          .set = &world->sets[i],
                                          .root_version = world->root_versions[i]};
    }
    return cw_plan_compose(plan, &input, err);
}

size_t cw_world_upstream(const struct cw_world *world, const char *name)
{
    size_t i;

    for (i = 0; i < world->site->upstream_count && strcmp(world->site->upstreams[i].name, name) != 0; i++)
        ;
    return i;
}
