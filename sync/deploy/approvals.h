/* SPDX-License-Identifier: ISC */
/*
 * The approvals that a site has: files of the folder approvals/, whoever put them there. Each proves itself every
 * time it is used; that it lies there says nothing.
 */
#ifndef CW_SYNC_DEPLOY_APPROVALS_H
#define CW_SYNC_DEPLOY_APPROVALS_H

#include "sync/deploy/approval.h"

#define CW_APPROVALS_FOLDER "approvals"
#define CW_APPROVALS_MAX 1000 /* files that are read; what has expired is removed whenever one is added */

/* Of every file that counts at `now`, and was not taken back, by no more than one entry for each person, plan and
 * action, the newest: *list gets {"plan", "action", "person", "keyid", "time", "expires", "reason"?, "follows"?,
 * "envelope": text}. `problems` (an array) gets a text for each file that is none or does not
 * count; expiry and other plans are no problem. The caller owns *list. */
int cw_approvals_load(json_t **list, json_t *problems, const struct cw_site *site,
                      const struct cw_people *people, int64_t now, struct cw_err *err);
/* Is such a problem of interest to whoever looks at this plan? Not when its file's name says that it is about
 * another one. */
bool cw_approvals_concern(const char *problem, const char *plan);
/* Keeps one that was read and checked, durable, beside earlier ones of the same key; then removes what has expired.
 * `name` gets its file's name. The site is locked. */
int cw_approvals_keep(char name[CW_PATH_MAX], const struct cw_site *site, const struct cw_people *people,
                      const struct cw_approval *approval, const struct cw_buf *text, int64_t now,
                      struct cw_err *err);
/* Writes into the history each approval that a plan counts, whole, so that it can be verified for good. */
int cw_approvals_log(const struct cw_site *site, const json_t *plan, int64_t now, struct cw_err *err);
/* The revocations by this person of this plan that the site has, whatever the time is: *ids, owned by the caller, gets
 * their ids, *newest the time of the newest one (INT64_MIN: there is none). */
int cw_approvals_revocations(json_t **ids, int64_t *newest, const struct cw_site *site,
                             const struct cw_people *people, const char *plan, const char *person,
                             struct cw_err *err);

#endif
