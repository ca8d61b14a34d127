/* SPDX-License-Identifier: ISC */
/*
 * The chained log of sync/history.h. Appending reads only the end of the file; reading streams it, so that
 * neither costs more as the years go by. What an entry means is its writer's business.
 */
#include "sync/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "sync/head.h"

#define TAIL_MAX (2 * CW_HISTORY_LINE_MAX) /* holds one whole line and what was torn of another */

/* What the next entry follows. */
struct head {
    int64_t seq;
    char sha256[CW_SHA256_TEXT]; /* "" before the first */
    char prev[CW_SHA256_TEXT];   /* of the line before */
};

static int parse_line(json_t **entry, const char *line, size_t len, struct cw_err *err)
{
    const char *text;
    int64_t seq;
    int rc = cw_json_parse(entry, line, len, err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&seq, *entry, "seq", 1, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, *entry, "time", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, *entry, "event", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, *entry, "prev", err);
    if (rc != CW_OK) {
        json_decref(*entry);
        *entry = NULL;
    }
    return rc;
}

static int head_after(struct head *head, const char *line, size_t len, struct cw_err *err)
{
    json_auto_t *entry = NULL;
    int rc = parse_line(&entry, line, len, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "%s: last line", CW_HISTORY_FILE);
    head->seq = json_integer_value(json_object_get(entry, "seq"));
    snprintf(head->prev, sizeof(head->prev), "%s", json_string_value(json_object_get(entry, "prev")));
    return cw_sha256(head->sha256, line, len, err);
}

/* Reads the last bytes of the file into tail; *start is where they begin in it. */
static int read_tail(struct cw_buf *tail, off_t *start, int fd, struct cw_err *err)
{
    off_t size = lseek(fd, 0, SEEK_END);

    *start = size > (off_t)TAIL_MAX ? size - (off_t)TAIL_MAX : 0;
    if (size < 0 || lseek(fd, *start, SEEK_SET) < 0)
        return cw_err_errno(err, errno, "unable to read '%s'", CW_HISTORY_FILE);
    return cw_fd_read_all(tail, fd, CW_HISTORY_FILE, err);
}

/* Only whole lines were ever promised: what follows the last newline is what a power cut left. */
static int drop_torn(int fd, off_t keep, struct cw_err *err)
{
    if (ftruncate(fd, keep) != 0 || fsync(fd) != 0)
        return cw_err_errno(err, errno, "unable to mend the end of '%s'", CW_HISTORY_FILE);
    return CW_OK;
}

