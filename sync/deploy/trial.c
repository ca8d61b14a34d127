/* SPDX-License-Identifier: ISC */
/*
 * Trying a policy on invented cases: see sync/deploy/trial.h.
 */
#include "sync/deploy/trial.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "release/semver.h"
#include "sync/deploy/action.h"
#include "sync/deploy/change.h"
#include "sync/deploy/gate.h"
#include "sync/scan.h"

#define NOW "2030-01-01T00:00:00Z"
#define SITE "plant-1"
#define ROOT "/opt/plant"
#define SHA256 "0000000000000000000000000000000000000000000000000000000000000000"

static const char *const severities[] = {"low", "normal", "high", "critical"};

/* The case filled in. */
struct stage {
    json_t *set, *site; /* owned */
    json_t *artifacts;  /* product: what of it is handed on; owned */
    json_t *approved;   /* persons; borrowed from the case; NULL: nobody */
    json_t *people;     /* groups only; owned; NULL: none */
    int64_t now, promoted;
    bool partial;     /* it is no error that nothing delivers an artifact */
    const char *name; /* of the site; borrowed */
    const char *scan; /* the scanner's worst verdict; NULL: there is no scanner; borrowed */
};

static void stage_clear(struct stage *stage)
{
    json_decref(stage->set);
    json_decref(stage->site);
    json_decref(stage->artifacts);
    json_decref(stage->people);
}
#define AUTO_STAGE __attribute__((cleanup(stage_clear))) struct stage

/* NULL: no memory; else `object` has that member, if only the default. The reference is stolen. */
static int fill(json_t *object, const char *key, json_t *standard, struct cw_err *err)
{
    int rc = standard == NULL ? CW_E_NOMEM : CW_OK;

    if (rc == CW_OK && json_object_get(object, key) == NULL)
        rc = json_object_set(object, key, standard) == 0 ? CW_OK : CW_E_NOMEM;
    json_decref(standard);
    return rc == CW_OK ? CW_OK : cw_err_nomem(err);
}

static int rank(const char *severity)
{
    for (size_t i = 0; i < CW_COUNT(severities); i++) {
        if (strcmp(severity, severities[i]) == 0)
            return (int)i;
    }
    return -1;
}

static int check_versions(const char **change, const json_t *release, struct cw_err *err)
{
    const char *version, *from = NULL;
    int order, rc = cw_json_get_str(&version, release, "version", err);

    if (rc == CW_OK)
        rc = cw_semver_check(version, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&from, release, "from", err);
    if (rc == CW_OK && from != NULL)
        rc = cw_semver_check(from, err);
    if (rc != CW_OK)
        return rc;
    order = from != NULL ? cw_semver_compare(version, from) : 0;
    *change = from == NULL ? "install" : order > 0 ? "upgrade" : order < 0 ? "downgrade" : "same";
    return CW_OK;
}

/* A case names what is handed on by name and kind; the policy sees of it in deliver() only. */
static int take_artifacts(struct stage *stage, json_t *release, const char *product, const char *version,
                          struct cw_err *err)
{
    static const char *const fields[] = {"name", "kind", NULL};
    json_auto_t *made = json_array();
    json_t *list = NULL, *item;
    size_t i;
    int rc = made != NULL ? cw_json_opt_array(&list, release, "artifacts", err) : cw_err_nomem(err);

    json_array_foreach (list, i, item) {
        const char *name = "", *kind = "";

        if (rc == CW_OK)
            rc = json_is_object(item) ? cw_json_only(item, fields, err)
                                      : cw_err_set(err, CW_E_FAIL, "an artifact is not a table");
        if (rc == CW_OK)
            rc = cw_json_get_str(&name, item, "name", err);
        if (rc == CW_OK)
            rc = cw_json_get_str(&kind, item, "kind", err);
        if (rc == CW_OK && json_array_append_new(
                               made, json_pack("{s:o, s:s, s:s, s:s, s:i}", "path",
                                               json_sprintf("%s/%s/%s", product, version, name), "name", name,
                                               "kind", kind, "sha256", SHA256, "length", 1000000)) != 0)
            rc = cw_err_nomem(err);
    }
    if (rc == CW_OK && json_object_set(stage->artifacts, product, made) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK && list != NULL)
        (void)json_object_del(release, "artifacts");
    return rc;
}

