/* SPDX-License-Identifier: ISC */
/*
 * What a receiving thread works with: files on their way to it. Inside lib/intake only, and of that thread alone.
 */
#ifndef CW_INTAKE_ARRIVAL_H
#define CW_INTAKE_ARRIVAL_H

#include "http/transfer.h"
#include "intake/parts.h"

struct cw_arrival { /* a transfer and where its bytes go */
    struct cw_transfer transfer;
    struct cw_receiver *receiver;
    struct cw_part part;
    struct cw_buf url;
    size_t source;
    bool mixed;     /* its bytes did not come in one piece */
    bool noted;     /* its validator is in the inbox */
    unsigned again; /* how often such a file was wrong */
    bool broken;    /* the failure is our own: a full disk, no memory */
    bool busy;
    /* pieces.c: */
    struct cw_pieces *pieces; /* of its file, which comes over several connections; NULL: over its own */
    struct cw_piece *piece;   /* what its transfer brings of such a file, its own or another's; NULL: none */
    bool cut;                 /* its own transfer has ended where the pieces begin */
    bool whole;               /* its file is not to come in pieces: that was tried */
    bool watched;             /* its rate was measured once */
    int64_t since_ns;         /* from then on ... */
    uint64_t bytes;           /* ... so many bytes of its file came */
};

struct cw_receiver {
    struct cw_intake *intake;
    int inbox;
    struct cw_transfers *transfers;
    struct cw_arrival *arrivals;
    size_t count, busy;
    size_t helping; /* of the busy ones: with a piece of another's file */
    size_t pieces;  /* in memory */
};

/* receive.c: asks the next source for what is not there yet. */
void cw_arrival_ask(struct cw_arrival *arrival);
/* All bytes are there: the file is ready, or asked for again. */
void cw_arrival_judge(struct cw_arrival *arrival);
/* Ends the arrival and the whole intake. */
void cw_arrival_fail(struct cw_arrival *arrival, const struct cw_err *err);

/* pieces.c: large files over several connections, where one alone is slow. */

/* Gives idle arrivals, at most so many at a time, something of the files that would come sooner by that. */
void cw_pieces_help(struct cw_receiver *receiver, size_t most);
/* A transfer of the arrival's whole file begins: its rate is looked at from now on. */
void cw_pieces_watch(struct cw_arrival *arrival);
/* How many of the `len` bytes that came for its own transfer it is to take; fewer: it ends there, and cw_pieces_go_on() follows. */
size_t cw_pieces_own(struct cw_arrival *arrival, size_t len);
void cw_pieces_go_on(struct cw_arrival *arrival);
/* Drops what is under way and not in the part. Harmless where there is nothing. Not within begin() or take(). */
void cw_pieces_end(struct cw_arrival *arrival);

#endif
