/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen log: each channel's whole history, newest first: serial, time, who signed it, what it changed. Read from the tree
 * alone, so it tells the same at the publisher and in a copy of his tree.
 */
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "gen/commands.h"
#include "gen/past.h"
#include "gen/repo.h"
#include "gen/signed_by.h"
#include "release/name.h"

struct logging {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_keys keys;
    json_t *doc; /* {"channels": [{"channel", "serials": [...], "cut"}]} */
};

static int add_row(json_t *rows, json_t *row, struct cw_err *err)
{
    return json_array_append_new(rows, row) == 0 ? CW_OK : cw_err_nomem(err);
}

/* What came, moved or left from one set to the next. */
static int compare_sets(json_t *rows, const struct cw_channel *older, const struct cw_channel *newer,
                        struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < newer->pin_count && rc == CW_OK; i++) {
        const struct cw_pin *now = &newer->pins[i], *was = cw_channel_pin(older, now->product);

        if (was == NULL || strcmp(was->version, now->version) != 0)
            rc = add_row(rows,
                         cw_json_pack("{s:s, s:s*, s:s}", "product", now->product, "from",
                                      was != NULL ? was->version : NULL, "to", now->version),
                         err);
    }
    for (i = 0; i < older->pin_count && rc == CW_OK; i++) {
        if (cw_channel_pin(newer, older->pins[i].product) == NULL)
            rc = add_row(
                rows,
                json_pack("{s:s, s:s}", "product", older->pins[i].product, "from", older->pins[i].version),
                err);
    }
    return rc;
}