static int add_release(struct stage *stage, json_t *release, const char *now, int *severity, int64_t *bytes,
                       struct cw_err *err)
{
    static const char *const fields[] = {"product", "version",      "from",      "change",   "severity",
                                         "notes",   "features",     "requires",  "promoted", "platform",
                                         "bytes",   "attestations", "artifacts", "scan",     NULL};
    json_t *installed = json_object_get(stage->site, "installed");
    const char *product, *change = "", *level = "", *promoted = "", *scan = NULL;
    int64_t when = 0, size = 0;
    int rc = json_is_object(release) ? cw_json_only(release, fields, err)
                                     : cw_err_set(err, CW_E_FAIL, "a release is not a table");

    if (rc == CW_OK)
        rc = cw_json_get_str(&product, release, "product", err);
    if (rc == CW_OK)
        rc = check_versions(&change, release, err);
    if (rc == CW_OK)
        rc = take_artifacts(stage, release, product, json_string_value(json_object_get(release, "version")),
                            err);
    if (rc != CW_OK)
        return rc;
    if (fill(release, "change", json_string(change), err) != CW_OK ||
        fill(release, "severity", json_string("normal"), err) != CW_OK ||
        fill(release, "notes", json_string(""), err) != CW_OK ||
        fill(release, "features", json_array(), err) != CW_OK ||
        fill(release, "requires", json_object(), err) != CW_OK ||
        fill(release, "promoted", json_string(now), err) != CW_OK ||
        fill(release, "platform", json_string("linux-amd64"), err) != CW_OK ||
        fill(release, "bytes", json_integer(1000000), err) != CW_OK ||
        fill(release, "attestations", json_array(), err) != CW_OK)
        return CW_E_NOMEM;
    rc = cw_json_get_str(&level, release, "severity", err);
    if (rc == CW_OK && rank(level) < 0)
        rc = cw_err_set(err, CW_E_FAIL, "'%s' is no severity: low, normal, high or critical", level);
    if (rc == CW_OK)
        rc = cw_json_get_str(&promoted, release, "promoted", err);
    if (rc == CW_OK)
        rc = cw_time_parse(&when, promoted, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&scan, release, "scan", err);
    if (rc == CW_OK && scan != NULL && !cw_scan_is_verdict(scan))
        rc = cw_err_set(err, CW_E_FAIL, "'%s' is no verdict of a scanner: clean, bad, failed or missing",
                        scan);
    if (rc == CW_OK)
        rc = cw_json_get_int(&size, release, "bytes", 0, INT64_MAX / 4096, err);
    if (rc != CW_OK)
        return rc;
    if (json_object_get(release, "from") != NULL &&
        json_object_set(installed, product, json_object_get(release, "from")) != 0)
        return cw_err_nomem(err);
    if (strcmp(change, "same") == 0)
        return CW_OK;
    *severity = rank(level) > *severity ? rank(level) : *severity;
    stage->promoted = when > stage->promoted ? when : stage->promoted;
    stage->scan = cw_scan_worse(stage->scan, scan);
    *bytes += size;
    return CW_OK;
}

static int add_releases(struct stage *stage, const json_t *test, const char *now, struct cw_err *err)
{
    json_t *list = NULL, *release;
    int severity = 0, rc = cw_json_opt_array(&list, test, "releases", err);
    int64_t bytes = 0;
    size_t i;

    if (rc == CW_OK && list == NULL)
        rc = cw_err_set(
            err, CW_E_FAIL,
            "a case has releases = { { product = \"gateway\", version = \"1.1.0\", from = \"1.0.0\" } }");
    json_array_foreach (list, i, release) {
        if (rc == CW_OK)
            rc = add_release(stage, release, now, &severity, &bytes, err);
    }
    if (rc != CW_OK)
        return rc;
    if (json_object_set(stage->set, "releases", list) != 0 ||
        json_object_set_new(stage->set, "severity", json_string(severities[severity])) != 0 ||
        json_object_set_new(stage->set, "bytes", json_integer(bytes)) != 0 ||
        (stage->scan != NULL && json_object_set_new(stage->set, "scan", json_string(stage->scan)) != 0))
        return cw_err_nomem(err);
    return CW_OK;
}

