/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen gate: shows and changes what a channel demands of a release before it enters. Kept in
 * causeway.json, from where promote and publish judge; nothing is signed here.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doc/statement.h"
#include "fs/root.h"
#include "gen/commands.h"
#include "gen/demands.h"
#include "gen/repo.h"
#include "gen/state.h"
#include "release/name.h"
#include "tuf/meta.h"

static struct {
    const char *demand, *remove;
    struct cw_cli_list keys;
    uint64_t threshold;
} given = {.threshold = 0};

const struct cw_option cmd_gate_options[] = {
    {CW_OPTION_STRING, "demand", &given.demand, "PREDICATE",
     "demand it: test-result, provenance, sbom, or a predicate type"},
    {CW_OPTION_LIST, "key", &given.keys, "NAME[=FILE]", "whose word counts; may be repeated"},
    {CW_OPTION_NUMBER, "threshold", &given.threshold, "N", "how many of the keys must vouch (1)"},
    {CW_OPTION_STRING, "remove", &given.remove, "PREDICATE", "demand it no more"},
    {.kind = CW_OPTION_END},
};

static int check_words(const char *channel, struct cw_err *err)
{
    bool changes = given.demand != NULL || given.remove != NULL;

    if (given.demand != NULL && given.remove != NULL)
        return cw_err_set(err, CW_E_USAGE, "'--demand' and '--remove' are two commands");
    if (changes && channel == NULL)
        return cw_err_set(err, CW_E_USAGE, "name the channel");
    if (given.demand == NULL && (given.keys.count > 0 || given.threshold > 0))
        return cw_err_set(err, CW_E_USAGE, "'--key' and '--threshold' go with '--demand'");
    if (given.keys.count > CW_DEMAND_KEYS_MAX)
        return cw_err_set(err, CW_E_USAGE, "a demand has at most %d keys", CW_DEMAND_KEYS_MAX);
    return given.demand != NULL ? cw_predicate_check(given.demand, err) : CW_OK;
}

/* The channel must be one of the tree's. */
static int check_channel(const struct cw_repo *repo, const char *channel, struct cw_err *err)
{
    CW_AUTO_STATE state = {.tree = -1};
    int rc = cw_state_load(&state, repo->tree, err);

    if (rc == CW_OK && cw_state_channel(&state, channel) == NULL)
        rc = cw_err_set(err, CW_E_NOTFOUND, "there is no channel '%s'", channel);
    return rc;
}

/* ---- keys ---- */