static int compare_withdrawn(json_t *rows, const struct cw_channel *older, const struct cw_channel *newer,
                             struct cw_err *err)
{
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach ((json_t *)newer->withdrawn, product, versions) {
        json_object_foreach (versions, version, reason) {
            if (cw_channel_withdrawn(older, product, version) == NULL &&
                json_array_append_new(rows, json_pack("{s:s, s:s, s:O}", "product", product, "version",
                                                      version, "reason", reason)) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

static int add_serial(json_t *serials, const struct cw_channel *older, const struct cw_channel *newer,
                      const char *sha256, const json_t *signers, struct cw_err *err)
{
    char when[CW_TIME_TEXT];
    json_auto_t *changes = json_array(), *withdrawn = json_array();
    int rc = changes != NULL && withdrawn != NULL ? CW_OK : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = compare_sets(changes, older, newer, err);
    if (rc == CW_OK)
        rc = compare_withdrawn(withdrawn, older, newer, err);
    if (rc != CW_OK)
        return rc;
    cw_time_format(newer->published, when);
    return add_row(serials,
                   json_pack("{s:I, s:s, s:s, s:O?, s:O, s:O}", "serial", (json_int_t)newer->serial,
                             "published", when, "sha256", sha256, "signed_by",
                             json_object_get(signers, sha256), "changes", changes, "withdrawn", withdrawn),
                   err);
}

/* Each serial is shown against the one before it; of the oldest that is left, when others are gone, all is new. */
static int walk(json_t *serials, struct cw_past *past, const json_t *signers, struct cw_err *err)
{
    static const struct cw_channel nothing = {.doc = NULL};
    bool more = true;
    int rc = CW_OK;

    while (rc == CW_OK && more) {
        struct cw_channel left = {.doc = NULL};
        char sha256[CW_SHA256_TEXT];

        memcpy(sha256, past->sha256, sizeof sha256);
        rc = cw_past_older(&more, past, &left, err);
        if (rc == CW_OK)
            rc = more ? add_serial(serials, &past->channel, &left, sha256, signers, err)
                      : add_serial(serials, &nothing, &past->channel, sha256, signers, err);
        cw_channel_clear(&left);
    }
    return rc;
}

static int log_channel(struct logging *l, const char *name, struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    json_auto_t *signers = NULL;
    json_t *serials = json_array();
    int rc = serials != NULL ? cw_past_open(&past, &l->state, name, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_signed_by(&signers, &l->state, &l->keys, name, err);
    if (rc == CW_OK)
        rc = walk(serials, &past, signers, err);
    if (rc == CW_E_NOTFOUND)
        rc = CW_OK; /* nothing was published there yet */
    if (rc != CW_OK) {
        json_decref(serials);
        return cw_err_prefix(err, "channel '%s'", name);
    }
    return add_row(json_object_get(l->doc, "channels"),
                   json_pack("{s:s, s:o, s:b}", "channel", name, "serials", serials, "cut", past.cut), err);
}

static const char *text(const json_t *row, const char *key)
{
    const char *value = json_string_value(json_object_get(row, key));

    return value != NULL ? value : "";
}

static int say_serial(const struct cw_cli *cli, const json_t *row, struct cw_err *err)
{
    CW_AUTO_BUF names = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    json_t *name, *change;
    size_t i;

    json_array_foreach (json_object_get(row, "signed_by"), i, name)
        cw_buf_addf(&names, "%s%s", i > 0 ? ", " : "", json_string_value(name));
    if (names.failed == CW_E_NOMEM)
        return cw_err_nomem(err);
    cw_cli_say(cli, "  serial %lld, %s, %s%s", (long long)json_integer_value(json_object_get(row, "serial")),
               text(row, "published"), names.len > 0 ? "signed by " : "by whom is no longer known",
               names.len > 0 ? cw_buf_text(&names) : "");
    json_array_foreach (json_object_get(row, "changes"), i, change) {
        const char *from = text(change, "from"), *to = text(change, "to");

        cw_cli_say(cli, "    %s %s%s%s", text(change, "product"), from, from[0] != '\0' ? " -> " : "",
                   to[0] != '\0' ? to : "(dropped)");
    }
    json_array_foreach (json_object_get(row, "withdrawn"), i, change)
        cw_cli_say(cli, "    %s %s withdrawn: %s", text(change, "product"), text(change, "version"),
                   text(change, "reason"));
    return CW_OK;
}

static int say_all(const struct logging *l, struct cw_err *err)
{
    json_t *channel, *row;
    size_t i, k;

    json_array_foreach (json_object_get(l->doc, "channels"), i, channel) {
        const json_t *serials = json_object_get(channel, "serials");

        cw_cli_say(l->cli, "channel %s%s", text(channel, "channel"),
                   json_array_size(serials) == 0 ? ": nothing was published yet" : "");
        json_array_foreach (serials, k, row) {
            if (say_serial(l->cli, row, err) != CW_OK)
                return CW_E_NOMEM;
        }
        if (json_is_true(json_object_get(channel, "cut")))
            cw_cli_say(l->cli, "  the record ends here: gc removed what was before");
    }
    return CW_OK;
}

static int log_all(struct logging *l, const char *only, struct cw_err *err)
{
    size_t i;
    int rc = cw_repo_open(&l->repo, l->cli, false, err);

    if (rc == CW_OK)
        rc = cw_state_load(&l->state, l->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_keys_load(&l->keys, l->repo.dir, err);
    if (rc == CW_OK && only != NULL && cw_state_channel(&l->state, only) == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "there is no channel '%s'; '%s status' shows them", only,
                          l->cli->program->name);
    for (i = 0; i < l->state.role_count && rc == CW_OK; i++) {
        const struct cw_state_role *role = &l->state.roles[i];

        if (role->is_channel && (only == NULL || strcmp(only, role->name) == 0))
            rc = log_channel(l, role->name, err);
    }
    if (rc == CW_OK)
        rc = say_all(l, err);
    return rc == CW_OK ? cw_cli_json(l->cli, l->doc, err) : rc;
}

int cmd_log(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct logging l = {.cli = cli, .repo = CW_REPO_INIT, .doc = json_pack("{s:[]}", "channels")};
    int rc = l.doc != NULL ? log_all(&l, argc > 1 ? argv[1] : NULL, err) : cw_err_nomem(err);

    json_decref(l.doc);
    cw_keys_clear(&l.keys);
    cw_state_clear(&l.state);
    cw_repo_close(&l.repo);
    return rc;
}
