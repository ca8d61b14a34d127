/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen status: what the next publish changes, whose signatures an open ceremony waits for, which release each channel has, what
 * expires next, which keys are here. Reads only, and needs no secret.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "gen/ceremony.h"
#include "gen/commands.h"
#include "gen/deltas.h"
#include "gen/draft.h"
#include "gen/repo.h"
#include "gen/report.h"

#define DAY INT64_C(86400)
#define SOON                                                                                                 \
    (3 * DAY) /* what expires earlier is marked; a daily renewal within 3d never lets it come to this */

struct showing {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage;
    struct cw_keys keys;
    struct cw_draft_input input;
    struct cw_draft draft;
    struct cw_ceremony ceremony;
    struct cw_deltas_count deltas; /* that the next publish would try, as configured */
    struct cw_err altered;         /* why the ceremony cannot be completed; code CW_OK: it can */
    struct cw_err problem;         /* why the next publish would be refused; code CW_OK: it would not */
    json_t *doc;                   /* all that is shown */
};

static int append(struct showing *s, const char *list, json_t *row, struct cw_err *err)
{
    return json_array_append_new(json_object_get(s->doc, list), row) == 0 ? CW_OK : cw_err_nomem(err);
}

static int add_expiry(void *ctx, const char *role, const struct cw_tuf_meta *meta, struct cw_err *err)
{
    struct showing *s = ctx;
    char when[CW_TIME_TEXT];

    cw_time_format(meta->expires, when);
    return append(s, "expires",
                  json_pack("{s:s, s:I, s:s, s:I}", "role", role, "version", (json_int_t)meta->version,
                            "expires", when, "seconds", (json_int_t)(meta->expires - s->input.now)),
                  err);
}

/* Soonest first. */
static int sort_expiries(struct showing *s, struct cw_err *err)
{
    json_t *list = json_object_get(s->doc, "expires");
    json_t *sorted = json_array();
    json_t *row;
    size_t i, at;

    json_array_foreach (list, i, row) {
        json_int_t seconds = json_integer_value(json_object_get(row, "seconds"));

        for (at = json_array_size(sorted); at > 0; at--) {
            if (json_integer_value(json_object_get(json_array_get(sorted, at - 1), "seconds")) <= seconds)
                break;
        }
        if (json_array_insert(sorted, at, row) != 0)
            break;
    }
    if (i < json_array_size(list) || json_object_set_new(s->doc, "expires", sorted) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_keys(struct showing *s, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < s->keys.count && rc == CW_OK; i++) {
        const struct cw_key *key = &s->keys.items[i];

        rc = append(s, "keys",
                    json_pack("{s:s, s:s, s:b, s:b, s:b}", "name", key->name, "keyid", key->id, "here",
                              key->here, "encrypted", key->locked, "signer", key->signer != NULL),
                    err);
    }
    return rc;
}

static int add_channel(struct showing *s, const char *name, struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    json_t *releases = json_object();
    size_t i;
    int rc = cw_state_read_channel(&channel, NULL, &s->state, name, err);

    if (rc == CW_E_NOTFOUND)
        rc = CW_OK;
    for (i = 0; i < channel.pin_count && rc == CW_OK; i++) {
        if (json_object_set_new(releases, channel.pins[i].product, json_string(channel.pins[i].version)) != 0)
            rc = cw_err_nomem(err);
    }
    if (rc == CW_OK)
        rc = append(s, "channels",
                    json_pack("{s:s, s:I, s:o}", "channel", name, "serial", (json_int_t)channel.serial,
                              "releases", releases),
                    err);
    else
        json_decref(releases);
    cw_channel_clear(&channel);
    return rc;
}

static int add_channels(struct showing *s, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < s->state.role_count && rc == CW_OK; i++) {
        if (s->state.roles[i].is_channel)
            rc = add_channel(s, s->state.roles[i].name, err);
    }
    return rc;
}

