/* SPDX-License-Identifier: ISC */
/*
 * Judging the units of a composed plan at a moment: what policy and holds say, what the gates wait for, who has
 * approved, and whether two persons broke the glass. Pure but for what gates are.
 */
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "sync/deploy/approval.h"
#include "sync/deploy/gate.h"
#include "sync/deploy/plan.h"

/* One judgement. */
struct judgement {
    json_t *plan;
    const struct cw_plan_moment *moment;
    json_t *approved; /* persons */
    json_t *glass;    /* those of them who broke it; fewer than CW_GLASS_PERSONS: it is whole */
};

/* Those of all approvals that are about this plan. Who breaks the glass has approved as well. */
static int collect(struct judgement *judgement, struct cw_err *err)
{
    const json_t *may_break = json_object_get(json_object_get(judgement->plan, "people"), "break_glass");
    json_t *own = json_array(), *approval;
    size_t i;
    int rc = json_object_set_new(judgement->plan, "approvals", own) == 0 ? CW_OK : cw_err_nomem(err);

    json_array_foreach (judgement->moment->approvals, i, approval) {
        const char *person = cw_json_text(approval, "person");

        if (rc != CW_OK || strcmp(cw_json_text(approval, "plan"), cw_json_text(judgement->plan, "id")) != 0)
            continue;
        if (json_array_append(own, approval) != 0)
            return cw_err_nomem(err);
        rc = cw_people_add(judgement->approved, person, err);
        if (rc == CW_OK && strcmp(cw_json_text(approval, "action"), "break-glass") == 0 &&
            cw_people_has(may_break, person))
            rc = cw_people_add(judgement->glass, person, err);
    }
    return rc;
}

static void context_of(struct cw_gate_context *context, const struct judgement *judgement, const json_t *unit)
{
    *context = (struct cw_gate_context){
        .now = judgement->moment->now,
        .clock_trusted = judgement->moment->clock_trusted,
        .site = cw_json_text(judgement->plan, "site"),
        .set = cw_json_text(cw_plan_find_upstream(judgement->plan, cw_json_text(unit, "upstream")),
                            "channel_sha256"),
        .approved = judgement->approved,
        .people = json_object_get(judgement->plan, "people")};
    /* Composed by cw_plan_compose(), which writes it well. */
    (void)cw_time_parse(&context->promoted, cw_json_text(unit, "promoted"), NULL);
}

/* What each rule's own gates wait for, for whoever asks why. */
static int add_waits(const json_t *unit, const struct cw_gate_context *context, struct cw_err *err)
{
    json_t *answer;
    size_t i;

    json_array_foreach (json_object_get(json_object_get(unit, "decision"), "answers"), i, answer) {
        const json_t *gates = json_object_get(answer, "gates");
        struct cw_gate_state state;
        int rc = gates != NULL ? cw_gates_evaluate(&state, gates, context, err) : CW_OK;

        if (rc != CW_OK)
            return rc;
        if (gates != NULL && json_object_set_new(answer, "waits", json_string(state.waits)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* The gates of every rule that accepted: what remains when the hold of another is passed over. */
static json_t *gates_of_answers(const json_t *decision)
{
    json_t *list = json_array(), *answer;
    size_t i;

    json_array_foreach (json_object_get(decision, "answers"), i, answer) {
        json_t *gates = json_object_get(answer, "gates");

        if (gates != NULL && json_array_append(list, gates) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What was signed before a hold was put knew nothing of it: a set that failed its check or was rolled back would come
 * back by the next run of a timer. */
static bool is_signed_since(const struct judgement *judgement, const char *since)
{
    json_t *approval;
    size_t i, count = 0;

    json_array_foreach (json_object_get(judgement->plan, "approvals"), i, approval)
        count += strcmp(cw_json_text(approval, "action"), "break-glass") == 0 &&
                 cw_people_has(judgement->glass, cw_json_text(approval, "person")) &&
                 strcmp(cw_json_text(approval, "time"), since) >= 0;
    return count >= CW_GLASS_PERSONS;
}

static bool may_be_passed_over(const struct judgement *judgement, const json_t *unit)
{
    const json_t *held = json_object_get(unit, "held"), *decision = json_object_get(unit, "decision");
    const char *verdict = cw_json_text(decision, "verdict");

    if (held != NULL && (strcmp(cw_json_text(held, "by"), "hold") != 0 ||
                         !is_signed_since(judgement, cw_json_text(held, "since"))))
        return false;
    return strcmp(verdict, "accept") == 0 ||
           (strcmp(verdict, "hold") == 0 && !json_is_true(json_object_get(decision, "broken")));
}

static json_t *describe_glass(const struct judgement *judgement)
{
    json_auto_t *reasons = json_array();
    json_t *approval;
    size_t i;

    json_array_foreach (json_object_get(judgement->plan, "approvals"), i, approval) {
        if (strcmp(cw_json_text(approval, "action"), "break-glass") == 0 &&
            cw_people_has(judgement->glass, cw_json_text(approval, "person")) &&
            json_array_append_new(reasons,
                                  json_pack("{s:O, s:O, s:O}", "person", json_object_get(approval, "person"),
                                            "reason", json_object_get(approval, "reason"), "expires",
                                            json_object_get(approval, "expires"))) != 0)
            return NULL;
    }
    return json_incref(reasons);
}

/* Two persons together: holds and gates of time are no hindrance, all else is. */
static int break_glass(const struct judgement *judgement, json_t *unit, struct cw_gate_context *context,
                       struct cw_gate_state *state, struct cw_err *err)
{
    json_auto_t *gates = gates_of_answers(json_object_get(unit, "decision"));
    int rc;

    if (gates == NULL)
        return cw_err_nomem(err);
    context->waived = true;
    rc = cw_gates_evaluate(state, gates, context, err);
    if (rc == CW_OK && json_object_set_new(unit, "break_glass", describe_glass(judgement)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int judge_unit(const struct judgement *judgement, json_t *unit, struct cw_err *err)
{
    const json_t *decision = json_object_get(unit, "decision");
    bool accepted = strcmp(cw_json_text(decision, "verdict"), "accept") == 0, ready;
    struct cw_gate_state state = {.open = true};
    struct cw_gate_context context;
    int rc = CW_OK;

    context_of(&context, judgement, unit);
    if (accepted)
        rc = cw_gates_evaluate(&state, json_object_get(decision, "gates"), &context, err);
    if (rc == CW_OK)
        rc = add_waits(unit, &context, err);
    ready = accepted && json_object_get(unit, "held") == NULL && state.open;
    (void)json_object_del(unit, "break_glass");
    if (rc == CW_OK && !ready && json_array_size(judgement->glass) >= CW_GLASS_PERSONS &&
        may_be_passed_over(judgement, unit)) {
        rc = break_glass(judgement, unit, &context, &state, err);
        ready = state.open;
    }
    if (rc != CW_OK)
        return rc;
    if (json_object_set_new(unit, "ready", json_boolean(ready)) != 0 ||
        json_object_set_new(unit, "waits", json_string(state.open ? "" : state.waits)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_plan_judge(json_t *plan, const struct cw_plan_moment *moment, struct cw_err *err)
{
    json_auto_t *approved = json_array(), *glass = json_array();
    struct judgement judgement = {.plan = plan, .moment = moment, .approved = approved, .glass = glass};
    json_t *unit;
    size_t i;
    int rc = approved != NULL && glass != NULL ? collect(&judgement, err) : cw_err_nomem(err);

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (rc == CW_OK)
            rc = judge_unit(&judgement, unit, err);
    }
    return rc;
}
