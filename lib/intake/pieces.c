/* SPDX-License-Identifier: ISC */
/*
 * A large file over several connections. TCP takes a lost packet for a full line, so on a bad one a connection gets a small part of what
 * the line has, and a large file that is begun last, or is the only one, would come at that pace. Where connections are idle they
 * fetch pieces of it, always the next ones, and as many at a time as make it faster. Pieces are kept in memory until all
 * before them is in the file: so the part is what it is without them, the beginning of the file, and hashed as it grows.
 *
 * The first transfer asked for all of the file; it ends where the first piece begins. A server that answers a range with something
 * else, or a piece that does not come, ends the pieces, and the rest comes as before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "intake/arrival.h"

#define NS INT64_C(1000000000)
#define PIECE ((size_t)256 << 10)
#define PIECES_EACH 2 /* for each connection, so that one slow piece does not keep the others waiting */
#define LEAD_PARTS                                                                                           \
    8 /* so much of the rest the first transfer still brings itself, while the others begin, ... */
#define LEAD_MAX 4            /* ... but not more pieces */
#define WATCH_NS (NS / 2)     /* so long a rate is measured, ... */
#define WATCH_NS_MAX (2 * NS) /* ... or so long where little comes */
#define WATCH_BYTES (UINT64_C(64) << 10)
#define RATE_ENOUGH (UINT64_C(8) << 20) /* bytes a second: who gets that is not slow */
#define CONNECTIONS_FIRST 2

struct cw_piece {
    struct cw_piece *next;
    struct cw_arrival *front, *by; /* whose file it is of; who brings it, NULL: it is here */
    uint64_t from;
    size_t length, have, added; /* bytes; here; in the part */
    char bytes[];
};

struct cw_pieces {
    struct cw_piece *head, **tail; /* in the file's order */
    uint64_t begin, next;          /* where the first one began, and the next one will */
    size_t connections, most;      /* that bring pieces; that may */
    uint64_t rate;                 /* when there were so many: more must make it faster than that */
};

static uint64_t length_of(const struct cw_arrival *front)
{
    return front->part.job->file.length;
}

void cw_pieces_watch(struct cw_arrival *arrival)
{
    arrival->since_ns = cw_clock_monotonic_ns();
    arrival->bytes = 0;
    arrival->cut = arrival->watched = false;
}

size_t cw_pieces_own(struct cw_arrival *arrival, size_t len)
{
    const struct cw_pieces *pieces = arrival->pieces;

    if (pieces != NULL && len >= pieces->begin - arrival->part.length) {
        len = (size_t)(pieces->begin - arrival->part.length);
        arrival->cut = true;
    }
    arrival->bytes += len;
    return len;
}

static void drop_first(struct cw_arrival *front)
{
    struct cw_pieces *pieces = front->pieces;
    struct cw_piece *piece = pieces->head;

    pieces->head = piece->next;
    if (pieces->head == NULL)
        pieces->tail = &pieces->head;
    front->receiver->pieces--;
    free(piece);
}

/* The connection is free again; an arrival that had nothing else is too. */
static void leave(struct cw_piece *piece)
{
    struct cw_arrival *by = piece->by;

    piece->by = NULL;
    by->piece = NULL;
    piece->front->pieces->connections--;
    if (by == piece->front)
        return;
    by->busy = false;
    by->receiver->busy--;
    by->receiver->helping--;
}

void cw_pieces_end(struct cw_arrival *front)
{
    if (front->pieces == NULL)
        return;
    while (front->pieces->head != NULL) {
        struct cw_piece *piece = front->pieces->head;

        if (piece->by != NULL) {
            cw_transfers_cancel(front->receiver->transfers, &piece->by->transfer);
            leave(piece);
        }
        drop_first(front);
    }
    free(front->pieces);
    front->pieces = NULL;
}

