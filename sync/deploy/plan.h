/* SPDX-License-Identifier: ISC */
/*
 * Composing a plan: what the site could take in, from where to where, whether it may, and why. Pure: verified
 * sets, what runs now, holds, the policy's answers and the time in; a document out. Nothing here reads or
 * changes a disk.
 *
 * {"_type": "causeway-plan", "format": "1.0", "id", "site", "site_sha256": of what site.lua says, "install_root",
 *  "policy_sha256", "bytes", "generation": the running one,
 *  "people": as cw_people_describe() has them, or absent,
 *  "approvals": those of this plan that count now, as cw_approvals_load() has them,
 *  "upstreams": [{"upstream", "channel", "serial", "channel_sha256", "root_version"}],
 *  "units": [{"upstream", "independent": bool, "changes": [change…],
 *             "promoted": when the newest of it was,
 *             "decision": {"verdict": "accept|hold|reject", "reason", "gates", "answers", "broken": the policy failed}
 *             (sync/deploy/decision.h),
 *             "held": {"by": "hold|withdrawn|platform|scan", "reason", "hold": id, "product", "version"} or absent,
 *             "break_glass": [{"person", "reason", "expires"}] where it passes over something,
 *             "ready": bool, "waits": text}]}
 * change: {"product", "from" (absent: new), "to" (absent: removed),
 *          "change": "install|upgrade|downgrade|remove", "severity", "platform", "bytes", "manifest_sha256",
 *          "requires", "artifacts": [{"path", "sha256", "length", "kind"}],
 *          "actions": {"before", "stage", "check", "after", "undo": lists of actions (sync/deploy/action.h), only those
 *          that are not empty},
 *          "deliveries": [{"path", "kind", "send", "check", "undo": actions; the last two may be absent} or
 *          {"path", "kind", "stored": reason}], those of each artifact of kind package or firmware, at least one}
 *
 * A unit is what goes in whole or not at all: an upstream's set, or a product declared independent with all
 * that needs it or that it needs. Units in which nothing changes are left out.
 */
#ifndef CW_SYNC_DEPLOY_PLAN_H
#define CW_SYNC_DEPLOY_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypt/hash.h"
#include "sync/deploy/policy.h"
#include "sync/site.h"

#define CW_PLAN_TYPE "causeway-plan"
#define CW_PLAN_MAX ((size_t)16 << 20) /* bytes of a stored plan: 64 upstreams of a few thousand artifacts */

/* Whom to ask; in the programs policy.lua in its jail. Answers as cw_policy_decide() and cw_policy_actions()
 * give them. */
struct cw_plan_policy {
    int (*decide)(void *ctx, struct cw_decision *decision, const json_t *set, const json_t *site,
                  struct cw_err *err);
    int (*actions)(void *ctx, json_t **answer, const json_t *question, struct cw_err *err);
    void *ctx;
    const char *sha256;
};

struct cw_plan_upstream {
    const struct cw_upstream *config;
    const struct cw_set *set;
    int64_t root_version;
};

struct cw_plan_input {
    const char *site, *site_sha256, *install_root;
    const struct cw_plan_upstream *upstreams; /* those that were pulled */
    size_t upstream_count;
    const json_t *generation; /* the running one's record (sync/deploy/store.h); NULL: nothing is installed */
    const json_t *scans;      /* as cw_scans_load gives them; NULL: the site has no scanner */
    const json_t *holds;      /* as cw_holds_load gives them */
    const struct cw_plan_policy *policy;
    const json_t *people;    /* as cw_people_describe() has them; NULL: none */
    const json_t *approvals; /* as cw_approvals_load() has them; NULL: none */
    int64_t now;
    bool clock_trusted;
};

/* When a plan is judged, and by what. */
struct cw_plan_moment {
    int64_t now;
    bool clock_trusted;
    const json_t *approvals; /* of any plan; NULL: none */
};

/* CW_E_VERIFY when two upstreams ship one product. The caller owns *plan. */
int cw_plan_compose(json_t **plan, const struct cw_plan_input *input, struct cw_err *err);

/* Fills "approvals", and each unit's "ready", "waits" and "break_glass": once composed, again at any later moment.
 *
 * Two persons of site.lua's break_glass who signed so, each with a reason, pass over a hold of any kind, a policy's
 * hold and every gate of time. Not over a rejection, a withdrawal, a missing build, a policy that failed, nor
 * over gates that ask for approvals, of which theirs are two. */
int cw_plan_judge(json_t *plan, const struct cw_plan_moment *moment, struct cw_err *err);

/* sha256 of a context string and the canonical JSON of what an approval is about: all but the time, holds,
 * decisions, people and approvals. */
int cw_plan_id(char id[CW_SHA256_TEXT], const json_t *plan, struct cw_err *err);

/* What a plan says of an upstream; NULL: nothing. Borrowed. */
const json_t *cw_plan_find_upstream(const json_t *plan, const char *name);

/* How many units there are, and how many of them may be applied now. */
size_t cw_plan_units(const json_t *plan);
size_t cw_plan_ready(const json_t *plan);

/* Why a unit may not be applied now, for people: "held: …". Empty when it may. */
void cw_plan_why(char out[1024], const json_t *unit);

/* The record of the generation that the ready units make of the running one. The caller owns *record. */
int cw_plan_record(json_t **record, const json_t *plan, const json_t *generation, int64_t number, int64_t now,
                   struct cw_err *err);

/* What is held if this unit has to be given up: an array of targets as cw_holds_put takes them. The caller
 * owns it; NULL: no memory. */
json_t *cw_plan_unit_holds(const json_t *plan, const json_t *unit);

#endif