/* Who has approved, and which groups there are. */
static int take_people(struct stage *stage, const json_t *test, struct cw_err *err)
{
    json_t *groups = NULL, *item;
    size_t i;
    int rc = cw_json_opt_array(&stage->approved, test, "approved", err);

    json_array_foreach (stage->approved, i, item) {
        if (rc == CW_OK && !json_is_string(item))
            rc = cw_err_set(err, CW_E_FAIL, "'approved' is a list of names");
    }
    if (rc == CW_OK)
        rc = cw_json_opt_obj(&groups, test, "groups", err);
    if (rc == CW_OK && groups != NULL) {
        stage->people = json_pack("{s:O}", "groups", groups);
        if (stage->people == NULL)
            return cw_err_nomem(err);
    }
    return rc;
}

/* What the site has besides what the set has a word about: of another upstream, say. */
static int take_installed(json_t **installed, const json_t *test, struct cw_err *err)
{
    const char *product;
    json_t *version;
    int rc = cw_json_opt_obj(installed, test, "installed", err);

    json_object_foreach (*installed, product, version) {
        if (rc == CW_OK)
            rc = cw_semver_check(json_is_string(version) ? json_string_value(version) : "", err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "installed: '%s'", product);
    }
    return rc;
}

static int set_up(struct stage *stage, const json_t *test, struct cw_err *err)
{
    static const char *const fields[] = {"name",     "at",       "now",    "releases",  "expect",
                                         "upstream", "channel",  "serial", "site",      "generation",
                                         "removed",  "approved", "groups", "installed", NULL};
    const char *now = NOW, *upstream = "acme", *channel = "stable";
    int64_t serial = 1, generation = 1;
    json_t *removed = NULL, *installed = NULL;
    int rc = json_is_object(test) ? cw_json_only(test, fields, err)
                                  : cw_err_set(err, CW_E_FAIL, "a case is not a table with names");

    stage->name = SITE;
    if (rc == CW_OK)
        rc = cw_json_opt_str(&now, test, "now", err);
    if (rc == CW_OK)
        rc = cw_time_parse(&stage->now, now = now != NULL ? now : NOW, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&upstream, test, "upstream", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&channel, test, "channel", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&stage->name, test, "site", err);
    if (rc == CW_OK)
        rc = cw_json_opt_array(&removed, test, "removed", err);
    if (rc == CW_OK)
        rc = take_installed(&installed, test, err);
    if (rc == CW_OK)
        rc = take_people(stage, test, err);
    if (rc == CW_OK && json_object_get(test, "serial") != NULL)
        rc = cw_json_get_int(&serial, test, "serial", 1, INT64_MAX, err);
    if (rc == CW_OK && json_object_get(test, "generation") != NULL)
        rc = cw_json_get_int(&generation, test, "generation", 0, INT64_MAX, err);
    if (rc != CW_OK)
        return rc;
    stage->name = stage->name != NULL ? stage->name : SITE;
    stage->set =
        json_pack("{s:s, s:s, s:I, s:s, s:o}", "upstream", upstream != NULL ? upstream : "acme", "channel",
                  channel != NULL ? channel : "stable", "serial", (json_int_t)serial, "published", now,
                  "removed", removed != NULL ? json_incref(removed) : json_array());
    stage->site = json_pack("{s:s, s:I, s:o}", "name", stage->name, "generation", (json_int_t)generation,
                            "installed", installed != NULL ? cw_json_copy(installed) : json_object());
    stage->artifacts = json_object();
    if (stage->set == NULL || stage->site == NULL || stage->artifacts == NULL)
        return cw_err_nomem(err);
    return add_releases(stage, test, now, err);
}

static void differ(struct cw_trial *trial, const char *what, const char *want, const char *got)
{
    size_t len = strlen(trial->problem);

    snprintf(trial->problem + len, sizeof(trial->problem) - len, "%s%s: expected '%.200s', got '%.300s'",
             len > 0 ? "; " : "", what, want, got);
}

static void quote_reason(struct cw_trial *trial, const char *reason)
{
    size_t len = strlen(trial->problem);

    snprintf(trial->problem + len, sizeof(trial->problem) - len, "; the policy's reason was '%.300s'",
             reason);
}

