/* SPDX-License-Identifier: ISC */
/*
 * The lifecycle of one apply, read from cw_apply() down. Each step stands in the journal before it is taken,
 * so that whatever stops this run, cw_recover() knows what to do; failures on the way use the same code.
 */
#include "sync/deploy/apply.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/approvals.h"
#include "sync/deploy/install.h"
#include "sync/deploy/number.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/step.h"
#include "sync/deploy/store.h"
#include "sync/history.h"
#include "sync/mirror/mirror.h"

/* One apply under way. */
struct job {
    const struct cw_world *world;
    const struct cw_cli *cli;
    const json_t *plan;
    const struct cw_apply_way *way; /* NULL: the usual one */
    json_t *data;                   /* what the history's entry says more; owned; NULL: nothing */
    int root;
    struct cw_journal journal;
    char failed[CW_STEP_TEXT_MAX]; /* what is wrong, when a step failed */
};

static bool is_ready(const json_t *unit)
{
    return json_is_true(json_object_get(unit, "ready"));
}

/* What the journal says of the steps: how many must pass between the switch and the commit, and what follows. */
static int look_ahead(struct cw_journal *journal, const json_t *plan, struct cw_err *err)
{
    json_auto_t *steps = json_array();
    json_t *unit;
    size_t i;
    int rc;

    journal->after = json_array();
    if (steps == NULL || journal->after == NULL)
        return cw_err_nomem(err);
    rc = cw_steps_add_ready(journal->after, plan, "after", err);
    if (rc == CW_OK)
        rc = cw_steps_add_ready(steps, plan, "check", err);
    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit))
            rc = cw_steps_add_deliveries(steps, unit, err);
    }
    journal->checks = (int64_t)json_array_size(steps);
    return rc;
}

static int step(struct job *job, enum cw_journal_state state, struct cw_err *err)
{
    job->journal.state = state;
    return cw_journal_store(job->world->site->fd, &job->journal, err);
}

static struct cw_step_run step_run(const struct job *job)
{
    return (struct cw_step_run){
        .site = job->world->site, .cli = job->cli, .now = job->world->now, .generation = job->journal.to};
}

static int begin(struct job *job, struct cw_err *err)
{
    int rc = cw_number_next(&job->journal.to, job->world->site->fd, job->root, job->world->current, err);

    if (rc != CW_OK)
        return rc;
    job->journal.from = job->world->current;
    rc = look_ahead(&job->journal, job->plan, err);
    if (rc != CW_OK)
        return rc;
    snprintf(job->journal.plan, sizeof job->journal.plan, "%s", cw_json_text(job->plan, "id"));
    cw_time_format(job->world->now, job->journal.time);
    return step(job, CW_JOURNAL_STAGE, err);
}

static int install_unit(struct job *job, const json_t *unit, struct cw_progress *progress, struct cw_err *err)
{
    const struct cw_world *world = job->world;
    size_t at = cw_world_upstream(world, cw_json_text(unit, "upstream")), i;
    CW_AUTO_FD int mirror = -1;
    json_t *change;
    int rc = cw_mirror_open(&mirror, world->site, &world->site->upstreams[at], err);

    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        if (rc == CW_OK && cw_json_text(change, "to")[0] != '\0')
            rc = cw_install_release(job->root, mirror, &world->site->install, change, err);
        if (rc == CW_OK)
            cw_progress_add(progress, (uint64_t)json_integer_value(json_object_get(change, "bytes")));
    }
    return rc;
}

static uint64_t ready_bytes(const json_t *plan)
{
    json_t *unit, *change;
    uint64_t bytes = 0;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        json_array_foreach (json_object_get(unit, "changes"), k, change)
            bytes += is_ready(unit) ? (uint64_t)json_integer_value(json_object_get(change, "bytes")) : 0;
    }
    return bytes;
}

