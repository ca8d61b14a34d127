/* SPDX-License-Identifier: ISC */
/*
 * Transfers on one multi handle: what each answer's bytes do, and what follows when a try ends.
 */
#include "http/transfer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/answer.h"
#include "http/easy.h"

#define NS INT64_C(1000000000)
#define MS INT64_C(1000000)
#define PROGRESS_PART 5    /* of the first pause: where a connection broke, but had brought something */
#define PROGRESS_MIN 1024U /* bytes, or a part in so many of the file: less is none */
#define ERROR_PAGE_MAX ((size_t)64 * 1024)
#define POLL_FDS 0

struct slot { /* an easy handle, kept for its settings */
    CURL *curl;
    const struct cw_http_options *options;
    bool bare;
    struct cw_transfer *transfer; /* NULL: idle */
    struct curl_slist *headers;
    char error_text[CURL_ERROR_SIZE];
};

struct cw_transfers {
    CURLM *multi;
    struct slot *slots[CW_HTTP_PARALLEL_MAX];
    size_t slot_count, parallel, count, spread;
    struct cw_transfer *waiting; /* for their next try */
};

int cw_transfers_new(struct cw_transfers **transfers, unsigned parallel, struct cw_err *err)
{
    struct cw_transfers *ts;
    int rc = cw_http_start(err);

    *transfers = NULL;
    if (rc != CW_OK)
        return rc;
    ts = calloc(1, sizeof *ts);
    if (ts == NULL)
        return cw_err_nomem(err);
    ts->parallel = parallel < CW_HTTP_PARALLEL_MAX ? parallel : CW_HTTP_PARALLEL_MAX;
    ts->multi = curl_multi_init();
    if (ts->multi == NULL) {
        free(ts);
        return cw_err_nomem(err);
    }
    curl_multi_setopt(ts->multi, CURLMOPT_MAXCONNECTS, (long)(2 * ts->parallel));
    *transfers = ts;
    return CW_OK;
}

static void slot_free(struct cw_transfers *ts, struct slot *slot)
{
    if (slot->transfer != NULL) {
        curl_multi_remove_handle(ts->multi, slot->curl);
        curl_free(slot->transfer->run.location);
        slot->transfer->run.location = NULL;
    }
    curl_easy_cleanup(slot->curl);
    curl_slist_free_all(slot->headers);
    free(slot);
}

void cw_transfers_free(struct cw_transfers *ts)
{
    if (ts == NULL)
        return;
    for (; ts->waiting != NULL; ts->waiting = ts->waiting->run.next) {
        curl_free(ts->waiting->run.location);
        ts->waiting->run.location = NULL;
    }
    while (ts->slot_count > 0)
        slot_free(ts, ts->slots[--ts->slot_count]);
    curl_multi_cleanup(ts->multi);
    free(ts);
}

size_t cw_transfers_count(const struct cw_transfers *ts)
{
    return ts->count;
}

void cw_transfers_wake(struct cw_transfers *ts)
{
    curl_multi_wakeup(ts->multi);
}

static void finish(struct cw_transfers *ts, struct cw_transfer *t, int rc, const struct cw_err *err)
{
    struct cw_err own = rc != CW_OK ? *err : (struct cw_err){.code = CW_OK};

    curl_free(t->run.location);
    t->run.location = NULL;
    ts->count--;
    t->calls->done(t, rc, &own);
}

static uint64_t end_of(const struct cw_transfer *t)
{
    return t->until != 0 ? t->until : t->length;
}

/* Metadata in JSON never begins like a page; not every network's login page says what it is. */
static int check_first_byte(struct cw_transfer *t, const char *data, size_t len, struct cw_err *err)
{
    char shown[CW_HTTP_SHOWN_MAX];
    size_t i = 0;

    if (t->have > 0 || !cw_str_ends(t->url, ".json"))
        return CW_OK;
    while (i < len && isspace((unsigned char)data[i]))
        i++;
    if (i == len || data[i] != '<')
        return CW_OK;
    t->run.hopeless = true;
    cw_http_shown(shown, t->url);
    return cw_err_set(err, CW_E_TEMP,
                      "got a web page (HTML) instead of '%s': does this network want a login first?", shown);
}

