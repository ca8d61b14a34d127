/* SPDX-License-Identifier: ISC */
/*
 * Changing what is staged for channels; see gen/moving.h.
 */
#include "gen/moving.h"

#include <string.h>

#include "base/clock.h"
#include "gen/gc.h"
#include "gen/withdrawn.h"
#include "release/semver.h"

int cw_moving_open(struct cw_moving *moving, struct cw_err *err)
{
    int rc = cw_repo_open(&moving->repo, moving->cli, !moving->cli->dry_run, err);

    if (rc == CW_OK)
        rc = cw_state_load(&moving->state, moving->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&moving->stage, moving->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_keys_load(&moving->keys, moving->repo.dir, err);
    return rc == CW_OK ? cw_withdrawn_load(&moving->withdrawn, &moving->state, &moving->stage, err) : rc;
}

void cw_moving_close(struct cw_moving *moving)
{
    json_decref(moving->withdrawn);
    cw_keys_clear(&moving->keys);
    cw_stage_clear(&moving->stage);
    cw_state_clear(&moving->state);
    cw_repo_close(&moving->repo);
    moving->withdrawn = NULL;
}

struct cw_draft_input cw_moving_input(const struct cw_moving *moving)
{
    return (struct cw_draft_input){.state = &moving->state,
                                   .stage = &moving->stage,
                                   .config = &moving->repo.config,
                                   .keys = &moving->keys,
                                   .renew_within = -1,
                                   .plan_only = true};
}

int cw_moving_check_channel(const struct cw_moving *moving, const char *channel, struct cw_err *err)
{
    CW_AUTO_BUF names = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    size_t i;
    int rc = cw_name_check_channel(channel, err);

    if (rc == CW_E_VERIFY)
        return err->code = CW_E_USAGE;
    if (rc != CW_OK || cw_state_channel(&moving->state, channel) != NULL)
        return rc;
    for (i = 0; i < moving->state.role_count; i++) {
        if (moving->state.roles[i].is_channel)
            cw_buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", moving->state.roles[i].name);
    }
    return cw_err_set(err, CW_E_NOTFOUND, "there is no channel '%s'; there are: %s", channel,
                      cw_buf_text(&names));
}

int cw_moving_check_words(const char *product, const char *version, struct cw_err *err)
{
    int rc = product != NULL ? cw_name_check_product(product, err) : CW_OK;

    if (rc == CW_OK && version != NULL)
        rc = cw_semver_check(version, err);
    return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
}

int cw_moving_check_release(const struct cw_moving *moving, const char *product, const char *version,
                            struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    bool whole;
    int rc;

    if (cw_stage_has(&moving->stage, product, version))
        return CW_OK;
    rc = cw_state_read_release(&manifest, &moving->state, product, version, err);
    if (rc == CW_OK)
        rc = cw_gc_is_whole(&whole, &moving->state, &manifest, err);
    cw_manifest_clear(&manifest);
    if (rc == CW_OK && !whole)
        return cw_err_set(
            err, CW_E_INCOMPLETE,
            "gc removed the files of %s %s, and a version never comes back: release a newer one", product,
            version);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc, "there is no %s %s, neither published nor staged; add it first", product,
                          version);
    return rc;
}

int cw_moving_check_withdrawn(const struct cw_moving *moving, const char *product, const char *version,
                              struct cw_err *err)
{
    const char *reason = cw_withdrawn_reason(moving->withdrawn, product, version);

    if (reason == NULL)
        return CW_OK;
    return cw_err_set(err, CW_E_HELD, "%s %s was withdrawn (%s), for good: release a newer version", product,
                      version, reason);
}

int cw_moving_current(char version[CW_NAME_MAX + 1], const struct cw_moving *moving, const char *channel,
                      const char *product, struct cw_err *err)
{
    struct cw_channel set = {.doc = NULL};
    const struct cw_pin *pin;
    int rc = cw_state_read_channel(&set, NULL, &moving->state, channel, err);

    version[0] = '\0';
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    pin = rc == CW_OK ? cw_channel_pin(&set, product) : NULL;
    if (pin != NULL) /* a version is a portable name, so it fits */
        memcpy(version, pin->version, strlen(pin->version) + 1);
    cw_channel_clear(&set);
    return rc;
}

const json_t *cw_moving_staged(const struct cw_moving *moving, const char *channel, const char *product)
{
    return json_object_get(json_object_get(moving->stage.promotions, channel), product);
}

int cw_moving_stage(struct cw_moving *moving, const char *channel, const char *product, json_t *version,
                    struct cw_err *err)
{
    json_t *promotions = json_object_get(moving->stage.promotions, channel);

    if (promotions == NULL) {
        promotions = json_object();
        if (json_object_set_new(moving->stage.promotions, channel, promotions) != 0) {
            json_decref(version);
            return cw_err_nomem(err);
        }
    }
    if (version == NULL) {
        json_object_del(promotions, product);
        return CW_OK;
    }
    return json_object_set_new(promotions, product, version) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_moving_store(const struct cw_moving *moving, const char *channel, struct cw_err *err)
{
    return moving->cli->dry_run ? CW_OK : cw_stage_put_channel(&moving->stage, channel, err);
}

int cw_moving_foresee(const struct cw_moving *moving, struct cw_err *err)
{
    struct cw_draft_input input = cw_moving_input(moving);
    struct cw_err found = {.code = CW_OK};
    CW_AUTO_DRAFT draft = {.roles = NULL};
    int rc = cw_clock_publish_time(&input.now, err);

    if (rc != CW_OK)
        return rc;
    input.composed = input.now;
    if (cw_draft_compose(&draft, &input, &found) != CW_OK)
        cw_cli_warn(moving->cli, "as it is, the next publish would be refused: %s", found.text);
    return CW_OK;
}