static int install(struct job *job, struct cw_err *err)
{
    struct cw_progress progress;
    json_auto_t *record = NULL;
    json_t *unit;
    size_t i;
    int rc = CW_OK;

    cw_progress_start(&progress, job->cli, "staging", ready_bytes(job->plan));
    json_array_foreach (json_object_get(job->plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit))
            rc = install_unit(job, unit, &progress, err);
    }
    cw_progress_end(&progress);
    if (rc == CW_OK)
        rc =
            cw_plan_record(&record, job->plan, job->world->generation, job->journal.to, job->world->now, err);
    if (rc == CW_OK)
        rc = cw_store_is_whole(job->root, record, err);
    return rc == CW_OK ? cw_store_make(job->root, record, err) : rc;
}

static int write_apply(struct job *job, struct cw_err *err)
{
    json_auto_t *changes = json_array(), *approved = json_array(), *glass = json_array();
    json_auto_t *data = NULL;
    json_t *unit, *change, *approval;
    size_t i, k;

    json_array_foreach (json_object_get(job->plan, "approvals"), i, approval) {
        if (json_array_append(approved, json_object_get(approval, "person")) != 0)
            return cw_err_nomem(err);
    }
    json_array_foreach (json_object_get(job->plan, "units"), i, unit) {
        if (is_ready(unit) && json_object_get(unit, "break_glass") != NULL &&
            json_array_extend(glass, json_object_get(unit, "break_glass")) != 0)
            return cw_err_nomem(err);
        json_array_foreach (json_object_get(unit, "changes"), k, change) {
            if (is_ready(unit) &&
                json_array_append_new(changes, json_pack("{s:O, s:O*, s:O*}", "product",
                                                         json_object_get(change, "product"), "from",
                                                         json_object_get(change, "from"), "to",
                                                         json_object_get(change, "to"))) != 0)
                return cw_err_nomem(err);
        }
    }
    data = json_pack("{s:s, s:I, s:I, s:O, s:O, s:O, s:O*}", "plan", job->journal.plan, "from",
                     (json_int_t)job->journal.from, "to", (json_int_t)job->journal.to, "policy_sha256",
                     json_object_get(job->plan, "policy_sha256"), "changes", changes, "approved_by", approved,
                     "break_glass", json_array_size(glass) > 0 ? glass : NULL);
    if (data == NULL || (job->data != NULL && json_object_update(data, job->data) != 0))
        return cw_err_nomem(err);
    return cw_history_append(job->world->site->fd, job->world->now,
                             job->way != NULL ? job->way->event : "apply", data, err);
}

static int switch_over(struct job *job, struct cw_err *err)
{
    int rc = cw_approvals_log(job->world->site, job->plan, job->world->now, err);

    if (rc == CW_OK)
        rc = write_apply(job, err);
    if (rc == CW_OK)
        rc = step(job, CW_JOURNAL_SWITCH, err);
    return rc == CW_OK ? cw_store_switch(job->root, job->journal.to, err) : rc;
}

/* The first step is about to begin: what undoes must be known from here on. */
static int arm(struct job *job, struct cw_err *err)
{
    return job->journal.undo != NULL ? CW_OK : cw_steps_undo(&job->journal.undo, job->plan, false, err);
}

/* Does the steps up to the first that fails. */
static int do_steps(struct job *job, const json_t *steps, struct cw_err *err)
{
    const struct cw_step_run run = step_run(job);
    json_t *one;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (steps, i, one) {
        if (rc == CW_OK && job->failed[0] == '\0')
            rc = cw_step_do(job->failed, &run, one, err);
    }
    return rc;
}

/* The steps of one stage before the switch, in a state of the journal. */
static int do_stage(struct job *job, const char *stage, enum cw_journal_state state, struct cw_err *err)
{
    json_auto_t *steps = json_array();
    int rc = steps != NULL ? cw_steps_add_ready(steps, job->plan, stage, err) : cw_err_nomem(err);

    if (rc != CW_OK || json_array_size(steps) == 0)
        return rc;
    rc = arm(job, err);
    if (rc == CW_OK)
        rc = step(job, state, err);
    return rc == CW_OK ? do_steps(job, steps, err) : rc;
}

static int set_holds(struct job *job, const json_t *unit, struct cw_err *err)
{
    json_decref(job->journal.holds);
    job->journal.holds = cw_plan_unit_holds(job->plan, unit);
    return job->journal.holds != NULL ? CW_OK : cw_err_nomem(err);
}

