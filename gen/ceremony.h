/* SPDX-License-Identifier: ISC */
/*
 * A publication that waits for signatures of keys that are elsewhere. When `publish` lacks keys of root, targets, a product or a channel,
 * it leaves all that is to be signed in a folder that is carried (gen/folder.h), signed by the keys that are here already, and sets
 * aside what was staged for it. At most one is open.
 *
 *     ceremony/ceremony.json    the same as in the folder: what was opened. It is open while this file is there
 *     ceremony/to-sign/         the folder that is carried
 *     ceremony/staged/…         what was staged, as gen/stage.h has it
 *
 * Snapshot and timestamp are not in it: they are made and signed when it is completed, so that they can be renewed, and other roles
 * published, while it is open. What it is about is locked meanwhile: its roles are published by it alone.
 *
 * `publish` completes it: unites the signatures of copies, signs with keys that came here, composes once more from what was set aside
 * and makes sure that it is exactly what was signed, and publishes in the order of gen/publish.h. It refuses what was altered, and
 * what does not follow what is in force any more.
 *
 * What survives a crash. Opening: the folder appears whole by one rename, before that nothing was changed; what was staged lies in
 * both places until it is removed, which the next command that writes does (cw_ceremony_settle()). A signature: one file replaced.
 * Completing: the tree is the old or the new one to every reader; completing again goes on, also where all but the root was public
 * already. Closing and abandoning: ceremony.json goes first; without it what is still set aside is staged again, where it is found
 * to be published already, or is published anew.
 */
#ifndef CW_GEN_CEREMONY_H
#define CW_GEN_CEREMONY_H

#include "gen/draft.h"
#include "gen/folder.h"
#include "gen/repo.h"

#define CW_CEREMONY_DIR "ceremony"
#define CW_CEREMONY_FOLDER "ceremony/to-sign"

struct cw_ceremony {
    int dir; /* ceremony/; owned; -1: none is open */
    struct cw_folder folder;
};

#define CW_CEREMONY_INIT                                                                                     \
    {                                                                                                        \
        .dir = -1, .folder = CW_FOLDER_INIT                                                                  \
    }

/* Is one open? Without looking into it. */
int cw_ceremony_is_open(bool *open, int repo_dir, struct cw_err *err);
/* Loads the one that is open, with progress for cli; c->dir stays -1 when none is. CW_E_VERIFY when the folder is not as it was left but for signatures. */
int cw_ceremony_load(struct cw_ceremony *c, int repo_dir, const struct cw_cli *cli, struct cw_err *err);
void cw_ceremony_clear(struct cw_ceremony *c);
/* It is about the repository's first metadata. */
bool cw_ceremony_is_first(const struct cw_ceremony *c);
/* CW_E_FAIL naming the role if one of the draft's is in the ceremony. */
int cw_ceremony_check_free(const struct cw_ceremony *c, const struct cw_draft *draft, struct cw_err *err);

/* Opens one for a draft, with what is here signed. renew: array of the roles that were asked to be signed anew. */
int cw_ceremony_open(const struct cw_draft *draft, const struct cw_draft_input *input, const json_t *renew,
                     struct cw_unlock *unlock, int repo_dir, const struct cw_cli *cli, struct cw_err *err);
/* The same for a repository's first roles (role → signed part), in the folder of a repository that is being made. */
int cw_ceremony_open_first(json_t *bodies, const struct cw_keys *keys, int64_t now, struct cw_unlock *unlock,
                           int repo_dir, struct cw_err *err);
/* Takes the signatures of a copy of the folder; *count gets how many were new. CW_E_VERIFY when it is a copy of another one. */
int cw_ceremony_unite(size_t *count, struct cw_ceremony *c, const char *path, struct cw_err *err);

/* What was in force when it was opened still is, or is what it publishes. *done: all of it is published already. rest gets the roles (→
 * true) that are not; new reference. CW_E_FAIL names what moved on, or expired meanwhile. */
int cw_ceremony_check_state(bool *done, json_t **rest, struct cw_ceremony *c, const struct cw_state *state,
                            int64_t now, struct cw_err *err);
/* Composes the draft that publishes it, from what was set aside, and makes sure that it is what was signed. stage is the caller's to
 * clear; *input must have state, config, keys and now, and gets the rest. */
int cw_ceremony_compose(struct cw_draft *draft, struct cw_draft_input *input, struct cw_stage *stage,
                        const struct cw_ceremony *c, const json_t *rest, int repo_dir, struct cw_err *err);
/* The signatures, role → array as envelopes have it; new reference. */
int cw_ceremony_signatures(json_t **signatures, const struct cw_ceremony *c, struct cw_err *err);
/* Once it is published. */
int cw_ceremony_close(struct cw_ceremony *c, int repo_dir, struct cw_err *err);
/* Gives it up: what was set aside is staged again. CW_E_FAIL when something of the same name was staged since. */
int cw_ceremony_abandon(int repo_dir, struct cw_err *err);

/* Ends what a killed run left half done. For whoever holds the repository's lock. */
int cw_ceremony_settle(int repo_dir, struct cw_err *err);

#endif
