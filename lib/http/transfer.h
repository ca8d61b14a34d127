/* SPDX-License-Identifier: ISC */
/*
 * Many files at a time over http and https, by one thread: connections kept alive and shared by HTTP/2's streams, what
 * broke off goes on where it ended (Range, If-Range), what may pass is tried again, redirects are followed.
 *
 * Threads: a struct cw_transfers, its transfers and all callbacks belong to the thread that calls cw_transfers_run();
 * only cw_transfers_wake() may be called from others. Options may be shared by threads; they are only read.
 */
#ifndef CW_HTTP_TRANSFER_H
#define CW_HTTP_TRANSFER_H

#include "http/http.h"

#define CW_HTTP_ETAG_MAX 128 /* longer ones are not used */
#define CW_HTTP_PARALLEL_MAX 64

struct cw_transfer;

struct cw_transfer_calls {
    /* A good answer begins; the bytes that take() gets are those from `offset` on: what was had before the transfer or
     * the try, or 0: whatever was had is to be forgotten. Non-zero ends the transfer. */
    int (*begin)(struct cw_transfer *transfer, uint64_t offset, struct cw_err *err);
    int (*take)(struct cw_transfer *transfer, const void *data, size_t len, struct cw_err *err);
    /* It is over, and may be used again or freed here. err is set unless rc is CW_OK. */
    void (*done)(struct cw_transfer *transfer, int rc, const struct cw_err *err);
};

struct cw_transfer_run { /* the engine's own */
    struct cw_transfer *next;
    char *location; /* where a redirect led; NULL: the URL itself */
    unsigned redirects, tries, restarts;
    int64_t began_ns, due_ns;
    uint64_t attempt; /* bytes of this try */
    size_t page;      /* bytes of an error's page */
    bool ranged, judged, is_error, again, hopeless;
    char etag[CW_HTTP_ETAG_MAX]; /* of this answer */
    uint64_t start, total;       /* its Content-Range; total UINT64_MAX: not said */
    bool has_range;
    int rc;
    struct cw_err err;
};

/* One file. The caller's, and to stay where it is until done(); zeroed but for these. */
struct cw_transfer {
    const struct cw_http_options *options;
    const char *url;
    uint64_t length; /* of the whole file; an answer that says or brings another is CW_E_VERIFY ... */
    bool at_most;    /* ... but may be shorter */
    uint64_t have;   /* bytes of it that are here; counts what is taken */
    char etag
        [CW_HTTP_ETAG_MAX]; /* of the file that these bytes are of; "": unknown. The answer's, afterwards */
    const struct cw_transfer_calls *calls;
    void *ctx;
    struct cw_transfer_run run;
};

struct cw_transfers;

/* parallel: how many may be under way, at most CW_HTTP_PARALLEL_MAX. */
int cw_transfers_new(struct cw_transfers **transfers, unsigned parallel, struct cw_err *err);
/* What is under way is dropped; done() is not called for it. */
void cw_transfers_free(struct cw_transfers *transfers);

/* Those under way, waiting for their next try included. */
size_t cw_transfers_count(const struct cw_transfers *transfers);
/* Begins one; there must be room. What goes wrong with it is told by done(), perhaps at once. Errors are those that
 * http.h lists for cw_http_get. */
void cw_transfers_add(struct cw_transfers *transfers, struct cw_transfer *transfer);
/* Moves what can be moved, calling back; waits at most so long if there is nothing. */
int cw_transfers_run(struct cw_transfers *transfers, int milliseconds, struct cw_err *err);
/* Ends the waiting of a run. For any thread. */
void cw_transfers_wake(struct cw_transfers *transfers);

#endif
