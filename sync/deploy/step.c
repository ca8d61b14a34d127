/* SPDX-License-Identifier: ISC */
/*
 * Doing steps one by one: see sync/deploy/step.h. In which order, and what follows from a failed one, is apply.c's
 * and recover.c's.
 */
#include "sync/deploy/step.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "sync/deploy/action.h"
#include "sync/deploy/command.h"
#include "sync/deploy/decision.h"
#include "sync/history.h"

#define SHOWN_LINES 10 /* of a failed step's output: what fits beside the rest on a screen */

static bool is_ready(const json_t *unit)
{
    return json_is_true(json_object_get(unit, "ready"));
}

static json_t *make_step(const char *stage, const json_t *change, const json_t *action)
{
    return json_pack("{s:s, s:O, s:O, s:O*, s:O*}", "stage", stage, "product",
                     json_object_get(change, "product"), "version", json_object_get(change, "to"), "from",
                     json_object_get(change, "from"), "action", action);
}

/* The same of the part-th of the change's deliveries; key names the action in it. */
static json_t *make_part(const char *stage, const json_t *change, size_t part, const char *key)
{
    const json_t *delivery = json_array_get(json_object_get(change, "deliveries"), part);
    json_t *step = make_step(stage, change, json_object_get(delivery, key));

    if (step != NULL && (json_object_set(step, "artifact", json_object_get(delivery, "path")) != 0 ||
                         json_object_set_new(step, "part", json_integer((json_int_t)part)) != 0)) {
        json_decref(step);
        return NULL;
    }
    return step;
}

int cw_steps_add(json_t *steps, const json_t *unit, const char *stage, struct cw_err *err)
{
    json_t *change, *action;
    size_t i, k;

    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        json_array_foreach (json_object_get(json_object_get(change, "actions"), stage), k, action) {
            if (json_array_append_new(steps, make_step(stage, change, action)) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

int cw_steps_add_ready(json_t *steps, const json_t *plan, const char *stage, struct cw_err *err)
{
    json_t *unit;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit))
            rc = cw_steps_add(steps, unit, stage, err);
    }
    return rc;
}

static int add_delivery(json_t *steps, const json_t *change, size_t part, struct cw_err *err)
{
    const json_t *delivery = json_array_get(json_object_get(change, "deliveries"), part);

    if (json_object_get(delivery, "send") == NULL) /* it stays where it is, as the policy says */
        return CW_OK;
    if (json_array_append_new(steps, make_part("deliver", change, part, "send")) != 0 ||
        (json_object_get(delivery, "check") != NULL &&
         json_array_append_new(steps, make_part("delivered", change, part, "check")) != 0))
        return cw_err_nomem(err);
    return CW_OK;
}

int cw_steps_add_deliveries(json_t *steps, const json_t *unit, struct cw_err *err)
{
    json_t *change, *delivery;
    size_t i, k;
    int rc = CW_OK;

    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        json_array_foreach (json_object_get(change, "deliveries"), k, delivery) {
            if (rc == CW_OK)
                rc = add_delivery(steps, change, k, err);
        }
    }
    return rc;
}

