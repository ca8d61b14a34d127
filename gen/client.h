/* SPDX-License-Identifier: ISC */
/*
 * What a client makes of a tree: TUF's whole client workflow, from the root that it trusts down to every delegated role, with its
 * trusted metadata in a folder, so that it can be asked again after the next publication.
 */
#ifndef CW_GEN_CLIENT_H
#define CW_GEN_CLIENT_H

#include <stdint.h>

#include "base/err.h"

/* trust: the folder; it holds root.json, and after the first time all that was verified. tree: the tree's folder. root_version gets that
 * of the root that is trusted afterwards. Errors are those of lib/tuf/update.h. */
int cw_client_refresh(int64_t *root_version, int trust, int tree, int64_t now, struct cw_err *err);

#endif