static int check_unit(struct job *job, const json_t *unit, struct cw_err *err)
{
    json_auto_t *steps = json_array();
    int rc = steps != NULL ? cw_steps_add(steps, unit, "check", err) : cw_err_nomem(err);

    if (rc != CW_OK || json_array_size(steps) == 0)
        return rc;
    rc = set_holds(job, unit, err);
    if (rc == CW_OK)
        rc = arm(job, err);
    if (rc == CW_OK)
        rc = step(job, CW_JOURNAL_CHECK, err);
    return rc == CW_OK ? do_steps(job, steps, err) : rc;
}

/* What takes a delivery back is in the journal before it begins. */
static int deliver(struct job *job, const json_t *one, struct cw_err *err)
{
    const struct cw_step_run run = step_run(job);
    json_t *back;
    int rc;

    if (strcmp(cw_json_text(one, "stage"), "deliver") == 0) {
        back = cw_step_undeliver(job->plan, one);
        if (back == NULL || json_array_insert_new(job->journal.undo, 0, back) != 0)
            return cw_err_nomem(err);
        rc = step(job, CW_JOURNAL_DELIVER, err);
        if (rc != CW_OK)
            return rc;
    }
    return cw_step_do(job->failed, &run, one, err);
}

static int deliver_unit(struct job *job, const json_t *unit, struct cw_err *err)
{
    json_auto_t *steps = json_array();
    json_t *one;
    size_t i;
    int rc = steps != NULL ? cw_steps_add_deliveries(steps, unit, err) : cw_err_nomem(err);

    if (rc != CW_OK || json_array_size(steps) == 0)
        return rc;
    rc = set_holds(job, unit, err);
    if (rc == CW_OK)
        rc = arm(job, err);
    json_array_foreach (steps, i, one) {
        if (rc == CW_OK && job->failed[0] == '\0')
            rc = deliver(job, one, err);
    }
    return rc;
}

/* Calls f for the ready units up to the first in which a step fails. */
static int each_unit(struct job *job, int (*f)(struct job *job, const json_t *unit, struct cw_err *err),
                     struct cw_err *err)
{
    json_t *unit;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (json_object_get(job->plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit) && job->failed[0] == '\0')
            rc = f(job, unit, err);
    }
    return rc;
}

/* All that can be gone back from at once is proven before anything is handed on that cannot. */
static int prove(struct job *job, struct cw_err *err)
{
    int rc = each_unit(job, check_unit, err);

    return rc == CW_OK ? each_unit(job, deliver_unit, err) : rc;
}

