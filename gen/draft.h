/* SPDX-License-Identifier: ISC */
/*
 * The next publication before it is written: composed from what is published and what is staged, then signed,
 * all in memory. Composing and signing change nothing on disk; gen/publish.h writes. `status`, `promote` and
 * --dry-run stop after composing, which needs no secret key.
 */
#ifndef CW_GEN_DRAFT_H
#define CW_GEN_DRAFT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gen/config.h"
#include "gen/keys.h"
#include "gen/stage.h"
#include "gen/state.h"

/* The order in which files become public: each step durable before the next. */
enum cw_step { CW_STEP_MANIFESTS, CW_STEP_ROLES, CW_STEP_SNAPSHOT, CW_STEP_ROOT, CW_STEP_TIMESTAMP };

struct cw_draft_file {
    enum cw_step step;
    char path[CW_PATH_MAX]; /* beneath the tree */
    struct cw_buf bytes;
};

struct cw_draft_input { /* all borrowed */
    const struct cw_state *state;
    const struct cw_stage *stage;
    const struct cw_config *config;
    const struct cw_keys *keys;
    int64_t now;
    int64_t renew_within; /* seconds; roles that expire within them are signed anew. -1: none are */
};

struct cw_draft {
    json_t *roles;            /* role → its new signed part: targets and delegated roles; owned */
    json_t *root;             /* the new root's signed part, or NULL; owned */
    bool snapshot, timestamp; /* to be made anew */
    json_t *manifests;        /* "product@version" → {"sha256", "length"} of what is published now; owned */
    json_t *staged;           /* array: staged files that are done with once all is written; owned */
    /* What changes, for people and programs; owned:
     * {"products": [name], "releases": [{"product", "version", "severity", "artifacts", "bytes"}],
     *  "channels": [{"channel", "serial", "releases": [{"product", "from"?, "to"}]}],
     *  "renewed": [role], "not_renewed": [{"role", "reason"}]} */
    json_t *report;
    struct cw_draft_file *files; /* in the order of writing; after cw_draft_sign() complete */
    size_t file_count, file_room;
};

/* CW_E_VERIFY when what is staged cannot be published as it is (unmet requirements, a changed version). */
int cw_draft_compose(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);
/* Is there anything to write? */
bool cw_draft_is_empty(const struct cw_draft *draft);
/* Signs everything, unlocking only the keys it needs, and checks the result as a client would. */
int cw_draft_sign(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  struct cw_err *err);
void cw_draft_clear(struct cw_draft *draft);
#define CW_AUTO_DRAFT __attribute__((cleanup(cw_draft_clear))) struct cw_draft

/*
 * For the parts of composing, which share nothing else.
 */

/* A copy of a file's signed part, one version on, with this expiry. The caller owns *body. */
int cw_draft_next_version(json_t **body, const struct cw_tuf_meta *meta, int64_t expires, struct cw_err *err);
/* The new signed part of a published role (its version one higher, its expiry fresh), made at the first call.
 * Borrowed. */
int cw_draft_touch(json_t **body, struct cw_draft *draft, const struct cw_draft_input *input,
                   const char *role, struct cw_err *err);
/* Takes the bytes over; bytes is empty afterwards. */
int cw_draft_add_file(struct cw_draft *draft, enum cw_step step, const char *path, struct cw_buf *bytes,
                      struct cw_err *err);
/* Appends to one of the report's lists; steals row. */
int cw_draft_report(struct cw_draft *draft, const char *list, json_t *row, struct cw_err *err);
int cw_draft_compose_releases(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);
int cw_draft_compose_channels(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);

#endif
