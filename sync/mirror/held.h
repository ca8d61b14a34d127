/* SPDX-License-Identifier: ISC */
/*
 * What the sites that a bundle is made for hold already, and what they want: from their receipts, or, for sites that
 * send none, from a serial that they are known to have taken in. All of this is hints: it chooses what is carried, and
 * nothing else. Part of export.
 */
#ifndef CW_SYNC_MIRROR_HELD_H
#define CW_SYNC_MIRROR_HELD_H

#include "closure/closure.h"
#include "doc/receipt.h"
#include "sync/mirror/memory.h"
#include "sync/site.h"
#include "tuf/update.h"

/* Public halves of other sites' identities, put here by a person: keys/sites/<site>.pub. */
#define CW_HELD_KEYS "keys/sites"
#define CW_HELD_SITES_MAX 256

struct cw_held_site {
    struct cw_receipt receipt; /* doc NULL: none, see cw_held_add_serial() */
    json_t *files;             /* object: sha256 → length; owned */
    json_t *wanted;            /* object with a member for each sha256 that it needs; NULL: all; owned */
};

struct cw_held {
    struct cw_held_site sites[CW_HELD_SITES_MAX];
    size_t count; /* 0: nothing is known of who will read the bundle */
    int64_t since;
};

/* A receipt by its path, or all "*.receipt.json" of a folder or of its folder receipts/. Of a site whose identity is known here it must be
 * signed by that (CW_E_VERIFY), of others a warning says that it is not known who wrote it. Of two receipts of one site
 * the newer counts. */
int cw_held_add_receipts(struct cw_held *held, const struct cw_site *site, const char *path,
                         const struct cw_cli *cli, struct cw_err *err);
/* The files of a set that the mirror took in before, by its serial. CW_E_USAGE names those it has. */
int cw_held_add_serial(struct cw_held *held, int mirror, const char *channel, int64_t serial,
                       struct cw_err *err);
/* Finds out what each site wants of the set. */
int cw_held_choose(struct cw_held *held, struct cw_tuf_update *update, const struct cw_mirror_memory *memory,
                   int mirror, const struct cw_upstream *upstream, const struct cw_cli *cli,
                   struct cw_err *err);
void cw_held_clear(struct cw_held *held);

bool cw_held_has(const struct cw_held_site *site, const char *sha256, uint64_t length);
/* Does the site need this file, and not have it? */
bool cw_held_lacks(const struct cw_held_site *site, const char *sha256, uint64_t length);

#endif
