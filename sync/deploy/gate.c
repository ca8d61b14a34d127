/* SPDX-License-Identifier: ISC */
/*
 * Gates: a table of words, each with a check and an evaluation; a new gate is one row. Windows have their own
 * file.
 */
#include "sync/deploy/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/window.h"

/* One evaluation. */
struct moment {
    int64_t now;
    int64_t earliest; /* now, or what not_before says if that is later: a window is looked for from there */
};

struct gate {
    const char *word;
    /* NULL waits: only check. Else fills it where the gate is closed, and leaves it "" where open. */
    int (*evaluate)(char waits[CW_GATE_WAITS_MAX], const char *value, struct moment *at, struct cw_err *err);
};

static int not_before(char waits[CW_GATE_WAITS_MAX], const char *value, struct moment *at, struct cw_err *err)
{
    char text[CW_TIME_TEXT];
    int64_t from;

    if (cw_time_parse(&from, value, NULL) != CW_OK)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a time: write it like \"2030-01-31T12:00:00Z\"",
                          value);
    if (waits == NULL || from <= at->now)
        return CW_OK;
    at->earliest = from;
    cw_time_format(from, text);
    snprintf(waits, CW_GATE_WAITS_MAX, "not before %s", text);
    return CW_OK;
}

static int window(char waits[CW_GATE_WAITS_MAX], const char *value, struct moment *at, struct cw_err *err)
{
    struct cw_window window;
    char text[CW_OPENING_TEXT];
    int64_t opens;
    bool open;
    int rc = cw_window_parse(&window, value, err);

    if (rc != CW_OK || waits == NULL)
        return rc;
    rc = cw_window_at(&open, &opens, &window, at->earliest, err);
    if (rc != CW_OK || open)
        return rc;
    if (opens < 0) {
        snprintf(waits, CW_GATE_WAITS_MAX, "window '%.128s' does not open within two weeks", value);
        return CW_OK;
    }
    rc = cw_window_format(text, &window, opens, err);
    if (rc == CW_OK)
        snprintf(waits, CW_GATE_WAITS_MAX, "opens %s", text);
    return rc;
}

/* In the order in which they are evaluated and shown. All of them depend on the time. */
static const struct gate gates_known[] = {
    {"not_before", not_before},
    {"window", window},
};

static bool is_none(const json_t *gates)
{
    return gates == NULL || json_is_null(gates) || (json_is_array(gates) && json_array_size(gates) == 0);
}

int cw_gates_check(const json_t *gates, struct cw_err *err)
{
    const char *words[CW_COUNT(gates_known) + 1] = {NULL};
    size_t i;
    int rc;

    if (is_none(gates))
        return CW_OK;
    if (!json_is_object(gates))
        return cw_err_set(err, CW_E_VERIFY, "gates are not an object");
    for (i = 0; i < CW_COUNT(gates_known); i++)
        words[i] = gates_known[i].word;
    rc = cw_json_only(gates, words, err);
    for (i = 0; rc == CW_OK && i < CW_COUNT(gates_known); i++) {
        const char *value = NULL;

        rc = cw_json_opt_str(&value, gates, words[i], err);
        if (rc == CW_OK && value != NULL) {
            rc = gates_known[i].evaluate(NULL, value, NULL, err);
            if (rc != CW_OK)
                cw_err_prefix(err, "gate '%s'", words[i]);
        }
    }
    return rc;
}

/* Adds what one gate waits for, joined by "; ", cut where there is no more room. */
static void join(struct cw_gate_state *state, const char *waits)
{
    size_t len = strlen(state->waits);

    state->open = false;
    snprintf(state->waits + len, sizeof(state->waits) - len, "%s%s", len > 0 ? "; " : "", waits);
}

int cw_gates_evaluate(struct cw_gate_state *state, const json_t *gates, int64_t now, bool clock_trusted,
                      struct cw_err *err)
{
    struct moment at = {.now = now, .earliest = now};
    size_t i;
    int rc = cw_gates_check(gates, err);

    *state = (struct cw_gate_state){.open = rc == CW_OK};
    for (i = 0; rc == CW_OK && i < CW_COUNT(gates_known); i++) {
        const char *value = json_string_value(json_object_get(gates, gates_known[i].word));
        char waits[CW_GATE_WAITS_MAX] = "";

        if (value == NULL)
            continue;
        if (!clock_trusted) {
            join(state, "the clock is not trusted, so no window can open: set it");
            break;
        }
        rc = gates_known[i].evaluate(waits, value, &at, err);
        if (rc == CW_OK && waits[0] != '\0')
            join(state, waits);
    }
    if (rc != CW_OK)
        state->open = false;
    return rc;
}
