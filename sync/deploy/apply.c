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
#include "sync/deploy/check.h"
#include "sync/deploy/install.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/store.h"
#include "sync/history.h"
#include "sync/mirror/mirror.h"

#define SHOWN_LINES 10 /* of a failed check's output: what fits beside the rest on a screen */

/* One apply under way. */
struct job {
    const struct cw_world *world;
    const struct cw_cli *cli;
    const json_t *plan;
    int root;
    struct cw_journal journal;
    char failed[1024]; /* what a check said, when one failed */
};

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));

    return text != NULL ? text : "";
}

static bool is_ready(const json_t *unit)
{
    return json_is_true(json_object_get(unit, "ready"));
}

static int64_t count_checks(const json_t *plan)
{
    json_t *unit, *change;
    int64_t count = 0;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        json_array_foreach (json_object_get(unit, "changes"), k, change)
            count += is_ready(unit) ? (int64_t)json_array_size(json_object_get(change, "actions")) : 0;
    }
    return count;
}

static int step(struct job *job, enum cw_journal_state state, struct cw_err *err)
{
    job->journal.state = state;
    return cw_journal_store(job->world->site->fd, &job->journal, err);
}

static int begin(struct job *job, struct cw_err *err)
{
    int64_t highest;
    int rc = cw_store_highest(&highest, job->root, err);

    if (rc != CW_OK)
        return rc;
    if (highest >= CW_GENERATION_MAX)
        return cw_err_set(err, CW_E_FAIL, "generation %lld is the last number there is", (long long)highest);
    job->journal.from = job->world->current;
    job->journal.to = (highest > job->world->current ? highest : job->world->current) + 1;
    job->journal.checks = count_checks(job->plan);
    snprintf(job->journal.plan, sizeof job->journal.plan, "%s", text_of(job->plan, "id"));
    cw_time_format(job->world->now, job->journal.time);
    return step(job, CW_JOURNAL_STAGE, err);
}

static int install_unit(struct job *job, const json_t *unit, struct cw_progress *progress, struct cw_err *err)
{
    const struct cw_world *world = job->world;
    size_t at = cw_world_upstream(world, text_of(unit, "upstream")), i;
    CW_AUTO_FD int mirror = -1;
    json_t *change;
    int rc = cw_mirror_open(&mirror, world->site, &world->site->upstreams[at], err);

    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        if (rc == CW_OK && text_of(change, "to")[0] != '\0')
            rc = cw_install_release(job->root, mirror, change, err);
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
    json_auto_t *changes = json_array();
    json_auto_t *data = NULL;
    json_t *unit, *change;
    size_t i, k;

    json_array_foreach (json_object_get(job->plan, "units"), i, unit) {
        json_array_foreach (json_object_get(unit, "changes"), k, change) {
            if (is_ready(unit) &&
                json_array_append_new(changes, json_pack("{s:O, s:O*, s:O*}", "product",
                                                         json_object_get(change, "product"), "from",
                                                         json_object_get(change, "from"), "to",
                                                         json_object_get(change, "to"))) != 0)
                return cw_err_nomem(err);
        }
    }
    data = json_pack("{s:s, s:I, s:I, s:O, s:O}", "plan", job->journal.plan, "from",
                     (json_int_t)job->journal.from, "to", (json_int_t)job->journal.to, "policy_sha256",
                     json_object_get(job->plan, "policy_sha256"), "changes", changes);
    return data != NULL ? cw_history_append(job->world->site->fd, job->world->now, "apply", data, err)
                        : cw_err_nomem(err);
}

static int switch_over(struct job *job, struct cw_err *err)
{
    int rc = write_apply(job, err);

    if (rc == CW_OK)
        rc = step(job, CW_JOURNAL_SWITCH, err);
    return rc == CW_OK ? cw_store_switch(job->root, job->journal.to, err) : rc;
}

static int write_check(struct job *job, const json_t *change, const json_t *action,
                       const struct cw_check_result *result, struct cw_err *err)
{
    json_auto_t *data =
        json_pack("{s:I, s:O, s:O, s:O, s:b, s:s*, s:I, s:O}", "generation", (json_int_t)job->journal.to,
                  "product", json_object_get(change, "product"), "version", json_object_get(change, "to"),
                  "run", json_object_get(action, "run"), "passed", result->passed, "reason",
                  result->passed ? NULL : result->reason, "milliseconds", (json_int_t)result->milliseconds,
                  "output", result->output);

    return data != NULL ? cw_history_append(job->world->site->fd, job->world->now, "check", data, err)
                        : cw_err_nomem(err);
}

/* What a failed check said, its last lines: the first thing a person asks for. The log keeps more of it. */
static void show_output(const struct job *job, const char *output)
{
    const char *start = output + strlen(output);
    unsigned lines = 0;

    while (start > output && (start[-1] != '\n' || start[0] == '\0' || ++lines < SHOWN_LINES))
        start--;
    while (*start != '\0') {
        int len = (int)strcspn(start, "\n");

        cw_cli_say(job->cli, "    | %.*s", len, start);
        start += len + (start[len] == '\n');
    }
}

