/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync status: one screen of what runs, what is followed, what is held, and what the present plan
 * waits for. Takes no lock and changes nothing, so it can be asked at any time. Trouble is shown in its place
 * and is not this command's failure.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/commands.h"
#include "sync/deploy/approvals.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/journal.h"
#include "sync/deploy/recalled.h"
#include "sync/deploy/run.h"
#include "sync/deploy/show.h"
#include "sync/deploy/store.h"
#include "sync/history.h"
#include "sync/identity.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/taken.h"
#include "sync/mirror/web.h"
#include "sync/stale.h"

const struct cw_option cmd_status_options[] = {
    {.kind = CW_OPTION_END},
};

struct status {
    const struct cw_cli *cli;
    const struct cw_site *site;
    int64_t now;
    json_t *doc; /* what --json prints; every part adds to it */
};

/* Trouble in one part leaves the others to be shown. */
static int add_problem(struct status *status, const struct cw_err *problem, struct cw_err *err)
{
    cw_cli_say(status->cli, "problem      %s", problem->text);
    if (problem->code == CW_E_NOMEM)
        return cw_err_nomem(err);
    if (json_array_append_new(json_object_get(status->doc, "problems"), json_string(problem->text)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add(struct status *status, const char *key, json_t *value, struct cw_err *err)
{
    return json_object_set_new(status->doc, key, value) != 0 ? cw_err_nomem(err) : CW_OK;
}

/* A site that is older than identities gets one when it first signs something. */
static int show_identity(struct status *status, struct cw_err *err)
{
    struct cw_identity identity;
    struct cw_err problem = {0};
    int rc = cw_identity_read(&identity, status->site->fd, &problem);

    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc != CW_OK)
        return add_problem(status, &problem, err);
    cw_cli_say(status->cli, "identity     %s", identity.id);
    return add(status, "identity", json_string(identity.id), err);
}

static int read_generation(json_t **record, int64_t *current, const char *install_root, struct cw_err *err)
{
    CW_AUTO_FD int root = -1;
    int rc = cw_dir_open(&root, install_root, err);

    *record = NULL;
    *current = 0;
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_store_current(current, root, err);
    return rc == CW_OK && *current != 0 ? cw_store_read(record, root, *current, err) : rc;
}

static int show_recalled(struct status *status, const json_t *record, struct cw_err *err)
{
    struct cw_err problem = {0};
    json_t *rows, *row;
    size_t i;

    if (cw_recalled_find(&rows, status->site, record, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    json_array_foreach (rows, i, row)
        cw_cli_say(status->cli, "withdrawn    %s %s runs, but was withdrawn by its publisher: %s",
                   cw_json_text(row, "product"), cw_json_text(row, "version"), cw_json_text(row, "reason"));
    return add(status, "withdrawn", rows, err);
}

static int show_generation(struct status *status, struct cw_err *err)
{
    json_auto_t *record = NULL;
    struct cw_err problem = {0};
    const char *product;
    int64_t current;
    json_t *entry;
    int rc;

    if (status->site->install_root == NULL) {
        cw_cli_say(status->cli, "installed    nothing: this site only mirrors");
        return CW_OK;
    }
    if (read_generation(&record, &current, status->site->install_root, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    rc = add(status, "generation", json_integer(current), err);
    if (current == 0)
        cw_cli_say(status->cli, "generation   none: nothing is installed in %s", status->site->install_root);
    if (rc != CW_OK || record == NULL)
        return rc;
    cw_cli_say(status->cli, "generation   %lld since %s, in %s", (long long)current,
               cw_json_text(record, "time"), status->site->install_root);
    json_object_foreach (json_object_get(record, "products"), product, entry)
        cw_cli_say(status->cli, "             %-20s %s, %s, from %s", product, cw_json_text(entry, "version"),
                   cw_json_text(entry, "platform"), cw_json_text(entry, "upstream"));
    rc = show_recalled(status, record, err);
    return rc == CW_OK ? add(status, "products", json_incref(json_object_get(record, "products")), err) : rc;
}

/* Web servers that the next pull asks last. */
static int show_servers(struct status *status, json_t *entry, const struct cw_upstream *upstream,
                        struct cw_err *err)
{
    CW_AUTO_WEB web = {.failed = NULL};
    const char *shown;
    json_t *failure;
    int rc = cw_web_load(&web, status->site, upstream, status->now, err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach (web.failed, shown, failure)
        cw_cli_say(status->cli, "source       %s failed at %s, so it is asked last: %s", shown,
                   cw_json_text(failure, "time"), cw_json_text(failure, "why"));
    return json_object_set(entry, "failed_sources", web.failed) != 0 ? cw_err_nomem(err) : CW_OK;
}

/* How far bundles have come whose set is not complete. */
static int show_bundles(struct status *status, json_t *entry, const struct cw_upstream *upstream,
                        struct cw_err *err)
{
    json_auto_t *doc = NULL;
    struct cw_err problem = {0};
    json_t *bundle;
    size_t i;
    int rc = cw_taken_load(&doc, status->site, upstream, &problem);

    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc != CW_OK)
        return add_problem(status, &problem, err);
    json_array_foreach (json_object_get(doc, "bundles"), i, bundle) {
        CW_AUTO_BUF missing = CW_BUF_INIT(CW_ERR_TEXT_MAX);

        cw_taken_missing(&missing, bundle);
        cw_cli_say(
            status->cli, "bundle       %.12s for %s serial %lld: %s%s", cw_json_text(bundle, "bundle"),
            cw_json_text(bundle, "channel"), (long long)json_integer_value(json_object_get(bundle, "serial")),
            missing.len > 0 ? cw_buf_text(&missing) : "all volumes were taken in",
            missing.len > 0 ? " still to come" : ", and files are missing: pull one again to see which");
    }
    return json_object_set(entry, "bundles", json_object_get(doc, "bundles")) == 0 ? CW_OK
                                                                                   : cw_err_nomem(err);
}

static int add_upstream(struct status *status, json_t *list, json_t *entry,
                        const struct cw_upstream *upstream, struct cw_err *err)
{
    int rc = json_array_append_new(list, entry) != 0 ? cw_err_nomem(err)
                                                     : show_servers(status, entry, upstream, err);

    return rc == CW_OK ? show_bundles(status, entry, upstream, err) : rc;
}

static int show_upstream(struct status *status, json_t *list, const struct cw_upstream *upstream,
                         struct cw_err *err)
{
    struct cw_err problem = {0};
    struct cw_set set = {0};
    char published[CW_TIME_TEXT];
    json_t *entry;
    int64_t root_version;
    int rc = cw_mirror_load(&set, &root_version, status->site, upstream, &problem);

    if (rc == CW_E_NOTFOUND) {
        cw_cli_say(status->cli, "upstream     %s/%s: nothing was pulled yet; run 'causeway-sync pull'",
                   upstream->name, upstream->channel);
        entry = json_pack("{s:s, s:s}", "upstream", upstream->name, "channel", upstream->channel);
        return add_upstream(status, list, entry, upstream, err);
    }
    if (rc != CW_OK) {
        (void)cw_err_prefix(&problem, "upstream '%s'", upstream->name);
        return add_problem(status, &problem, err);
    }
    cw_time_format(set.channel.published, published);
    cw_cli_say(status->cli, "upstream     %s/%s serial %lld of %s, root version %lld", upstream->name,
               upstream->channel, (long long)set.channel.serial, published, (long long)root_version);
    entry = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "upstream", upstream->name, "channel",
                      upstream->channel, "serial", (json_int_t)set.channel.serial, "published", published,
                      "channel_sha256", set.sha256, "root_version", (json_int_t)root_version);
    cw_set_clear(&set);
    return add_upstream(status, list, entry, upstream, err);
}

static int show_upstreams(struct status *status, struct cw_err *err)
{
    json_t *list = json_array();
    int rc = add(status, "upstreams", list, err);

    for (size_t i = 0; i < status->site->upstream_count && rc == CW_OK; i++)
        rc = show_upstream(status, list, &status->site->upstreams[i], err);
    return rc;
}

static int show_clock(struct status *status, struct cw_err *err)
{
    char now[CW_TIME_TEXT], floor_text[CW_TIME_TEXT];
    struct cw_err problem = {0};
    int64_t floor;
    int rc = cw_mirror_time_floor(&floor, status->site, &problem);

    if (rc != CW_OK)
        return add_problem(status, &problem, err);
    cw_time_format(status->now, now);
    cw_time_format(floor, floor_text);
    if (status->now < floor)
        cw_cli_say(status->cli,
                   "clock        %s is wrong: something signed at %s was seen; windows stay closed", now,
                   floor_text);
    else
        cw_cli_say(status->cli, "clock        %s", now);
    rc = add(status, "time", json_string(now), err);
    if (rc == CW_OK && floor != 0)
        rc = add(status, "time_floor", json_string(floor_text), err);
    return rc == CW_OK ? add(status, "clock_trusted", json_boolean(status->now >= floor), err) : rc;
}

/* The newest use of each upstream's grace, and of 'clock confirm', with how many there were. */
static int note_leniency(void *ctx, const json_t *entry, struct cw_err *err)
{
    json_t *all = ctx, *last, *made;
    const json_t *data = json_object_get(entry, "data");
    const char *event = cw_json_text(entry, "event"), *upstream = cw_json_text(data, "upstream");
    json_int_t count;

    last = json_object_get(json_object_get(all, event), upstream);
    count = json_integer_value(json_object_get(last, "count")) + 1;
    made = json_pack("{s:O, s:I}", "time", json_object_get(entry, "time"), "count", count);
    if (made == NULL || json_object_update_missing(made, (json_t *)data) != 0 ||
        json_object_set_new(json_object_get(all, event), upstream, made) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int show_leniency(struct status *status, struct cw_err *err)
{
    static const char *const events[] = {"grace", "clock", NULL};
    json_auto_t *all = json_pack("{s:{}, s:{}}", "grace", "clock");
    struct cw_err problem = {0};
    const char *upstream;
    json_t *use;
    int rc;

    if (all == NULL)
        return cw_err_nomem(err);
    if (cw_history_find(status->site->fd, events, note_leniency, all, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    json_object_foreach (json_object_get(all, "grace"), upstream, use)
        cw_cli_say(status->cli,
                   "grace        %s: metadata %lld hours past its expiry was let in at %s, from %s%s",
                   upstream, (long long)((json_integer_value(json_object_get(use, "seconds")) + 3599) / 3600),
                   cw_json_text(use, "time"), cw_json_text(use, "source"),
                   json_integer_value(json_object_get(use, "count")) > 1 ? ", not for the first time" : "");
    json_object_foreach (json_object_get(all, "clock"), upstream, use)
        cw_cli_say(status->cli, "confirmed    %s: by a person's word it is not before %s; so said at %s",
                   upstream, cw_json_text(use, "to"), cw_json_text(use, "time"));
    rc = add(status, "grace", json_incref(json_object_get(all, "grace")), err);
    return rc == CW_OK ? add(status, "clock_confirmed", json_incref(json_object_get(all, "clock")), err) : rc;
}

static int show_stale(struct status *status, struct cw_err *err)
{
    struct cw_err problem = {0};
    json_t *rows, *row;
    size_t i;

    if (cw_stale_find(&rows, status->site, status->now, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    json_array_foreach (rows, i, row)
        cw_cli_say(status->cli, "stale        %s: nothing newer than %s came, for %lld days",
                   cw_json_text(row, "upstream"), cw_json_text(row, "newest"),
                   (long long)json_integer_value(json_object_get(row, "days")));
    return add(status, "stale", rows, err);
}

static int show_holds(struct status *status, struct cw_err *err)
{
    json_auto_t *holds = NULL;
    struct cw_err problem = {0};
    char what[512];
    json_t *hold;
    size_t i;

    if (cw_holds_load(&holds, status->site->fd, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    json_array_foreach (json_object_get(holds, "holds"), i, hold) {
        cw_hold_describe(what, hold);
        cw_cli_say(status->cli, "hold %-7lld %s, since %s by %s: %s",
                   (long long)json_integer_value(json_object_get(hold, "id")), what,
                   cw_json_text(hold, "since"), cw_json_text(hold, "by"), cw_json_text(hold, "reason"));
    }
    return add(status, "holds", json_incref(json_object_get(holds, "holds")), err);
}

static int show_journal(struct status *status, struct cw_err *err)
{
    CW_AUTO_JOURNAL journal;
    struct cw_err problem = {0};

    if (cw_journal_load(&journal, status->site->fd, &problem) != CW_OK)
        return add_problem(status, &problem, err);
    if (journal.state == CW_JOURNAL_NONE)
        return CW_OK;
    cw_cli_say(
        status->cli,
        "under way    %s generation %lld since %s; if nothing runs, the next command finishes or undoes it",
        cw_journal_state_name(journal.state), (long long)journal.to, journal.time);
    return add(status, "under_way",
               json_pack("{s:s, s:I, s:I, s:s}", "state", cw_journal_state_name(journal.state), "from",
                         (json_int_t)journal.from, "to", (json_int_t)journal.to, "time", journal.time),
               err);
}

static int show_approvals(struct status *status, const struct cw_world *world, const json_t *plan,
                          struct cw_err *err)
{
    json_t *item;
    size_t i;

    json_array_foreach (json_object_get(plan, "approvals"), i, item)
        cw_cli_say(status->cli, "%-12s by %s until %s%s%s",
                   strcmp(cw_json_text(item, "action"), "approve") == 0 ? "approved" : "BREAK GLASS",
                   cw_json_text(item, "person"), cw_json_text(item, "expires"),
                   cw_json_text(item, "reason")[0] != '\0' ? ": " : "", cw_json_text(item, "reason"));
    json_array_foreach (world->problems, i, item) {
        struct cw_err problem = {.code = CW_E_FAIL};
        int rc;

        if (!cw_approvals_concern(json_string_value(item), cw_json_text(plan, "id")))
            continue;
        snprintf(problem.text, sizeof problem.text, "%s; it does not count", json_string_value(item));
        rc = add_problem(status, &problem, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int show_plan(struct status *status, struct cw_err *err)
{
    CW_AUTO_WORLD world = CW_WORLD_INIT;
    json_auto_t *plan = NULL;
    struct cw_err problem = {0};
    int rc = cw_world_load(&world, status->site, status->now, &problem);

    if (rc == CW_E_NOTFOUND || rc == CW_E_USAGE)
        return CW_OK; /* said above: nothing pulled, or nothing to be installed */
    if (rc == CW_OK)
        rc = cw_world_plan(&plan, &world, &problem);
    if (rc != CW_OK)
        return add_problem(status, &problem, err);
    if (cw_plan_units(plan) == 0)
        cw_cli_say(status->cli, "plan         nothing to do");
    else
        cw_cli_say(status->cli, "plan         %.*s: %zu of %zu may be applied now", CW_PLAN_SHORT,
                   cw_json_text(plan, "id"), cw_plan_ready(plan), cw_plan_units(plan));
    cw_plan_show_waiting(status->cli, plan);
    rc = show_approvals(status, &world, plan, err);
    return rc != CW_OK ? rc : add(status, "plan", json_incref(plan), err);
}

int cmd_status(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    static int (*const parts[])(struct status *, struct cw_err *) = {
        show_identity, show_generation, show_upstreams, show_clock, show_leniency,
        show_stale,    show_holds,      show_journal,   show_plan};
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *doc = NULL;
    struct status status = {.cli = cli, .site = &site, .now = cw_clock_now()};
    int rc = cw_site_open(&site, cli, false, err);

    (void)argc;
    (void)argv;
    if (rc != CW_OK)
        return rc;
    doc = json_pack("{s:s, s:[]}", "site", site.name, "problems");
    if (doc == NULL)
        return cw_err_nomem(err);
    status.doc = doc;
    cw_cli_say(cli, "site         %s", site.name);
    for (size_t i = 0; i < CW_COUNT(parts) && rc == CW_OK; i++)
        rc = parts[i](&status, err);
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}
