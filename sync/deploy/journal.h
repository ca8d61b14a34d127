/* SPDX-License-Identifier: ISC */
/*
 * What is being done to the install root, durable before each step of it, so that whoever comes after a power
 * cut knows how far it came (sync/deploy/recover.h says what he then does).
 *
 * journal.json: {"_type": "causeway-journal", "format": "1.0", "state", "from": generation,
 *  "to": generation, "plan": id, "time", "checks": how many steps must pass after the switch,
 *  "holds": [targets as in holds.json], "reason": text, "undo": [steps], "after": [steps],
 *  "next": index, "tries": n}
 * holds and reason: what is put, and why, if what is under way has to be given up.
 * undo: what must be done (sync/deploy/step.h) if it has to be given up: absent until the first step begins, and
 * each delivery puts in front what takes it back before it begins. after: what is left to do of a generation that
 * is committed. next and tries: how far the list of the state came, and how often the step at that place was begun.
 */
#ifndef CW_SYNC_DEPLOY_JOURNAL_H
#define CW_SYNC_DEPLOY_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CW_JOURNAL_FILE "journal.json"

enum cw_journal_state {
    CW_JOURNAL_NONE,     /* nothing is under way */
    CW_JOURNAL_PREPARE,  /* "before" steps are running; nothing was touched */
    CW_JOURNAL_STAGE,    /* releases and the new generation are being made; nothing running was touched */
    CW_JOURNAL_SWITCH,   /* the new generation is whole; `current` is about to change */
    CW_JOURNAL_CHECK,    /* `current` has changed; commands that judge it are running */
    CW_JOURNAL_DELIVER,  /* it passed; artifacts are being handed on */
    CW_JOURNAL_PASSED,   /* they all passed; nothing is left but to write it down */
    CW_JOURNAL_RETURN,   /* they did not; the old generation is being brought back */
    CW_JOURNAL_ROLLBACK, /* a person asked for an older generation */
    CW_JOURNAL_UNDO,     /* the older one runs, all is written down; what undoes the newer is running */
    CW_JOURNAL_FINISH,   /* the new one is committed; "after" steps are running */
};

struct cw_journal {
    enum cw_journal_state state;
    int64_t from, to;
    int64_t checks;
    char plan[65];
    char time[24];
    char reason[1024];
    json_t *holds;        /* array; owned; NULL: none */
    json_t *undo, *after; /* arrays of steps; owned; NULL: none */
    int64_t next, tries;
};

/* No file: state CW_JOURNAL_NONE. */
int cw_journal_load(struct cw_journal *journal, int site, struct cw_err *err);
/* Durable. With CW_JOURNAL_NONE the file is removed. */
int cw_journal_store(int site, const struct cw_journal *journal, struct cw_err *err);
void cw_journal_clear(struct cw_journal *journal);
#define CW_AUTO_JOURNAL __attribute__((cleanup(cw_journal_clear))) struct cw_journal

/* "staging", "switching", …: as in the file and for people. */
const char *cw_journal_state_name(enum cw_journal_state state);

#endif