static int take(struct slot *slot, const char *data, size_t len, struct cw_err *err)
{
    struct cw_transfer *t = slot->transfer;
    char shown[CW_HTTP_SHOWN_MAX];
    int rc = t->run.judged ? CW_OK : cw_answer_judge(t, slot->curl, err);

    if (rc != CW_OK)
        return rc;
    if (t->run.is_error) /* its text is of no use; so much of it as keeps the connection open is read */
        return (t->run.page += len) <= ERROR_PAGE_MAX ? CW_OK : CW_E_FAIL;
    if (len > end_of(t) - t->have) {
        cw_http_shown(shown, t->url);
        return cw_err_set(err, CW_E_VERIFY, "'%s' is larger than the %" PRIu64 " bytes expected", shown,
                          t->length);
    }
    rc = check_first_byte(t, data, len, err);
    if (rc == CW_OK)
        rc = t->calls->take(t, data, len, err);
    if (rc == CW_OK) {
        t->have += len;
        t->run.attempt += len;
    }
    return rc;
}

static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
    struct slot *slot = ctx;
    struct cw_transfer_run *run = &slot->transfer->run;
    size_t len = size * count;

    cw_http_limit_take(slot->options->limit, len);
    run->rc = take(slot, data, len, &run->err);
    return run->rc == CW_OK ? len : 0;
}

static size_t receive_header(char *data, size_t size, size_t count, void *ctx)
{
    struct slot *slot = ctx;

    cw_answer_header(slot->transfer, data, size * count);
    return size * count;
}

static int slot_new(struct slot **slot, const struct cw_http_options *options, bool bare, struct cw_err *err)
{
    struct slot *s = calloc(1, sizeof *s);
    int rc;

    *slot = NULL;
    if (s == NULL)
        return cw_err_nomem(err);
    s->options = options;
    s->bare = bare;
    rc = cw_http_easy_new(&s->curl, options, bare, s->error_text, err);
    if (rc == CW_OK && (curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, receive) != CURLE_OK ||
                        curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s) != CURLE_OK ||
                        curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, receive_header) != CURLE_OK ||
                        curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s) != CURLE_OK ||
                        curl_easy_setopt(s->curl, CURLOPT_PRIVATE, s) != CURLE_OK))
        rc = cw_err_set(err, CW_E_FAIL, "unable to set up libcurl");
    if (rc != CW_OK) {
        curl_easy_cleanup(s->curl);
        free(s);
        return rc;
    }
    *slot = s;
    return CW_OK;
}

/* An idle handle with these settings, else a new one, in the place of an idle one if there is no room. */
static int find_slot(struct slot **slot, struct cw_transfers *ts, const struct cw_http_options *options,
                     bool bare, struct cw_err *err)
{
    size_t i, idle = ts->slot_count;
    int rc;

    for (i = 0; i < ts->slot_count; i++) {
        *slot = ts->slots[i];
        if ((*slot)->transfer != NULL)
            continue;
        if ((*slot)->options == options && (*slot)->bare == bare)
            return CW_OK;
        idle = i;
    }
    if (ts->slot_count < ts->parallel)
        idle = ts->slot_count;
    rc = slot_new(slot, options, bare, err);
    if (rc != CW_OK)
        return rc;
    if (idle < ts->slot_count)
        slot_free(ts, ts->slots[idle]);
    else
        ts->slot_count++;
    ts->slots[idle] = *slot;
    return CW_OK;
}

/* What is left of the time that one try may take, redirects and all. */
static long milliseconds_left(const struct cw_transfer *t)
{
    int64_t left =
        (int64_t)t->options->total_seconds * 1000 - (cw_clock_monotonic_ns() - t->run.began_ns) / MS;

    return t->options->total_seconds == 0 ? 0 : left > 1 ? (long)left : 1;
}

static void write_range(char *range, size_t size, const struct cw_transfer *t)
{
    if (t->until != 0)
        snprintf(range, size, "%" PRIu64 "-%" PRIu64, t->have, t->until - 1);
    else
        snprintf(range, size, "%" PRIu64 "-", t->have);
}

/* HTTP/2 would put all on one connection, and what is lost on it would stop all. */
static bool choose_connection(CURL *c, const char *url, bool apart)
{
    return curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
                            apart ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_NONE) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PIPEWAIT, !apart && cw_str_starts(url, "https:") ? 1L : 0L) ==
               CURLE_OK;
}

