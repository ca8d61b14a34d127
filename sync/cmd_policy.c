/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync policy: check a policy, run its specs, and say why a product is or is not applied. None of them
 * changes anything; check and test need no site.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/root.h"
#include "sync/commands.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"
#include "sync/deploy/show.h"
#include "sync/deploy/trial.h"
#include "sync/library.h"

#define SPEC_END "_spec.lua"
#define SPECS_MAX 1000 /* files of one folder; a site has one */

/* What every policy must have an answer to. */
static const char samples[] =
    "[{\"name\":\"a first installation\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.0.0\"}]},"
    "{\"name\":\"an "
    "update\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.1.0\",\"from\":\"1.0.0\"}]},"
    "{\"name\":\"a critical "
    "fix\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.1.1\",\"from\":\"1.1.0\","
    "\"severity\":\"critical\"}]},"
    "{\"name\":\"a new major version\",\"releases\":[{\"product\":\"gateway\",\"version\":\"2.0.0\",\"from\":"
    "\"1.1.0\"}]},"
    "{\"name\":\"a "
    "downgrade\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.0.0\",\"from\":\"1.1.0\"}]},"
    "{\"name\":\"a "
    "removal\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.0.0\",\"from\":\"1.0.0\"}],"
    "\"removed\":[\"plc\"]},"
    "{\"name\":\"a package and "
    "firmware\",\"releases\":[{\"product\":\"gateway\",\"version\":\"1.1.0\",\"from\":\"1.0.0\","
    "\"artifacts\":[{"
    "\"name\":\"gateway.deb\",\"kind\":\"package\"},{\"name\":\"gateway.bin\",\"kind\":\"firmware\"}]}]}]";

