/* SPDX-License-Identifier: ISC */
/*
 * Users and groups by name: see sync/deploy/account.h.
 */
#include "sync/deploy/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

static int find_user(struct cw_account *account, struct cw_err *err)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(account->user);
    if (entry == NULL)
        return cw_err_set(err, CW_E_FAIL, "there is no user '%s' on this machine", account->user);
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    return CW_OK;
}

static int find_group(struct cw_account *account, const char *name, struct cw_err *err)
{
    const struct group *entry = getgrnam(name);

    if (entry == NULL)
        return cw_err_set(err, CW_E_FAIL, "there is no group '%s' on this machine", name);
    account->gid = entry->gr_gid;
    return CW_OK;
}

int cw_account_find(struct cw_account *account, const json_t *action, struct cw_err *err)
{
    const char *group = json_string_value(json_object_get(action, "group"));
    int rc = CW_OK;

    *account = (struct cw_account){
        .user = json_string_value(json_object_get(action, "user")), .uid = geteuid(), .gid = getegid()};
    if (account->user != NULL)
        rc = find_user(account, err);
    if (rc == CW_OK && group != NULL)
        rc = find_group(account, group, err);
    if (rc != CW_OK)
        return rc;
    account->changes = geteuid() == 0 ? account->user != NULL || group != NULL
                                      : account->uid != geteuid() || account->gid != getegid();
    if (account->changes && geteuid() != 0)
        return cw_err_set(err, CW_E_FAIL, "only root may run a command as %s '%s': run causeway-sync as root",
                          account->user != NULL ? "user" : "group",
                          account->user != NULL ? account->user : group);
    return CW_OK;
}

bool cw_account_become(const struct cw_account *account)
{
    gid_t gid = account->gid;
    const struct passwd *entry;
    bool own_group;

    if (!account->changes)
        return true;
    entry = account->user != NULL ? getpwnam(account->user) : NULL;
    own_group = entry != NULL && entry->pw_gid == gid;
    if (own_group ? initgroups(account->user, gid) != 0 : setgroups(1, &gid) != 0)
        return false;
    return setresgid(gid, gid, gid) == 0 && setresuid(account->uid, account->uid, account->uid) == 0;
}
