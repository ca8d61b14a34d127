/* SPDX-License-Identifier: ISC */
/*
 * One release of a set seen from what is installed: its platform, its artifacts, how it differs. Pure.
 */
#ifndef CW_SYNC_DEPLOY_CHANGE_H
#define CW_SYNC_DEPLOY_CHANGE_H

#include <jansson.h>

#include "base/err.h"
#include "release/channel.h"
#include "release/manifest.h"

/* The platform of a release that a site takes: the first of its list for which there are artifacts, else
 * "any". NULL list: the only one. CW_E_NOTFOUND when none fits, CW_E_HELD when it cannot be told which.
 * Borrowed. */
int cw_change_platform(const char **platform, const struct cw_manifest *manifest,
                       const char *const *platforms, struct cw_err *err);

/* The change document of sync/deploy/plan.h, without "actions" and "deliveries". The caller owns *change. */
int cw_change_compose(json_t **change, const struct cw_manifest *manifest, const struct cw_pin *pin,
                      const char *platform, const json_t *installed, struct cw_err *err);

/* The entry of one release in what decide(), check() and its like are given (sync/deploy/policy.h). scan: the
 * scanner's verdict; NULL: there is no scanner. The caller owns it; NULL: no memory. */
json_t *cw_change_for_policy(const json_t *change, const struct cw_manifest *manifest,
                             const struct cw_pin *pin, const char *scan);

/* What the policy is asked about what is to be done (cw_policy_actions). installed: the product's entry in the running
 * generation's record; NULL: none. The caller owns *question. */
int cw_change_question(json_t **question, const json_t *change, const json_t *release,
                       const json_t *installed, const char *install_root, struct cw_err *err);

#endif