static int load(struct showing *s, struct cw_err *err)
{
    int rc = cw_repo_open(&s->repo, s->cli, false, err);

    if (rc == CW_OK)
        rc = cw_keys_load(&s->keys, s->repo.dir, err);
    if (rc == CW_OK && cw_ceremony_load(&s->ceremony, s->repo.dir, s->cli, &s->altered) == CW_E_NOMEM)
        rc = cw_err_nomem(err);
    if (rc != CW_OK || cw_ceremony_is_first(&s->ceremony))
        return rc;
    rc = cw_state_load(&s->state, s->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&s->stage, s->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&s->input.now, err);
    if (rc != CW_OK)
        return rc;
    s->input.state = &s->state;
    s->input.stage = &s->stage;
    s->input.config = &s->repo.config;
    s->input.keys = &s->keys;
    s->input.composed = s->input.now;
    s->input.renew_within = -1;
    s->input.plan_only = true;
    rc = cw_draft_compose(&s->draft, &s->input, &s->problem);
    if (rc == CW_OK)
        cw_err_clear(&s->problem); /* looking for what is not there yet leaves a text behind */
    return rc == CW_E_NOMEM ? cw_err_nomem(err) : CW_OK;
}

/* What the next publish would try, as configured. */
static int add_deltas(struct showing *s, struct cw_err *err)
{
    CW_AUTO_DELTAS_PLAN plan = {.pairs = NULL};
    int rc = cw_deltas_plan_init(&plan, err);

    if (rc == CW_OK && s->problem.code == CW_OK)
        rc = cw_deltas_plan_fill(&plan, &s->draft, &s->input, s->repo.config.deltas, false, err);
    if (rc == CW_OK)
        rc = cw_deltas_plan_count(&s->deltas, &plan, s->repo.tree, err);
    if (rc != CW_OK)
        return rc;
    return json_object_set_new(s->doc, "deltas",
                               json_pack("{s:I, s:I}", "to_try", (json_int_t)s->deltas.tried, "there",
                                         (json_int_t)s->deltas.there)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int add_ceremony(struct showing *s, struct cw_err *err)
{
    json_t *missing = NULL;
    json_t *row;
    int rc = CW_OK;

    if (s->ceremony.dir < 0)
        return CW_OK;
    if (s->altered.code == CW_OK)
        rc = cw_folder_missing(&missing, &s->ceremony.folder, err);
    row = cw_json_pack("{s:s, s:O*, s:o*, s:s*}", "folder", CW_CEREMONY_FOLDER, "composed",
                       json_object_get(s->ceremony.folder.doc, "composed"), "missing", missing, "problem",
                       s->altered.code != CW_OK ? s->altered.text : NULL);
    if (rc == CW_OK && (row == NULL || json_object_set(s->doc, "ceremony", row) != 0))
        rc = cw_err_nomem(err);
    json_decref(row);
    return rc;
}

static int collect_first(struct showing *s, struct cw_err *err)
{
    int rc;

    s->doc = json_pack("{s:[]}", "keys");
    rc = s->doc != NULL ? add_ceremony(s, err) : cw_err_nomem(err);
    return rc == CW_OK ? add_keys(s, err) : rc;
}

static int collect(struct showing *s, struct cw_err *err)
{
    char published[CW_TIME_TEXT];
    int rc;

    cw_time_format(s->state.published, published);
    s->doc = cw_json_pack("{s:s, s:I, s:O, s:s*, s:[], s:[], s:[]}", "published", published, "root_version",
                          (json_int_t)s->state.root.version, "next", s->draft.report, "problem",
                          s->problem.code != CW_OK ? s->problem.text : NULL, "channels", "expires", "keys");
    if (s->doc == NULL)
        return cw_err_nomem(err);
    rc = add_ceremony(s, err);
    if (rc == CW_OK)
        rc = add_deltas(s, err);
    if (rc == CW_OK)
        rc = add_channels(s, err);
    if (rc == CW_OK)
        rc = cw_state_each(&s->state, add_expiry, s, err);
    if (rc == CW_OK)
        rc = sort_expiries(s, err);
    return rc == CW_OK ? add_keys(s, err) : rc;
}

static void say_next(const struct showing *s)
{
    cw_cli_say(s->cli, "next publish:");
    cw_report_say(s->draft.report, &s->keys, s->cli);
    cw_deltas_count_say(&s->deltas, s->cli);
    if (s->problem.code != CW_OK)
        cw_cli_say(s->cli, "would be refused: %s", s->problem.text);
    else if (cw_draft_is_empty(&s->draft))
        cw_cli_say(s->cli, "nothing is staged");
}

static void say_ceremony(const struct showing *s)
{
    const json_t *row = json_object_get(s->doc, "ceremony");

    if (row == NULL)
        return;
    if (s->altered.code != CW_OK)
        cw_cli_say(s->cli, "a ceremony is open, and cannot be completed as it is: %s", s->altered.text);
    else
        cw_cli_say(s->cli, "a ceremony is open since %s: carry '%s' to those who sign",
                   cw_json_text_or_null(row, "composed"), CW_CEREMONY_FOLDER);
    cw_folder_say_missing(json_object_get(row, "missing"), s->cli);
    cw_cli_say(s->cli, "%s", "");
}

static void say_channels(const struct showing *s)
{
    const char *product;
    json_t *row, *version;
    size_t i;

    cw_cli_say(s->cli, "\npublished:");
    json_array_foreach (json_object_get(s->doc, "channels"), i, row) {
        bool empty = json_object_size(json_object_get(row, "releases")) == 0;

        cw_cli_say(s->cli, "channel %s, serial %lld:%s", cw_json_text_or_null(row, "channel"),
                   (long long)json_integer_value(json_object_get(row, "serial")),
                   empty ? " no releases" : "");
        json_object_foreach (json_object_get(row, "releases"), product, version) {
            cw_cli_say(s->cli, "  %s %s", product, json_string_value(version));
        }
    }
}

static void say_expiries(const struct showing *s)
{
    json_t *row;
    size_t i;

    cw_cli_say(s->cli, "\nexpires next:");
    json_array_foreach (json_object_get(s->doc, "expires"), i, row) {
        json_int_t seconds = json_integer_value(json_object_get(row, "seconds"));

        cw_cli_say(s->cli, "  %-20s %s  in %lld days%s", cw_json_text_or_null(row, "role"),
                   cw_json_text_or_null(row, "expires"), (long long)(seconds / DAY),
                   seconds <= 0      ? "  EXPIRED"
                   : seconds <= SOON ? "  soon"
                                     : "");
    }
}

static void say_keys(const struct showing *s)
{
    size_t i;

    cw_cli_say(s->cli, "\nkeys:");
    for (i = 0; i < s->keys.count; i++) {
        const struct cw_key *key = &s->keys.items[i];

        cw_cli_say(s->cli, "  %-28s %s", key->name, cw_key_place(key));
    }
}

static int show(const struct showing *s, struct cw_err *err)
{
    say_ceremony(s);
    if (!cw_ceremony_is_first(&s->ceremony)) {
        say_next(s);
        say_channels(s);
        say_expiries(s);
    }
    say_keys(s);
    return cw_cli_json(s->cli, s->doc, err);
}

int cmd_status(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct showing s = {.cli = cli, .repo = CW_REPO_INIT, .ceremony = CW_CEREMONY_INIT};
    int rc = load(&s, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK)
        rc = cw_ceremony_is_first(&s.ceremony) ? collect_first(&s, err) : collect(&s, err);
    if (rc == CW_OK)
        rc = show(&s, err);
    json_decref(s.doc);
    cw_draft_clear(&s.draft);
    cw_ceremony_clear(&s.ceremony);
    cw_keys_clear(&s.keys);
    cw_stage_clear(&s.stage);
    cw_state_clear(&s.state);
    cw_repo_close(&s.repo);
    return rc;
}