/* Puts what undoes one change before what is there. Of one change, undo's actions keep their order. */
static int put_undo(json_t *steps, const json_t *change, struct cw_err *err)
{
    const json_t *actions = json_object_get(json_object_get(change, "actions"), "undo");

    for (size_t i = json_array_size(actions); i > 0; i--) {
        if (json_array_insert_new(steps, 0, make_step("undo", change, json_array_get(actions, i - 1))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int put_undeliver(json_t *steps, const json_t *change, struct cw_err *err)
{
    json_t *delivery;
    size_t i;

    json_array_foreach (json_object_get(change, "deliveries"), i, delivery) {
        if (json_object_get(delivery, "send") != NULL &&
            json_array_insert_new(steps, 0, make_part("undeliver", change, i, "undo")) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* Calls put for each change of the ready units. */
static int each_change(json_t *steps, const json_t *plan,
                       int (*put)(json_t *steps, const json_t *change, struct cw_err *err),
                       struct cw_err *err)
{
    json_t *unit, *change;
    size_t i, k;
    int rc = CW_OK;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        json_array_foreach (json_object_get(unit, "changes"), k, change) {
            if (rc == CW_OK && is_ready(unit))
                rc = put(steps, change, err);
        }
    }
    return rc;
}

int cw_steps_undo(json_t **steps, const json_t *plan, bool deliveries, struct cw_err *err)
{
    json_auto_t *made = json_array();
    int rc = made != NULL ? each_change(made, plan, put_undo, err) : cw_err_nomem(err);

    *steps = NULL;
    if (rc == CW_OK && deliveries)
        rc = each_change(made, plan, put_undeliver, err);
    if (rc == CW_OK)
        *steps = json_incref(made);
    return rc;
}

static bool is_of(const json_t *step, const json_t *other)
{
    return strcmp(cw_json_text(step, "product"), cw_json_text(other, "product")) == 0 &&
           json_equal(json_object_get(step, "part"), json_object_get(other, "part"));
}

json_t *cw_step_undeliver(const json_t *plan, const json_t *step)
{
    json_auto_t *all = json_array();
    json_t *undeliver;
    size_t i;

    if (all == NULL || each_change(all, plan, put_undeliver, NULL) != CW_OK)
        return NULL;
    json_array_foreach (all, i, undeliver) {
        if (is_of(step, undeliver))
            return json_incref(undeliver);
    }
    return NULL;
}

static void name_step(char name[CW_STEP_TEXT_MAX], const json_t *step)
{
    const char *artifact = cw_json_text(step, "artifact"), *stage = cw_json_text(step, "stage");
    char action[CW_ACTION_DESCRIBED_MAX];

    if (json_object_get(step, "action") == NULL)
        snprintf(name, CW_STEP_TEXT_MAX, "%s %s: %s of '%.200s'", cw_json_text(step, "product"),
                 cw_json_text(step, "version"), stage, artifact);
    else {
        cw_action_describe(action, json_object_get(step, "action"));
        snprintf(name, CW_STEP_TEXT_MAX, "%s %s: %s '%s'", cw_json_text(step, "product"),
                 cw_json_text(step, "version"), stage, action);
    }
}

static int collect_all(json_t *all, const json_t *plan, struct cw_err *err)
{
    static const char *const stages[] = {"before", "stage", "check", "after", NULL};
    json_auto_t *undo = NULL;
    json_t *unit;
    size_t i;
    int rc = cw_steps_undo(&undo, plan, true, err);

    for (i = 0; stages[i] != NULL && rc == CW_OK; i++)
        rc = cw_steps_add_ready(all, plan, stages[i], err);
    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit))
            rc = cw_steps_add_deliveries(all, unit, err);
    }
    return rc == CW_OK && json_array_extend(all, undo) != 0 ? cw_err_nomem(err) : rc;
}

int cw_steps_check(const json_t *plan, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_STEPS_BYTES_MAX);
    json_auto_t *all = json_array();
    char name[CW_STEP_TEXT_MAX];
    json_t *step;
    size_t i;
    int rc = all != NULL ? collect_all(all, plan, err) : cw_err_nomem(err);

    if (rc == CW_OK && cw_json_format_line(&text, all, NULL) != CW_OK)
        rc = cw_err_set(err, CW_E_FAIL, "the plan's actions are longer than %zu bytes altogether",
                        CW_STEPS_BYTES_MAX);
    json_array_foreach (all, i, step) {
        const json_t *action = json_object_get(step, "action");

        if (rc == CW_OK && action != NULL && (rc = cw_command_check(action, err)) != CW_OK) {
            name_step(name, step);
            cw_err_prefix(err, "%s", name);
        }
    }
    return rc;
}

/* What a failed step said, its last lines: the first thing a person asks for. The log keeps more of it. */
static void show_output(const struct cw_cli *cli, const char *output)
{
    const char *start = output + strlen(output);
    unsigned lines = 0;

    while (start > output && (start[-1] != '\n' || start[0] == '\0' || ++lines < SHOWN_LINES))
        start--;
    while (*start != '\0') {
        int len = (int)strcspn(start, "\n");

        cw_cli_say(cli, "    | %.*s", len, start);
        start += len + (start[len] == '\n');
    }
}

static int write_step(const struct cw_step_run *run, const json_t *step,
                      const struct cw_command_result *result, struct cw_err *err)
{
    json_auto_t *data = cw_json_copy(json_object_get(step, "action"));
    json_auto_t *more = cw_json_pack(
        "{s:I, s:O, s:O, s:O, s:O*, s:b, s:s*, s:I, s:O*}", "generation", (json_int_t)run->generation,
        "stage", json_object_get(step, "stage"), "product", json_object_get(step, "product"), "version",
        json_object_get(step, "version"), "artifact", json_object_get(step, "artifact"), "passed",
        result->passed, "reason", result->passed ? NULL : result->reason, "milliseconds",
        (json_int_t)result->milliseconds, "output", result->output);

    if (data == NULL)
        data = json_object();
    if (data == NULL || more == NULL || json_object_update(data, more) != 0)
        return cw_err_nomem(err);
    (void)json_object_del(data, "exit"); /* what was wanted; here it is what came */
    if (result->exit >= 0 && json_object_set_new(data, "exit", json_integer(result->exit)) != 0)
        return cw_err_nomem(err);
    return cw_history_append(run->site->fd, run->now, "action", data, err);
}

static void tell(const struct cw_step_run *run, const char *name, const struct cw_command_result *result)
{
    if (run->cli == NULL)
        return;
    if (result->passed)
        cw_cli_say(run->cli, "%s: passed in %lld.%lld s", name, (long long)(result->milliseconds / 1000),
                   (long long)(result->milliseconds % 1000 / 100));
    else if (result->output != NULL)
        show_output(run->cli, json_string_value(result->output));
}

static int act(struct cw_command_result *result, const struct cw_step_run *run, const json_t *step,
               struct cw_err *err)
{
    struct cw_command_context context = {.stage = cw_json_text(step, "stage"),
                                         .product = cw_json_text(step, "product"),
                                         .version = cw_json_text(step, "version"),
                                         .from = cw_json_text(step, "from"),
                                         .install_root = run->site->install_root,
                                         .generation = run->generation};
    const json_t *action = json_object_get(step, "action");

    struct cw_err why = {0};

    *result = (struct cw_command_result){
        .exit = -1, .reason = "is not possible: its delivery names no undo; a person must see to it"};
    if (action == NULL)
        return CW_OK;
    if (cw_command_check(action, &why) == CW_OK)
        return cw_command_run(result, &context, action, err);
    /* Its user or its token has gone since the plan was made: that step fails, and not all of a recovery. */
    snprintf(result->reason, sizeof result->reason, "was not run: %.200s", why.text);
    return CW_OK;
}

int cw_step_do(char problem[CW_STEP_TEXT_MAX], const struct cw_step_run *run, const json_t *step,
               struct cw_err *err)
{
    struct cw_command_result result = {.exit = -1};
    char name[CW_STEP_TEXT_MAX], text[2 * CW_STEP_TEXT_MAX];
    int rc = act(&result, run, step, err);

    problem[0] = '\0';
    name_step(name, step);
    if (rc == CW_OK)
        rc = write_step(run, step, &result, err);
    if (rc == CW_OK) {
        tell(run, name, &result);
        snprintf(text, sizeof text, "%s %s", name, result.reason);
        cw_reason_set(problem, CW_STEP_TEXT_MAX, result.passed ? "" : text);
    }
    cw_command_clear(&result);
    return rc;
}

int cw_step_give_up(char problem[CW_STEP_TEXT_MAX], const struct cw_step_run *run, const json_t *step,
                    struct cw_err *err)
{
    const struct cw_command_result result = {.exit = -1, .reason = "was interrupted; it is not run again"};
    char name[CW_STEP_TEXT_MAX], text[2 * CW_STEP_TEXT_MAX];

    name_step(name, step);
    snprintf(text, sizeof text, "%s %s", name, result.reason);
    cw_reason_set(problem, CW_STEP_TEXT_MAX, text);
    return write_step(run, step, &result, err);
}
