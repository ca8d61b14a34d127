/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen promote: stages a release into a channel's next set. Nothing is signed; `publish` makes it
 * public. Sets whose requirements are not met yet are only warned of, since the missing release may be
 * promoted next.
 */
#include <string.h>

#include "codec/json.h"
#include "gen/commands.h"
#include "gen/judge.h"
#include "gen/mistakes.h"
#include "gen/moving.h"
#include "gen/rollback.h"
#include "release/semver.h"

static struct {
    bool rollback;
    uint64_t serial;
} given;

const struct cw_option cmd_promote_options[] = {
    {CW_OPTION_FLAG, "rollback", &given.rollback, NULL,
     "move CHANNEL, or one product in it, back to what it had"},
    {CW_OPTION_NUMBER, "serial", &given.serial, "N", "with --rollback: to the set of this serial"},
    {.kind = CW_OPTION_END},
};

struct promoting {
    const char *product, *version, *channel;
    struct cw_moving moving;
};

/* Sets the staged promotion, or takes it back when the channel has that version already. *changed: was there
 * anything to do? */
static int stage(bool *changed, struct promoting *p, bool is_current, struct cw_err *err)
{
    const json_t *staged = cw_moving_staged(&p->moving, p->channel, p->product);
    json_auto_t *wanted = is_current ? NULL : json_string(p->version);
    int rc;

    if (!is_current && wanted == NULL)
        return cw_err_nomem(err);
    *changed = is_current ? staged != NULL : staged == NULL || !json_equal(staged, wanted);
    if (!*changed)
        return CW_OK;
    rc = cw_moving_stage(&p->moving, p->channel, p->product, json_incref(wanted), err);
    return rc == CW_OK ? cw_moving_store(&p->moving, p->channel, err) : rc;
}

/* Has the release what the channel demands? Says all that is missing. */
static int check_gate(const struct promoting *p, struct cw_err *err)
{
    const struct cw_draft_input input = cw_moving_input(&p->moving);
    CW_AUTO_VERDICT verdict = {.missing = NULL};
    CW_AUTO_MISTAKES missing = CW_MISTAKES_INIT;
    json_t *line;
    size_t i;
    int rc = cw_judge(&verdict, &input, p->channel, p->product, p->version, err);

    if (rc != CW_OK || json_array_size(verdict.missing) == 0)
        return rc;
    json_array_foreach (verdict.missing, i, line)
        cw_mistakes_add(&missing, p->channel, 0, "", "%s", json_string_value(line));
    cw_mistakes_print(&missing);
    return cw_err_set(err, CW_E_HELD, "%s %s lacks what '%s' demands; '%s attest' takes in what there is",
                      p->product, p->version, p->channel, p->moving.cli->program->name);
}

static int report(const struct promoting *p, const char *current, bool changed, bool is_current,
                  struct cw_err *err)
{
    json_auto_t *doc =
        cw_json_pack("{s:s, s:s, s:s, s:s*, s:b, s:b}", "product", p->product, "version", p->version,
                     "channel", p->channel, "from", current[0] != '\0' ? current : NULL, "changed", changed,
                     "dry_run", p->moving.cli->dry_run);

    if (doc == NULL)
        return cw_err_nomem(err);
    if (!changed)
        cw_cli_say(p->moving.cli, "nothing to do: %s %s is %s in '%s'", p->product, p->version,
                   is_current ? "already" : "staged already", p->channel);
    else if (is_current)
        cw_cli_say(p->moving.cli, "'%s' stays at %s %s; what was staged instead is taken back", p->channel,
                   p->product, p->version);
    else
        cw_cli_say(p->moving.cli, "%s: %s %s%s%s in '%s'; next: '%s publish'",
                   p->moving.cli->dry_run ? "would be staged" : "staged", p->product, current,
                   current[0] != '\0' ? " -> " : "", p->version, p->channel, p->moving.cli->program->name);
    return cw_cli_json(p->moving.cli, doc, err);
}

static int promote(struct promoting *p, struct cw_err *err)
{
    char current[CW_NAME_MAX + 1];
    bool changed = false, is_current;
    int rc = cw_moving_check_words(p->product, p->version, err);

    if (rc == CW_OK)
        rc = cw_moving_open(&p->moving, err);
    if (rc == CW_OK)
        rc = cw_moving_check_channel(&p->moving, p->channel, err);
    if (rc == CW_OK)
        rc = cw_moving_check_release(&p->moving, p->product, p->version, err);
    if (rc == CW_OK)
        rc = cw_moving_check_withdrawn(&p->moving, p->product, p->version, err);
    if (rc == CW_OK)
        rc = cw_moving_current(current, &p->moving, p->channel, p->product, err);
    if (rc != CW_OK)
        return rc;
    if (current[0] != '\0' && cw_semver_compare(p->version, current) < 0)
        return cw_err_set(
            err, CW_E_FAIL,
            "'%s' has %s %s; a channel does not move back to %s: release a newer version, or go "
            "back with '%s promote --rollback %s %s'",
            p->channel, p->product, current, p->version, p->moving.cli->program->name, p->channel,
            p->product);
    is_current = strcmp(current, p->version) == 0;
    if (!is_current)
        rc = check_gate(p, err);
    if (rc == CW_OK)
        rc = stage(&changed, p, is_current, err);
    if (rc == CW_OK)
        rc = cw_moving_foresee(&p->moving, err);
    return rc == CW_OK ? report(p, current, changed, is_current, err) : rc;
}

int cmd_promote(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct promoting p = {.moving = CW_MOVING_INIT(cli)};
    int rc;

    if (given.rollback || given.serial != 0)
        return cw_rollback_run(cli, given.rollback, given.serial, argc, argv, err);
    if (argc != 4)
        return cw_err_set(err, CW_E_USAGE, "promote takes PRODUCT VERSION CHANNEL, or --rollback CHANNEL");
    p.product = argv[1];
    p.version = argv[2];
    p.channel = argv[3];
    rc = promote(&p, err);
    cw_moving_close(&p.moving);
    return rc;
}
