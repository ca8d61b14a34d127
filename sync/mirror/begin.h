/* SPDX-License-Identifier: ISC */
/*
 * How trust in an upstream begins: with a root whose fingerprint a person learnt by another way than the file
 * came.
 */
#ifndef CW_SYNC_MIRROR_BEGIN_H
#define CW_SYNC_MIRROR_BEGIN_H

#include "sync/site.h"

/* Checks that bytes are a root that its own keys sign, and that their sha256 is `fingerprint` as a person
 * types it (spaces, colons and capitals do not matter). CW_E_USAGE: no fingerprint at all; CW_E_VERIFY:
 * another one. */
int cw_trust_check(int64_t *version, char sha256[CW_SHA256_TEXT], const void *bytes, size_t len,
                   const char *fingerprint, struct cw_err *err);

enum cw_trust_began { CW_TRUST_NEW, CW_TRUST_SAME, CW_TRUST_REPLACED };

/* What cw_trust_begin() would do. */
int cw_trust_compare(enum cw_trust_began *began, const struct cw_site *site,
                     const struct cw_upstream *upstream, int64_t version, const void *bytes, size_t len,
                     struct cw_err *err);

/* Makes a checked root the one trusted for the upstream. When it replaces others, what TUF remembered goes;
 * the channels' memory and the time floor stay unless `forget`. A mirror's metadata goes with the roots that
 * signed it; its targets stay, and so does everything when the root is one of those trusted already. Only the
 * upstream's name and the site's folder are looked at. */
int cw_trust_begin(const struct cw_site *site, const struct cw_upstream *upstream, int64_t version,
                   const void *bytes, size_t len, bool forget, struct cw_err *err);

#endif
