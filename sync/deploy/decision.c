/* SPDX-License-Identifier: ISC */
/*
 * Several rules' answers made into one decision: see sync/deploy/decision.h.
 */
#include "sync/deploy/decision.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/deploy/gate.h"

/* One rule's answer as it was read. */
struct answer {
    const char *rule, *at; /* borrowed; at NULL: unknown */
    enum cw_verdict verdict;
    bool silent; /* it gave none */
    bool broken;
    char reason[256];
    const json_t *gates; /* borrowed; NULL: none */
};

static const char *const names[] = {[CW_ACCEPT] = "accept", [CW_HOLD] = "hold", [CW_REJECT] = "reject"};

const char *cw_verdict_name(enum cw_verdict verdict)
{
    return names[verdict];
}

void cw_reason_set(char *out, size_t size, const char *text)
{
    size_t len = 0;

    while (*text != '\0') {
        size_t n = cw_str_printable(text), step = n == 0 ? 1 : n;

        if (len + step >= size)
            break;
        memcpy(out + len, n == 0 ? " " : text, step);
        len += step;
        text += step;
    }
    out[len] = '\0';
}

int cw_decision_init(struct cw_decision *decision, struct cw_err *err)
{
    *decision = (struct cw_decision){.verdict = CW_HOLD, .gates = json_array(), .answers = json_array()};
    if (decision->gates != NULL && decision->answers != NULL)
        return CW_OK;
    cw_decision_clear(decision);
    return cw_err_nomem(err);
}

void cw_decision_clear(struct cw_decision *decision)
{
    json_decref(decision->gates);
    json_decref(decision->answers);
    decision->gates = decision->answers = NULL;
}

static int read_verdict(enum cw_verdict *verdict, const char *text, struct cw_err *err)
{
    for (size_t i = 0; i < CW_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *verdict = (enum cw_verdict)i;
            return CW_OK;
        }
    }
    return cw_err_set(err, CW_E_VERIFY, "'%s' is no verdict", text);
}

static int read_words(struct answer *answer, const json_t *value, struct cw_err *err)
{
    static const char *const fields[] = {"verdict", "reason", "gates", "at", NULL};
    const char *verdict, *reason;
    int rc;

    if (!json_is_object(value))
        return cw_err_set(err, CW_E_VERIFY, "returned something else than accept, hold or reject");
    rc = cw_json_only(value, fields, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&verdict, value, "verdict", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&reason, value, "reason", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&answer->at, value, "at", err);
    if (rc == CW_OK)
        rc = read_verdict(&answer->verdict, verdict, err);
    if (rc == CW_OK && answer->verdict == CW_ACCEPT) {
        answer->gates = json_object_get(value, "gates");
        rc = cw_gates_check(answer->gates, err);
    }
    if (rc == CW_OK)
        cw_reason_set(answer->reason, sizeof(answer->reason), reason);
    return rc;
}

/* What is wrong with an answer makes it a hold that says so, and where. */
static void hold_for(struct answer *answer, const char *file, const char *problem, bool has_place)
{
    char text[CW_ERR_TEXT_MAX + 128];
    bool is_decide = strcmp(answer->rule, "decide") == 0, named = cw_str_starts(problem, file);

    if (has_place)
        snprintf(text, sizeof(text), "%s%s%s", named ? "" : file, named ? "" : ": ", problem);
    else
        snprintf(text, sizeof(text), "%s: %s%s%s%s%s", answer->at != NULL ? answer->at : file,
                 is_decide ? "decide()" : "rule '", is_decide ? "" : answer->rule, is_decide ? "" : "'",
                 problem[0] == 'r' && cw_str_starts(problem, "returned") ? " " : ": ", problem);
    answer->verdict = CW_HOLD;
    answer->silent = false;
    answer->broken = true;
    answer->gates = NULL;
    cw_reason_set(answer->reason, sizeof(answer->reason), text);
}