/* What the policy is asked about the actions of one release, as a plan would ask. */
static int make_question(json_t **question, const struct stage *stage, const json_t *release,
                         struct cw_err *err)
{
    const char *product = json_string_value(json_object_get(release, "product"));
    const json_t *artifacts = json_object_get(stage->artifacts, product);
    json_auto_t *change =
        json_pack("{s:s, s:O, s:O*, s:O, s:O}", "product", product, "to", json_object_get(release, "version"),
                  "from", json_object_get(release, "from"), "platform", json_object_get(release, "platform"),
                  "artifacts", artifacts);
    json_auto_t *installed =
        json_pack("{s:O*, s:O, s:O}", "version", json_object_get(release, "from"), "platform",
                  json_object_get(release, "platform"), "delivers", artifacts);

    int rc;

    if (change == NULL || installed == NULL)
        return cw_err_nomem(err);
    rc = cw_change_question(question, change, release,
                            json_object_get(installed, "version") != NULL ? installed : NULL, ROOT, err);
    if (rc == CW_OK && json_object_set_new(*question, "partial", json_boolean(stage->partial)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static void add_described(struct cw_buf *text, const json_t *action)
{
    char described[CW_ACTION_DESCRIBED_MAX];

    cw_action_describe(described, action);
    cw_buf_adds(text, text->len > 0 ? ", " : "");
    cw_buf_adds(text, described);
}

/* What the case calls it, and what the plan does. */
static const struct {
    const char *word, *stage;
} stage_words[] = {
    {"before", "before"}, {"stage", "stage"}, {"checks", "check"}, {"after", "after"}, {"undo", "undo"},
};
#define DELIVERIES CW_COUNT(stage_words) /* behind them */

static void collect(struct cw_buf got[CW_COUNT(stage_words) + 1], const json_t *answer)
{
    json_t *item;
    size_t i, k;

    for (i = 0; i < CW_COUNT(stage_words); i++) {
        json_array_foreach (json_object_get(json_object_get(answer, "actions"), stage_words[i].stage), k,
                            item)
            add_described(&got[i], item);
    }
    json_array_foreach (json_object_get(answer, "deliveries"), k, item) {
        const char *stored = json_string_value(json_object_get(item, "stored"));

        if (stored == NULL)
            add_described(&got[DELIVERIES], json_object_get(item, "send"));
        else
            cw_buf_addf(&got[DELIVERIES], "%sstored: %s", got[DELIVERIES].len > 0 ? ", " : "", stored);
    }
}

static int ask_all(struct cw_buf got[CW_COUNT(stage_words) + 1], struct cw_trial *trial,
                   const struct cw_policy *policy, const struct stage *stage, struct cw_err *err)
{
    json_t *release;
    size_t i;

    json_array_foreach (json_object_get(stage->set, "releases"), i, release) {
        json_auto_t *question = NULL, *answer = NULL;
        int rc;

        if (strcmp(json_string_value(json_object_get(release, "change")), "same") == 0)
            continue;
        rc = make_question(&question, stage, release, err);
        if (rc == CW_OK)
            rc = cw_policy_actions(&answer, policy, question, err);
        if (rc == CW_E_HELD) {
            size_t len = strlen(trial->problem);

            trial->broken = true;
            snprintf(trial->problem + len, sizeof(trial->problem) - len, "%s%s", len > 0 ? "; " : "",
                     err->text);
            cw_err_clear(err);
            return CW_OK;
        }
        if (rc != CW_OK)
            return rc;
        collect(got, answer);
    }
    return CW_OK;
}

static void compare_list(struct cw_trial *trial, const char *word, const struct cw_buf *got,
                         const json_t *wanted)
{
    CW_AUTO_BUF want = CW_BUF_INIT(CW_POLICY_MAX);
    json_t *text;
    size_t k;

    if (wanted == NULL)
        return;
    json_array_foreach (wanted, k, text) {
        cw_buf_adds(&want, want.len > 0 ? ", " : "");
        cw_buf_adds(&want, json_is_string(text) ? json_string_value(text) : "?");
    }
    if (strcmp(cw_buf_text(got), cw_buf_text(&want)) != 0)
        differ(trial, word, cw_buf_text(&want), cw_buf_text(got));
}

static int compare_actions(struct cw_trial *trial, const struct cw_policy *policy, const struct stage *stage,
                           const json_t *expect, struct cw_err *err)
{
    struct cw_buf got[CW_COUNT(stage_words) + 1];
    size_t i;
    int rc;

    for (i = 0; i < CW_COUNT(got); i++)
        cw_buf_init(&got[i], CW_POLICY_MAX);
    rc = ask_all(got, trial, policy, stage, err);
    for (i = 0; i < CW_COUNT(got); i++) {
        const char *word = i < DELIVERIES ? stage_words[i].word : "deliveries";

        if (rc == CW_OK && !trial->broken)
            compare_list(trial, word, &got[i], json_object_get(expect, word));
        cw_buf_clear(&got[i]);
    }
    return rc;
}

/* A text is expected as a part of what comes, an empty one as nothing at all. */
static void compare_text(struct cw_trial *trial, const char *what, const char *want, const char *got)
{
    if (want != NULL && (want[0] == '\0' ? got[0] != '\0' : strstr(got, want) == NULL))
        differ(trial, what, want, got);
}

static int compare(struct cw_trial *trial, const struct cw_decision *decision,
                   const struct cw_gate_state *state, const json_t *expect, struct cw_err *err)
{
    static const char *const fields[] = {"verdict", "ready", "waits", "reason",     "before", "stage",
                                         "checks",  "after", "undo",  "deliveries", NULL};
    const char *verdict = NULL, *waits = NULL, *reason = NULL, *got = cw_verdict_name(decision->verdict);
    bool ready = decision->verdict == CW_ACCEPT && state->open, want = ready;
    int rc = expect == NULL ? CW_OK : cw_json_only(expect, fields, err);

    if (rc == CW_OK)
        rc = cw_json_opt_str(&verdict, expect, "verdict", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&waits, expect, "waits", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&reason, expect, "reason", err);
    if (rc == CW_OK)
        rc = cw_json_opt_bool(&want, expect, "ready", err);
    if (rc != CW_OK)
        return rc;
    if (verdict != NULL && strcmp(verdict, got) != 0)
        differ(trial, "verdict", verdict, got);
    if (json_object_get(expect, "ready") != NULL && want != ready)
        differ(trial, "ready", want ? "true" : "false", ready ? "true" : "false");
    compare_text(trial, "waits", waits, state->waits);
    compare_text(trial, "reason", reason, decision->reason);
    if (trial->problem[0] != '\0' && reason == NULL)
        quote_reason(trial, decision->reason);
    return CW_OK;
}

static int run(struct cw_trial *trial, const struct cw_policy *policy, const json_t *test, struct cw_err *err)
{
    AUTO_STAGE stage = {.set = NULL};
    CW_AUTO_DECISION decision = {.verdict = CW_HOLD};
    struct cw_gate_state state = {.open = true};
    struct cw_gate_context context = {.clock_trusted = true, .set = "a set"};
    const json_t *expect = json_object_get(test, "expect");
    int rc = set_up(&stage, test, err);

    if (rc == CW_OK)
        rc = cw_policy_decide(&decision, policy, stage.set, stage.site, err);
    if (rc != CW_OK)
        return rc;
    stage.partial = expect == NULL;
    context.now = stage.now;
    context.site = stage.name;
    context.promoted = stage.promoted;
    context.approved = stage.approved;
    context.people = stage.people;
    trial->broken = decision.broken;
    if (decision.verdict == CW_ACCEPT)
        rc = cw_gates_evaluate(&state, decision.gates, &context, err);
    if (cw_scan_holds(stage.scan, decision.gates)) {
        state.open = false;
        snprintf(state.waits, sizeof(state.waits), "the scanner's verdict is '%s'", stage.scan);
    }
    if (rc == CW_OK)
        rc = compare(trial, &decision, &state, expect, err);
    if (trial->broken && expect == NULL)
        cw_reason_set(trial->problem, sizeof(trial->problem), decision.reason);
    return rc == CW_OK && !decision.broken ? compare_actions(trial, policy, &stage, expect, err) : rc;
}

int cw_trial_run(struct cw_trial *trial, const struct cw_policy *policy, const json_t *test,
                 struct cw_err *err)
{
    const char *at = json_string_value(json_object_get(test, "at"));
    int rc;

    *trial = (struct cw_trial){.broken = false};
    rc = run(trial, policy, test, err);
    if (rc == CW_OK || rc == CW_E_NOMEM)
        return rc;
    err->code = CW_E_FAIL;
    return cw_err_prefix(err, "%.*s", at != NULL ? (int)strcspn(at, " ") - 1 : 8,
                         at != NULL ? at : "the case");
}
