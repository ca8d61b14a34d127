/* SPDX-License-Identifier: ISC */
/*
 * One upstream's trust and mirror: taking a tree in, and reading what was taken in. Never runs policy.
 */
#ifndef CW_SYNC_MIRROR_MIRROR_H
#define CW_SYNC_MIRROR_MIRROR_H

#include "sync/site.h"

/* What a pull did, for the person, --json and the history. */
struct cw_pull_result {
    bool changed;   /* the mirror moved to another state */
    bool older;     /* the medium is genuine, but older than what was trusted: nothing was taken from it */
    int64_t serial; /* of the channel now in the mirror */
    uint64_t files, bytes; /* taken in by this run */
    uint64_t carried;      /* of these bytes, what came from the source: less where deltas did */
    int64_t grace_used;    /* seconds past expiry that were forgiven */
    int64_t root_version;
    char source[CW_PATH_MAX]; /* where it came from */
};

/* What a person asks of a pull. */
struct cw_pull_how {
    const char *where;           /* a URL or folder; NULL: site.lua's sources in order */
    struct cw_http_limit *limit; /* of bytes per second; NULL: none */
    int64_t stall_seconds;       /* a web server may send less than 100 bytes a second for so long */
    int64_t retry_ms; /* before a web server is asked again the first time; 0: as lib/http has it */
};
#define CW_PULL_STALL_SECONDS 30
#define CW_PULL_STALL_SECONDS_MAX 3600
#define CW_PULL_RETRY_MS_MAX INT64_C(3600000)

/* Refreshes from the first source that answers (how->where, or site.lua's, those that failed lately last; files that it
 * lacks or has wrong come from the other web servers), verifies the channel's set, fetches what is missing, advances trust, memory and mirror;
 * timestamp.json last. An older medium is no failure (result->older). A failure leaves trust, memory and the mirror's metadata as they were; finished files
 * stay for the next try. */
int cw_mirror_pull(struct cw_pull_result *result, const struct cw_site *site,
                   const struct cw_upstream *upstream, const struct cw_pull_how *how, int64_t now,
                   const struct cw_cli *cli, struct cw_err *err);

/* The set that the mirror holds, verified again from disk against the trusted root (expiry is not judged: it
 * was when it entered). Every file of the set is present in the mirror (by name and length; contents are
 * hashed when used). CW_E_NOTFOUND: nothing pulled yet. */
int cw_mirror_load(struct cw_set *set, int64_t *root_version, const struct cw_site *site,
                   const struct cw_upstream *upstream, struct cw_err *err);

/* Opens the mirror's tree (for reading artifacts by cw_tree_target_path). */
int cw_mirror_open(int *fd, const struct cw_site *site, const struct cw_upstream *upstream,
                   struct cw_err *err);

/* The time floor of all upstreams: no honest clock is below it. 0: none yet.
 * What waits for 'clock confirm' counts where there is no floor. */
int cw_mirror_time_floor(int64_t *floor, const struct cw_site *site, struct cw_err *err);

#endif
