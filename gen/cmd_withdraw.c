/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen withdraw: stages the news that a release is bad. The next publish puts it, with its reason, into every channel that
 * ever had the release; sites keep it in mind for good. Where a set still has the release something must take its place in the
 * same publish, which is staged here too or asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gen/commands.h"
#include "gen/past.h"
#include "gen/rollback.h"
#include "gen/withdrawn.h"
#include "release/semver.h"

static struct {
    const char *reason, *to;
    bool rollback, drop;
} given;

const struct cw_option cmd_withdraw_options[] = {
    {CW_OPTION_STRING, "reason", &given.reason, "TEXT", "why; every site shows it"},
    {CW_OPTION_STRING, "to", &given.to, "VERSION", "what takes its place where a set has it"},
    {CW_OPTION_FLAG, "rollback", &given.rollback, NULL, "what the channel had before takes its place"},
    {CW_OPTION_FLAG, "drop", &given.drop, NULL, "nothing does: the product leaves the set"},
    {.kind = CW_OPTION_END},
};

struct withdrawing {
    const char *product, *version;
    struct cw_moving moving;
    json_t *rows;    /* what is done in each channel that is told; owned */
    json_t *touched; /* names of the channels whose staged changes are other than they were; owned */
};

static int check_words(const struct withdrawing *w, struct cw_err *err)
{
    int rc = cw_moving_check_words(w->product, w->version, err);

    if (rc == CW_OK && (given.reason == NULL || given.reason[strspn(given.reason, " \t")] == '\0'))
        return cw_err_set(err, CW_E_USAGE, "say why, with --reason: every site shows it");
    if (rc == CW_OK && (given.to != NULL) + given.rollback + given.drop > 1)
        return cw_err_set(err, CW_E_USAGE, "'--to', '--rollback' and '--drop' are three ways; choose one");
    if (rc == CW_OK)
        rc = cw_text_check(given.reason, "the reason", err);
    if (rc == CW_OK && given.to != NULL)
        rc = cw_semver_check(given.to, err);
    if (rc == CW_OK && given.to != NULL && strcmp(given.to, w->version) == 0)
        return cw_err_set(err, CW_E_USAGE, "%s cannot take its own place", w->version);
    return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
}

/* Only what was published can be at a site. */
static int check_release(const struct withdrawing *w, struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    int rc = cw_state_read_release(&manifest, &w->moving.state, w->product, w->version, err);

    cw_manifest_clear(&manifest);
    if (rc == CW_E_NOTFOUND && cw_stage_has(&w->moving.stage, w->product, w->version))
        return cw_err_set(
            err, CW_E_FAIL,
            "%s %s was never published, only staged: remove 'staged/releases/%s@%s*.json' instead",
            w->product, w->version, w->product, w->version);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc, "there is no %s %s", w->product, w->version);
    if (rc == CW_OK && given.to != NULL)
        rc = cw_moving_check_release(&w->moving, w->product, given.to, err);
    return rc == CW_OK && given.to != NULL ? cw_moving_check_withdrawn(&w->moving, w->product, given.to, err)
                                           : rc;
}

/* The reason goes into the channel's staged withdrawals, and into what is known of them here. */
static int note(struct withdrawing *w, const char *channel, struct cw_err *err)
{
    json_auto_t *one = json_pack("{s:{s:s}}", w->product, w->version, given.reason);
    json_t *staged = json_object_get(w->moving.stage.withdrawals, channel), *versions;

    if (one == NULL)
        return cw_err_nomem(err);
    if (staged == NULL) {
        staged = json_object();
        if (json_object_set_new(w->moving.stage.withdrawals, channel, staged) != 0)
            return cw_err_nomem(err);
    }
    versions = json_object_get(staged, w->product);
    if (versions != NULL)
        json_object_del(versions, w->version); /* another reason than was staged before */
    if (json_object_get(w->moving.stage.promotions, channel) == NULL &&
        json_object_set_new(w->moving.stage.promotions, channel, json_object()) != 0)
        return cw_err_nomem(err);
    if (cw_withdrawn_merge(staged, one, err) != CW_OK)
        return CW_E_NOMEM;
    return cw_withdrawn_merge(w->moving.withdrawn, one, err);
}

