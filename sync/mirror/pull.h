/* SPDX-License-Identifier: ISC */
/*
 * The parts of one pull and what they share; see pull.c for the order of steps. Inside sync/mirror only.
 */
#ifndef CW_SYNC_MIRROR_PULL_H
#define CW_SYNC_MIRROR_PULL_H

#include "closure/closure.h"
#include "fs/commit.h"
#include "sync/mirror/foresight.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/source.h"
#include "sync/mirror/web.h"

/* Bytes of manifests kept in memory between verifying and storing them. */
#define CW_PULL_CACHE_MAX ((size_t)64 << 20)

struct cw_pull_kept { /* a small target that was read from the source to be verified */
    char *path;
    char *bytes;
    size_t len;
};

struct cw_pull {
    const struct cw_site *site;
    const struct cw_upstream *upstream;
    const struct cw_cli *cli;
    int64_t now;           /* the wall clock */
    int mirror;            /* the mirror's folder */
    int trust;             /* that of the trusted copies */
    int mirror_metadata;   /* the mirror's own; -1: no roles were staged yet */
    struct cw_batch roles; /* staged in it */
    struct cw_source *source;
    struct cw_foresight *foresight; /* NULL: nothing was expected yet */
    struct cw_mirror_memory memory;
    struct cw_web web;
    bool configured; /* the source is one of site.lua's, so that its web servers may be asked for files too */
    bool fetching;   /* what fails now is told by the servers that were asked for files */
    struct cw_pull_kept *kept;
    size_t kept_count;
    size_t kept_bytes;
    bool rooted;           /* a new root was stored */
    bool older;            /* the source tried last is a medium with genuine, but older metadata */
    unsigned delta_misses; /* files in a row for which the source had no deltas */
    json_t
        *damaged; /* owned; NULL or hashes of old files that a delta starts from and that are damaged here */
    struct cw_progress progress;
    struct cw_pull_result *result;
};

/* drive.c: the TUF client's wants, answered from the trust store and the source. As struct cw_set_source
 * takes them, ctx is the pull. */
int cw_pull_drive(void *pull, struct cw_tuf_update *update, struct cw_err *err);
void cw_pull_expect(void *pull, struct cw_tuf_update *update, const char *target);
void cw_pull_expect_file(void *pull, const char *tree_path, size_t max);
/* What the first run of the update will want, so that it comes in one round trip. */
void cw_pull_expect_first(struct cw_pull *pull, const struct cw_tuf_update *update);
int cw_pull_read(void *pull, const char *tree_path, struct cw_buf *buf, struct cw_err *err);
/* Does the mirror hold the file, by its length? A cw_closure_has. */
bool cw_pull_has_file(void *pull, const struct cw_closure_file *file);
/* A kept file by its tree path, or NULL. */
const struct cw_pull_kept *cw_pull_find_kept(const struct cw_pull *pull, const char *tree_path);
void cw_pull_forget_kept(struct cw_pull *pull);

/* fetch.c: brings every file of the set into the mirror, durable under its final name. CW_E_INCOMPLETE names
 * what the source lacks. */
int cw_pull_fetch(struct cw_pull *pull, const struct cw_tuf_update *update, const struct cw_set *set,
                  struct cw_err *err);

/* own.c: of a bundle that was made for what sites hold: copies what the set needs and the mirror has under another name. */
int cw_pull_own(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err);

/* parts.c: takes the parts of files that the source's volume has, and joins those that are whole; then what was joined
 * is in the mirror, and its parts are gone. */
int cw_pull_parts(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err);
/* The set is complete: no part is needed any more. */
int cw_pull_drop_parts(const struct cw_pull *pull, struct cw_err *err);

/* incomplete.c: the source does not have all that the set needs. Of a bundle's volume the other files are checked, that
 * it was taken in is noted, and err says what is still to come. Never CW_OK. */
int cw_pull_incomplete(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err);

/* delta.c: makes the file from one that the mirror holds, if the source offers a delta. *carried is what
 * came over for it; 0: nothing was made and out is not open: take the whole file. Fails only for want of
 * space or memory. */
int cw_pull_delta(struct cw_out *out, uint64_t *carried, struct cw_pull *pull,
                  const struct cw_closure_file *file, struct cw_err *err);

/* enter.c: writes the verified roles, but the roots and the timestamp, beside where they will be in the mirror: for who has time while
 * files come. */
int cw_pull_stage(struct cw_pull *pull, const struct cw_tuf_update *update, struct cw_err *err);
/* Removes what was staged and not entered. */
void cw_pull_unstage(struct cw_pull *pull);

/* enter.c: all files are there; makes the verified metadata the site's: mirror, memory, trust, the mirror's
 * timestamp. `channels` is the memory after this set. */
int cw_pull_enter(struct cw_pull *pull, const struct cw_tuf_update *update, const json_t *channels,
                  struct cw_err *err);
/* Brings the copies of what memory.json committed up to it, after a run that was killed between; does nothing
 * when all is well. */
int cw_pull_settle(struct cw_pull *pull, struct cw_err *err);

#endif
