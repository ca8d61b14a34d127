/* SPDX-License-Identifier: ISC */
/*
 * Asking policy.lua: decisions and checks as data. Each question runs in a fresh jail; an error, a limit hit
 * or no answer is "not accepted" with the reason shown. Nothing here acts.
 *
 * Input of decide(set, site):
 *   set  = {upstream, channel, serial, published, severity (the highest among what changes), bytes,
 *           releases = {{product, version, from (absent: new), change, severity, notes, features, requires,
 *                        promoted, platform, bytes}…}}
 *          change is "install", "upgrade", "downgrade" or "same"
 *   site = {name, generation, installed = {product: version}}
 * Its answer: accept(reason or gates), hold(reason), reject(reason) from the library. Further rules, named by
 * rule(), are asked the same; the strictest answer wins, and gates add up.
 *
 * Input of before(release), stage(release), check(release), after(release) and undo(release): one entry of releases
 * plus staged = its folder beneath releases/ and dir = the folder that matters at that moment (absent where there is
 * none). Their answers: lists of commands. Input of deliver(artifact), for each of kind package or firmware:
 * {product, version, from, platform, kind, name, file, sha256, length, previous = {name, file, version}}. Its answer:
 * delivery(…), a plain action, a list of them, or store(reason). What the actions are is in sync/deploy/action.h.
 */
#ifndef CW_SYNC_DEPLOY_POLICY_H
#define CW_SYNC_DEPLOY_POLICY_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "crypt/hash.h"
#include "sync/deploy/decision.h"

#define CW_POLICY_NAME_MAX 128             /* bytes of a function's name in a message */
#define CW_POLICY_MAX ((size_t)256 * 1024) /* bytes of policy.lua */

struct cw_policy; /* policy.lua's text, read once */

/* Reads policy.lua beneath the site's folder. */
int cw_policy_open(struct cw_policy **policy, int site, struct cw_err *err);
/* Reads any file as a policy, to try it; its messages name that file. */
int cw_policy_open_file(struct cw_policy **policy, int dir, const char *path, struct cw_err *err);
void cw_policy_free(struct cw_policy *policy);
const char *cw_policy_sha256(const struct cw_policy *policy);

/* Never fails because of what the policy does: a broken policy is CW_HOLD with the reason "policy.lua:3: …".
 * Fails only for want of memory or processes. */
int cw_policy_decide(struct cw_decision *decision, const struct cw_policy *policy, const json_t *set,
                     const json_t *site, struct cw_err *err);

/* The first global function of the policy that nothing in it calls and nobody else asks, which its author cannot have
 * meant; out is empty when there is none. A broken policy is CW_E_HELD. */
int cw_policy_find_unused(char out[CW_POLICY_NAME_MAX], const struct cw_policy *policy, struct cw_err *err);
/* Is a function that the program would ask declared local, and used by nothing in the policy either? Then its name and
 * line; by the words of the text alone. */
bool cw_policy_find_local(const char **name, size_t *line, const struct cw_policy *policy);

/* What is to be done for one release. question: {"release", "dirs": {stage: folder}, "artifacts": [those to be handed
 * on]}, and "partial": true where it is no error that nothing delivers one.
 * *answer: {"actions": {"before", "stage", "check", "after", "undo": lists of actions; empty ones are left out},
 * "deliveries": [{"path", "kind", "send", "check", "undo": actions; the last two optional} or {"path", "kind",
 * "stored": reason}]}. A broken policy, and an artifact that nothing delivers, is CW_E_HELD. Owned by the caller. */
int cw_policy_actions(json_t **answer, const struct cw_policy *policy, const json_t *question,
                      struct cw_err *err);

#endif
