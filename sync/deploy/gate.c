/* SPDX-License-Identifier: ISC */
/*
 * Gates: a table of words, each with a check and a step of the evaluation; a new gate is one row. Those that
 * name a first moment are asked before those that open and close, so that what a closed gate says is when all
 * of them will be open. Windows and stages have their own files.
 */
#include "sync/deploy/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/quorum.h"
#include "sync/deploy/rollout.h"
#include "sync/deploy/window.h"

#define ROUNDS_MAX 1000 /* windows and blackouts looked at in search of a moment that suits all */

/* One evaluation. */
struct moment {
    const struct cw_gate_context *context;
    struct cw_gate_state *state;
    int64_t earliest;     /* now, or the first moment that the gates so far allow */
    bool never;           /* one of them stays closed */
    bool moved;           /* `earliest` was moved in this round */
    const char *blackout; /* the last one that moved it; NULL: none did */
};

/* Those that are asked first name a moment; those that recur open and close, and are asked again whenever the
 * moment was moved; persons are asked last. */
enum phase { FIRST, RECURS, PERSONS };

struct gate {
    const char *word;
    int (*check)(const json_t *value, struct cw_err *err);
    /* Moves at->earliest where the gate is closed then. */
    int (*evaluate)(struct moment *at, const json_t *value, struct cw_err *err);
    enum phase phase;
};

/* Adds what one gate waits for, joined by "; ", cut where there is no more room. */
static void join(struct cw_gate_state *state, const char *waits)
{
    size_t len = strlen(state->waits);

    state->open = false;
    snprintf(state->waits + len, sizeof(state->waits) - len, "%s%s", len > 0 ? "; " : "", waits);
}

/* A first moment: said for each gate that is closed. */
static void wait_until(struct moment *at, int64_t from, const char *why)
{
    char text[CW_TIME_TEXT], waits[CW_GATE_WAITS_MAX];

    if (from <= at->context->now)
        return;
    cw_time_format(from, text);
    snprintf(waits, sizeof(waits), "not before %s%s", text, why);
    join(at->state, waits);
    if (from > at->earliest)
        at->earliest = from;
}

static int check_text(const char **text, const json_t *value, struct cw_err *err)
{
    *text = json_string_value(value);
    return *text != NULL ? CW_OK : cw_err_set(err, CW_E_VERIFY, "is not a string");
}

static int read_moment(int64_t *from, const json_t *value, struct cw_err *err)
{
    const char *text;
    int rc = check_text(&text, value, err);

    if (rc == CW_OK && cw_time_parse(from, text, NULL) != CW_OK)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a time: write it like \"2030-01-31T12:00:00Z\"",
                          text);
    return rc;
}

static int check_not_before(const json_t *value, struct cw_err *err)
{
    int64_t from;

    return read_moment(&from, value, err);
}

static int not_before(struct moment *at, const json_t *value, struct cw_err *err)
{
    int64_t from;
    int rc = read_moment(&from, value, err);

    if (rc == CW_OK)
        wait_until(at, from, "");
    return rc;
}

static int read_span(int64_t *seconds, const json_t *value, struct cw_err *err)
{
    const char *text;
    int rc = check_text(&text, value, err);

    if (rc == CW_OK && cw_duration_parse(seconds, text, NULL) != CW_OK)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a length of time: write it like \"7d\"", text);
    return rc;
}

static int check_after_promotion(const json_t *value, struct cw_err *err)
{
    int64_t seconds;

    return read_span(&seconds, value, err);
}

static int after_promotion(struct moment *at, const json_t *value, struct cw_err *err)
{
    char why[64];
    int64_t seconds;
    int rc = read_span(&seconds, value, err);

    if (rc != CW_OK)
        return rc;
    snprintf(why, sizeof(why), " (%.32s after promotion)", json_string_value(value));
    wait_until(at, at->context->promoted + seconds, why);
    return CW_OK;
}

static int rollout(struct moment *at, const json_t *value, struct cw_err *err)
{
    int64_t after;
    bool in;
    int rc = cw_rollout_turn(&in, &after, value, at->context->site, at->context->set, err);

    if (rc != CW_OK)
        return rc;
    if (in)
        wait_until(at, at->context->promoted + after, " (this site's turn in the rollout)");
    else
        join(at->state, "this site is in no stage of the rollout");
    at->never = at->never || !in;
    return CW_OK;
}

static int check_window(const json_t *value, struct cw_err *err)
{
    struct cw_window parsed;
    const char *text;
    int rc = check_text(&text, value, err);

    return rc == CW_OK ? cw_window_parse(&parsed, text, err) : rc;
}

