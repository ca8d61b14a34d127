/* SPDX-License-Identifier: ISC */
/*
 * Composing a plan, unit by unit: see sync/deploy/plan.h. What can be read out of a finished plan is in
 * plan_read.c.
 */
#include "sync/deploy/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/change.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/unit.h"
#include "sync/scan.h"

/* One unit while it is being put together. */
struct draft {
    const struct cw_plan_input *input;
    const struct cw_plan_upstream *upstream;
    const json_t *installed; /* the running generation's products; NULL: none */
    const size_t *units;
    size_t unit;
    json_t *changes;         /* what the plan shows */
    json_t *releases;        /* what the policy sees, unchanged ones too */
    json_t *changed;         /* those of releases that are in changes, in their order */
    json_t *removed;         /* names */
    json_t *held;            /* NULL: nothing stands against it but the policy */
    int64_t bytes, promoted; /* the newest of what changes */
    int severity;
    const char *scan;       /* the scanner's worst verdict on what changes; NULL: no scanner */
    char scan_problem[512]; /* what it is about; empty: it is clean */
};

static const char *const severities[] = {"low", "normal", "high", "critical"};

static void draft_clear(struct draft *draft)
{
    json_decref(draft->changes);
    json_decref(draft->releases);
    json_decref(draft->changed);
    json_decref(draft->removed);
    json_decref(draft->held);
}

static int severity_rank(const char *severity)
{
    for (size_t i = 0; i < CW_COUNT(severities); i++) {
        if (strcmp(severity, severities[i]) == 0)
            return (int)i;
    }
    return 1;
}

static bool is_held_by_hold(const struct draft *draft)
{
    return strcmp(json_string_value(json_object_get(draft->held, "by")), "hold") == 0;
}

/* How new the newest of a unit's holds is. */
static int note_hold(struct draft *draft, const json_t *hold, struct cw_err *err)
{
    const char *since = json_string_value(json_object_get(hold, "since"));
    const char *newest = json_string_value(json_object_get(draft->held, "since"));

    if (since == NULL || newest == NULL || strcmp(since, newest) <= 0)
        return CW_OK;
    return json_object_set(draft->held, "since", json_object_get(hold, "since")) == 0 ? CW_OK
                                                                                      : cw_err_nomem(err);
}

/* The first thing that stands against a unit is the one that is shown, but what nobody can pass over goes before
 * a hold. product and version may be NULL: it is about the set, or a removal. */
static int set_held(struct draft *draft, const char *by, const char *reason, const json_t *hold,
                    const char *product, const char *version, struct cw_err *err)
{
    if (draft->held != NULL && (hold != NULL || !is_held_by_hold(draft)))
        return note_hold(draft, hold, err);
    json_decref(draft->held);
    draft->held = cw_json_pack("{s:s, s:s, s:O*, s:O*, s:s*, s:s*}", "by", by, "reason", reason, "hold",
                               json_object_get(hold, "id"), "since", json_object_get(hold, "since"),
                               "product", product, "version", version);
    return draft->held != NULL ? CW_OK : cw_err_nomem(err);
}

static bool is_required(const struct cw_set *set, const char *product)
{
    for (size_t i = 0; i < set->release_count; i++) {
        if (json_object_get(set->releases[i].requires, product) != NULL)
            return true;
    }
    return false;
}

/* No build for this site: of no interest, unless the site has the product or something needs it. */
static int miss_platform(struct draft *draft, const struct cw_manifest *manifest, int rc, struct cw_err *err)
{
    char reason[CW_ERR_TEXT_MAX];

    if (rc == CW_E_NOTFOUND && json_object_get(draft->installed, manifest->product) == NULL &&
        !is_required(draft->upstream->set, manifest->product)) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc != CW_E_NOTFOUND && rc != CW_E_HELD)
        return rc;
    memcpy(reason, err->text, sizeof reason);
    cw_err_clear(err);
    return set_held(draft, "platform", reason, NULL, manifest->product, manifest->version, err);
}

