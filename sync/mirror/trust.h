/* SPDX-License-Identifier: ISC */
/*
 * The trust store of one upstream: the roots a site has verified, and the last trusted metadata as received. Roles that targets
 * delegates to, of which there may be thousands, are not kept twice: what the trusted snapshot names is in the mirror.
 */
#ifndef CW_SYNC_MIRROR_TRUST_H
#define CW_SYNC_MIRROR_TRUST_H

#include "fs/commit.h"
#include "sync/site.h"

/* Appends a trusted copy ("root.json", "timestamp.json") to buf; CW_E_NOTFOUND. */
int cw_trust_read(struct cw_buf *buf, const struct cw_site *site, const struct cw_upstream *upstream,
                  const char *name, struct cw_err *err);
/* Makes bytes the trusted copy; nothing is written when it is that already. */
int cw_trust_store(const struct cw_site *site, const struct cw_upstream *upstream, const char *name,
                   const void *bytes, size_t len, struct cw_err *err);

/* Appends a root by its version; 0: the newest. CW_E_NOTFOUND: for the newest, says to run init. */
int cw_trust_read_root(struct cw_buf *buf, const struct cw_site *site, const struct cw_upstream *upstream,
                       int64_t version, struct cw_err *err);
/* Keeps a verified root under its version and as the newest. */
int cw_trust_store_root(const struct cw_site *site, const struct cw_upstream *upstream, int64_t version,
                        const void *bytes, size_t len, struct cw_err *err);
/* Calls fn for each root kept, in no order, with its version and its path beneath the site's folder. */
int cw_trust_each_root(const struct cw_site *site, const struct cw_upstream *upstream,
                       int (*fn)(void *ctx, int64_t version, const char *path, struct cw_err *err), void *ctx,
                       struct cw_err *err);

/* Writes a small file unless it holds just these bytes: a repeated pull shall not wear a disk out. */
int cw_trust_write(int dir, const char *path, const void *bytes, size_t len, struct cw_err *err);
/* The same for one of many: it waits in the batch. */
int cw_trust_add(struct cw_batch *batch, int dir, const char *path, const void *bytes, size_t len,
                 struct cw_err *err);
/* The folder of the trusted copies, made where it is missing: for who has many of them. */
int cw_trust_open(int *fd, const struct cw_site *site, const struct cw_upstream *upstream,
                  struct cw_err *err);

#endif
