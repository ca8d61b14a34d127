/* SPDX-License-Identifier: ISC */
/*
 * As whom a command runs: the user and group that an action names, looked up before anything begins and taken on
 * in the child, all ids of it, so that there is no way back.
 */
#ifndef CW_SYNC_DEPLOY_ACCOUNT_H
#define CW_SYNC_DEPLOY_ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct cw_account {
    bool changes;     /* false: the command runs as this program does */
    const char *user; /* borrowed from the action; NULL: only the group changes */
    uid_t uid;
    gid_t gid;
};

/* Who an action's "user" and "group" are. Without a group it is the user's own, with all groups that the user is
 * in; with one it is that group alone. CW_E_FAIL when there is none of that name, or when this program, not being
 * root, may not become it. */
int cw_account_find(struct cw_account *account, const json_t *action, struct cw_err *err);

/* In a child: becomes it. False with errno set: nothing may be run then. */
bool cw_account_become(const struct cw_account *account);

#endif