static int look_for_holds(struct draft *draft, const struct cw_manifest *manifest, struct cw_err *err)
{
    const char *why =
        cw_channel_withdrawn(&draft->upstream->set->channel, manifest->product, manifest->version);
    const json_t *hold = cw_holds_on_product(draft->input->holds, manifest->product, manifest->version);

    if (why != NULL)
        return set_held(draft, "withdrawn", why, NULL, manifest->product, manifest->version, err);
    if (hold != NULL)
        return set_held(draft, "hold", json_string_value(json_object_get(hold, "reason")), hold,
                        manifest->product, manifest->version, err);
    return CW_OK;
}

/* The verdict on one release; of what changes, the worst one is the set's. */
static const char *look_at_scans(struct draft *draft, const json_t *change)
{
    bool changes = strcmp(json_string_value(json_object_get(change, "change")), "same") != 0;
    const char *which, *said;
    const char *verdict =
        cw_scan_verdict(draft->input->scans, json_object_get(change, "artifacts"), &which, &said);

    if (!changes || verdict == NULL || cw_scan_worse(draft->scan, verdict) == draft->scan)
        return verdict;
    draft->scan = verdict;
    if (strcmp(verdict, "missing") == 0)
        snprintf(draft->scan_problem, sizeof draft->scan_problem,
                 "'%s' was not scanned yet: 'causeway-sync scan' does that", which);
    else if (which != NULL)
        snprintf(draft->scan_problem, sizeof draft->scan_problem, "'%s' %s: %s", which,
                 strcmp(verdict, "bad") == 0 ? "was found bad by the scanner" : "could not be scanned",
                 said != NULL ? said : "");
    return verdict;
}

static int add_release(struct draft *draft, const struct cw_manifest *manifest, struct cw_err *err)
{
    const struct cw_pin *pin = cw_channel_pin(&draft->upstream->set->channel, manifest->product);
    const json_t *installed = json_object_get(draft->installed, manifest->product);
    json_auto_t *change = NULL, *release = NULL;
    const char *platform;
    int rc;

    if (pin == NULL)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not in its channel", manifest->product);
    rc = cw_change_platform(&platform, manifest, draft->upstream->config->wanted.platforms, err);
    if (rc != CW_OK)
        return miss_platform(draft, manifest, rc, err);
    rc = cw_change_compose(&change, manifest, pin, platform, installed, err);
    if (rc != CW_OK)
        return rc;
    release = cw_change_for_policy(change, manifest, pin, look_at_scans(draft, change));
    if (release == NULL || json_array_append(draft->releases, release) != 0)
        return cw_err_nomem(err);
    if (strcmp(json_string_value(json_object_get(change, "change")), "same") == 0)
        return CW_OK;
    draft->bytes += json_integer_value(json_object_get(change, "bytes"));
    if (pin->promoted > draft->promoted)
        draft->promoted = pin->promoted;
    if (severity_rank(manifest->severity) > draft->severity)
        draft->severity = severity_rank(manifest->severity);
    if (json_array_append(draft->changes, change) != 0 || json_array_append(draft->changed, release) != 0)
        return cw_err_nomem(err);
    return look_for_holds(draft, manifest, err);
}

static bool in_set(const struct cw_set *set, const char *product)
{
    for (size_t i = 0; i < set->release_count; i++) {
        if (strcmp(set->releases[i].product, product) == 0)
            return true;
    }
    return false;
}

