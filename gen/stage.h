/* SPDX-License-Identifier: ISC */
/*
 * What the next publish will add, as small files that are whole or absent: one for each release that was
 * added, one for each channel that was promoted to.
 *
 *     staged/releases/<product>@<version>.json   the release manifest as it will be published, byte for byte
 *     staged/releases/<product>@<version>@elsewhere.json    the same, when its files come into targets/ by other means
 *     staged/channels/<channel>.json             {"_type": "causeway-promotion", "format": "1.0", "channel",
 *                                                 "releases": {product: version, or null: it leaves the set},
 *                                                 "withdrawn": {product: {version: reason}} or absent}
 *     staged/.tmp-incoming/                      releases of an add that has not come to its end
 *
 * There may be very many releases, so loading looks at names only, and each manifest is read when it is asked for. An add writes
 * into the incoming folder and moves all of it at its end: killed before, it has added nothing, and the folder is swept; killed
 * while moving, some releases are staged and the same add again finds them staged already.
 */
#ifndef CW_GEN_STAGE_H
#define CW_GEN_STAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "fs/root.h"

#define CW_STAGE_RELEASES "staged/releases"
#define CW_STAGE_CHANNELS "staged/channels"
#define CW_STAGE_INCOMING "staged/.tmp-incoming"
#define CW_STAGE_ELSEWHERE "@elsewhere" /* '@' is in no portable name */
#define CW_PROMOTION_TYPE "causeway-promotion"

struct cw_stage {
    json_t *
        releases; /* "product@version" → true: its files lie elsewhere, false: in the tree; sorted by name; owned */
    json_t *
        promotions; /* channel → {product: version or null}, of every channel that has something staged; owned */
    json_t *withdrawals; /* channel → {product: {version: reason}}; owned */
    int dir;             /* borrowed: the folder that holds staged/ */
    int home;            /* borrowed: the repository's folder, the same but while a ceremony is completed */
};

/* Reads the names of releases, and the promotions. */
int cw_stage_load(struct cw_stage *stage, int dir, struct cw_err *err);
void cw_stage_clear(struct cw_stage *stage);
#define CW_AUTO_STAGE __attribute__((cleanup(cw_stage_clear))) struct cw_stage

/* Is this version staged? */
bool cw_stage_has(const struct cw_stage *stage, const char *product, const char *version);
/* Are its files brought by other means? */
bool cw_stage_is_elsewhere(const struct cw_stage *stage, const char *product, const char *version);
/* Its manifest: the text as staged, or parsed and checked as a site would (a new reference). CW_E_NOTFOUND. */
int cw_stage_read(struct cw_buf *text, const struct cw_stage *stage, const char *product, const char *version,
                  struct cw_err *err);
int cw_stage_release(json_t **doc, const struct cw_stage *stage, const char *product, const char *version,
                     struct cw_err *err);
/* "staged/releases/<product>@<version>.json" */
int cw_stage_release_path(char path[CW_PATH_MAX], const char *product, const char *version, bool elsewhere,
                          struct cw_err *err);

/* Writes a release manifest into the incoming folder; it counts as staged from here on, also for cw_stage_read(). */
int cw_stage_put_release(struct cw_stage *stage, const char *product, const char *version, bool elsewhere,
                         const struct cw_buf *text, struct cw_err *err);
/* Makes all that was put durable and stages it. */
int cw_stage_commit(struct cw_stage *stage, struct cw_err *err);

/* Makes what promotions and withdrawals say of the channel durable; nothing of either removes its file. */
int cw_stage_put_channel(const struct cw_stage *stage, const char *channel, struct cw_err *err);

#endif
