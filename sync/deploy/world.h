/* SPDX-License-Identifier: ISC */
/*
 * What a plan is made from, read from disk once: the verified set of each upstream, the running generation,
 * holds, the policy, approvals, the clock and its floor.
 */
#ifndef CW_SYNC_DEPLOY_WORLD_H
#define CW_SYNC_DEPLOY_WORLD_H

#include "sync/deploy/people.h"
#include "sync/deploy/plan.h"

struct cw_world {
    const struct cw_site *site; /* borrowed */
    int root;                   /* the install root; -1: not there yet */
    struct cw_set *sets;        /* one for each upstream of the site */
    bool pulled[CW_UPSTREAMS_MAX];
    int64_t root_versions[CW_UPSTREAMS_MAX];
    struct cw_policy *policy;
    json_t *holds, *scans; /* scans NULL: the site has no scanner */
    struct cw_people people;
    json_t *described;  /* the people, as a plan names them */
    json_t *approvals;  /* all that count now */
    json_t *problems;   /* a text for each file of approvals/ that does not */
    json_t *generation; /* the running one's record; NULL: none */
    int64_t current;
    int64_t now, floor; /* floor 0: none yet */
};

#define CW_WORLD_INIT                                                                                        \
    {                                                                                                        \
        .root = -1                                                                                           \
    }

/* CW_E_NOTFOUND when no upstream was pulled yet; CW_E_USAGE when the site installs nothing (no install root).
 * */
int cw_world_load(struct cw_world *world, const struct cw_site *site, int64_t now, struct cw_err *err);
void cw_world_clear(struct cw_world *world);
#define CW_AUTO_WORLD __attribute__((cleanup(cw_world_clear))) struct cw_world

/* Says on standard error which approvals of this plan do not count, and why. */
void cw_world_warn(const struct cw_world *world, const json_t *plan, const struct cw_cli *cli);

/* The plan for it. The caller owns *plan. */
int cw_world_plan(json_t **plan, const struct cw_world *world, struct cw_err *err);

/* The site's upstream of that name as the world has it; the index into its arrays. */
size_t cw_world_upstream(const struct cw_world *world, const char *name);

#endif
