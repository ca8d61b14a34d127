/* SPDX-License-Identifier: ISC */
/*
 * Whose the files of a release are: site.lua's install.owner, and install.owners for what the archive says is
 * somebody's in particular. Names are looked up once each.
 */
#ifndef CW_SYNC_DEPLOY_OWNERS_H
#define CW_SYNC_DEPLOY_OWNERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "sync/site.h"

struct cw_owners {
    const struct cw_install_options *options; /* borrowed */
    const char *spec;                         /* looked up last; borrowed; NULL: none yet */
    uid_t user;
    gid_t group;
};

void cw_owners_init(struct cw_owners *owners, const struct cw_install_options *options);
/* Does site.lua say anything about owners? */
bool cw_owners_are_set(const struct cw_install_options *options);
/* As cw_archive_owner_fn: ctx is a struct cw_owners, name the archive's owner or "" where there is none. An
 * unknown user or group is CW_E_FAIL. */
int cw_owners_find(void *ctx, const char *name, uid_t *user, gid_t *group, struct cw_err *err);
/* Gives an open file or folder to whom it belongs, if site.lua says so. `what` is for messages. */
int cw_owners_give(struct cw_owners *owners, int fd, const char *name, const char *what, struct cw_err *err);

#endif