/* Into the part goes what follows on what is in it. */
static int join(struct cw_arrival *front, struct cw_err *err)
{
    struct cw_piece *piece;
    int rc = CW_OK;

    while (rc == CW_OK && (piece = front->pieces->head) != NULL &&
           front->part.length == piece->from + piece->added) {
        rc = cw_part_add(&front->part, piece->bytes + piece->added, piece->have - piece->added, err);
        piece->added = piece->have;
        if (piece->added < piece->length || piece->by != NULL)
            break;
        drop_first(front);
    }
    return rc;
}

static int begin(struct cw_transfer *transfer, uint64_t offset, struct cw_err *err)
{
    const struct cw_arrival *by = transfer->ctx;

    if (offset == by->piece->from + by->piece->have)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "'%s': a range was asked for, and the whole came",
                      by->piece->front->part.job->file.path);
}

static int take(struct cw_transfer *transfer, const void *data, size_t len, struct cw_err *err)
{
    struct cw_arrival *by = transfer->ctx, *front = by->piece->front;
    struct cw_piece *piece = by->piece;
    int rc;

    memcpy(piece->bytes + piece->have, data, len); /* the transfer ends with the piece */
    piece->have += len;
    front->bytes += len;
    front->part.job->carried += len;
    rc = join(front, err);
    by->broken = rc != CW_OK;
    return rc;
}

void cw_pieces_go_on(struct cw_arrival *front)
{
    struct cw_err err = {.code = CW_OK};

    if (join(front, &err) != CW_OK) {
        cw_arrival_fail(front, &err);
    } else if (front->part.length == length_of(front)) {
        cw_pieces_end(front);
        cw_arrival_judge(front);
    }
}

/* The rest comes as if there had been no pieces: by the first transfer, if that is under way, else by a new one. */
static void give_up(struct cw_arrival *front)
{
    bool cut = front->cut;

    cw_pieces_end(front);
    front->whole = true;
    if (cut)
        cw_arrival_ask(front);
}

static void done(struct cw_transfer *transfer, int rc, const struct cw_err *err)
{
    struct cw_arrival *by = transfer->ctx, *front = by->piece->front;

    leave(by->piece);
    if (rc == CW_OK)
        cw_pieces_go_on(front);
    else if (by->broken || rc == CW_E_NOMEM)
        cw_arrival_fail(front, err);
    else
        give_up(front);
}

static uint64_t lead_of(const struct cw_arrival *front)
{
    uint64_t lead = (length_of(front) - front->part.length) / LEAD_PARTS;

    return lead < PIECE ? PIECE : lead > LEAD_MAX * PIECE ? LEAD_MAX * PIECE : lead;
}

static void split(struct cw_arrival *front, uint64_t rate)
{
    struct cw_pieces *pieces = calloc(1, sizeof *pieces);

    if (pieces == NULL)
        return; /* it comes slowly */
    pieces->tail = &pieces->head;
    pieces->begin = pieces->next = front->part.length + lead_of(front);
    pieces->most = CONNECTIONS_FIRST;
    pieces->rate = rate;
    front->pieces = pieces;
    front->mixed = true;
}

static bool may_split(const struct cw_arrival *front, uint64_t rate)
{
    return !front->whole && front->again == 0 && rate > 0 && rate < RATE_ENOUGH &&
           front->transfer.options->limit == NULL &&
           length_of(front) - front->part.length >= (1 + CONNECTIONS_FIRST) * PIECE;
}

/* Twice as many connections, as long as the last ones made it faster by a quarter at least: where the line is full they would
 * only take from others what is theirs. How a connection starts tells nothing: TCP has not lost a packet yet. */
static void look_at_rate(struct cw_arrival *front, int64_t now)
{
    struct cw_pieces *pieces = front->pieces;
    int64_t took = now - front->since_ns;
    uint64_t rate;

    if (took < WATCH_NS || (front->bytes < WATCH_BYTES && took < WATCH_NS_MAX))
        return;
    rate = (uint64_t)((double)front->bytes * (double)NS / (double)took);
    if (pieces == NULL && front->watched && may_split(front, rate)) {
        split(front, rate);
    } else if (pieces != NULL && rate >= pieces->rate + pieces->rate / 4 &&
               pieces->connections == pieces->most) {
        pieces->rate = rate;
        pieces->most *= 2;
    } else if (pieces != NULL && rate < pieces->rate / 2) {
        pieces->rate = rate; /* the line is another */
    }
    front->watched = true;
    front->since_ns = now;
    front->bytes = 0;
}