/* What takes its place in a set that has it; "" and *drop false: nothing yet. */
static int find_instead(char to[CW_NAME_MAX + 1], bool *drop, const struct withdrawing *w,
                        const char *channel, struct cw_err *err)
{
    const json_t *staged = cw_moving_staged(&w->moving, channel, w->product);

    *drop = false;
    to[0] = '\0';
    if (given.to != NULL) {
        snprintf(to, CW_NAME_MAX + 1, "%s", given.to);
        return CW_OK;
    }
    if (given.rollback)
        return cw_rollback_find(to, &w->moving, channel, w->product, err);
    *drop = given.drop || json_is_null(staged);
    if (json_is_string(staged) && !given.drop)
        snprintf(to, CW_NAME_MAX + 1, "%s", json_string_value(staged));
    return CW_OK;
}

static int replace(struct withdrawing *w, json_t *row, const char *channel, struct cw_err *err)
{
    char to[CW_NAME_MAX + 1];
    bool drop;
    int rc = find_instead(to, &drop, w, channel, err);

    if (rc != CW_OK)
        return rc;
    if (to[0] == '\0' && !drop)
        return json_object_set_new(row, "needs", json_true()) == 0 ? CW_OK : cw_err_nomem(err);
    rc = cw_moving_stage(&w->moving, channel, w->product, drop ? json_null() : json_string(to), err);
    if (rc == CW_OK && json_object_set_new(row, "to", drop ? json_null() : json_string(to)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int touch(struct withdrawing *w, const char *channel, struct cw_err *err)
{
    return json_array_append_new(w->touched, json_string(channel)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int withdraw_from(struct withdrawing *w, const char *channel, struct cw_err *err)
{
    json_t *row = json_pack("{s:s}", "channel", channel);
    const char *staged;
    char current[CW_NAME_MAX + 1];
    int rc;

    if (json_array_append_new(w->rows, row) != 0)
        return cw_err_nomem(err);
    rc = note(w, channel, err);
    staged = json_string_value(cw_moving_staged(&w->moving, channel, w->product));
    if (rc == CW_OK && staged != NULL && strcmp(staged, w->version) == 0)
        rc = cw_moving_stage(&w->moving, channel, w->product, NULL, err);
    if (rc == CW_OK)
        rc = cw_moving_current(current, &w->moving, channel, w->product, err);
    if (rc == CW_OK && strcmp(current, w->version) == 0)
        rc = replace(w, row, channel, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "channel '%s'", channel);
    return touch(w, channel, err);
}

/* Whether the channel is one to be told: 0 no, 1 yes, -1 it says so already. */
static int concerns(int *answer, const struct withdrawing *w, const char *name, struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    bool had = false, cut = false;
    int rc = cw_state_read_channel(&channel, NULL, &w->moving.state, name, err);

    *answer = 0;
    if (rc == CW_OK)
        *answer = cw_channel_withdrawn(&channel, w->product, w->version) != NULL ? -1 : 0;
    cw_channel_clear(&channel);
    if (rc == CW_OK && *answer == 0)
        rc = cw_past_had(&had, &cut, &w->moving.state, name, w->product, w->version, err);
    if (had || cut)
        *answer = 1;
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

/* A promotion of it that is staged where the channel never had it is taken back. */
static int take_back(struct withdrawing *w, const char *channel, struct cw_err *err)
{
    const char *staged = json_string_value(cw_moving_staged(&w->moving, channel, w->product));
    int rc;

    if (staged == NULL || strcmp(staged, w->version) != 0)
        return CW_OK;
    rc = cw_moving_stage(&w->moving, channel, w->product, NULL, err);
    return rc == CW_OK ? touch(w, channel, err) : rc;
}

static bool is_asked(const char *name, char **channels)
{
    size_t i;

    for (i = 0; channels[i] != NULL; i++) {
        if (strcmp(channels[i], name) == 0)
            return true;
    }
    return channels[0] == NULL;
}

static int withdraw_all(struct withdrawing *w, char **channels, struct cw_err *err)
{
    const struct cw_state *state = &w->moving.state;
    int already = 0, rc = CW_OK;
    size_t i;

    for (i = 0; i < state->role_count && rc == CW_OK; i++) {
        const char *name = state->roles[i].name;
        int answer;

        if (!state->roles[i].is_channel)
            continue;
        rc = concerns(&answer, w, name, err);
        already += rc == CW_OK && answer < 0;
        if (rc == CW_OK && answer > 0 && is_asked(name, channels))
            rc = withdraw_from(w, name, err);
        else if (rc == CW_OK && answer == 0)
            rc = take_back(w, name, err);
    }
    if (rc == CW_OK && json_array_size(w->rows) == 0 && already == 0)
        return cw_err_set(err, CW_E_FAIL,
                          "%s %s was never in %s, so no site can have it: nothing to withdraw", w->product,
                          w->version, channels[0] == NULL ? "any channel" : "what was named");
    return rc;
}

static int report(const struct withdrawing *w, struct cw_err *err)
{
    const struct cw_cli *cli = w->moving.cli;
    json_auto_t *doc = json_pack("{s:s, s:s, s:s, s:O, s:b}", "product", w->product, "version", w->version,
                                 "reason", given.reason, "channels", w->rows, "dry_run", cli->dry_run);
    json_t *row;
    size_t i;

    if (doc == NULL)
        return cw_err_nomem(err);
    json_array_foreach (w->rows, i, row) {
        const char *channel = json_string_value(json_object_get(row, "channel"));
        const json_t *to = json_object_get(row, "to");

        if (json_is_true(json_object_get(row, "needs")))
            cw_cli_say(cli,
                       "%s: has it now; choose what takes its place: '%s promote --rollback %s %s', "
                       "'%s promote %s VERSION %s', or this again with --drop",
                       channel, cli->program->name, channel, w->product, cli->program->name, w->product,
                       channel);
        else if (to == NULL)
            cw_cli_say(cli, "%s: had it", channel);
        else
            cw_cli_say(cli, "%s: %s %s -> %s", channel, w->product, w->version,
                       json_is_null(to) ? "(dropped)" : json_string_value(to));
    }
    if (json_array_size(w->rows) == 0)
        cw_cli_say(cli, "nothing to do: %s %s is withdrawn already", w->product, w->version);
    else
        cw_cli_say(cli, "%s: %s %s withdrawn; next: '%s publish'",
                   cli->dry_run ? "would be staged" : "staged", w->product, w->version, cli->program->name);
    return cw_cli_json(cli, doc, err);
}

static int withdraw(struct withdrawing *w, char **channels, struct cw_err *err)
{
    size_t i;
    int rc = check_words(w, err);

    if (rc == CW_OK)
        rc = cw_moving_open(&w->moving, err);
    for (i = 0; channels[i] != NULL && rc == CW_OK; i++)
        rc = cw_moving_check_channel(&w->moving, channels[i], err);
    if (rc == CW_OK)
        rc = check_release(w, err);
    if (rc == CW_OK)
        rc = withdraw_all(w, channels, err);
    /* Nothing is stored before all of it is known to be possible. */
    for (i = 0; i < json_array_size(w->touched) && rc == CW_OK; i++)
        rc = cw_moving_store(&w->moving, json_string_value(json_array_get(w->touched, i)), err);
    if (rc == CW_OK && json_array_size(w->rows) > 0)
        rc = cw_moving_foresee(&w->moving, err);
    return rc == CW_OK ? report(w, err) : rc;
}

int cmd_withdraw(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct withdrawing w = {.product = argv[1],
                            .version = argv[2],
                            .moving = CW_MOVING_INIT(cli),
                            .rows = json_array(),
                            .touched = json_array()};
    CW_AUTO_FREE char **channels = calloc((size_t)argc, sizeof *channels); /* ends with NULL */
    int i, rc;

    for (i = 3; channels != NULL && i < argc; i++)
        channels[i - 3] = argv[i];
    rc = w.rows != NULL && w.touched != NULL && channels != NULL ? withdraw(&w, channels, err)
                                                                 : cw_err_nomem(err);
    json_decref(w.rows);
    json_decref(w.touched);
    cw_moving_close(&w.moving);
    return rc;
}
