/* SPDX-License-Identifier: ISC */
/*
 * One approval: a person's signed word about one plan, as an envelope of lib/doc whose payload is
 *
 * {"_type": "causeway-approval", "format": "1.0", "action": "approve|break-glass|revoke", "plan": id,
 *  "site", "approver": name, "time", "expires" (not with revoke), "reason": text (always with break-glass),
 *  "follows": [sha256, …] (the payloads of the same person's revocations after which it was given; not with revoke)}
 *
 * The plan's id binds it to all that sync/deploy/plan.h lists; time and lifetime bind it to a moment. A
 * revocation takes back all that the same person said of that plan, but for what names it: the clocks of the machines
 * on which they were signed have no say in which came first. Everything here is pure.
 */
#ifndef CW_SYNC_DEPLOY_APPROVAL_H
#define CW_SYNC_DEPLOY_APPROVAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "sync/deploy/people.h"

#define CW_APPROVAL_PAYLOAD "application/vnd.causeway.approval+json"
#define CW_APPROVAL_MAX ((size_t)8 << 10) /* bytes of a file: twice what the longest reason needs */
#define CW_APPROVAL_REASON_MAX 1024
#define CW_APPROVAL_FOLLOWS_MAX 16 /* who changed their mind so often about one plan makes another plan */
#define CW_APPROVAL_LIFE (INT64_C(7) * 86400)      /* seconds, unless the approver says otherwise */
#define CW_APPROVAL_LIFE_MAX (INT64_C(90) * 86400) /* nobody remembers longer what he looked at */
#define CW_GLASS_LIFE (INT64_C(4) * 3600)          /* the same of break-glass: an emergency … */
#define CW_GLASS_LIFE_MAX (INT64_C(24) * 3600)     /* … that lasts longer is a change of policy */
#define CW_GLASS_PERSONS 2
/* Seconds that the clock of the machine on which somebody approved may be ahead. */
#define CW_APPROVAL_SKEW_MAX (INT64_C(24) * 3600)

enum cw_approval_action { CW_APPROVE, CW_BREAK_GLASS, CW_REVOKE };

struct cw_approval {
    enum cw_approval_action action;
    const char *plan, *site, *approver;
    const char *reason; /* NULL: none */
    int64_t time, expires;
    const json_t *follows;   /* an array; NULL: none; borrowed */
    char id[CW_SHA256_TEXT]; /* the payload's; set by reading only */
    const char *keyid;       /* whose signature it has; set by reading only; borrowed from people */
    json_t *doc;             /* the payload, which the texts are borrowed from; owned; set by reading only */
};

/* Appends the file's text. CW_E_USAGE for a lifetime or a reason that would not be read again. */
int cw_approval_sign(struct cw_buf *text, const struct cw_approval *approval, const struct cw_secret *secret,
                     struct cw_err *err);
/* Reads one, and proves that the approver it names signed it. CW_E_VERIFY when it is none, is signed by none of
 * these people or in another's name. */
int cw_approval_read(struct cw_approval *approval, const struct cw_people *people, const void *bytes,
                     size_t len, struct cw_err *err);
void cw_approval_clear(struct cw_approval *approval);
#define CW_AUTO_APPROVAL __attribute__((cleanup(cw_approval_clear))) struct cw_approval

/* Does an approval's "follows" (NULL: none) name this revocation? */
bool cw_approval_follows(const json_t *follows, const char *id);
/* Does it count at this site at this moment? CW_E_VERIFY: for another site, or not yet; CW_E_EXPIRED: no more, or a
 * revocation from so long ago that nothing it takes back could still count. */
int cw_approval_check(const struct cw_approval *approval, const char *site, int64_t now, struct cw_err *err);
const char *cw_approval_action_name(enum cw_approval_action action);

#endif