/* The file whose next piece is to be fetched: the one that has the fewest connections. NULL: none, or nobody may. */
static struct cw_arrival *next_front(const struct cw_receiver *receiver, size_t most)
{
    bool free = receiver->busy < receiver->count && receiver->helping < most;
    struct cw_arrival *found = NULL;
    size_t i;

    for (i = 0; i < receiver->count; i++) {
        struct cw_arrival *front = &receiver->arrivals[i];
        const struct cw_pieces *pieces = front->pieces;
        bool idle = front->cut && front->piece == NULL; /* itself */

        if (pieces != NULL && pieces->next < length_of(front) && pieces->connections < pieces->most &&
            (idle || free) && (found == NULL || pieces->connections < found->pieces->connections))
            found = front;
    }
    return found;
}

static struct cw_piece *piece_new(struct cw_arrival *front)
{
    struct cw_pieces *pieces = front->pieces;
    uint64_t left = length_of(front) - pieces->next;
    size_t length = left < PIECE ? (size_t)left : PIECE;
    struct cw_piece *piece = malloc(sizeof *piece + length);

    if (piece == NULL)
        return NULL;
    *piece = (struct cw_piece){.front = front, .from = pieces->next, .length = length};
    *pieces->tail = piece;
    pieces->tail = &piece->next;
    pieces->next += length;
    front->receiver->pieces++;
    return piece;
}

/* By the file's own arrival if its transfer has ended, else by an idle one. */
static void fetch(struct cw_piece *piece)
{
    static const struct cw_transfer_calls calls = {.begin = begin, .take = take, .done = done};
    struct cw_arrival *front = piece->front, *by = front;
    struct cw_receiver *receiver = front->receiver;

    if (!front->cut || front->piece != NULL) {
        for (by = receiver->arrivals; by->busy; by++)
            continue;
        cw_buf_reset(&by->url);
        cw_buf_adds(&by->url, cw_buf_text(&front->url));
        memcpy(by->transfer.validator, front->transfer.validator, sizeof by->transfer.validator);
        by->busy = true;
        receiver->busy++;
        receiver->helping++;
    }
    by->broken = false;
    by->piece = piece;
    piece->by = by;
    front->pieces->connections++;
    by->transfer.options = front->transfer.options;
    by->transfer.url = cw_buf_text(&by->url);
    by->transfer.length = length_of(front);
    by->transfer.checked = true;
    by->transfer.have = piece->from;
    by->transfer.until = piece->from + piece->length;
    by->transfer.calls = &calls;
    by->transfer.ctx = by;
    cw_transfers_add(receiver->transfers, &by->transfer);
}

static void fetch_next(struct cw_receiver *receiver, size_t most)
{
    struct cw_arrival *front;
    struct cw_piece *piece;

    while (receiver->pieces < PIECES_EACH * receiver->count && (front = next_front(receiver, most)) != NULL) {
        piece = piece_new(front);
        if (piece == NULL) {
            give_up(front);
            return;
        }
        fetch(piece);
    }
}

void cw_pieces_help(struct cw_receiver *receiver, size_t most)
{
    int64_t now = cw_clock_monotonic_ns();
    size_t i;

    fetch_next(receiver, most); /* for those that have ended, so that all are counted */
    for (i = 0; i < receiver->count; i++) {
        struct cw_arrival *front = &receiver->arrivals[i];

        if (front->busy && (front->piece == NULL || front->pieces != NULL))
            look_at_rate(front, now);
    }
    fetch_next(receiver, most);
}