/* What came from this upstream and is in its set no more. */
static int add_removals(struct draft *draft, struct cw_err *err)
{
    const char *product;
    json_t *entry;

    json_object_foreach ((json_t *)draft->installed, product, entry) {
        const char *from = json_string_value(json_object_get(entry, "upstream"));
        const json_t *hold = cw_holds_on_product(draft->input->holds, product, NULL);

        if (from == NULL || strcmp(from, draft->upstream->config->name) != 0 ||
            in_set(draft->upstream->set, product))
            continue;
        if (json_array_append_new(draft->removed, json_string(product)) != 0 ||
            json_array_append_new(draft->changes,
                                  json_pack("{s:s, s:O, s:s, s:O, s:i}", "product", product, "from",
                                            json_object_get(entry, "version"), "change", "remove", "platform",
                                            json_object_get(entry, "platform"), "bytes", 0)) != 0)
            return cw_err_nomem(err);
        if (hold != NULL && set_held(draft, "hold", json_string_value(json_object_get(hold, "reason")), hold,
                                     product, NULL, err) != CW_OK)
            return CW_E_NOMEM;
    }
    return CW_OK;
}

static int add_set_hold(struct draft *draft, struct cw_err *err)
{
    const json_t *hold =
        cw_holds_on_set(draft->input->holds, draft->upstream->config->name, draft->upstream->set->sha256);

    return hold == NULL ? CW_OK
                        : set_held(draft, "hold", json_string_value(json_object_get(hold, "reason")), hold,
                                   NULL, NULL, err);
}

static int collect(struct draft *draft, struct cw_err *err)
{
    const struct cw_set *set = draft->upstream->set;
    int rc = CW_OK;

    draft->changes = json_array();
    draft->releases = json_array();
    draft->changed = json_array();
    draft->removed = json_array();
    if (draft->changes == NULL || draft->releases == NULL || draft->changed == NULL || draft->removed == NULL)
        return cw_err_nomem(err);
    if (draft->unit == CW_UNIT_SET)
        rc = add_set_hold(draft, err);
    for (size_t i = 0; i < set->release_count && rc == CW_OK; i++) {
        if (draft->units[i] == draft->unit)
            rc = add_release(draft, &set->releases[i], err);
    }
    return rc == CW_OK && draft->unit == CW_UNIT_SET ? add_removals(draft, err) : rc;
}

static json_t *policy_set(const struct draft *draft)
{
    const struct cw_channel *channel = &draft->upstream->set->channel;
    char published[CW_TIME_TEXT];

    cw_time_format(channel->published, published);
    return cw_json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:O, s:O, s:s*}", "upstream",
                        draft->upstream->config->name, "channel", channel->channel, "serial",
                        (json_int_t)channel->serial, "published", published, "severity",
                        severities[draft->severity], "bytes", (json_int_t)draft->bytes, "releases",
                        draft->releases, "removed", draft->removed, "scan", draft->scan);
}

static json_t *policy_site(const struct draft *draft)
{
    json_auto_t *installed = json_object();
    const char *product;
    json_t *entry;

    if (installed == NULL)
        return NULL;
    json_object_foreach ((json_t *)draft->installed, product, entry) {
        if (json_object_set(installed, product, json_object_get(entry, "version")) != 0)
            return NULL;
    }
    return json_pack("{s:s, s:I, s:O}", "name", draft->input->site, "generation",
                     json_integer_value(json_object_get(draft->input->generation, "generation")), "installed",
                     installed);
}

