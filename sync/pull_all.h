/* SPDX-License-Identifier: ISC */
/*
 * Pulling from one upstream after the other, for pull and update. One that fails keeps no other from being pulled.
 */
#ifndef CW_SYNC_PULL_ALL_H
#define CW_SYNC_PULL_ALL_H

#include "sync/mirror/mirror.h"

#define CW_PULL_LIMIT_RATE_HELP "take at most so many bytes a second from web servers: 500K, 2M"
#define CW_PULL_RETRY_WAIT_HELP                                                                              \
    "wait so long before a web server is asked again, then twice as long, ...: 500ms"

/* What --limit-rate says; *limit is NULL where it was not given. CW_E_USAGE. */
int cw_pull_limit_new(struct cw_http_limit **limit, const char *limit_rate, struct cw_err *err);
/* What --retry-wait says (NULL: it was not given) into how; CW_E_USAGE. */
int cw_pull_set_pause(struct cw_pull_how *how, const char *retry_wait, struct cw_err *err);

/* Pulls `chosen`, or every upstream of the site when it is NULL; how as cw_mirror_pull() has it. Says of each
 * what came of it. Then the site's scanner, if it has one, is shown what is new. `pulled` (an array, or NULL) gets a row for each:
 * {"upstream", "channel", "source", "changed", "older", "serial", "files", "bytes", "grace_used", "root_version"},
 * or {"upstream", "error"}. The first failure comes back, further ones are warned of. */
int cw_pull_all(json_t *pulled, const struct cw_site *site, const struct cw_upstream *chosen,
                const struct cw_pull_how *how, int64_t now, const struct cw_cli *cli, struct cw_err *err);

#endif
