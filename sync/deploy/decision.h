/* SPDX-License-Identifier: ISC */
/*
 * What a policy's rules answered, made into one decision: the strictest verdict wins, gates add up. The answers
 * come from the jail, so each field is checked; the library's words are only the comfortable way to build them.
 */
#ifndef CW_SYNC_DEPLOY_DECISION_H
#define CW_SYNC_DEPLOY_DECISION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

#define CW_RULES_MAX 64 /* a policy with more is a program */

enum cw_verdict { CW_ACCEPT, CW_HOLD, CW_REJECT }; /* the stricter the larger */

struct cw_decision {
    enum cw_verdict verdict;
    bool broken; /* held because the policy failed, or a rule's answer was none */
    char reason[256];
    json_t *gates;   /* a list of objects, one for each rule that has some, as cw_gates_evaluate takes it;
                        empty: none; owned */
    json_t *answers; /* [{"rule", "verdict" (absent: no say), "reason", "gates", "at": "policy.lua:12"}]; may
                        be NULL; owned */
};

/* A decision without answers: hold. CW_E_NOMEM. */
int cw_decision_init(struct cw_decision *decision, struct cw_err *err);
/* Reads [{"rule", "answer" or "error"}…]. What is wrong with an answer is a hold by that rule, which names the policy's
 * file. CW_E_VERIFY when
 * nothing was asked, or the answers are none. */
int cw_decision_combine(struct cw_decision *decision, const json_t *answers, const char *file,
                        struct cw_err *err);
void cw_decision_clear(struct cw_decision *decision);
#define CW_AUTO_DECISION __attribute__((cleanup(cw_decision_clear))) struct cw_decision
const char *cw_verdict_name(enum cw_verdict verdict);

/* One line for people: it is shown on terminals and in the history. What is not printable becomes a space; cut
 * between characters where it is too long. */
void cw_reason_set(char *out, size_t size, const char *text);

#endif