static int find_head(struct head *head, int site, struct cw_err *err)
{
    CW_AUTO_FD int fd = openat(site, CW_HISTORY_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    CW_AUTO_BUF tail = CW_BUF_INIT(TAIL_MAX);
    const char *end, *line;
    off_t start;
    int rc;

    *head = (struct head){0};
    if (fd < 0 && errno == ENOENT)
        return CW_OK;
    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", CW_HISTORY_FILE);
    rc = read_tail(&tail, &start, fd, err);
    if (rc != CW_OK || tail.len == 0)
        return rc;
    end = memrchr(tail.data, '\n', tail.len);
    if (end == NULL && start > 0)
        return cw_err_set(err, CW_E_VERIFY, "%s: last line is longer than %zu bytes", CW_HISTORY_FILE,
                          CW_HISTORY_LINE_MAX);
    if (end == NULL)
        return drop_torn(fd, 0, err);
    if (end + 1 != tail.data + tail.len)
        rc = drop_torn(fd, start + (end + 1 - tail.data), err);
    line = memrchr(tail.data, '\n', (size_t)(end - tail.data));
    line = line != NULL ? line + 1 : tail.data;
    return rc == CW_OK ? head_after(head, line, (size_t)(end - line), err) : rc;
}

int cw_history_head(int64_t *seq, char sha256[CW_SHA256_TEXT], int site, struct cw_err *err)
{
    struct head head;
    int rc = find_head(&head, site, err);

    *seq = head.seq;
    memcpy(sha256, head.sha256, CW_SHA256_TEXT);
    return rc;
}

/* May what follows this head be signed? Not when the signed one is another: lines were changed or cut off, and
 * that is to be seen until a person has looked at it. A crash leaves the signed one a line behind. */
static int may_sign(bool *may, const struct head *head, int site, struct cw_err *err)
{
    struct cw_head last;
    int rc = cw_head_read(&last, site, err);

    *may = rc == CW_E_NOTFOUND ||
           (rc == CW_OK && (strcmp(last.sha256, head->sha256) == 0 || strcmp(last.sha256, head->prev) == 0));
    if (rc != CW_E_NOTFOUND && rc != CW_E_VERIFY)
        return rc;
    cw_err_clear(err);
    return CW_OK;
}

static int sign_line(const struct cw_buf *line, const struct head *before, int site, int64_t now,
                     struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    bool may;
    int rc = may_sign(&may, before, site, err);

    if (rc == CW_OK)
        rc = cw_sha256(sha256, line->data, line->len - 1, err);
    return rc == CW_OK && may ? cw_head_sign(site, now, before->seq + 1, sha256, err) : rc;
}

int cw_history_append(int site, int64_t now, const char *event, const json_t *data, struct cw_err *err)
{
    CW_AUTO_BUF line = CW_BUF_INIT(CW_HISTORY_LINE_MAX);
    char time[CW_TIME_TEXT];
    struct head head;
    json_auto_t *entry = NULL;
    int rc = find_head(&head, site, err);

    if (rc != CW_OK)
        return rc;
    cw_time_format(now, time);
    entry = json_pack("{s:I, s:s, s:s, s:s}", "seq", (json_int_t)head.seq + 1, "time", time, "event", event,
                      "prev", head.sha256);
    if (entry == NULL ||
        json_object_set_new(entry, "data", data != NULL ? cw_json_deep_copy(data) : json_object()) != 0)
        return cw_err_nomem(err);
    rc = cw_json_format_line(&line, entry, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s: event '%s'", CW_HISTORY_FILE, event);
    rc = cw_file_append(site, CW_HISTORY_FILE, line.data, line.len, 0644, err);
    return rc == CW_OK ? sign_line(&line, &head, site, now, err) : rc;
}

static int visit_line(struct head *head, const char *line, size_t len,
                      int (*fn)(void *ctx, const json_t *entry, struct cw_err *err), void *ctx,
                      struct cw_err *err)
{
    json_auto_t *entry = NULL;
    int64_t number = head->seq + 1;
    int rc = parse_line(&entry, line, len, err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "%s:%lld", CW_HISTORY_FILE, (long long)number);
    if (json_integer_value(json_object_get(entry, "seq")) != number)
        return cw_err_set(err, CW_E_VERIFY, "%s:%lld: entry has number %lld: lines were removed or inserted",
                          CW_HISTORY_FILE, (long long)number,
                          (long long)json_integer_value(json_object_get(entry, "seq")));
    if (strcmp(json_string_value(json_object_get(entry, "prev")), head->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "%s:%lld: does not follow from the line before it: one of them was changed",
                          CW_HISTORY_FILE, (long long)number);
    head->seq = number;
    rc = cw_sha256(head->sha256, line, len, err);
    return rc == CW_OK ? fn(ctx, entry, err) : rc;
}

/* Takes one line, which is not cut. */
typedef int line_fn(void *ctx, const char *line, size_t len, struct cw_err *err);

static int each_line(int site, line_fn *fn, void *ctx, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    CW_AUTO_FREE char *block = malloc(CW_HISTORY_LINE_MAX + 1);
    int64_t number = 0;
    size_t have = 0;
    int rc;

    if (block == NULL)
        return cw_err_nomem(err);
    rc = cw_at_open_file(&fd, site, CW_HISTORY_FILE, err);
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    while (rc == CW_OK) {
        char *line = block, *end;
        ssize_t n = cw_fd_read(fd, block + have, CW_HISTORY_LINE_MAX + 1 - have);

        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s'", CW_HISTORY_FILE);
        if (n == 0)
            break; /* what is left has no newline: torn, or being written just now */
        have += (size_t)n;
        while (rc == CW_OK && (end = memchr(line, '\n', have - (size_t)(line - block))) != NULL) {
            rc = fn(ctx, line, (size_t)(end - line), err);
            line = end + 1;
            number++;
        }
        have -= (size_t)(line - block);
        memmove(block, line, have);
        if (rc == CW_OK && have > CW_HISTORY_LINE_MAX)
            rc = cw_err_set(err, CW_E_VERIFY, "%s:%lld: line is longer than %zu bytes", CW_HISTORY_FILE,
                            (long long)number + 1, CW_HISTORY_LINE_MAX);
    }
    return rc;
}

/* A walk along the chain. */
struct chain {
    struct head *last;
    int (*fn)(void *ctx, const json_t *entry, struct cw_err *err);
    void *ctx;
};

static int follow(void *ctx, const char *line, size_t len, struct cw_err *err)
{
    const struct chain *chain = ctx;

    return visit_line(chain->last, line, len, chain->fn, chain->ctx, err);
}

static int walk(struct head *last, int site, int (*fn)(void *ctx, const json_t *entry, struct cw_err *err),
                void *ctx, struct cw_err *err)
{
    struct chain chain = {.last = last, .fn = fn, .ctx = ctx};

    return each_line(site, follow, &chain, err);
}

/* A search by event. */
struct search {
    const char *const *events;
    int (*fn)(void *ctx, const json_t *entry, struct cw_err *err);
    void *ctx;
};

static int pick(void *ctx, const char *line, size_t len, struct cw_err *err)
{
    const struct search *search = ctx;
    json_auto_t *entry = NULL;
    bool maybe = false;
    int rc;

    for (size_t i = 0; search->events[i] != NULL && !maybe; i++)
        maybe = memmem(line, len, search->events[i], strlen(search->events[i])) != NULL;
    if (!maybe)
        return CW_OK;
    rc = parse_line(&entry, line, len, err);
    for (size_t i = 0; rc == CW_OK && search->events[i] != NULL; i++) {
        if (strcmp(json_string_value(json_object_get(entry, "event")), search->events[i]) == 0)
            return search->fn(search->ctx, entry, err);
    }
    return rc;
}

int cw_history_find(int site, const char *const *events,
                    int (*fn)(void *ctx, const json_t *entry, struct cw_err *err), void *ctx,
                    struct cw_err *err)
{
    struct search search = {.events = events, .fn = fn, .ctx = ctx};

    return each_line(site, pick, &search, err);
}

int cw_history_each(int site, int (*fn)(void *ctx, const json_t *entry, struct cw_err *err), void *ctx,
                    struct cw_err *err)
{
    struct head head = {0};

    return walk(&head, site, fn, ctx, err);
}

/* One verification. */
struct proof {
    struct cw_head head; /* the signed one */
    bool met;            /* its line is there, as it was */
    struct cw_history_proof *result;
};

/* The hash of a line is known when the next one names it, and of the last one at the end. */
static int note_line(void *ctx, const json_t *entry, struct cw_err *err)
{
    struct proof *proof = ctx;
    const char *prev = json_string_value(json_object_get(entry, "prev"));
    int64_t seq = json_integer_value(json_object_get(entry, "seq"));

    (void)err;
    proof->result->entries = seq;
    if (seq == proof->head.seq + 1 && strcmp(prev, proof->head.sha256) == 0)
        proof->met = true;
    return CW_OK;
}

static int judge_head(const struct proof *proof, const struct head *last, struct cw_err *err)
{
    const struct cw_head *head = &proof->head;

    if (head->seq > last->seq)
        return cw_err_set(
            err, CW_E_VERIFY,
            "%s: lines were cut off: the site signed that there were %lld at %s, and there are %lld",
            CW_HISTORY_FILE, (long long)head->seq, head->time, (long long)last->seq);
    if (!proof->met && (head->seq != last->seq || strcmp(head->sha256, last->sha256) != 0))
        return cw_err_set(err, CW_E_VERIFY, "%s:%lld: is not the line that the site signed at %s",
                          CW_HISTORY_FILE, (long long)head->seq, head->time);
    if (last->seq - head->seq > 1)
        return cw_err_set(err, CW_E_VERIFY,
                          "%s: the site signed %lld lines at %s, and %lld were added since by somebody else",
                          CW_HISTORY_FILE, (long long)head->seq, head->time,
                          (long long)(last->seq - head->seq));
    return CW_OK;
}

int cw_history_verify(struct cw_history_proof *result, int site, struct cw_err *err)
{
    struct proof proof = {.result = result};
    struct head last = {0};
    int signed_, rc;

    *result = (struct cw_history_proof){.entries = 0};
    signed_ = cw_head_read(&proof.head, site, err);
    if (signed_ != CW_OK && signed_ != CW_E_NOTFOUND)
        return signed_;
    cw_err_clear(err);
    rc = walk(&last, site, note_line, &proof, err);
    if (rc != CW_OK)
        return rc;
    if (signed_ == CW_E_NOTFOUND)
        return last.seq == 0
                   ? CW_OK
                   : cw_err_set(err, CW_E_VERIFY,
                                "%s: the chain holds, but its end is not signed: " CW_HEAD_FILE " is missing",
                                CW_HISTORY_FILE);
    result->signed_entries = proof.head.seq;
    snprintf(result->signed_at, sizeof(result->signed_at), "%s", proof.head.time);
    return judge_head(&proof, &last, err);
}
