/* SPDX-License-Identifier: ISC */
/*
 * The site.lua and policy.lua that init writes for a new site: meant to be read and edited by people.
 */
#ifndef CW_SYNC_STARTER_H
#define CW_SYNC_STARTER_H

#include "base/buf.h"
#include "cli/cli.h"

#define CW_STARTER_MAX ((size_t)64 * 1024) /* bytes of either text */

struct cw_starter {
    const char *site, *upstream, *channel;
    const char *install; /* NULL: mirrors only */
    const struct cw_cli_list *sources, *products, *platforms;
};

int cw_starter_site(struct cw_buf *buf, const struct cw_starter *starter, struct cw_err *err);
int cw_starter_policy(struct cw_buf *buf, struct cw_err *err);

#endif
