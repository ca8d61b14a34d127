/* SPDX-License-Identifier: ISC */
/*
 * Having a plan's deltas made, and telling what came of it; see gen/deltas.h.
 */
#include <string.h>

#include "base/str.h"
#include "codec/json.h"
#include "gen/deltas.h"
#include "tree/layout.h"

static void progress(void *ctx, uint64_t bytes)
{
    cw_progress_add(ctx, bytes);
}

/* Where temporary files may lie, for whoever comes after a kill. */
static int note_folders(const struct cw_deltas_plan *plan, const struct cw_repo *repo, struct cw_err *err)
{
    json_auto_t *folders = json_pack("[s]", CW_TREE_DELTAS);
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    size_t i;

    for (i = 0; i < plan->count; i++) {
        if (cw_tree_split_target(plan->pairs[i].to, target, sha256) &&
            json_array_append_new(folders, json_sprintf("%s/%s", CW_TREE_DELTAS, sha256)) != 0)
            return cw_err_nomem(err);
    }
    return folders != NULL ? cw_repo_note_folders(repo, folders, err) : cw_err_nomem(err);
}

static int make(struct cw_deltas_plan *plan, const struct cw_repo *repo,
                const struct cw_deltas_options *options, struct cw_err *err)
{
    int rc = note_folders(plan, repo, err);

    if (rc == CW_OK)
        rc = cw_deltas_make(repo->tree, plan->pairs, plan->count, options, err);
    return rc == CW_OK ? cw_repo_forget_folders(repo, err) : rc;
}

void cw_deltas_plan_run(struct cw_deltas_plan *plan, const struct cw_repo *repo, const struct cw_cli *cli)
{
    struct cw_progress bar;
    const struct cw_deltas_options options = {.plan_only = cli->dry_run, .progress = progress, .ctx = &bar};
    struct cw_err err = {.code = CW_OK};
    int rc;

    if (plan->count == 0)
        return;
    cw_progress_start(&bar, cli, "making deltas", cw_deltas_size(repo->tree, plan->pairs, plan->count));
    rc = cli->dry_run ? cw_deltas_make(repo->tree, plan->pairs, plan->count, &options, &err)
                      : make(plan, repo, &options, &err);
    cw_progress_end(&bar);
    if (rc != CW_OK)
        cw_cli_warn(
            cli, "not all deltas were made, so sites fetch more bytes: %s; 'publish --deltas' makes the rest",
            err.text);
}

static const char *outcome_name(enum cw_deltas_outcome outcome)
{
    static const char *const names[] = {
        [CW_DELTA_NONE] = "not tried",  [CW_DELTA_THERE] = "there",   [CW_DELTA_MADE] = "made",
        [CW_DELTA_USELESS] = "useless", [CW_DELTA_HIDDEN] = "hidden", [CW_DELTA_SMALL] = "small",
        [CW_DELTA_ABSENT] = "absent",   [CW_DELTA_FAILED] = "failed"};

    return names[outcome];
}

json_t *cw_deltas_plan_report(const struct cw_deltas_plan *plan)
{
    json_t *rows = json_array();
    size_t i;

    for (i = 0; i < plan->count; i++) {
        const struct cw_deltas_pair *pair = &plan->pairs[i];
        json_t *row =
            cw_json_pack("{s:s, s:s*, s:s, s:s*}", "path", pair->to, "from", pair->from, "outcome",
                         outcome_name(pair->outcome), "reason", pair->why[0] != '\0' ? pair->why : NULL);

        if (row != NULL && pair->length > 0)
            (void)json_object_set_new(row, "bytes", json_integer((json_int_t)pair->length));
        if (json_array_append_new(rows, row) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

/* One line for each file whose content is hidden, and for what failed: these can be mended. */
static void say_reasons(const struct cw_deltas_plan *plan, const struct cw_cli *cli)
{
    const char *last = "";
    size_t i;

    for (i = 0; i < plan->count; i++) {
        const struct cw_deltas_pair *pair = &plan->pairs[i];

        if (pair->outcome == CW_DELTA_FAILED)
            cw_cli_warn(cli, "no delta to 'tree/%s': %s", pair->to, pair->why);
        else if (pair->outcome == CW_DELTA_HIDDEN && strcmp(last, pair->to) != 0)
            cw_cli_say(cli, "no deltas to %s: %s", cw_str_basename(pair->to) + CW_SHA256_TEXT, pair->why);
        if (pair->outcome == CW_DELTA_HIDDEN)
            last = pair->to;
    }
}

static size_t count_outcome(const struct cw_deltas_plan *plan, enum cw_deltas_outcome outcome)
{
    size_t i, count = 0;

    for (i = 0; i < plan->count; i++)
        count += plan->pairs[i].outcome == outcome;
    return count;
}

static struct cw_deltas_count count_all(const struct cw_deltas_plan *plan)
{
    return (struct cw_deltas_count){.tried = count_outcome(plan, CW_DELTA_MADE),
                                    .there = count_outcome(plan, CW_DELTA_THERE)};
}

int cw_deltas_plan_count(struct cw_deltas_count *count, struct cw_deltas_plan *plan, int tree,
                         struct cw_err *err)
{
    const struct cw_deltas_options options = {.plan_only = true, .count_only = true};
    int rc = cw_deltas_make(tree, plan->pairs, plan->count, &options, err);

    *count = count_all(plan);
    return rc;
}

void cw_deltas_count_say(const struct cw_deltas_count *count, const struct cw_cli *cli)
{
    if (count->tried + count->there > 0)
        cw_cli_say(cli, "deltas: %zu would be tried, %zu are there", count->tried, count->there);
}

void cw_deltas_plan_say(const struct cw_deltas_plan *plan, const struct cw_cli *cli)
{
    const struct cw_deltas_count count = count_all(plan);
    size_t i, useless = count_outcome(plan, CW_DELTA_USELESS);
    uint64_t bytes = 0;
    char size[16];

    for (i = 0; i < plan->count; i++)
        bytes += plan->pairs[i].outcome == CW_DELTA_MADE ? plan->pairs[i].length : 0;
    cw_str_bytes(bytes, size);
    if (cli->dry_run)
        cw_deltas_count_say(&count, cli);
    else if (count.tried + count.there + useless > 0)
        cw_cli_say(cli, "deltas: %zu made (%s), %zu were there, %zu save too little to be kept", count.tried,
                   size, count.there, useless);
    say_reasons(plan, cli);
}
