/* SPDX-License-Identifier: ISC */
/*
 * The keys of the persons whom site.lua names as approvers. A person may have several keys and counts once; no
 * key is two persons'.
 */
#ifndef CW_SYNC_DEPLOY_PEOPLE_H
#define CW_SYNC_DEPLOY_PEOPLE_H

#include <jansson.h>

#include "crypt/hash.h"
#include "crypt/verify.h"
#include "sync/site.h"

struct cw_person_key {
    const char *person; /* borrowed from the site */
    char id[CW_SHA256_TEXT];
    struct cw_public *key; /* owned */
};

struct cw_people {
    struct cw_person_key keys[CW_APPROVER_KEYS_MAX];
    size_t count;
};

/* Reads every key's file beneath the site's folder: PEM of any kind that lib/crypt/verify.h knows, or a key object
 * of TUF. CW_E_FAIL names the person and the file. */
int cw_people_load(struct cw_people *people, const struct cw_site *site, struct cw_err *err);
void cw_people_clear(struct cw_people *people); /* harmless on a zeroed struct */
#define CW_AUTO_PEOPLE __attribute__((cleanup(cw_people_clear))) struct cw_people

/* For whoever approves elsewhere: {"approvers": {person: [keyids]}, "groups": {group: [persons]},
 * "break_glass": [persons]}. The caller owns it; NULL: no memory. */
json_t *cw_people_describe(const struct cw_people *people, const struct cw_site *site);
/* Whose key is this, by such a description? NULL: nobody's. Borrowed. */
const char *cw_people_find(const json_t *described, const char *keyid);

#endif