static int run_action(struct job *job, const json_t *change, const json_t *action, struct cw_err *err)
{
    struct cw_check check = {.product = text_of(change, "product"),
                             .version = text_of(change, "to"),
                             .install_root = job->world->site->install_root,
                             .generation = job->journal.to};
    struct cw_check_result result = {0};
    char command[256];
    int rc;

    cw_check_describe(command, action);
    rc = cw_check_run(&result, &check, action, err);
    if (rc == CW_OK)
        rc = write_check(job, change, action, &result, err);
    if (rc == CW_OK && !result.passed) {
        snprintf(job->failed, sizeof job->failed, "%s %s: check '%s' %s", check.product, check.version,
                 command, result.reason);
        show_output(job, json_string_value(result.output));
    } else if (rc == CW_OK)
        cw_cli_say(job->cli, "checked %s %s: '%s' passed in %lld.%lld s", check.product, check.version,
                   command, (long long)(result.milliseconds / 1000),
                   (long long)(result.milliseconds % 1000 / 100));
    cw_check_clear(&result);
    return rc;
}

static int check_unit(struct job *job, const json_t *unit, struct cw_err *err)
{
    json_t *change, *action;
    size_t i, k;
    int rc;

    json_decref(job->journal.holds);
    job->journal.holds = cw_plan_unit_holds(job->plan, unit);
    if (job->journal.holds == NULL)
        return cw_err_nomem(err);
    rc = step(job, CW_JOURNAL_CHECK, err);
    json_array_foreach (json_object_get(unit, "changes"), i, change) {
        json_array_foreach (json_object_get(change, "actions"), k, action) {
            if (rc == CW_OK && job->failed[0] == '\0')
                rc = run_action(job, change, action, err);
        }
    }
    return rc;
}

static int check_all(struct job *job, struct cw_err *err)
{
    json_t *unit;
    size_t i;
    int rc = CW_OK;

    if (job->journal.checks == 0)
        return CW_OK;
    json_array_foreach (json_object_get(job->plan, "units"), i, unit) {
        if (rc == CW_OK && is_ready(unit) && job->failed[0] == '\0')
            rc = check_unit(job, unit, err);
    }
    return rc;
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

/* A check failed, or could not be run: back to the old generation, and not to be tried again by itself. */
static int give_up(struct job *job, const char *reason, struct cw_err *err)
{
    struct cw_journal *journal = &job->journal;
    int64_t from = journal->from, to = journal->to;
    int rc;

    set_reason(journal, reason);
    rc = step(job, CW_JOURNAL_RETURN, err);
    if (rc == CW_OK)
        rc = cw_recover_return(job->world->site, job->root, journal, "check", job->world->now, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s; and going back failed, the next run will try again", reason);
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
    char said[CW_RECOVER_TEXT_MAX];
    struct cw_err second = {0};
    int undone = cw_recover(said, world->site, world->now, &second);

    if (undone == CW_OK && data != NULL)
        undone = cw_history_append(world->site->fd, world->now, "refuse", data, &second);
    if (undone != CW_OK)
        cw_cli_warn(job->cli, "%s; the next run will try again", second.text);
    return rc;
}

static int carry_out(struct job *job, struct cw_err *err)
{
    char reason[CW_ERR_TEXT_MAX];
    int rc = install(job, err);

    if (rc == CW_OK)
        rc = switch_over(job, err);
    if (rc != CW_OK)
        return take_back(job, rc, err->text);
    rc = check_all(job, err);
    if (rc == CW_OK && job->failed[0] != '\0')
        return give_up(job, job->failed, err);
    if (rc == CW_OK)
        rc = step(job, CW_JOURNAL_PASSED, err);
    if (rc == CW_OK) {
        json_decref(job->journal.holds);
        job->journal.holds = NULL;
        return cw_recover_commit(job->world->site, &job->journal, job->world->now, err);
    }
    memcpy(reason, err->text, sizeof reason);
    return give_up(job, reason, err);
}

int cw_apply(int64_t *number, const struct cw_world *world, const json_t *plan, const struct cw_cli *cli,
             struct cw_err *err)
{
    struct job job = {.world = world, .cli = cli, .plan = plan};
    CW_AUTO_FD int root = -1;
    /* Products run as users of their own: they must get in whatever umask this shell or unit has. */
    mode_t before = umask(022);
    int rc = cw_dir_create(&root, world->site->install_root, err);

    job.root = root;
    if (rc == CW_OK)
        rc = cw_install_check_space(root, plan, err);
    if (rc == CW_OK)
        rc = begin(&job, err);
    *number = job.journal.to;
    if (rc == CW_OK)
        rc = carry_out(&job, err);
    cw_journal_clear(&job.journal);
    (void)umask(before);
    return rc;
}