static bool prepare(struct slot *slot, struct cw_transfer *t)
{
    const char *url = t->run.location != NULL ? t->run.location : t->url;
    char range[48], condition[CW_HTTP_VALIDATOR_MAX + 16];
    CURL *c = slot->curl;

    slot->error_text[0] = '\0';
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    if (t->validator[0] == '\0' && !t->checked)
        t->have = 0;
    t->run.ranged = t->have > 0 || t->until != 0;
    t->run.conditional = t->run.ranged && t->validator[0] != '\0' && !t->run.unconditional;
    write_range(range, sizeof range, t);
    snprintf(condition, sizeof condition, "If-Range: %s", t->validator);
    if (t->run.conditional && (slot->headers = curl_slist_append(NULL, condition)) == NULL)
        return false;
    return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_RANGE, t->run.ranged ? range : NULL) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK &&
           choose_connection(c, url, t->until != 0) &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds_left(t)) == CURLE_OK;
}

static void ask(struct cw_transfers *ts, struct cw_transfer *t)
{
    struct cw_transfer_run *run = &t->run;
    char shown[CW_HTTP_SHOWN_MAX];
    struct slot *slot;
    int rc = find_slot(&slot, ts, t->options, cw_answer_is_elsewhere(t), &run->err);

    run->judged = run->is_error = run->again = run->hopeless = false;
    cw_answer_clear(run);
    run->attempt = run->page = 0;
    run->rc = CW_OK;
    if (rc == CW_OK && !prepare(slot, t)) {
        cw_http_shown(shown, t->url);
        rc = cw_err_set(&run->err, CW_E_FAIL, "unable to set up libcurl for '%s'", shown);
    }
    if (rc == CW_OK) {
        slot->transfer = t;
        if (curl_multi_add_handle(ts->multi, slot->curl) == CURLM_OK)
            return;
        slot->transfer = NULL;
        rc = cw_err_nomem(&run->err);
    }
    finish(ts, t, rc, &run->err);
}

static void begin_try(struct cw_transfers *ts, struct cw_transfer *t)
{
    curl_free(t->run.location);
    t->run.location = NULL;
    t->run.redirects = 0;
    t->run.began_ns = cw_clock_monotonic_ns();
    ask(ts, t);
}

void cw_transfers_add(struct cw_transfers *ts, struct cw_transfer *t)
{
    t->run = (struct cw_transfer_run){.rc = CW_OK};
    ts->count++;
    begin_try(ts, t);
}

void cw_transfers_cancel(struct cw_transfers *ts, struct cw_transfer *t)
{
    struct cw_transfer **place = &ts->waiting;
    size_t i;

    while (*place != NULL && *place != t)
        place = &(*place)->run.next;
    if (*place == t)
        *place = t->run.next;
    for (i = 0; i < ts->slot_count; i++) {
        if (ts->slots[i]->transfer != t)
            continue;
        curl_multi_remove_handle(ts->multi, ts->slots[i]->curl);
        ts->slots[i]->transfer = NULL;
    }
    curl_free(t->run.location);
    t->run.location = NULL;
    ts->count--;
}

/* The n-th pause in a row; after progress the line is good, and only the connection was not. */
static int64_t pause_ns(const struct cw_transfer *t, bool progress)
{
    int64_t first = (t->options->retry_ms != 0 ? t->options->retry_ms : CW_HTTP_RETRY_MS) * MS;
    int64_t most = first > CW_HTTP_RETRY_MS_MAX * MS ? first : CW_HTTP_RETRY_MS_MAX * MS;
    int64_t pause = first << (t->run.tries < 8 ? t->run.tries - 1 : 7);

    if (progress)
        return first / PROGRESS_PART;
    return pause < most ? pause : most;
}

/* A failure that may pass. False: it has come too often. */
static bool wait_for_next(struct cw_transfers *ts, struct cw_transfer *t, int64_t asked_seconds)
{
    struct cw_transfer_run *run = &t->run;
    bool progress = run->attempt >= PROGRESS_MIN && run->attempt >= t->length / PROGRESS_MIN;
    int64_t pause;

    if (progress)
        run->tries = 0;
    if (++run->tries >= t->options->tries || asked_seconds > CW_HTTP_RETRY_AFTER_MAX)
        return false;
    pause = pause_ns(t, progress);
    if (pause < asked_seconds * NS)
        pause = asked_seconds * NS;
    ts->spread = (ts->spread + 37) % 128;
    run->due_ns =
        cw_clock_monotonic_ns() + pause + pause_ns(t, true) * (int64_t)ts->spread / 128; /* not all at once */
    run->next = ts->waiting;
    ts->waiting = t;
    return true;
}

