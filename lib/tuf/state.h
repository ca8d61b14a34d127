/* SPDX-License-Identifier: ISC */
/*
 * Inside lib/tuf: what the parts of the client workflow share. Each step of the workflow is a row of a table
 * in update.c: what it wants, and what it does with the answer. root.c, timestamp.c, snapshot.c, targets.c
 * and walk.c hold the rows' functions in the order in which they run.
 */
#ifndef CW_TUF_STATE_H
#define CW_TUF_STATE_H

#include "tuf/update.h"

enum cw_tuf_step {
    CW_TUF_STEP_ROOT,           /* fetch the next root */
    CW_TUF_STEP_TIMESTAMP_LOAD, /* look at the trusted timestamp */
    CW_TUF_STEP_SNAPSHOT_LOAD,  /* look at the trusted snapshot */
    CW_TUF_STEP_TIMESTAMP_FETCH,
    CW_TUF_STEP_SNAPSHOT_FETCH,
    CW_TUF_STEP_TARGETS_LOAD, /* look at the trusted copy of the role in update->wanted */
    CW_TUF_STEP_TARGETS_FETCH,
    CW_TUF_STEP_DONE,
};

/* One verified file. */
struct cw_tuf_held {
    char role[CW_TUF_NAME_MAX];
    struct cw_tuf_meta meta;
    void *bytes; /* as received */
    size_t len;
    bool
        loose; /* a delegated role that delegates to nobody: its tree may be gone (meta.doc NULL), and all of it be forgotten */
    struct cw_tuf_held *before,
        *after; /* among the loose ones with trees: looked into next before it, and next after */
    /* The delegator's keys with which it was verified last, as references, so that they stay the same ones.
     * NULL: none yet. */
    json_t *keys, *keyids;
    int64_t threshold;
};

/* A delegation that the walk is still to follow. */
struct cw_tuf_pending {
    const struct cw_tuf_held *delegator;
    size_t index;
};

/* The search for one target (section 5.6.7). */
struct cw_tuf_walk {
    char *path;      /* NULL: no search yet */
    json_t *visited; /* object: role → true */
    struct cw_tuf_pending *stack;
    size_t depth, room;
    const struct cw_tuf_held *found; /* the role that signs it */
};

struct cw_tuf_update {
    struct cw_tuf_params params;
    enum cw_tuf_step step;
    bool failed;               /* the refresh failed: nothing more is wanted or taken */
    bool asked;                /* the last want was a LOAD or FETCH and has no answer yet */
    size_t limit;              /* its max */
    struct cw_buf name;        /* its name */
    struct cw_tuf_held *store; /* verified, to be stored before anything else happens; NULL: none */

    struct cw_tuf_held *
        *held; /* everything verified in this run, each for itself on the heap so that pointers stay */
    size_t held_count, held_room;
    size_t loose_bytes;                  /* of those that may be forgotten */
    size_t tree_bytes;                   /* of those among them that have their trees */
    struct cw_tuf_held *oldest, *newest; /* of those: looked into first and last */
    json_t *index;                       /* object: role → place in held */

    int rotations;     /* roots taken in this run */
    bool keys_rotated; /* one of them took away keys of timestamp or snapshot */
    struct cw_tuf_held *old_timestamp,
        *old_snapshot;              /* trusted copies that verify under the root; NULL: none */
    struct cw_tuf_role wanted;      /* the targets role being taken in, with its delegator's keys */
    struct cw_tuf_file wanted_file; /* what snapshot says of it */
    int64_t grace_used;
    bool older; /* the timestamp that came is genuine, but older than the trusted one */
    struct cw_tuf_walk walk;
};

/* hold.c */
/* Parses, and copies the bytes. The caller owns *held (cw_tuf_held_free). */
int cw_tuf_held_new(struct cw_tuf_held **held, const char *role, enum cw_tuf_type type, const void *bytes,
                    size_t len, struct cw_err *err);
void cw_tuf_held_free(struct cw_tuf_held *held);
/* Takes *held over as this run's file of its role, in place of an earlier one, and sets it to NULL; store:
 * it is new and to be stored before anything else happens. */
