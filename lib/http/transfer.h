/* SPDX-License-Identifier: ISC */
/*
 * Many files at a time over http and https, by one thread: connections kept alive and shared by HTTP/2's streams, what
 * broke off goes on where it ended (Range, If-Range), what may pass is tried again, redirects are followed.
 *
 * If-Range (RFC 9110, section 13.1.5) asks for the rest if the file is still the same, else for the whole. Two servers behind one
 * name may have two validators for the same bytes, and then it would throw away what is here again and again. So where a hash
 * judges in the end, an answer with the whole under another validator is broken off, if what is here is worth a request, and the
 * rest is asked for without condition.
 *
 * Threads: a struct cw_transfers, its transfers and all callbacks belong to the thread that calls cw_transfers_run();
 * only cw_transfers_wake() may be called from others. Options may be shared by threads; they are only read.
 */
#ifndef CW_HTTP_TRANSFER_H
#define CW_HTTP_TRANSFER_H

#include "http/http.h"

#define CW_HTTP_VALIDATOR_MAX 128 /* longer ones are not used */
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
    bool ranged, conditional, judged, is_error, again, hopeless;
    bool unconditional; /* its server's validators change although the file does not: If-Range is of no use */
    bool joined;        /* this answer's bytes and those before are of one file, as the server says */
    char etag[CW_HTTP_VALIDATOR_MAX], modified[CW_HTTP_VALIDATOR_MAX]; /* of this answer, if strong */
    bool has_etag;
    int64_t date;          /* the answer's; -1: not said */
    uint64_t start, total; /* its Content-Range; total UINT64_MAX: not said */
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
    /* The whole is held against a hash when it is here, so bytes of different servers, or under different validators, may be
     * joined. Else they are not: without a validator a later try begins anew. */
    bool checked;
    /* Not 0: of the file, which is checked, only the bytes before this one are wanted, over a connection that no other transfer
     * shares. A server that answers with the whole is told to begin() as an offset of 0. */
    uint64_t until;
    /* Of the file that these bytes are of, as If-Range has it: an ETag, no weak one, or a date; "": unknown. The answer's,
     * afterwards. */
    char validator[CW_HTTP_VALIDATOR_MAX];
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
/* Drops one; done() is not called for it. Not within begin() or take(). */
void cw_transfers_cancel(struct cw_transfers *transfers, struct cw_transfer *transfer);
/* Moves what can be moved, calling back; waits at most so long if there is nothing. */
int cw_transfers_run(struct cw_transfers *transfers, int milliseconds, struct cw_err *err);
/* Ends the waiting of a run. For any thread. */
void cw_transfers_wake(struct cw_transfers *transfers);

#endif
