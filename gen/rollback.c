/* SPDX-License-Identifier: ISC */
/*
 * Going back in a channel; see gen/rollback.h.
 */
#include "gen/rollback.h"

#include <inttypes.h>
#include <string.h>

#include "codec/json.h"
#include "gen/past.h"

struct going {
    struct cw_moving moving;
    const char *channel, *product, *version; /* product, version NULL: not given */
    uint64_t serial;                         /* 0: the one before the present */
    struct cw_channel now;
    json_t *changes; /* array of {"product", "from"?, "to"?}; owned */
    int64_t to;      /* the serial gone back to, for a whole set */
};

static int nowhere(const char *channel, const char *product, bool cut, struct cw_err *err)
{
    return cw_err_set(err, CW_E_NOTFOUND,
                      "'%s' had no other %s before that is still good%s: promote a newer version, or drop it "
                      "with 'withdraw --drop'",
                      channel, product, cut ? ", as far back as its record goes" : "");
}

int cw_rollback_find(char version[CW_NAME_MAX + 1], const struct cw_moving *moving, const char *channel,
                     const char *product, struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    char current[CW_NAME_MAX + 1];
    bool more = true;
    int rc = cw_moving_current(current, moving, channel, product, err);

    if (rc == CW_OK)
        rc = cw_past_open(&past, &moving->state, channel, err);
    while (rc == CW_OK && more) {
        const struct cw_pin *pin = cw_channel_pin(&past.channel, product);

        if (pin != NULL && strcmp(pin->version, current) != 0 &&
            cw_moving_check_withdrawn(moving, product, pin->version, NULL) == CW_OK) {
            memcpy(version, pin->version, strlen(pin->version) + 1);
            return cw_moving_check_release(moving, product, version, err);
        }
        rc = cw_past_older(&more, &past, NULL, err);
    }
    return rc == CW_OK ? nowhere(channel, product, past.cut, err) : rc;
}

/* Stages one change, or takes back what is staged where the set has that version already. to NULL: it leaves. */
static int change(struct going *g, const char *product, const char *to, struct cw_err *err)
{
    const struct cw_pin *pin = cw_channel_pin(&g->now, product);
    const char *from = pin != NULL ? pin->version : NULL;
    json_t *row, *wanted = NULL;
    int rc = to != NULL ? cw_moving_check_release(&g->moving, product, to, err) : CW_OK;

    if (rc != CW_OK)
        return rc;
    if (from != NULL && to != NULL && strcmp(from, to) == 0)
        return cw_moving_stage(&g->moving, g->channel, product, NULL, err);
    row = cw_json_pack("{s:s, s:s*, s:s*}", "product", product, "from", from, "to", to);
    if (row == NULL || json_array_append_new(g->changes, row) != 0)
        return cw_err_nomem(err);
    wanted = to != NULL ? json_string(to) : json_null();
    return cw_moving_stage(&g->moving, g->channel, product, wanted, err);
}

static int go_product(struct going *g, struct cw_err *err)
{
    char found[CW_NAME_MAX + 1];
    bool had, cut;
    int rc;

    if (g->version == NULL) {
        rc = cw_rollback_find(found, &g->moving, g->channel, g->product, err);
        return rc == CW_OK ? change(g, g->product, found, err) : rc;
    }
    rc = cw_moving_check_withdrawn(&g->moving, g->product, g->version, err);
    if (rc == CW_OK)
        rc = cw_past_had(&had, &cut, &g->moving.state, g->channel, g->product, g->version, err);
    if (rc == CW_OK && !had)
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' never had %s %s%s; '%s log %s' shows what it had",
                          g->channel, g->product, g->version, cut ? ", as far back as its record goes" : "",
                          g->moving.cli->program->name, g->channel);
    return rc == CW_OK ? change(g, g->product, g->version, err) : rc;
}

/* past stands at the serial to go back to. */
static int find_serial(struct cw_past *past, const struct going *g, struct cw_err *err)
{
    int64_t wanted = g->serial != 0 ? (int64_t)g->serial : g->now.serial - 1;
    bool more = true;
    int rc = cw_past_open(past, &g->moving.state, g->channel, err);

    if (rc == CW_OK && (wanted < 1 || wanted >= g->now.serial))
        return cw_err_set(err, CW_E_NOTFOUND,
                          "'%s' is at serial %" PRId64 ": there is no serial %" PRId64 " before it",
                          g->channel, g->now.serial, wanted);
    while (rc == CW_OK && more && past->channel.serial > wanted)
        rc = cw_past_older(&more, past, NULL, err);
    if (rc == CW_OK && past->channel.serial != wanted)
        return cw_err_set(err, CW_E_NOTFOUND, "serial %" PRId64 " of '%s' is no longer kept", wanted,
                          g->channel);
    return rc;
}

