/* SPDX-License-Identifier: ISC */
/*
 * A TUF repository on a web server, of which there may be more for its targets, and the loop that answers what the client's state machine (tuf/update.h) wants: metadata from
 * there, trusted copies from wherever the caller keeps them.
 */
#ifndef CW_SYNC_TUF_REMOTE_H
#define CW_SYNC_TUF_REMOTE_H

#include "http/ahead.h"
#include "http/http.h"
#include "tuf/update.h"

#define CW_REMOTE_METADATA_SECONDS 300 /* that one file of metadata may take: 5 MB at 17 kB/s */
#define CW_REMOTE_STALL_SECONDS 30     /* of less than 100 bytes a second */
#define CW_REMOTE_MIRRORS_MAX 32

struct cw_remote_options {
    const char *metadata_url; /* borrowed, as all URLs */
    const char *
        target_urls[CW_REMOTE_MIRRORS_MAX]; /* the same targets are below each; none where no target is got */
    size_t target_url_count;
    unsigned metadata_seconds; /* the longest that one file of metadata may take */
    unsigned target_seconds;   /* the same for a target; 0: as long as it keeps the rate */
    unsigned stall_seconds;
    unsigned tries, retry_ms;    /* as http/http.h has them: 0: once */
    struct cw_http_limit *limit; /* NULL: none */
};

struct cw_remote {
    struct cw_remote_options options;
    struct cw_http_options metadata_http, target_http;
    struct cw_http *metadata, *targets;
    struct cw_ahead *ahead; /* NULL: nothing was expected yet */
};

/* CW_E_USAGE for what is no http or https URL. No request is made. */
int cw_remote_open(struct cw_remote *remote, const struct cw_remote_options *options, struct cw_err *err);
void cw_remote_close(struct cw_remote *remote); /* harmless on a zeroed struct */
#define CW_AUTO_REMOTE __attribute__((cleanup(cw_remote_close))) struct cw_remote

/* Where trusted copies are. */
struct cw_remote_copies {
    void *ctx;
    /* Appends the copy that a LOAD wants; CW_E_NOTFOUND: there is none. */
    int (*load)(void *ctx, const struct cw_tuf_update *update, const struct cw_tuf_want *want,
                struct cw_buf *bytes, struct cw_err *err);
    /* Keeps what was verified. */
    int (*store)(void *ctx, const struct cw_tuf_want *want, struct cw_err *err);
};

/* Answers until nothing is wanted any more. One request for each FETCH, in the order in which they are wanted. */
int cw_remote_drive(struct cw_remote *remote, const struct cw_remote_copies *copies,
                    struct cw_tuf_update *update, struct cw_err *err);

/* One file of metadata by its percent-encoded name; buf's max is the limit. CW_E_NOTFOUND. */
int cw_remote_metadata(struct cw_remote *remote, const char *name, struct cw_buf *buf, struct cw_err *err);
/* That file, of at most max bytes, will be asked for, after those that were expected before: fetches it meanwhile. A help and no
 * more; never in a refresh or a download, which make no request but those of the workflow. */
void cw_remote_expect(struct cw_remote *remote, const char *name, size_t max);
/* A copy of at most bytes->max bytes beneath dir. What is no regular file or is larger is none: CW_E_NOTFOUND. */
int cw_remote_read_copy(struct cw_buf *bytes, int dir, const char *path, struct cw_err *err);
/* A file that the user named. */
int cw_remote_read_named(struct cw_buf *bytes, const char *path, struct cw_err *err);

#endif
