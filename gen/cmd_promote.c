/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen promote: stages a release into a channel's next set. Nothing is signed; `publish` makes it
 * public. Sets whose requirements are not met yet are only warned of, since the missing release may be
 * promoted next.
 */
#include <string.h>

#include "base/clock.h"
#include "gen/commands.h"
#include "gen/draft.h"
#include "gen/judge.h"
#include "gen/mistakes.h"
#include "gen/repo.h"
#include "release/name.h"
#include "release/semver.h"

struct promoting {
    const struct cw_cli *cli;
    const char *product, *version, *channel;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage;
    struct cw_keys keys;
};

static int open_all(struct promoting *p, struct cw_err *err)
{
    int rc = cw_repo_open(&p->repo, p->cli, !p->cli->dry_run, err);

    if (rc == CW_OK)
        rc = cw_state_load(&p->state, p->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&p->stage, p->repo.dir, err);
    return rc == CW_OK ? cw_keys_load(&p->keys, p->repo.dir, err) : rc;
}

static int check_words(const struct promoting *p, struct cw_err *err)
{
    int rc = cw_name_check_product(p->product, err);

    if (rc == CW_OK)
        rc = cw_semver_check(p->version, err);
    if (rc == CW_OK)
        rc = cw_name_check_channel(p->channel, err);
    return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
}

static int no_channel(const struct promoting *p, struct cw_err *err)
{
    CW_AUTO_BUF names = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    size_t i;

    for (i = 0; i < p->state.role_count; i++) {
        if (p->state.roles[i].is_channel)
            cw_buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", p->state.roles[i].name);
    }
    return cw_err_set(err, CW_E_NOTFOUND, "there is no channel '%s'; there are: %s", p->channel,
                      cw_buf_text(&names));
}

static int check_exists(const struct promoting *p, struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    int rc;

    if (cw_stage_has(&p->stage, p->product, p->version))
        return CW_OK;
    rc = cw_state_read_release(&manifest, &p->state, p->product, p->version, err);
    cw_manifest_clear(&manifest);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc, "there is no %s %s, neither published nor staged; add it first",
                          p->product, p->version);
    return rc;
}

/* The version the channel has now; "" when it has none. */
static int read_current(char current[CW_NAME_MAX + 1], const struct promoting *p, struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    const struct cw_pin *pin;
    int rc = cw_state_read_channel(&channel, NULL, &p->state, p->channel, err);

    current[0] = '\0';
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    pin = rc == CW_OK ? cw_channel_pin(&channel, p->product) : NULL;
    if (pin != NULL)
        memcpy(current, pin->version,
               strlen(pin->version) + 1); /* a version is a portable name, so it fits */
    cw_channel_clear(&channel);
    return rc;
}

/* Sets the staged promotion, or takes it back when the channel has that version already. *changed: was there
 * anything to do? */
static int stage(bool *changed, struct promoting *p, bool is_current, struct cw_err *err)
{
    json_t *promotions = json_object_get(p->stage.promotions, p->channel);
    const char *staged = json_string_value(json_object_get(promotions, p->product));

    *changed = is_current ? staged != NULL : staged == NULL || strcmp(staged, p->version) != 0;
    if (!*changed)
        return CW_OK;
    if (promotions == NULL) {
        promotions = json_object();
        if (json_object_set_new(p->stage.promotions, p->channel, promotions) != 0)
            return cw_err_nomem(err);
    }
    if (is_current)
        json_object_del(promotions, p->product);
    else if (json_object_set_new(promotions, p->product, json_string(p->version)) != 0)
        return cw_err_nomem(err);
    return p->cli->dry_run ? CW_OK : cw_stage_put_promotions(p->repo.dir, p->channel, promotions, err);
}

static struct cw_draft_input input_of(const struct promoting *p)
{
    return (struct cw_draft_input){.state = &p->state,
                                   .stage = &p->stage,
                                   .config = &p->repo.config,
                                   .keys = &p->keys,
                                   .renew_within = -1,
                                   .plan_only = true};
}

/* Has the release what the channel demands? Says all that is missing. */
static int check_gate(const struct promoting *p, struct cw_err *err)
{
    const struct cw_draft_input input = input_of(p);
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
                      p->product, p->version, p->channel, p->cli->program->name);
}

/* Would the next publish take it? */
static int foresee(const struct promoting *p, struct cw_err *err)
{
    struct cw_draft_input input = input_of(p);
    struct cw_err found = {.code = CW_OK};
    CW_AUTO_DRAFT draft = {.roles = NULL};
    int rc = cw_clock_publish_time(&input.now, err);

    if (rc != CW_OK)
        return rc;
    if (cw_draft_compose(&draft, &input, &found) != CW_OK)
        cw_cli_warn(p->cli, "as it is, the next publish would be refused: %s", found.text);
    return CW_OK;
}

static int report(const struct promoting *p, const char *current, bool changed, bool is_current,
                  struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:s, s:s*, s:b, s:b}", "product", p->product, "version", p->version, "channel",
                  p->channel, "from", current[0] != '\0' ? current : NULL, "changed", changed, "dry_run",
                  p->cli->dry_run);

    if (doc == NULL)
        return cw_err_nomem(err);
    if (!changed)
        cw_cli_say(p->cli, "nothing to do: %s %s is %s in '%s'", p->product, p->version,
                   is_current ? "already" : "staged already", p->channel);
    else if (is_current)
        cw_cli_say(p->cli, "'%s' stays at %s %s; what was staged instead is taken back", p->channel,
                   p->product, p->version);
    else
        cw_cli_say(p->cli, "%s: %s %s%s%s in '%s'; next: '%s publish'",
                   p->cli->dry_run ? "would be staged" : "staged", p->product, current,
                   current[0] != '\0' ? " -> " : "", p->version, p->channel, p->cli->program->name);
    return cw_cli_json(p->cli, doc, err);
}

static int promote(struct promoting *p, struct cw_err *err)
{
    char current[CW_NAME_MAX + 1];
    bool changed, is_current;
    int rc = check_words(p, err);

    if (rc == CW_OK)
        rc = open_all(p, err);
    if (rc == CW_OK && cw_state_channel(&p->state, p->channel) == NULL)
        rc = no_channel(p, err);
    if (rc == CW_OK)
        rc = check_exists(p, err);
    if (rc == CW_OK)
        rc = read_current(current, p, err);
    if (rc != CW_OK)
        return rc;
    if (current[0] != '\0' && cw_semver_compare(p->version, current) < 0)
        return cw_err_set(err, CW_E_FAIL,
                          "'%s' has %s %s; a channel does not move back to %s: release a newer version",
                          p->channel, p->product, current, p->version);
    is_current = strcmp(current, p->version) == 0;
    if (!is_current)
        rc = check_gate(p, err);
    if (rc == CW_OK)
        rc = stage(&changed, p, is_current, err);
    if (rc == CW_OK)
        rc = foresee(p, err);
    return rc == CW_OK ? report(p, current, changed, is_current, err) : rc;
}

int cmd_promote(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct promoting p = {
        .cli = cli, .product = argv[1], .version = argv[2], .channel = argv[3], .repo = CW_REPO_INIT};
    int rc = promote(&p, err);

    (void)argc;
    cw_keys_clear(&p.keys);
    cw_stage_clear(&p.stage);
    cw_state_clear(&p.state);
    cw_repo_close(&p.repo);
    return rc;
}
