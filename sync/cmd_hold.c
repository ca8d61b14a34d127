/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync hold and unhold: what a person keeps from being applied, and lets go again.
 */
#include "base/clock.h"
#include "release/name.h"
#include "release/semver.h"
#include "sync/commands.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/recover.h"
#include "sync/history.h"
#include "sync/mirror/mirror.h"

static const char *reason;
static bool all;

const struct cw_option cmd_hold_options[] = {
    {CW_OPTION_STRING, "reason", &reason, "TEXT", "why, for whoever reads the plan"},
    {.kind = CW_OPTION_END},
};

const struct cw_option cmd_unhold_options[] = {
    {CW_OPTION_FLAG, "all", &all, NULL, "lift every hold"},
    {.kind = CW_OPTION_END},
};

static int write_history(const struct cw_site *site, const char *event, const json_t *holds, int64_t now,
                         struct cw_err *err)
{
    json_auto_t *data = json_pack("{s:O}", "holds", holds);

    return data != NULL ? cw_history_append(site->fd, now, event, data, err) : cw_err_nomem(err);
}

static int put(json_t **hold, const struct cw_site *site, const char *product, const char *version,
               int64_t now, struct cw_err *err)
{
    json_auto_t *holds = NULL, *target = cw_hold_on_product(product, version), *list = NULL;
    const char *text = reason != NULL ? reason : "held by hand";
    int rc = target != NULL ? cw_holds_load(&holds, site->fd, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_holds_put(holds, NULL, target, "person", text, now, err);
    if (rc == CW_OK)
        rc = cw_holds_store(site->fd, holds, err);
    if (rc != CW_OK)
        return rc;
    *hold = json_incref((json_t *)cw_holds_on_product(holds, product, version));
    list = json_pack("[O]", *hold);
    return list != NULL ? write_history(site, "hold", list, now, err) : cw_err_nomem(err);
}

/* A hold on what nobody ships may be meant for later, or be a slip of the hand. */
static void warn_unknown(const struct cw_site *site, const struct cw_cli *cli, const char *product)
{
    bool pulled = false;

    for (size_t i = 0; i < site->upstream_count; i++) {
        CW_AUTO_SET set = {.files = NULL};
        struct cw_err unheard = {0};
        int64_t root;
        int rc = cw_mirror_load(&set, &root, site, &site->upstreams[i], &unheard);

        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return;
        if (rc == CW_OK && cw_channel_pin(&set.channel, product) != NULL)
            return;
        pulled = pulled || rc == CW_OK;
    }
    if (pulled)
        cw_cli_warn(cli, "no upstream ships a product '%s' at present; the hold waits for one", product);
}

int cmd_hold(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *hold = NULL;
    const char *version = argc > 2 ? argv[2] : NULL;
    int64_t now = cw_clock_now();
    char what[512];
    int rc = cw_name_check_product(argv[1], err);

    if (rc == CW_OK && version != NULL)
        rc = cw_semver_check(version, err);
    if (rc != CW_OK)
        return cw_err_set(err, CW_E_USAGE, "%s", err->text);
    rc = cw_recover_open(&site, cli, now, err);
    if (rc == CW_OK)
        rc = put(&hold, &site, argv[1], version, now, err);
    if (rc != CW_OK)
        return rc;
    warn_unknown(&site, cli, argv[1]);
    cw_hold_describe(what, hold);
    cw_cli_say(cli, "hold %lld on %s, until 'causeway-sync unhold %lld'",
               (long long)json_integer_value(json_object_get(hold, "id")), what,
               (long long)json_integer_value(json_object_get(hold, "id")));
    return cw_cli_json(cli, hold, err);
}

static int lift(json_t *lifted, const struct cw_site *site, int argc, char **argv, int64_t now,
                struct cw_err *err)
{
    json_auto_t *holds = NULL;
    int rc = cw_holds_load(&holds, site->fd, err);

    if (rc == CW_OK && all)
        rc = cw_holds_lift_all(holds, lifted, err);
    for (int i = 1; i < argc && rc == CW_OK; i++)
        rc = cw_holds_lift(holds, argv[i], lifted, err);
    if (rc != CW_OK || json_array_size(lifted) == 0)
        return rc;
    rc = cw_holds_store(site->fd, holds, err);
    return rc == CW_OK ? write_history(site, "unhold", lifted, now, err) : rc;
}

int cmd_unhold(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *doc = json_pack("{s:[]}", "lifted");
    int64_t now = cw_clock_now();
    json_t *lifted = json_object_get(doc, "lifted"), *hold;
    char what[512];
    size_t i;
    int rc;

    if (doc == NULL)
        return cw_err_nomem(err);
    if (all == (argc > 1))
        return cw_err_set(err, CW_E_USAGE, "name a product or the number of a hold, or give --all");
    rc = cw_recover_open(&site, cli, now, err);
    if (rc == CW_OK)
        rc = lift(lifted, &site, argc, argv, now, err);
    if (rc != CW_OK)
        return rc;
    json_array_foreach (lifted, i, hold) {
        cw_hold_describe(what, hold);
        cw_cli_say(cli, "lifted hold %lld on %s", (long long)json_integer_value(json_object_get(hold, "id")),
                   what);
    }
    if (json_array_size(lifted) == 0)
        cw_cli_say(cli, "nothing to do: there are no holds");
    return cw_cli_json(cli, doc, err);
}