static int judge_end(struct slot *slot, CURLcode code, bool *passes, struct cw_err *err)
{
    struct cw_transfer *t = slot->transfer;
    char shown[CW_HTTP_SHOWN_MAX];
    long status = 0, tunnel = 0;
    int rc;

    *passes = false;
    cw_http_shown(shown, t->url);
    curl_easy_getinfo(slot->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->run.rc != CW_OK && !t->run.is_error) {
        *err = t->run.err;
        return t->run.rc;
    }
    if (code == CURLE_OK && !t->run.judged && (rc = cw_answer_judge(t, slot->curl, err)) != CW_OK)
        return rc; /* an answer without a body */
    if (code != CURLE_OK && !t->run.is_error && (t->have < end_of(t) || t->at_most || !t->run.judged)) {
        curl_easy_getinfo(slot->curl, CURLINFO_HTTP_CONNECTCODE, &tunnel);
        *passes = tunnel >= 400 ? cw_http_status_passes(tunnel) : cw_http_code_passes(code);
        return tunnel >= 400 ? cw_http_judge_tunnel(tunnel, shown, err)
                             : cw_http_judge_code(code, shown, slot->error_text, err);
    }
    if (t->run.is_error) {
        *passes = cw_http_status_passes(status);
        return cw_http_judge_status(status, shown, err);
    }
    if (t->have == end_of(t) || t->at_most)
        return CW_OK;
    *passes = true;
    return cw_err_set(err, CW_E_TEMP, "'%s' ended after %" PRIu64 " of %" PRIu64 " bytes", shown, t->have,
                      end_of(t));
}

static bool is_redirect(CURL *curl)
{
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void end_try(struct cw_transfers *ts, struct slot *slot, CURLcode code)
{
    struct cw_transfer *t = slot->transfer;
    curl_off_t asked_seconds = 0;
    struct cw_err err = {.code = CW_OK};
    bool passes = false, redirected;
    int rc;

    redirected = t->run.rc == CW_OK && code == CURLE_OK && is_redirect(slot->curl);
    rc = redirected ? cw_answer_follow(t, slot->curl, &err) : judge_end(slot, code, &passes, &err);
    curl_easy_getinfo(slot->curl, CURLINFO_RETRY_AFTER, &asked_seconds);
    curl_multi_remove_handle(ts->multi, slot->curl);
    slot->transfer = NULL;
    if (redirected && rc == CW_OK)
        ask(ts, t);
    else if (rc != CW_OK && t->run.again)
        begin_try(ts, t);
    else if (rc == CW_OK || !passes || t->run.hopeless || !wait_for_next(ts, t, asked_seconds))
        finish(ts, t, rc, &err);
}

/* The milliseconds until the next one is due, at most so many. */
static int start_due(struct cw_transfers *ts, int milliseconds)
{
    struct cw_transfer **place = &ts->waiting, *t;
    int64_t now = cw_clock_monotonic_ns();

    while ((t = *place) != NULL) {
        int64_t wait = (t->run.due_ns - now + MS - 1) / MS;

        if (wait <= 0) {
            *place = t->run.next;
            begin_try(ts, t);
            place = &ts->waiting; /* the list may have changed */
            continue;
        }
        if (wait < milliseconds)
            milliseconds = (int)wait;
        place = &t->run.next;
    }
    return milliseconds;
}

int cw_transfers_run(struct cw_transfers *ts, int milliseconds, struct cw_err *err)
{
    int running, left, ended = 0;
    CURLMsg *message;
    CURLMcode code;

    milliseconds = start_due(ts, milliseconds);
    code = curl_multi_perform(ts->multi, &running);
    while (code == CURLM_OK && (message = curl_multi_info_read(ts->multi, &left)) != NULL) {
        struct slot *slot = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        end_try(ts, slot, message->data.result);
        ended++;
    }
    if (code == CURLM_OK && ended == 0)
        code = curl_multi_poll(ts->multi, NULL, POLL_FDS, milliseconds, NULL);
    if (code == CURLM_OUT_OF_MEMORY)
        return cw_err_nomem(err);
    return code == CURLM_OK ? CW_OK
                            : cw_err_set(err, CW_E_FAIL, "libcurl failed: %s", curl_multi_strerror(code));
}