/* Text of any length as a reason that fits, cut between characters. */
static void set_reason(struct cw_journal *journal, const char *text)
{
    size_t len = strlen(text);

    if (len >= sizeof journal->reason) {
        len = sizeof journal->reason - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(journal->reason, text, len);
    journal->reason[len] = '\0';
}

/* A check or a delivery failed, or could not be run: back to the old generation, and not to be tried again by
 * itself. */
static int give_up(struct job *job, const char *reason, struct cw_err *err)
{
    const struct cw_step_run run = step_run(job);
    struct cw_journal *journal = &job->journal;
    int64_t from = journal->from, to = journal->to;
    char trouble[CW_RECOVER_TEXT_MAX];
    int rc;

    set_reason(journal, reason);
    rc = step(job, CW_JOURNAL_RETURN, err);
    if (rc == CW_OK)
        rc = cw_recover_return(trouble, &run, job->root, journal, "check", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s; and going back failed, the next run will try again", reason);
    if (trouble[0] != '\0')
        cw_cli_warn(job->cli, "going back, %s", trouble);
    if (from == 0)
        return cw_err_set(err, CW_E_ROLLED_BACK,
                          "%s: generation %lld was taken back, nothing is installed; it is held until "
                          "'causeway-sync unhold'",
                          reason, (long long)to);
    return cw_err_set(err, CW_E_ROLLED_BACK,
                      "%s: generation %lld runs again; what was left is held: 'causeway-sync status' shows "
                      "by what, 'causeway-sync unhold' lifts it",
                      reason, (long long)from);
}

/* Before the switch, or when it did not happen: what there is of the new generation goes away. */
static int take_back(struct job *job, int rc, const char *reason)
{
    json_auto_t *data = json_pack("{s:s, s:s}", "plan", job->journal.plan, "reason", reason);
    const struct cw_world *world = job->world;
    const struct cw_step_run run = step_run(job);
    char trouble[CW_RECOVER_TEXT_MAX];
    struct cw_err second = {0};
    int undone = cw_recover_take_back(trouble, &run, &second);

    if (undone == CW_OK && trouble[0] != '\0')
        cw_cli_warn(job->cli, "going back, %s", trouble);
    if (undone == CW_OK && data != NULL)
        undone = cw_history_append(world->site->fd, world->now, "refuse", data, &second);
    if (undone != CW_OK)
        cw_cli_warn(job->cli, "%s; the next run will try again", second.text);
    return rc;
}

static int look_at_staged(struct job *job, struct cw_err *err)
{
    if (job->way == NULL)
        return CW_OK;
    job->data = json_object();
    return job->data != NULL ? job->way->staged(job->way->ctx, job->root, job->data, err) : cw_err_nomem(err);
}

/* Up to the switch; a step that fails keeps all as it was. */
static int lead_up(struct job *job, struct cw_err *err)
{
    int rc = do_stage(job, "before", CW_JOURNAL_PREPARE, err);

    if (rc == CW_OK && job->failed[0] == '\0')
        rc = step(job, CW_JOURNAL_STAGE, err);
    if (rc == CW_OK && job->failed[0] == '\0')
        rc = install(job, err);
    if (rc == CW_OK && job->failed[0] == '\0')
        rc = look_at_staged(job, err);
    if (rc == CW_OK && job->failed[0] == '\0')
        rc = do_stage(job, "stage", CW_JOURNAL_STAGE, err);
    if (rc == CW_OK && job->failed[0] != '\0')
        return cw_err_set(err, CW_E_HELD, "%s: nothing that runs was changed", job->failed);
    return rc == CW_OK ? switch_over(job, err) : rc;
}

/* The generation is good: what follows it cannot change that any more. */
static int commit(struct job *job, struct cw_err *err)
{
    const struct cw_step_run run = step_run(job);
    int64_t to = job->journal.to;
    char trouble[CW_RECOVER_TEXT_MAX];
    int rc = cw_recover_commit(trouble, &run, &job->journal, err);

    if (rc == CW_OK && trouble[0] != '\0')
        return cw_err_set(err, CW_E_FAIL, "generation %lld runs, but %s", (long long)to, trouble);
    return rc;
}

static int carry_out(struct job *job, struct cw_err *err)
{
    char reason[CW_ERR_TEXT_MAX];
    int rc = lead_up(job, err);

    if (rc != CW_OK)
        return take_back(job, rc, err->text);
    rc = prove(job, err);
    if (rc == CW_OK && job->failed[0] != '\0')
        return give_up(job, job->failed, err);
    if (rc == CW_OK)
        rc = step(job, CW_JOURNAL_PASSED, err);
    if (rc == CW_OK) {
        json_decref(job->journal.holds);
        json_decref(job->journal.undo);
        job->journal.holds = job->journal.undo = NULL;
        return commit(job, err);
    }
    memcpy(reason, err->text, sizeof reason);
    return give_up(job, reason, err);
}

int cw_apply(int64_t *number, const struct cw_world *world, const json_t *plan,
             const struct cw_apply_way *way, const struct cw_cli *cli, struct cw_err *err)
{
    struct job job = {.world = world, .cli = cli, .plan = plan, .way = way};
    CW_AUTO_FD int root = -1;
    /* Products run as users of their own: they must get in whatever umask this shell or unit has. */
    mode_t before = umask(022);
    int rc = cw_dir_create(&root, world->site->install_root, err);

    job.root = root;
    if (rc == CW_OK)
        rc = cw_steps_check(plan, err);
    if (rc == CW_OK)
        rc = cw_install_check_space(root, plan, err);
    if (rc == CW_OK)
        rc = begin(&job, err);
    *number = job.journal.to;
    if (rc == CW_OK)
        rc = carry_out(&job, err);
    cw_journal_clear(&job.journal);
    json_decref(job.data);
    (void)umask(before);
    return rc;
}
