/* SPDX-License-Identifier: ISC */
/*
 * Trying a policy: one invented set, site and moment, the policy's answer in its jail, the gates at that moment,
 * and what was expected. Touches no site.
 *
 * A case: {"name", "at": "x_spec.lua:3: ", "now", "releases": [{"product", "version", "from"…}], "expect":
 * {"verdict", "ready", "waits", "reason", and as lists of texts like "/bin/x a": "before", "stage", "checks",
 * "after", "undo", "deliveries"}, "upstream", "channel", "serial", "site",
 * "generation", "removed", "approved": [persons],
 * "groups": {group: [persons]}}. What is left out of a case, or of a release, has a default.
 */
#ifndef CW_SYNC_DEPLOY_TRIAL_H
#define CW_SYNC_DEPLOY_TRIAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "sync/deploy/policy.h"

#define CW_TRIAL_CASES_MAX 1000 /* of one spec: each takes two processes */

struct cw_trial {
    bool broken;        /* the policy failed */
    char problem[1024]; /* what was not as expected; empty: nothing */
};

/* CW_E_FAIL when the case itself is wrong: "x_spec.lua:3: …". */
int cw_trial_run(struct cw_trial *trial, const struct cw_policy *policy, const json_t *test,
                 struct cw_err *err);

#endif
