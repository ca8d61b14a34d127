/* SPDX-License-Identifier: ISC */
/*
 * What lies on a volume for people: the page to open from the medium, which also checks it in a browser, and the
 * sheet to print that goes with it. Both say what the volume list says, and are signed by nobody.
 */
#ifndef CW_SYNC_MIRROR_PAGES_H
#define CW_SYNC_MIRROR_PAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_PAGE_MARK "content=\"causeway\"" /* stands in every page of ours */
#define CW_PAGE_CODE 10                     /* bytes of "7F3A-91C2" with its NUL */

/* Appends both pages for a volume by its list (lib/tree/volume.h), in which "bundle" is set. */
int cw_bundle_pages(struct cw_buf *index, struct cw_buf *carry, const json_t *volume, struct cw_err *err);

/* What the page in a browser shows for this volume, to be read over the telephone: the sheet has the one for an
 * undamaged volume. Says nothing to who would lie; it tells volumes, and damage, apart. */
int cw_bundle_code(char code[CW_PAGE_CODE], const char *bundle, int64_t index, bool complete,
                   struct cw_err *err);

#endif