static int check_set(const struct going *g, const struct cw_channel *then, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < then->pin_count && rc == CW_OK; i++)
        rc = cw_moving_check_withdrawn(&g->moving, then->pins[i].product, then->pins[i].version, err);
    return rc == CW_OK ? CW_OK
                       : cw_err_prefix(err, "serial %" PRId64 " cannot come back as it was", then->serial);
}

static int go_whole(struct going *g, struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    size_t i;
    int rc = find_serial(&past, g, err);

    if (rc == CW_OK)
        rc = check_set(g, &past.channel, err);
    if (rc == CW_OK)
        g->to = past.channel.serial;
    /* Whatever else was staged for the channel would make another set of it. */
    if (rc == CW_OK && json_object_set_new(g->moving.stage.promotions, g->channel, json_object()) != 0)
        rc = cw_err_nomem(err);
    for (i = 0; i < past.channel.pin_count && rc == CW_OK; i++)
        rc = change(g, past.channel.pins[i].product, past.channel.pins[i].version, err);
    for (i = 0; i < g->now.pin_count && rc == CW_OK; i++) {
        if (cw_channel_pin(&past.channel, g->now.pins[i].product) == NULL)
            rc = change(g, g->now.pins[i].product, NULL, err);
    }
    return rc;
}

static int report(const struct going *g, struct cw_err *err)
{
    const struct cw_cli *cli = g->moving.cli;
    json_auto_t *doc =
        json_pack("{s:s, s:O, s:b}", "channel", g->channel, "changes", g->changes, "dry_run", cli->dry_run);
    json_t *row;
    size_t i;

    if (doc == NULL || (g->to != 0 && json_object_set_new(doc, "serial", json_integer(g->to)) != 0))
        return cw_err_nomem(err);
    json_array_foreach (g->changes, i, row) {
        const char *from = json_string_value(json_object_get(row, "from"));
        const char *to = json_string_value(json_object_get(row, "to"));

        cw_cli_say(cli, "%s: %s %s%s%s", g->channel, json_string_value(json_object_get(row, "product")),
                   from != NULL ? from : "", from != NULL ? " -> " : "", to != NULL ? to : "(dropped)");
    }
    if (json_array_size(g->changes) == 0)
        cw_cli_say(cli, "nothing to do: '%s' has that already", g->channel);
    else
        cw_cli_say(cli, "%s; next: '%s publish', as serial %" PRId64,
                   cli->dry_run ? "would be staged" : "staged", cli->program->name, g->now.serial + 1);
    return cw_cli_json(cli, doc, err);
}

static int go(struct going *g, struct cw_err *err)
{
    int rc = cw_moving_check_words(g->product, g->version, err);

    if (rc == CW_OK)
        rc = cw_moving_open(&g->moving, err);
    if (rc == CW_OK)
        rc = cw_moving_check_channel(&g->moving, g->channel, err);
    if (rc == CW_OK)
        rc = cw_state_read_channel(&g->now, NULL, &g->moving.state, g->channel, err);
    if (rc == CW_E_NOTFOUND && g->now.doc == NULL && cw_state_channel(&g->moving.state, g->channel) != NULL)
        return cw_err_set(err, rc, "nothing was published in '%s' yet: there is nothing to go back to",
                          g->channel);
    if (rc == CW_OK)
        rc = g->product != NULL ? go_product(g, err) : go_whole(g, err);
    if (rc == CW_OK)
        rc = cw_moving_store(&g->moving, g->channel, err);
    if (rc == CW_OK)
        rc = cw_moving_foresee(&g->moving, err);
    return rc == CW_OK ? report(g, err) : rc;
}

int cw_rollback_run(struct cw_cli *cli, bool asked, uint64_t serial, int argc, char **argv,
                    struct cw_err *err)
{
    struct going g = {.moving = CW_MOVING_INIT(cli),
                      .channel = argv[1],
                      .product = argc > 2 ? argv[2] : NULL,
                      .version = argc > 3 ? argv[3] : NULL,
                      .serial = serial};
    int rc;

    if (!asked || (serial != 0 && g.product != NULL))
        return cw_err_set(err, CW_E_USAGE, "'--serial' goes with '--rollback CHANNEL' and no product");
    g.changes = json_array();
    rc = g.changes != NULL ? go(&g, err) : cw_err_nomem(err);
    json_decref(g.changes);
    cw_channel_clear(&g.now);
    cw_moving_close(&g.moving);
    return rc;
}
