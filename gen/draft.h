/* SPDX-License-Identifier: ISC */
/*
 * The next publication before it is written: composed from what is published and what is staged, then signed,
 * all in memory but what there may be very much of: release manifests and bins, which are only planned here. Composing and
 * signing change nothing on disk; gen/publish.h writes. `status`, `promote` and
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
#include "gen/spool.h"
#include "gen/state.h"

/* The order in which files become public: each step durable before the next. */
enum cw_step {
    CW_STEP_MANIFESTS,
    CW_STEP_ROLES,
    CW_STEP_SNAPSHOT,
    CW_STEP_ROOT,
    CW_STEP_TIMESTAMP,
    CW_STEP_NEW_KEYS, /* a root that changes the keys of the roles above: a publication of its own, see gen/rekey.h */
};

struct cw_draft_file {
    enum cw_step step;
    char path[CW_PATH_MAX]; /* beneath the tree */
    struct cw_buf bytes;
};

/* A staged manifest that becomes public as it is: read again while it is written, so that thousands need no memory. */
struct cw_draft_copy {
    char *product, *version; /* owned */
    char sha256[CW_SHA256_TEXT];
};

/* Bins to be signed anew or, where a product is split, for the first time. They are made one after the other while they are
 * written (gen/bins.h). */
struct cw_draft_bins {
    char *product;      /* owned; the role that hands its targets to them */
    json_t *body;       /* that role's signed part, which says whose keys count; owned */
    const char *prefix; /* borrowed from body */
    unsigned bits;
    bool fresh;                                  /* the product is split now */
    unsigned char touched[CW_BIN_COUNT_MAX / 8]; /* which of them are made */
    struct cw_spool *spool; /* what they get; owned; NULL: nothing, they are only renewed */
    json_t *leaving;        /* target path → true: what they lose; owned; NULL: nothing */
};

struct cw_draft_input { /* all borrowed */
    const struct cw_state *state;
    const struct cw_stage *stage;
    const struct cw_config *config;
    const struct cw_keys *keys;
    int64_t now;
    int64_t
        composed; /* what new expiries and dates count from: now, or earlier where a ceremony is completed */
    int64_t renew_within;  /* seconds; roles that expire within them are signed anew. -1: none are */
    const json_t *leaving; /* product → {target path: true}: to be signed no more; NULL: nothing */
    const json_t *renew;   /* array of roles to be signed anew; NULL: none */
    bool renew_only;       /* nothing that is staged */
    const json_t *locked;  /* role → anything: these are not renewed, a ceremony does; NULL: none */
    const json_t
        *gathered; /* role → signatures that were made elsewhere, as envelopes have them; NULL: none */
    const json_t *
        splits; /* product → its signed part as it was signed elsewhere, where that splits it; NULL: none was */
    bool plan_only; /* it will not be signed: what would only be needed for that may be left out */
};

struct cw_draft {
    json_t *roles; /* role → its new signed part: targets and delegated roles; owned */
    json_t *root;  /* the new root's signed part, or NULL; owned */
    bool new_keys; /* it changes the keys of targets, snapshot or timestamp: they are made public before it */
    bool snapshot, timestamp; /* to be made anew */
    json_t *staged;           /* array: staged files that are done with once all is written; owned */
    /* What changes, for people and programs; owned:
     * {"keys": [{"role", "added": [keyid], "removed": [keyid], "threshold"}], "products": [name],
     *  "releases": [{"product", "version", "severity", "artifacts", "bytes"}],
     *  "channels": [{"channel", "serial", "releases": [{"product", "from"?, "to"?: it left}],
     *                "withdrawn": [{"product", "version", "reason"}]}],
     *  "renewed": [role], "not_renewed": [{"role", "expires", "reason"}]} */
    json_t *report;
    struct cw_draft_copy *copies; /* written before files */
    size_t copy_count, copy_room;
    struct cw_draft_bins *bins; /* written in the step of roles */
    size_t bins_count;
    struct cw_draft_file *files; /* in the order of writing; after cw_draft_sign() complete */
    size_t file_count, file_room;
};

/* CW_E_VERIFY when what is staged cannot be published as it is (unmet requirements, a changed version). */
int cw_draft_compose(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);
/* Would signing lack keys that could sign elsewhere? Then CW_E_NOTFOUND: *role (borrowed) is one whose keys are, and err says which. */
int cw_draft_lacks(const char **role, const struct cw_draft *draft, const struct cw_draft_input *input,
                   struct cw_err *err);
/* Is there anything to write? */
bool cw_draft_is_empty(const struct cw_draft *draft);
/* Signs everything, unlocking only the keys it needs, and checks the result as a client would. */
int cw_draft_sign(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_unlock *unlock,
                  struct cw_err *err);
void cw_draft_clear(struct cw_draft *draft);
#define CW_AUTO_DRAFT __attribute__((cleanup(cw_draft_clear))) struct cw_draft

/*
 * For the parts of composing and signing, which share nothing else.
 */

/* An empty draft. */
int cw_draft_init(struct cw_draft *draft, struct cw_err *err);
/* A copy of a file's signed part, one version on, with this expiry. The caller owns *body. */
int cw_draft_next_version(json_t **body, const struct cw_tuf_meta *meta, int64_t expires, struct cw_err *err);
/* The new signed part of a published role (its version one higher, its expiry fresh), made at the first call.
 * Borrowed. */
int cw_draft_touch(json_t **body, struct cw_draft *draft, const struct cw_draft_input *input,
                   const char *role, struct cw_err *err);
/* Begins bins that get nothing yet. body is the role's signed part, a new reference. Borrowed until the next. */
int cw_draft_add_bins(struct cw_draft_bins **bins, struct cw_draft *draft, const char *product,
                      const json_t *body, struct cw_err *err);
/* Puts into an envelope the signatures that were gathered and those of keys that are here, until the role's threshold is reached.
 * CW_E_NOTFOUND names the keys that it takes besides. */
int cw_draft_sign_with(json_t *envelope, const struct cw_buf *canonical, const struct cw_draft_input *input,
                       const struct cw_tuf_role *role, struct cw_unlock *unlock, struct cw_err *err);
/* Is that bin made? */
bool cw_draft_bins_touch(const struct cw_draft_bins *bins, size_t number);
/* How many are. */
size_t cw_draft_bins_made(const struct cw_draft_bins *bins);
/* Takes the bytes over; bytes is empty afterwards. */
int cw_draft_add_file(struct cw_draft *draft, enum cw_step step, const char *path, struct cw_buf *bytes,
                      struct cw_err *err);
/* Appends to one of the report's lists; steals row. */
int cw_draft_report(struct cw_draft *draft, const char *list, json_t *row, struct cw_err *err);
int cw_draft_compose_releases(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);
int cw_draft_compose_channels(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err);

#endif
