/* SPDX-License-Identifier: ISC */
/*
 * Turning "user:group" of site.lua into numbers of this machine.
 */
#include "sync/deploy/owners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define NAME_MAX_BYTES 256

void cw_owners_init(struct cw_owners *owners, const struct cw_install_options *options)
{
    *owners = (struct cw_owners){.options = options};
}

bool cw_owners_are_set(const struct cw_install_options *options)
{
    return options->owner != NULL || json_object_size(options->owners) > 0;
}

static int find_user(uid_t *user, gid_t *group, const char *name, struct cw_err *err)
{
    const struct passwd *entry = getpwnam(name);
    uint64_t number;

    if (entry != NULL) {
        *user = entry->pw_uid;
        *group = entry->pw_gid;
        return CW_OK;
    }
    if (!cw_str_to_u64(name, UINT32_MAX - 1, &number))
        return cw_err_set(err, CW_E_FAIL, "site.lua: install: there is no user '%s' here", name);
    *user = (uid_t)number;
    *group = (gid_t)number;
    return CW_OK;
}

static int find_group(gid_t *group, const char *name, struct cw_err *err)
{
    const struct group *entry = getgrnam(name);
    uint64_t number;

    if (entry == NULL && !cw_str_to_u64(name, UINT32_MAX - 1, &number))
        return cw_err_set(err, CW_E_FAIL, "site.lua: install: there is no group '%s' here", name);
    *group = entry != NULL ? entry->gr_gid : (gid_t)number;
    return CW_OK;
}

static int find_spec(struct cw_owners *owners, const char *spec, struct cw_err *err)
{
    const char *colon = strchrnul(spec, ':');
    char name[NAME_MAX_BYTES];
    int rc;

    if (snprintf(name, sizeof name, "%.*s", (int)(colon - spec), spec) >= (int)sizeof name)
        return cw_err_set(err, CW_E_FAIL, "site.lua: install: '%.100s' is no user's name", spec);
    rc = find_user(&owners->user, &owners->group, name, err);
    if (rc == CW_OK && *colon == ':')
        rc = find_group(&owners->group, colon + 1, err);
    owners->spec = rc == CW_OK ? spec : NULL;
    return rc;
}

int cw_owners_find(void *ctx, const char *name, uid_t *user, gid_t *group, struct cw_err *err)
{
    struct cw_owners *owners = ctx;
    const char *spec = json_string_value(json_object_get(owners->options->owners, name));
    int rc = CW_OK;

    if (spec == NULL)
        spec = owners->options->owner;
    if (spec != NULL && spec != owners->spec)
        rc = find_spec(owners, spec, err);
    *user = spec != NULL ? owners->user : geteuid();
    *group = spec != NULL ? owners->group : getegid();
    return rc;
}

int cw_owners_give(struct cw_owners *owners, int fd, const char *name, const char *what, struct cw_err *err)
{
    uid_t user;
    gid_t group;
    int rc;

    if (!cw_owners_are_set(owners->options))
        return CW_OK;
    rc = cw_owners_find(owners, name, &user, &group, err);
    if (rc == CW_OK && fchown(fd, user, group) != 0)
        return cw_err_errno(err, errno, "unable to change whose '%s' is", what);
    return rc;
}
