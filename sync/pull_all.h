/* SPDX-License-Identifier: ISC */
/*
 * Pulling from one upstream after the other, for pull and update. One that fails keeps no other from being pulled.
 */
#ifndef CW_SYNC_PULL_ALL_H
#define CW_SYNC_PULL_ALL_H

#include "sync/mirror/mirror.h"

/* Pulls `chosen`, or every upstream of the site when it is NULL; how as cw_mirror_pull() has it. Says of each
 * what came of it. Then the site's scanner, if it has one, is shown what is new. `pulled` (an array, or NULL) gets a row for each:
 * {"upstream", "channel", "source", "changed", "older", "serial", "files", "bytes", "grace_used", "root_version"},
 * or {"upstream", "error"}. The first failure comes back, further ones are warned of. */
int cw_pull_all(json_t *pulled, const struct cw_site *site, const struct cw_upstream *chosen,
                const struct cw_pull_how *how, int64_t now, const struct cw_cli *cli, struct cw_err *err);

#endif