/* Asks for each changed release what is to be done with it; a policy that cannot say has not accepted. */
static int ask_actions(struct draft *draft, struct cw_decision *decision, struct cw_err *err)
{
    const struct cw_plan_policy *policy = draft->input->policy;
    json_t *release;
    size_t i;

    json_array_foreach (draft->changed, i, release) {
        json_t *change = json_array_get(draft->changes, i);
        const json_t *installed =
            json_object_get(draft->installed, json_string_value(json_object_get(change, "product")));
        json_auto_t *answer = NULL, *question = NULL;
        int rc = cw_change_question(&question, change, release, installed, draft->input->install_root, err);

        if (rc == CW_OK)
            rc = policy->actions(policy->ctx, &answer, question, err);
        if (rc == CW_E_HELD) {
            decision->verdict = CW_HOLD;
            decision->broken = true;
            cw_reason_set(decision->reason, sizeof decision->reason, err->text);
            cw_err_clear(err);
            return CW_OK;
        }
        if (rc != CW_OK)
            return rc;
        if (json_object_update(change, answer) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int ask_policy(struct draft *draft, struct cw_decision *decision, struct cw_err *err)
{
    const struct cw_plan_policy *policy = draft->input->policy;
    json_auto_t *set = policy_set(draft), *site = policy_site(draft);
    int rc;

    if (set == NULL || site == NULL)
        return cw_err_nomem(err);
    rc = policy->decide(policy->ctx, decision, set, site, err);
    /* Of what is held too: whoever passes over the hold is to see the commands. */
    return rc == CW_OK && decision->verdict != CW_REJECT && !decision->broken
               ? ask_actions(draft, decision, err)
               : rc;
}

/* Whether it may go in is judged when the plan is whole: judge.c. */
static int finish_unit(json_t *units, const struct draft *draft, const struct cw_decision *decision,
                       struct cw_err *err)
{
    json_auto_t *gates = decision->gates != NULL ? json_incref(decision->gates) : json_array();
    json_auto_t *unit = NULL;
    char promoted[CW_TIME_TEXT];

    cw_time_format(draft->promoted, promoted);
    unit = json_pack("{s:s, s:b, s:O, s:s, s:{s:s, s:s, s:O, s:O*, s:b}, s:O*, s:b, s:s}", "upstream",
                     draft->upstream->config->name, "independent", draft->unit != CW_UNIT_SET, "changes",
                     draft->changes, "promoted", promoted, "decision", "verdict",
                     cw_verdict_name(decision->verdict), "reason", decision->reason, "gates", gates,
                     "answers", decision->answers, "broken", decision->broken, "held", draft->held, "ready",
                     false, "waits", "");
    if (unit == NULL || json_array_append(units, unit) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int compose_unit(json_t *units, struct draft *draft, struct cw_err *err)
{
    struct cw_decision decision = {.verdict = CW_HOLD, .reason = "not asked"};
    const char *by;
    bool incomplete;
    int rc = collect(draft, err);

    if (rc != CW_OK)
        return rc;
    by = json_string_value(json_object_get(draft->held, "by"));
    incomplete = by != NULL && strcmp(by, "platform") == 0;
    if (json_array_size(draft->changes) == 0 && !incomplete)
        return CW_OK;
    /* A set of which a part has no build for this site is not shown to the policy as if it were whole. */
    if (!incomplete)
        rc = ask_policy(draft, &decision, err);
    if (rc == CW_OK && cw_scan_holds(draft->scan, decision.gates))
        rc = set_held(draft, "scan", draft->scan_problem, NULL, NULL, NULL, err);
    if (rc == CW_OK)
        rc = finish_unit(units, draft, &decision, err);
    cw_decision_clear(&decision);
    return rc;
}

static int compose_upstream(json_t *units, const struct cw_plan_input *input,
                            const struct cw_plan_upstream *upstream, struct cw_err *err)
{
    const json_t *installed = json_object_get(input->generation, "products");
    CW_AUTO_FREE size_t *numbers = NULL;
    int rc = cw_units_divide(&numbers, upstream->set, upstream->config->independent, installed, err);

    for (size_t unit = 0; unit <= upstream->set->release_count && rc == CW_OK; unit++) {
        struct draft draft = {
            .input = input, .upstream = upstream, .installed = installed, .units = numbers, .unit = unit};

        rc = compose_unit(units, &draft, err);
        draft_clear(&draft);
    }
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "upstream '%s'", upstream->config->name);
}

/* The upstream of the site that a product belongs to by what is installed; NULL: none that is still followed.
 * */
static const char *owner_of(const struct cw_plan_input *input, const char *product)
{
    const json_t *entry = json_object_get(json_object_get(input->generation, "products"), product);
    const char *name = json_string_value(json_object_get(entry, "upstream"));

    for (size_t i = 0; name != NULL && i < input->upstream_count; i++) {
        if (strcmp(input->upstreams[i].config->name, name) == 0)
            return input->upstreams[i].config->name;
    }
    return NULL;
}

/* A vendor cannot ship another vendor's product, neither beside it nor after it. */
static int check_owners(const struct cw_plan_input *input, struct cw_err *err)
{
    json_auto_t *seen = json_object();

    if (seen == NULL)
        return cw_err_nomem(err);
    for (size_t u = 0; u < input->upstream_count; u++) {
        const char *name = input->upstreams[u].config->name;

        for (size_t i = 0; i < input->upstreams[u].set->release_count; i++) {
            const char *product = input->upstreams[u].set->releases[i].product;
            const char *other = json_string_value(json_object_get(seen, product));

            if (other == NULL)
                other = owner_of(input, product);
            if (other != NULL && strcmp(other, name) != 0)
                return cw_err_set(
                    err, CW_E_VERIFY,
                    "'%s' comes from upstream '%s', and '%s' ships it too: say in site.lua, by 'products', "
                    "whose it is",
                    product, other, name);
            if (json_object_set_new(seen, product, json_string(name)) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

static int add_upstreams(json_t *list, const struct cw_plan_input *input, struct cw_err *err)
{
    for (size_t u = 0; u < input->upstream_count; u++) {
        const struct cw_plan_upstream *upstream = &input->upstreams[u];

        if (json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:I, s:s, s:I}", "upstream", upstream->config->name,
                                            "channel", upstream->set->channel.channel, "serial",
                                            (json_int_t)upstream->set->channel.serial, "channel_sha256",
                                            upstream->set->sha256, "root_version",
                                            (json_int_t)upstream->root_version)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int64_t total_bytes(const json_t *units)
{
    json_t *unit, *change;
    size_t i, k;
    int64_t bytes = 0;

    json_array_foreach (units, i, unit) {
        json_array_foreach (json_object_get(unit, "changes"), k, change)
            bytes += json_integer_value(json_object_get(change, "bytes"));
    }
    return bytes;
}

static int compose_doc(json_t **doc, const struct cw_plan_input *input, struct cw_err *err)
{
    json_auto_t *units = json_array(), *upstreams = json_array();
    int rc = units != NULL && upstreams != NULL ? check_owners(input, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = add_upstreams(upstreams, input, err);
    for (size_t u = 0; u < input->upstream_count && rc == CW_OK; u++)
        rc = compose_upstream(units, input, &input->upstreams[u], err);
    if (rc != CW_OK)
        return rc;
    *doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:O, s:I, s:O, s:O*}", "_type", CW_PLAN_TYPE,
                     "format", "1.0", "site", input->site, "site_sha256", input->site_sha256, "install_root",
                     input->install_root, "generation",
                     json_integer_value(json_object_get(input->generation, "generation")), "policy_sha256",
                     input->policy->sha256, "upstreams", upstreams, "bytes", (json_int_t)total_bytes(units),
                     "units", units, "people", input->people);
    return *doc != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_plan_compose(json_t **plan, const struct cw_plan_input *input, struct cw_err *err)
{
    const struct cw_plan_moment moment = {
        .now = input->now, .clock_trusted = input->clock_trusted, .approvals = input->approvals};
    json_auto_t *doc = NULL;
    char id[CW_SHA256_TEXT];
    int rc = compose_doc(&doc, input, err);

    *plan = NULL;
    if (rc == CW_OK)
        rc = cw_plan_id(id, doc, err);
    if (rc == CW_OK && json_object_set_new(doc, "id", json_string(id)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_plan_judge(doc, &moment, err);
    if (rc == CW_OK)
        *plan = json_incref(doc);
    return rc;
}
