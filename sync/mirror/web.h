/* SPDX-License-Identifier: ISC */
/*
 * The web servers that an upstream's site.lua names: how each is spoken to, which failed lately and how, and so in which
 * order they are asked.
 *
 * upstreams/<name>/sources.json: {"_type": "causeway-sources", "format": "1.0",
 *  "failed": {URL without password: {"time", "why"}}}
 * A server that failed is asked last until it succeeds, or a day has passed. The file is a hint: a damaged one counts as none.
 */
#ifndef CW_SYNC_MIRROR_WEB_H
#define CW_SYNC_MIRROR_WEB_H

#include <jansson.h>

#include "sync/site.h"

#define CW_WEB_FORGET_SECONDS 86400
#define CW_WEB_TYPE "causeway-sources"

struct cw_web {
    json_t *failed; /* owned */
    bool changed;
    size_t order[CW_SOURCES_MAX];                   /* indices into the upstream's sources */
    struct cw_http_options options[CW_SOURCES_MAX]; /* of the same indices; for those that are web servers */
};

/* The memory alone. */
int cw_web_load(struct cw_web *web, const struct cw_site *site, const struct cw_upstream *upstream,
                int64_t now, struct cw_err *err);
void cw_web_clear(struct cw_web *web); /* harmless on a zeroed struct; also the scoped cleanup */
#define CW_AUTO_WEB __attribute__((cleanup(cw_web_clear))) struct cw_web

/* Fills order, and options with what site.lua says and what this run asks for. */
void cw_web_arrange(struct cw_web *web, const struct cw_upstream *upstream,
                    const struct cw_http_options *run);

/* How a server that was named by hand is spoken to: as site.lua says, if it knows the URL. upstream may be NULL. */
struct cw_http_options cw_web_options(const struct cw_upstream *upstream, const char *url);

/* Notes how a server fared; why NULL: well. `shown` as cw_http_shown() writes its URL. */
int cw_web_note(struct cw_web *web, const char *shown, int64_t now, const char *why, struct cw_err *err);
int cw_web_save(struct cw_web *web, const struct cw_site *site, const struct cw_upstream *upstream,
                struct cw_err *err);

#endif
