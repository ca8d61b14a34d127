/* SPDX-License-Identifier: ISC */
/*
 * Changes of which keys sign for which roles, from `key rotate`, `key add`, `key remove` and `key threshold`, staged until the next
 * publish. What is staged is how each changed role shall be, not steps towards it, so composing it twice changes nothing more.
 *
 *     staged/keys.json   {"_type": "causeway-key-changes", "format": "1.0", "keys": {keyid: key object},
 *                         "roles": {role: {"keyids": [sorted], "threshold": n}}}
 *
 * Top-level roles are changed by a new root, signed by the old root keys and the new. The roles whose keys it changes are signed
 * by old and new keys together, and made public before it, so that a reader at any moment can verify them with whichever root he
 * has. Delegated roles are changed in targets, and signed anew by their new keys in the same snapshot.
 */
#ifndef CW_GEN_REKEY_H
#define CW_GEN_REKEY_H

#include <jansson.h>

#include "gen/draft.h"

#define CW_REKEY_FILE "staged/keys.json"
#define CW_REKEY_TYPE "causeway-key-changes"

/* What is staged; an empty document when nothing is. The caller owns *doc. */
int cw_rekey_load(json_t **doc, int dir, struct cw_err *err);
/* Makes it durable; without roles the file is removed. */
int cw_rekey_store(int dir, const json_t *doc, struct cw_err *err);

/* Changes how `role` shall be: takes `remove` away (NULL: nothing), lets `add` sign (NULL: nothing), sets the threshold (0: as it
 * is). CW_E_NOTFOUND: no such role; CW_E_FAIL: a key that is in the role already, or is not, or a threshold that its keys do not
 * reach. */
int cw_rekey_change(json_t *doc, const struct cw_state *state, const char *role, const char *remove_id,
                    const struct cw_key *add, int64_t threshold, struct cw_err *err);

/* Composes what is staged into the draft: its root, its targets, the roles to be signed anew. Report: "keys": [{"role", "added":
 * [keyid], "removed": [keyid], "threshold"}]. */
int cw_draft_compose_keys(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);

#endif