static int read_answer(struct answer *answer, const json_t *item, const char *file, struct cw_err *err)
{
    static const char *const fields[] = {"rule", "answer", "error", NULL};
    const json_t *value = json_object_get(item, "answer");
    const char *problem = NULL;
    struct cw_err why;
    int rc = cw_json_only(item, fields, err);

    *answer = (struct answer){.verdict = CW_HOLD};
    if (rc == CW_OK)
        rc = cw_json_get_str(&answer->rule, item, "rule", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&problem, item, "error", err);
    if (rc != CW_OK)
        return rc;
    cw_err_clear(&why);
    if (problem != NULL) {
        hold_for(answer, file, problem, true);
    } else if (value == NULL || json_is_null(value)) {
        answer->silent = true;
    } else if ((rc = read_words(answer, value, &why)) != CW_OK) {
        if (rc == CW_E_NOMEM)
            return cw_err_nomem(err);
        hold_for(answer, file, why.text, false);
    }
    return CW_OK;
}

static int note(struct cw_decision *decision, const struct answer *answer, struct cw_err *err)
{
    const char *verdict = answer->silent ? NULL : cw_verdict_name(answer->verdict);
    const json_t *gates = json_object_size(answer->gates) > 0 ? answer->gates : NULL;
    char rule[128], at[128] = "";

    cw_reason_set(rule, sizeof(rule), answer->rule);
    cw_reason_set(at, sizeof(at), answer->at != NULL ? answer->at : "");
    if (json_array_append_new(decision->answers,
                              cw_json_pack("{s:s, s:s*, s:s*, s:O*, s:s*}", "rule", rule, "verdict", verdict,
                                           "reason", answer->silent ? NULL : answer->reason, "gates", gates,
                                           "at", at[0] != '\0' ? at : NULL)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* A stricter answer takes the place of those before; an equal one adds its gates, and its reason if there is
 * room. */
static int add(struct cw_decision *decision, const struct answer *answer, bool first, struct cw_err *err)
{
    size_t len = strlen(decision->reason);

    decision->broken = decision->broken || answer->broken;
    if (answer->silent || (!first && answer->verdict < decision->verdict))
        return CW_OK;
    if (first || answer->verdict > decision->verdict) {
        if (json_array_clear(decision->gates) != 0)
            return cw_err_nomem(err);
        decision->verdict = answer->verdict;
        memcpy(decision->reason, answer->reason, sizeof(decision->reason));
    } else if (len + 2 + strlen(answer->reason) < sizeof(decision->reason)) {
        memcpy(decision->reason + len, "; ", 2);
        memcpy(decision->reason + len + 2, answer->reason, strlen(answer->reason) + 1);
    }
    if (json_object_size(answer->gates) > 0 &&
        json_array_append(decision->gates, (json_t *)answer->gates) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_decision_combine(struct cw_decision *decision, const json_t *answers, const char *file,
                        struct cw_err *err)
{
    bool first = true;
    json_t *item;
    size_t i;

    if (!json_is_array(answers) || json_array_size(answers) > CW_RULES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "there are no answers, or more than %d", CW_RULES_MAX);
    if (json_array_size(answers) == 0)
        return cw_err_set(err, CW_E_VERIFY, "has no function 'decide' and no rule");
    json_array_foreach (answers, i, item) {
        struct answer answer;
        int rc = read_answer(&answer, item, file, err);

        if (rc == CW_OK)
            rc = note(decision, &answer, err);
        if (rc == CW_OK)
            rc = add(decision, &answer, first, err);
        if (rc != CW_OK)
            return rc;
        first = first && answer.silent;
    }
    if (first)
        return cw_err_set(err, CW_E_VERIFY, "%s returned no decision",
                          json_array_size(answers) == 1 && strcmp(json_string_value(json_object_get(
                                                                      json_array_get(answers, 0), "rule")),
                                                                  "decide") == 0
                              ? "decide()"
                              : "its rules");
    return CW_OK;
}
