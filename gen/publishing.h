/* SPDX-License-Identifier: ISC */
/*
 * One run of `publish`: what its ways share (gen/publishing.c), and those with a ceremony (gen/publishing_ceremony.c). The command
 * itself, what is staged and no ceremony open, is in gen/cmd_publish.c.
 */
#ifndef CW_GEN_PUBLISHING_H
#define CW_GEN_PUBLISHING_H

#include "cli/passphrase.h"
#include "gen/ceremony.h"
#include "gen/deltas.h"
#include "gen/lend.h"
#include "gen/repo.h"

struct cw_publishing {
    const struct cw_cli *cli;
    const struct cw_lend *lend;
    struct cw_passphrase *passphrase;
    char **folders; /* copies of the ceremony's folder that came back; NULL-terminated */
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage, aside; /* aside: what the ceremony has */
    struct cw_keys keys;
    struct cw_unlock *unlock;
    struct cw_draft_input input;
    struct cw_draft draft;
    struct cw_deltas_plan deltas;
    struct cw_ceremony ceremony;
    json_t *renew, *locked, *gathered, *missing, *rest;
    uint64_t deltas_back; /* how many earlier releases deltas are made from */
    bool deltas_all;      /* also to what is published */
    bool opened;          /* a ceremony, by this run */
    bool expired;         /* some role stays so */
};

/* Finds the keys that are here or lent, and the time. */
int cw_publishing_open_keys(struct cw_publishing *p, struct cw_err *err);
/* Before anything else becomes public, and before a key is unlocked for it. */
int cw_publishing_make_deltas(struct cw_publishing *p, struct cw_err *err);
/* Signs the draft and makes it public. */
int cw_publishing_write(struct cw_publishing *p, struct cw_err *err);
/* All of a draft that needs no key from elsewhere, deltas, report and all. */
int cw_publishing_draft(struct cw_publishing *p, struct cw_err *err);
/* Composes only what soon expires, with the keys that are here: what is staged waits for others. */
int cw_publishing_renew(struct cw_publishing *p, struct cw_err *err);

/* Whose signatures the ceremony lacks now. */
int cw_publishing_find_missing(struct cw_publishing *p, struct cw_err *err);
/* Says what was done. */
int cw_publishing_report(const struct cw_publishing *p, bool published, struct cw_err *err);
/* The ceremony lacks signatures, and nothing else was published: CW_E_INCOMPLETE. */
int cw_publishing_report_waiting(const struct cw_publishing *p, struct cw_err *err);

/* One is open. */
int cw_publishing_with_ceremony(struct cw_publishing *p, struct cw_err *err);
/* The one that makes the repository's first metadata is. */
int cw_publishing_first(struct cw_publishing *p, struct cw_err *err);

#endif
