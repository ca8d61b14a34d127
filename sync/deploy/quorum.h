/* SPDX-License-Identifier: ISC */
/*
 * How many persons, and which, have to approve: [{"count": 2, "from": ["alice", "safety"]}…], all of which have
 * to be met. from: persons and groups; left out: any approver. Pure.
 */
#ifndef CW_SYNC_DEPLOY_QUORUM_H
#define CW_SYNC_DEPLOY_QUORUM_H

#include <jansson.h>

#include "base/err.h"
#include "sync/deploy/gate.h"

#define CW_QUORUMS_MAX 16
#define CW_QUORUM_COUNT_MAX 64

/* CW_E_VERIFY says what is wrong with it. */
int cw_quorum_check(const json_t *quorums, struct cw_err *err);
/* What is missing, for people: "needs one more approval of alice or bob"; "" when nothing is. approved, people: as
 * in struct cw_gate_context. One person counts once for each quorum. */
int cw_quorum_missing(char waits[CW_GATE_WAITS_MAX], const json_t *quorums, const json_t *approved,
                      const json_t *people, struct cw_err *err);

#endif
