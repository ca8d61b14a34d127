/* SPDX-License-Identifier: ISC */
/*
 * What the next publish will add, as small files that are whole or absent: one for each release that was
 * added, one for each channel that was promoted to.
 *
 *     staged/releases/<product>@<version>.json   the release manifest as it will be published
 *     staged/channels/<channel>.json             {"_type": "causeway-promotion", "format": "1.0", "channel",
 *                                                 "releases": {product: version}}
 */
#ifndef CW_GEN_STAGE_H
#define CW_GEN_STAGE_H

#include <jansson.h>

#include "base/err.h"
#include "fs/root.h"

#define CW_STAGE_RELEASES "staged/releases"
#define CW_STAGE_CHANNELS "staged/channels"
#define CW_PROMOTION_TYPE "causeway-promotion"

struct cw_stage {
    json_t *releases;   /* "product@version" → release manifest; owned */
    json_t *promotions; /* channel → {product: version}; owned */
};

/* dir is the repository's folder. Each document is checked as the publisher's own would be by a site. */
int cw_stage_load(struct cw_stage *stage, int dir, struct cw_err *err);
void cw_stage_clear(struct cw_stage *stage);
#define CW_AUTO_STAGE __attribute__((cleanup(cw_stage_clear))) struct cw_stage

/* The staged manifest of a version, or NULL. Borrowed. */
json_t *cw_stage_find(const struct cw_stage *stage, const char *product, const char *version);
/* "staged/releases/<product>@<version>.json" */
int cw_stage_release_path(char path[CW_PATH_MAX], const char *product, const char *version,
                          struct cw_err *err);

/* Makes these the channel's staged promotions, durable; an empty object removes them. */
int cw_stage_put_promotions(int dir, const char *channel, const json_t *releases, struct cw_err *err);

#endif