int cw_tuf_hold(struct cw_tuf_update *update, struct cw_tuf_held **held, bool store, struct cw_err *err);
/* It is about to be looked into: parses it again where its tree is gone. */
int cw_tuf_held_use(struct cw_tuf_update *update, struct cw_tuf_held *held, struct cw_err *err);
/* Lets go of trees of loose roles, but not of the one used last, until what is left is small. Whatever a search found is
 * no longer borrowed by anybody. */
void cw_tuf_ease(struct cw_tuf_update *update);
/* This run's file of a role; NULL when there is none. */
struct cw_tuf_held *cw_tuf_held_of(const struct cw_tuf_update *update, const char *role);
/* Was it verified with these very keys already? The next two save a search the same signatures for each target. */
bool cw_tuf_held_is_by(const struct cw_tuf_held *held, const struct cw_tuf_role *role);
void cw_tuf_held_note(struct cw_tuf_held *held, const struct cw_tuf_role *role);

/* update.c */
/* Signed by enough keys of that top-level role of the trusted root? */
int cw_tuf_verify_top(const struct cw_tuf_update *update, const struct cw_tuf_meta *meta, const char *role,
                      struct cw_err *err);
/* CW_E_EXPIRED when it is, grace counted. */
int cw_tuf_expiry_check(const struct cw_tuf_update *update, const struct cw_tuf_meta *meta, const char *role,
                        struct cw_err *err);
/* Notes how far past its expiry a file is that was accepted. */
void cw_tuf_expiry_note(struct cw_tuf_update *update, const struct cw_tuf_meta *meta);
/* Sets want's kind, role (borrowed until the next call) and name; version 0: no version in the name. */
int cw_tuf_want_file(struct cw_tuf_update *update, struct cw_tuf_want *want, enum cw_tuf_want_kind kind,
                     int64_t version, const char *role, struct cw_err *err);
/* The version to put into the name of a file to be fetched: 0 when the repository has no consistent
 * snapshots. */
int64_t cw_tuf_name_version(const struct cw_tuf_update *update, int64_t version);
/* The most bytes to take of a file whose stated length (-1: none) must not be over `most` either. */
int cw_tuf_length_limit(size_t *limit, const struct cw_tuf_file *file, size_t most, const char *role,
                        struct cw_err *err);

/* root.c */
int cw_tuf_root_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_root_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);
int cw_tuf_root_absent(struct cw_tuf_update *update, struct cw_err *err);

/* timestamp.c */
int cw_tuf_timestamp_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_timestamp_load_give(struct cw_tuf_update *update, const void *bytes, size_t len,
                               struct cw_err *err);
int cw_tuf_timestamp_load_absent(struct cw_tuf_update *update, struct cw_err *err);
int cw_tuf_timestamp_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_timestamp_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);

/* snapshot.c */
int cw_tuf_snapshot_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_snapshot_load_give(struct cw_tuf_update *update, const void *bytes, size_t len,
                              struct cw_err *err);
int cw_tuf_snapshot_load_absent(struct cw_tuf_update *update, struct cw_err *err);
/* The timestamp is settled: the trusted snapshot is the one it names, or another is to be fetched. */
int cw_tuf_snapshot_start(struct cw_tuf_update *update, struct cw_err *err);
int cw_tuf_snapshot_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_snapshot_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);

/* targets.c */
/* Begins to take in the targets file of a role whose keys are given. */
int cw_tuf_targets_start(struct cw_tuf_update *update, const struct cw_tuf_role *role, struct cw_err *err);
int cw_tuf_targets_load_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_targets_load_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);
int cw_tuf_targets_load_absent(struct cw_tuf_update *update, struct cw_err *err);
int cw_tuf_targets_want(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_targets_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);
/* The same for the wanted role's file that was verified with its own role's keys; if those are others than the delegator's now,
 * it is verified again. */
int cw_tuf_targets_give_ahead(struct cw_tuf_update *update, struct cw_tuf_ahead *ahead, struct cw_err *err);

/* walk.c */
int cw_tuf_walk_start(struct cw_tuf_update *update, const char *path, struct cw_err *err);
/* A role that the walk had asked for is there: look into it, and on. */
int cw_tuf_walk_visit(struct cw_tuf_update *update, const struct cw_tuf_held *role, struct cw_err *err);
void cw_tuf_walk_clear(struct cw_tuf_walk *walk);

#endif
