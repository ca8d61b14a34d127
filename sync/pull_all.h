/* SPDX-License-Identifier: ISC */
/*
 * Pulling from one upstream after the other, for pull and update. One that fails keeps no other from being pulled.
 */
#ifndef CW_SYNC_PULL_ALL_H
#define CW_SYNC_PULL_ALL_H

#include "sync/mirror/mirror.h"

/* What --retry-wait says (NULL: it was not given) into how; CW_E_USAGE. */
#define CW_PULL_RETRY_WAIT_HELP                                                                              \
    "wait so long before a web server is asked again, then twice as long, ...: 500ms"
int cw_pull_set_pause(struct cw_pull_how *how, const char *retry_wait, struct cw_err *err);

/* Pulls `chosen`, or every upstream of the site when it is NULL; how as cw_mirror_pull() has it. Says of each
 * what came of it. Then the site's scanner, if it has one, is shown what is new. `pulled` (an array, or NULL) gets a row for each:
 * {"upstream", "channel", "source", "changed", "older", "serial", "files", "bytes", "grace_used", "root_version"},
 * or {"upstream", "error"}. The first failure comes back, further ones are warned of. */
int cw_pull_all(json_t *pulled, const struct cw_site *site, const struct cw_upstream *chosen,
                const struct cw_pull_how *how, int64_t now, const struct cw_cli *cli, struct cw_err *err);

#endif