/* A key of the repository itself, by the name of its file. */
static int read_own(struct cw_buf *text, const struct cw_repo *repo, const char *name, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc;

    snprintf(path, sizeof path, "%s/%s.pub", CW_REPO_KEYS, name);
    rc = cw_at_read_file(text, repo->dir, path, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(
            err, rc, "there is no key '%s', named before or in '%s/': give its file with '--key %s=FILE'",
            name, CW_REPO_KEYS, name);
    return rc;
}

/* "NAME=FILE", "NAME" of a key that is known, or "NAME" of keys/NAME.pub. Appends the name. */
static int take_key(struct cw_repo *repo, json_t *names, const char *word, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX);
    json_auto_t *object = NULL;
    const char *file = strchr(word, '=');
    char name[CW_NAME_MAX + 1];
    int rc;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    if (cw_name_check(name, "key", err) != CW_OK)
        return err->code = CW_E_USAGE;
    if (file == NULL && json_object_get(repo->config.attestors, name) != NULL)
        return json_array_append_new(names, json_string(name)) == 0 ? CW_OK : cw_err_nomem(err);
    rc = file != NULL ? cw_path_read_all(&text, file + 1, err) : read_own(&text, repo, name, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_tuf_key_read(&object, cw_buf_text(&text), text.len, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "key '%s'", word);
    if (json_array_append_new(names, json_string(name)) != 0)
        return cw_err_nomem(err);
    return cw_demands_add_key(&repo->config, name, object, err);
}

/* ---- changing ---- */

static int demand(struct cw_repo *repo, const char *channel, struct cw_err *err)
{
    json_auto_t *names = json_array(), *obj = NULL;
    size_t i;
    int rc = names != NULL ? CW_OK : cw_err_nomem(err);

    for (i = 0; i < given.keys.count && rc == CW_OK; i++)
        rc = take_key(repo, names, given.keys.items[i], err);
    if (rc != CW_OK)
        return rc;
    obj = json_pack("{s:s, s:O}", "predicate", given.demand, "keys", names);
    if (obj == NULL)
        return cw_err_nomem(err);
    if (given.threshold > 0 &&
        json_object_set_new(obj, "threshold", json_integer((json_int_t)given.threshold)) != 0)
        return cw_err_nomem(err);
    rc = cw_demands_set(&repo->config, channel, obj, err);
    return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
}

static int change(struct cw_repo *repo, const struct cw_cli *cli, const char *channel, struct cw_err *err)
{
    int rc = check_channel(repo, channel, err);

    if (rc == CW_OK)
        rc = given.demand != NULL ? demand(repo, channel, err)
                                  : cw_demands_remove(&repo->config, channel, given.remove, err);
    if (rc != CW_OK || cli->dry_run)
        return rc;
    return cw_config_store(&repo->config, repo->dir, CW_CONFIG_FILE, err);
}

/* ---- showing ---- */

static void say_demand(const struct cw_cli *cli, const struct cw_demand *demand)
{
    CW_AUTO_BUF names = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    size_t i;

    for (i = 0; i < demand->key_count; i++)
        cw_buf_addf(&names, "%s%s", i > 0 ? ", " : "", demand->names[i]);
    if (demand->key_count == 0)
        cw_cli_say(cli, "  %s, in the release itself", demand->predicate);
    else
        cw_cli_say(cli, "  %s, by %zu of: %s", demand->predicate, demand->threshold, cw_buf_text(&names));
}

static int say_channel(const struct cw_repo *repo, const struct cw_cli *cli, const char *channel,
                       struct cw_err *err)
{
    CW_AUTO_DEMANDS demands = {.count = 0};
    size_t i;
    int rc = cw_demands_load(&demands, &repo->config, channel, err);

    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "channel %s demands%s", channel, demands.count > 0 ? ":" : " nothing");
    for (i = 0; i < demands.count; i++)
        say_demand(cli, &demands.items[i]);
    return CW_OK;
}

static int show(const struct cw_repo *repo, const struct cw_cli *cli, const char *channel, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:O*, s:O*, s:b}", "channels", repo->config.channels, "attestors",
                                 repo->config.attestors, "dry_run", cli->dry_run);
    const char *name;
    json_t *obj;
    int rc = doc != NULL ? CW_OK : cw_err_nomem(err);

    if (rc == CW_OK && channel != NULL)
        rc = say_channel(repo, cli, channel, err);
    if (rc == CW_OK && channel == NULL && json_object_size(repo->config.channels) == 0)
        cw_cli_say(cli, "no channel demands anything");
    if (channel == NULL) {
        json_object_foreach (repo->config.channels, name, obj) {
            if (rc == CW_OK)
                rc = say_channel(repo, cli, name, err);
        }
    }
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}

int cmd_gate(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_REPO repo = CW_REPO_INIT;
    const char *channel = argc > 1 ? argv[1] : NULL;
    bool changes = given.demand != NULL || given.remove != NULL;
    int rc = check_words(channel, err);

    if (rc == CW_OK)
        rc = cw_repo_open(&repo, cli, changes && !cli->dry_run, err);
    if (rc == CW_OK && channel != NULL)
        rc = changes ? change(&repo, cli, channel, err) : check_channel(&repo, channel, err);
    return rc == CW_OK ? show(&repo, cli, channel, err) : rc;
}
