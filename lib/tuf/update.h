/* SPDX-License-Identifier: ISC */
/*
 * TUF's client workflow (specification 1.0.34, section 5) as a state machine without I/O. The caller asks
 * what is wanted next, does it, and answers; HTTP, a folder and a stick differ only in who answers.
 *
 *     cw_tuf_update_new(&u, &params, root_bytes, root_len, err);
 *     while ((rc = cw_tuf_update_next(u, &want, err)) == 0 && want.kind != CW_TUF_DONE) {
 *         LOAD:  read the trusted copy want.name;  cw_tuf_update_give(u, bytes, len, err)
 *                or cw_tuf_update_absent(u, err)
 *         FETCH: get metadata/want.name, at most want.max bytes;  give or absent
 *         STORE: make want.bytes durable as the trusted copy want.name;  cw_tuf_update_stored(u)
 *     }
 *
 * After DONE the top-level roles are verified; cw_tuf_update_find() asks for a target and the same loop runs
 * again for the delegated roles on the way. A failure of the refresh is final for the object; a failed search
 * counts as one that found nothing, and others may follow. The trusted copies on disk are what was stored.
 */
#ifndef CW_TUF_UPDATE_H
#define CW_TUF_UPDATE_H

#include "tuf/ahead.h"
#include "tuf/meta.h"

enum cw_tuf_want_kind {
    CW_TUF_LOAD,  /* a trusted copy, by its unversioned name ("timestamp.json"): as stored, or absent */
    CW_TUF_FETCH, /* a remote file, by the name it has below metadata/ ("7.snapshot.json") */
    CW_TUF_STORE, /* verified bytes to be kept under the unversioned name */
    CW_TUF_DONE,
};

struct cw_tuf_want {
    enum cw_tuf_want_kind kind;
    const char *name;  /* file name, percent-encoded; borrowed until the next call */
    const char *role;  /* "root", "gateway", … */
    size_t max;        /* FETCH and LOAD: the most bytes to take */
    bool optional;     /* FETCH: absence (404, 403) is an answer, not a failure: only for the next root */
    const void *bytes; /* STORE */
    size_t len;
    int64_t version; /* STORE */
};

struct cw_tuf_params {
    int64_t now;   /* the one reading of the clock for this run */
    int64_t grace; /* how far past its expiry metadata may be, seconds; 0 as the specification has it,
                    * INT64_MAX: expiry is not judged */
    size_t root_max, timestamp_max, snapshot_max, targets_max; /* 0: the defaults of meta.h */
};

struct cw_tuf_update;

/* Starts from the newest trusted root (bytes as stored). */
int cw_tuf_update_new(struct cw_tuf_update **update, const struct cw_tuf_params *params, const void *root,
                      size_t len, struct cw_err *err);
void cw_tuf_update_free(struct cw_tuf_update *update);

int cw_tuf_update_next(struct cw_tuf_update *update, struct cw_tuf_want *want, struct cw_err *err);
int cw_tuf_update_give(struct cw_tuf_update *update, const void *bytes, size_t len, struct cw_err *err);
int cw_tuf_update_absent(struct cw_tuf_update *update, struct cw_err *err);
int cw_tuf_update_stored(struct cw_tuf_update *update, struct cw_err *err);

/* Searches a target by preorder depth-first walk (section 5.6). Call after DONE; then run the
 * loop; then cw_tuf_update_found(). */
int cw_tuf_update_find(struct cw_tuf_update *update, const char *path, struct cw_err *err);
/* What a search for that target will FETCH first, as far as what is here tells, for who wants to have it at hand by then: its
 * name (borrowed until the next call), the most bytes to take, and whose it is (borrowed from its delegator). False: nothing
 * that is known of. Call after DONE. */
bool cw_tuf_update_foresee(struct cw_tuf_update *update, const char *path, const char **name, size_t *max,
                           struct cw_tuf_role *role);
/* The same of what cw_tuf_update_take() of that delegation will FETCH. */
bool cw_tuf_update_foresee_taking(struct cw_tuf_update *update, const char *delegator, size_t index,
                                  const char **name, size_t *max, struct cw_tuf_role *role);
/* Gives what was fetched, as cw_tuf_update_give() does, and takes over what was verified of these very bytes meanwhile. */
int cw_tuf_update_give_ahead(struct cw_tuf_update *update, struct cw_tuf_ahead *ahead, const void *bytes,
                             size_t len, struct cw_err *err);
/* The result of the last search: CW_E_NOTFOUND when no role signs that path. role (may be NULL) gets the
 * signing role's name. Borrowed. */
int cw_tuf_update_found(const struct cw_tuf_update *update, struct cw_tuf_file *file, const char **role,
                        struct cw_err *err);

/* Takes in the role of one delegation (its number in the delegator's file), whatever it covers: for who wants every role. Call after
 * DONE; then run the loop; the role is then among those verified. What goes wrong is final, as in the refresh. CW_E_VERIFY, too,
 * when the snapshot does not list the role: ask it before. */
int cw_tuf_update_take(struct cw_tuf_update *update, const char *delegator, size_t index, struct cw_err *err);

/* Verified metadata of this run; NULL when not (yet) there. Borrowed. Trees of a few roles are held at a time: of a
 * delegated role that delegates to nobody, doc and signed_ are there until the next search or role is asked for; type,
 * version and expires stay. */
const struct cw_tuf_meta *cw_tuf_update_meta(const struct cw_tuf_update *update, const char *role);
/* The same as the bytes that were received. NULL when not there. */
const void *cw_tuf_update_bytes(const struct cw_tuf_update *update, const char *role, size_t *len);
/* Forgets delegated roles that themselves delegate to nobody, but not `keep` (may be NULL), the oldest first, when those held have more
 * than `most` bytes: for who goes through a whole repository. One that a later search needs is wanted again, as a LOAD first. The
 * result of the last search may be gone. Call after DONE. */
void cw_tuf_update_trim(struct cw_tuf_update *update, const char *keep, size_t most);
/* How many bytes those have now. */
size_t cw_tuf_update_loose(const struct cw_tuf_update *update);
/* Calls fn for each role verified in this run, top-level ones included. */
int cw_tuf_update_each(const struct cw_tuf_update *update,
                       int (*fn)(void *ctx, const char *role, const struct cw_tuf_meta *meta,
                                 const void *bytes, size_t len, struct cw_err *err),
                       void *ctx, struct cw_err *err);
/* How many seconds past expiry the oldest accepted file was (0: none was): for the site's history. */
int64_t cw_tuf_update_grace_used(const struct cw_tuf_update *update);
/* After a failed refresh: what came was genuine, only older than what is trusted. */
bool cw_tuf_update_is_older(const struct cw_tuf_update *update);

#endif
