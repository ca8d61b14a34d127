/* SPDX-License-Identifier: ISC */
/*
 * Plans as files: the site's own, plans/<id>.json, and those that people carry about. A plan's file proves
 * nothing by itself but that its id belongs to what it says; what is applied is always composed anew.
 */
#ifndef CW_SYNC_DEPLOY_PLAN_FILE_H
#define CW_SYNC_DEPLOY_PLAN_FILE_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/cli.h"
#include "sync/deploy/plan.h"

#define CW_PLANS_FOLDER "plans"

/* Is it written like a (shortened) id, rather than like a file's name? */
bool cw_plan_is_id(const char *which);

/* plans/<id>.json, durable. */
int cw_plan_store(int site, const json_t *plan, struct cw_err *err);
/* A file that a person names, replaced durably. */
int cw_plan_write_file(const char *path, const json_t *plan, struct cw_err *err);
/* CW_E_VERIFY for what is no plan, or whose id is another plan's. Texts that could steer a terminal are made
 * visible. The caller owns *plan. */
int cw_plan_read_file(json_t **plan, const char *path, struct cw_err *err);

/* The plan that a person means by a (shortened) id among the site's, or by a file. CW_E_NOTFOUND when there is none.
 * The caller owns *plan. */
int cw_plan_find(json_t **plan, int site, const char *which, struct cw_err *err);
/* Is `meant` still what would be done? CW_E_FAIL names what changed since. */
int cw_plan_is_current(const json_t *plan, const json_t *meant, struct cw_err *err);

#endif