static int window(struct moment *at, const json_t *value, struct cw_err *err)
{
    struct cw_window parsed;
    char waits[CW_GATE_WAITS_MAX];
    int64_t opens;
    bool open = false;
    int rc = cw_window_parse(&parsed, json_string_value(value), err);

    if (rc == CW_OK)
        rc = cw_window_at(&open, &opens, &parsed, at->earliest, err);
    if (rc != CW_OK || open)
        return rc;
    if (opens < 0) {
        snprintf(waits, sizeof(waits), "window '%.128s' does not open within two weeks",
                 json_string_value(value));
        join(at->state, waits);
        at->never = true;
        return CW_OK;
    }
    at->earliest = opens;
    at->moved = true;
    return CW_OK;
}

static int check_blackout(const json_t *value, struct cw_err *err)
{
    struct cw_blackout parsed;
    const char *text;
    json_t *item;
    size_t i;
    int rc = CW_OK;

    if (!json_is_array(value) || json_array_size(value) > CW_GATES_MAX)
        return cw_err_set(err, CW_E_VERIFY,
                          "is not a list of at most %d texts like \"2026-12-24 Europe/Berlin\"",
                          CW_GATES_MAX);
    json_array_foreach (value, i, item) {
        rc = check_text(&text, item, err);
        if (rc == CW_OK)
            rc = cw_blackout_parse(&parsed, text, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

static int blackout(struct moment *at, const json_t *value, struct cw_err *err)
{
    json_t *item;
    size_t i;

    json_array_foreach (value, i, item) {
        struct cw_blackout parsed;
        int64_t ends;
        bool within = false;
        int rc = cw_blackout_parse(&parsed, json_string_value(item), err);

        if (rc == CW_OK)
            rc = cw_blackout_at(&within, &ends, &parsed, at->earliest, err);
        if (rc != CW_OK)
            return rc;
        if (within) {
            at->earliest = ends;
            at->moved = true;
            at->blackout = json_string_value(item);
        }
    }
    return CW_OK;
}

static int check_scan(const json_t *value, struct cw_err *err)
{
    const char *text = json_string_value(value);

    return text != NULL && strcmp(text, "ignore") == 0
               ? CW_OK
               : cw_err_set(err, CW_E_VERIFY,
                            "there is only \"ignore\"; without it, what is not clean is held");
}

/* It opens nothing and closes nothing: whether a verdict of the scanner counts is asked elsewhere. */
static int no_wait(struct moment *at, const json_t *value, struct cw_err *err)
{
    (void)at;
    (void)value;
    (void)err;
    return CW_OK;
}

static int approvals(struct moment *at, const json_t *value, struct cw_err *err)
{
    char waits[CW_GATE_WAITS_MAX];
    int rc = cw_quorum_missing(waits, value, at->context->approved, at->context->people, err);

    if (rc == CW_OK && waits[0] != '\0')
        join(at->state, waits);
    return rc;
}

/* In the order in which they are evaluated and shown. Those of PERSONS do not depend on the time. */
static const struct gate gates_known[] = {
    {"not_before", check_not_before, not_before, FIRST},
    {"after_promotion", check_after_promotion, after_promotion, FIRST},
    {"rollout", cw_rollout_check, rollout, FIRST},
    {"window", check_window, window, RECURS},
    {"blackout", check_blackout, blackout, RECURS},
    {"approvals", cw_quorum_check, approvals, PERSONS},
    {"scan", check_scan, no_wait, PERSONS},
};

static size_t count_of(const json_t *gates)
{
    return json_is_array(gates) ? json_array_size(gates) : json_object_size(gates) > 0 ? 1 : 0;
}

static const json_t *one_of(const json_t *gates, size_t i)
{
    return json_is_array(gates) ? json_array_get(gates, i) : gates;
}

static int check_one(const json_t *gates, struct cw_err *err)
{
    const char *words[CW_COUNT(gates_known) + 1] = {NULL};
    size_t i;
    int rc;

    if (!json_is_object(gates))
        return cw_err_set(err, CW_E_VERIFY, "gates are not an object");
    for (i = 0; i < CW_COUNT(gates_known); i++)
        words[i] = gates_known[i].word;
    rc = cw_json_only(gates, words, err);
    for (i = 0; rc == CW_OK && i < CW_COUNT(gates_known); i++) {
        const json_t *value = json_object_get(gates, words[i]);

        if (value != NULL && !json_is_null(value)) {
            rc = gates_known[i].check(value, err);
            if (rc != CW_OK)
                cw_err_prefix(err, "gate '%s'", words[i]);
        }
    }
    return rc;
}

int cw_gates_check(const json_t *gates, struct cw_err *err)
{
    int rc = CW_OK;

    if (gates == NULL || json_is_null(gates))
        return CW_OK;
    if (!json_is_array(gates))
        return check_one(gates, err);
    if (json_array_size(gates) > CW_GATES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "more than %d rules have gates", CW_GATES_MAX);
    for (size_t i = 0; i < json_array_size(gates) && rc == CW_OK; i++)
        rc = check_one(json_array_get(gates, i), err);
    return rc;
}

static const json_t *value_of(const json_t *gates, size_t k, const struct gate *gate)
{
    const json_t *value = json_object_get(one_of(gates, k), gate->word);

    return json_is_null(value) ? NULL : value;
}

static int pass(struct moment *at, const json_t *gates, enum phase phase, struct cw_err *err)
{
    int rc = CW_OK;

    for (size_t i = 0; i < CW_COUNT(gates_known); i++) {
        if (gates_known[i].phase != phase)
            continue;
        for (size_t k = 0; k < count_of(gates) && rc == CW_OK && !(phase == RECURS && at->never); k++) {
            const json_t *value = value_of(gates, k, &gates_known[i]);

            if (value != NULL)
                rc = gates_known[i].evaluate(at, value, err);
        }
    }
    return rc;
}

static bool depends_on_time(const json_t *gates)
{
    for (size_t i = 0; i < CW_COUNT(gates_known); i++) {
        for (size_t k = 0; k < count_of(gates); k++) {
            if (gates_known[i].phase != PERSONS && value_of(gates, k, &gates_known[i]) != NULL)
                return true;
        }
    }
    return false;
}

/* The zone in which a person thinks of the opening: the first window's, else the first blackout's. */
static int say_opening(struct moment *at, const json_t *gates, struct cw_err *err)
{
    char text[CW_OPENING_TEXT], waits[CW_GATE_WAITS_MAX];
    const char *last = NULL;
    int rc;

    for (size_t k = 0; k < count_of(gates) && last == NULL; k++)
        last = json_string_value(json_object_get(one_of(gates, k), "window"));
    for (size_t k = 0; k < count_of(gates) && last == NULL; k++)
        last = json_string_value(json_array_get(json_object_get(one_of(gates, k), "blackout"), 0));
    last = last != NULL ? strrchr(last, ' ') : NULL;
    rc = cw_zone_format(text, last != NULL ? last + 1 : "UTC", at->earliest, err);
    snprintf(waits, sizeof(waits), "opens %s%s%.*s", text,
             at->blackout != NULL ? ", after the blackout " : "",
             at->blackout != NULL ? (int)(strrchr(at->blackout, ' ') - at->blackout) : 0,
             at->blackout != NULL ? at->blackout : "");
    if (rc == CW_OK)
        join(at->state, waits);
    return rc;
}

/* The first moment at which all of them are open. */
static int find_moment(struct moment *at, const json_t *gates, struct cw_err *err)
{
    int rc = pass(at, gates, FIRST, err);
    int64_t from = at->earliest;

    at->moved = true;
    for (int round = 0; rc == CW_OK && at->moved && !at->never; round++) {
        at->moved = false;
        rc = pass(at, gates, RECURS, err);
        if (round >= ROUNDS_MAX) {
            join(at->state, "its windows and blackouts leave no moment");
            at->never = true;
        }
    }
    return rc == CW_OK && !at->never && at->earliest != from ? say_opening(at, gates, err) : rc;
}

int cw_gates_evaluate(struct cw_gate_state *state, const json_t *gates, const struct cw_gate_context *context,
                      struct cw_err *err)
{
    struct moment at = {.context = context, .state = state, .earliest = context->now};
    int rc = cw_gates_check(gates, err);

    *state = (struct cw_gate_state){.open = rc == CW_OK};
    if (rc != CW_OK || count_of(gates) == 0)
        return rc;
    if (!context->waived && depends_on_time(gates)) {
        if (context->clock_trusted)
            rc = find_moment(&at, gates, err);
        else
            join(state, "the clock is not trusted, so no window can open: set it");
    }
    if (rc == CW_OK)
        rc = pass(&at, gates, PERSONS, err);
    if (rc != CW_OK)
        state->open = false;
    return rc;
}