static int check(const struct cw_cli *cli, const char *path, struct cw_err *err)
{
    json_auto_t *cases = json_loads(samples, 0, NULL), *doc = NULL;
    CW_AUTO_FD int dir = -1;
    struct cw_policy *policy = NULL;
    struct cw_trial trial = {.broken = false};
    const char *name;
    const char *local = NULL;
    char unused[CW_POLICY_NAME_MAX] = "";
    size_t i, line = 0;
    int rc = cases != NULL ? cw_dir_open_parent(&dir, &name, path, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_policy_open_file(&policy, dir, name, err);
    if (rc == CW_OK && cw_policy_find_local(&local, &line, policy))
        rc = cw_err_set(
            err, CW_E_FAIL,
            "%s:%zu: function '%s' is local, so that nobody asks it: write function %s, without 'local'",
            name, line, local, local);
    for (i = 0; rc == CW_OK && i < json_array_size(cases) && !trial.broken; i++)
        rc = cw_trial_run(&trial, policy, json_array_get(cases, i), err);
    if (rc == CW_OK && !trial.broken)
        rc = cw_policy_find_unused(unused, policy, err);
    cw_policy_free(policy);
    if (rc != CW_OK)
        return rc;
    if (unused[0] != '\0')
        return cw_err_set(
            err, CW_E_FAIL,
            "%s: function '%s' is never used: it is called by none of the policy's own, and the program "
            "asks for decide, before, stage, check, after, undo and deliver",
            name, unused);
    if (trial.broken)
        return cw_err_set(err, CW_E_FAIL, "%s (asked about %s)", trial.problem,
                          cw_json_text(json_array_get(cases, i - 1), "name"));
    cw_cli_say(cli, "%s: answers all %zu sample questions", path, json_array_size(cases));
    doc = json_pack("{s:s, s:b, s:I}", "file", path, "ok", 1, "asked", (json_int_t)json_array_size(cases));
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

/* Of one policy test. */
struct tally {
    const struct cw_cli *cli;
    json_t *cases; /* what --json shows */
    size_t passed, failed;
};

static int run_case(struct tally *tally, const struct cw_policy *policy, const char *spec, const json_t *test,
                    struct cw_err *err)
{
    struct cw_trial trial;
    const char *name = cw_json_text(test, "name");
    int rc = CW_OK;

    if (json_object_get(test, "expect") == NULL)
        rc = cw_err_set(err, CW_E_FAIL, "%scase '%s' expects nothing: add expect = { verdict = \"accept\" }",
                        cw_json_text(test, "at"), name);
    if (rc == CW_OK)
        rc = cw_trial_run(&trial, policy, test, err);
    if (rc != CW_OK)
        return rc;
    tally->passed += trial.problem[0] == '\0';
    tally->failed += trial.problem[0] != '\0';
    if (trial.problem[0] == '\0')
        cw_cli_say(tally->cli, "ok     %s: %s", spec, name);
    else
        cw_cli_say(tally->cli, "FAILED %s%s: %s", cw_json_text(test, "at"), name, trial.problem);
    if (json_array_append_new(tally->cases,
                              json_pack("{s:s, s:s, s:b, s:s}", "spec", spec, "case", name, "ok",
                                        trial.problem[0] == '\0', "problem", trial.problem)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int load_spec(json_t **spec, int dir, const char *name, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_POLICY_MAX);
    struct cw_script_source source = {.name = name};
    int rc = cw_at_read_file(&text, dir, name, err);

    if (rc != CW_OK)
        return rc;
    source.text = cw_buf_text(&text);
    source.len = text.len;
    return cw_library_run(spec, CW_LIBRARY_SPEC, &source, "causeway.spec", NULL, err);
}

static int run_spec(struct tally *tally, int dir, const char *name, struct cw_err *err)
{
    json_auto_t *spec = NULL;
    struct cw_policy *policy = NULL;
    json_t *cases, *test;
    const char *file;
    size_t i;
    int rc = load_spec(&spec, dir, name, err);

    if (rc != CW_OK)
        return rc;
    file = json_string_value(json_object_get(spec, "policy"));
    cases = json_object_get(spec, "cases");
    if (file == NULL || json_array_size(cases) == 0 || json_array_size(cases) > CW_TRIAL_CASES_MAX)
        return cw_err_set(err, CW_E_FAIL, "%s: names no policy, or has no case, or more than %d of them",
                          name, CW_TRIAL_CASES_MAX);
    rc = cw_policy_open_file(&policy, dir, file, err);
    json_array_foreach (cases, i, test) {
        if (rc == CW_OK)
            rc = run_case(tally, policy, name, test, err);
    }
    cw_policy_free(policy);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run_folder(struct tally *tally, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    CW_AUTO_LIST DIR *stream = NULL;
    char *names[SPECS_MAX] = {NULL};
    const char *name;
    size_t count = 0;
    int rc = cw_dir_open(&dir, path, err);

    if (rc == CW_OK)
        rc = cw_at_open_list(&stream, dir, "", err);
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL) {
        if (!cw_str_ends(name, SPEC_END))
            continue;
        if (count == SPECS_MAX) {
            rc = cw_err_set(err, CW_E_FAIL, "'%s' has more than %d *" SPEC_END, path, SPECS_MAX);
            break;
        }
        names[count] = strdup(name);
        if (names[count] == NULL)
            rc = cw_err_nomem(err);
        else
            count++;
    }
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        if (rc == CW_OK)
            rc = run_spec(tally, dir, names[i], err);
        free(names[i]);
    }
    if (rc == CW_OK && count == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' has no *" SPEC_END, path);
    return rc;
}

static int test(const struct cw_cli *cli, const char *path, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "cases");
    struct tally tally = {.cli = cli, .cases = json_object_get(doc, "cases")};
    int rc = doc != NULL ? run_folder(&tally, path, err) : cw_err_nomem(err);

    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%zu passed, %zu failed", tally.passed, tally.failed);
    rc = cw_cli_json(cli, doc, err);
    if (rc == CW_OK && tally.failed > 0)
        return cw_err_set(err, CW_E_FAIL, "%zu of %zu cases of '%s' failed", tally.failed,
                          tally.passed + tally.failed, path);
    return rc;
}

static const json_t *find_change(const json_t **unit, const json_t *plan, const char *product)
{
    json_t *one, *change;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, one) {
        json_array_foreach (json_object_get(one, "changes"), k, change) {
            if (strcmp(cw_json_text(change, "product"), product) == 0) {
                *unit = one;
                return change;
            }
        }
    }
    return NULL;
}

static void show_why(const struct cw_cli *cli, const json_t *unit, const json_t *change)
{
    const json_t *answers = json_object_get(json_object_get(unit, "decision"), "answers");
    const char *from = cw_json_text(change, "from"), *to = cw_json_text(change, "to");
    char why[1024];
    json_t *answer;
    size_t i;

    cw_plan_why(why, unit);
    cw_cli_say(cli, "%s %s -> %s, %s", cw_json_text(change, "product"), from[0] != '\0' ? from : "(new)",
               to[0] != '\0' ? to : "(gone)",
               json_is_true(json_object_get(unit, "independent")) ? "decided alone" : "decided with its set");
    json_array_foreach (answers, i, answer) {
        const char *verdict = cw_json_text(answer, "verdict"), *waits = cw_json_text(answer, "waits");

        cw_cli_say(cli, "  %s: %s%s%s%s%s%s", cw_json_text(answer, "rule"),
                   verdict[0] != '\0' ? verdict : "no say", verdict[0] != '\0' ? ": " : "",
                   cw_json_text(answer, "reason"), cw_json_text(answer, "at")[0] != '\0' ? " (" : "",
                   cw_json_text(answer, "at"), cw_json_text(answer, "at")[0] != '\0' ? ")" : "");
        if (waits[0] != '\0')
            cw_cli_say(cli, "    waits: %s", waits);
    }
    cw_cli_say(cli, "together: %s", why[0] != '\0' ? why : "may be applied");
    cw_plan_show_actions(cli, change);
}

static int why(struct cw_cli *cli, const char *product, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    CW_AUTO_WORLD world = CW_WORLD_INIT;
    json_auto_t *plan = NULL, *doc = NULL;
    const json_t *unit = NULL, *change = NULL, *entry;
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&site, cli, now, err);

    if (rc == CW_OK)
        rc = cw_world_load(&world, &site, now, err);
    if (rc == CW_OK)
        rc = cw_world_plan(&plan, &world, err);
    if (rc != CW_OK)
        return rc;
    entry = json_object_get(json_object_get(world.generation, "products"), product);
    change = find_change(&unit, plan, product);
    if (change == NULL && entry == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' is neither installed nor in what was pulled", product);
    if (change != NULL)
        show_why(cli, unit, change);
    else
        cw_cli_say(cli, "nothing to decide: %s %s runs, and nothing else is asked for", product,
                   cw_json_text(entry, "version"));
    doc = json_pack("{s:s, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}", "product", product, "upstream",
                    json_object_get(unit, "upstream"), "change", change, "decision",
                    json_object_get(unit, "decision"), "held", json_object_get(unit, "held"), "ready",
                    json_object_get(unit, "ready"), "waits", json_object_get(unit, "waits"));
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

int cmd_policy(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    (void)argc;
    if (strcmp(argv[1], "check") == 0)
        return check(cli, argv[2], err);
    if (strcmp(argv[1], "test") == 0)
        return test(cli, argv[2], err);
    if (strcmp(argv[1], "why") == 0)
        return why(cli, argv[2], err);
    return cw_err_set(err, CW_E_USAGE, "'%s' is not a policy command: check, test or why", argv[1]);
}
