/* SPDX-License-Identifier: ISC */
/*
 * Composing staged promotions into channel manifests: the next serial of each channel, its set checked whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "crypt/hash.h"
#include "gen/draft.h"
#include "gen/judge.h"
#include "gen/withdrawn.h"
#include "release/name.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* A channel on its way from one serial to the next. */
struct channel {
    const char *name;
    struct cw_channel before; /* doc NULL: nothing was ever promoted to it */
    char sha256[CW_SHA256_TEXT];
    json_t *releases;  /* the set as it will be */
    json_t *attestors; /* keys behind the attestations of the set; before format() also of what left it */
    json_t *withdrawn; /* as it will be: {product: {version: reason}} */
    json_t *moves;     /* for the report: [{"product", "from"?, "to"?}] */
    json_t *marked;    /* for the report: what is withdrawn now, [{"product", "version", "reason"}] */
};

static void clear(struct channel *channel)
{
    cw_channel_clear(&channel->before);
    json_decref(channel->releases);
    json_decref(channel->attestors);
    json_decref(channel->withdrawn);
    json_decref(channel->moves);
    json_decref(channel->marked);
}

static int load(struct channel *channel, const struct cw_draft_input *input, struct cw_err *err)
{
    int rc = cw_state_read_channel(&channel->before, channel->sha256, input->state, channel->name, err);

    if (rc == CW_E_NOTFOUND && cw_state_channel(input->state, channel->name) != NULL)
        rc = CW_OK;
    if (rc != CW_OK)
        return rc;
    channel->moves = json_array();
    channel->marked = json_array();
    channel->withdrawn = json_object();
    channel->releases = channel->before.doc != NULL
                            ? cw_json_deep_copy(json_object_get(channel->before.doc, "releases"))
                            : json_object();
    channel->attestors = json_object();
    if (channel->moves == NULL || channel->marked == NULL || channel->withdrawn == NULL ||
        channel->releases == NULL || channel->attestors == NULL ||
        (json_object_get(channel->before.doc, "attestors") != NULL &&
         json_object_update(channel->attestors, json_object_get(channel->before.doc, "attestors")) != 0))
        return cw_err_nomem(err);
    return cw_withdrawn_merge(channel->withdrawn, channel->before.withdrawn, err);
}

/* The same for a release that is published with this draft. */
static int find_staged(json_t **pin, const struct cw_draft_input *input, const char *product,
                       const char *version, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    char sha256[CW_SHA256_TEXT];
    int rc = cw_stage_read(&text, input->stage, product, version, err);

    if (rc == CW_OK)
        rc = cw_sha256(sha256, text.data, text.len, err);
    if (rc != CW_OK)
        return rc;
    *pin = json_pack("{s:s, s:I}", "sha256", sha256, "length", (json_int_t)text.len);
    return *pin != NULL ? CW_OK : cw_err_nomem(err);
}

/* Hash and length of a release manifest: published with this draft, or before. */
static int find_release(json_t **pin, const struct cw_draft_input *input, const char *product,
                        const char *version, struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(input->state, product);
    char target[CW_PATH_MAX];
    struct cw_state_target said;
    int rc = CW_E_NOTFOUND;

    if (cw_stage_has(input->stage, product, version))
        return find_staged(pin, input, product, version, err);
    if (role != NULL)
        rc = cw_tree_release_target(target, product, version, err);
    if (role != NULL && rc == CW_OK)
        rc = cw_state_target(&said, input->state, role, target, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_VERIFY, "there is no %s %s, neither published nor staged; add it first",
                          product, version);
    if (rc != CW_OK)
        return rc;
    *pin = json_pack("{s:s, s:I}", "sha256", said.sha256, "length", (json_int_t)said.length);
    return *pin != NULL ? CW_OK : cw_err_nomem(err);
}

/* A product leaves the set. */
static int drop(struct channel *channel, const char *product, struct cw_err *err)
{
    const json_t *pin = json_object_get(channel->releases, product);
    json_t *row = NULL;

    if (pin == NULL)
        return CW_OK;
    row = json_pack("{s:s, s:O}", "product", product, "from", json_object_get(pin, "version"));
    if (row == NULL || json_array_append_new(channel->moves, row) != 0)
        return cw_err_nomem(err);
    json_object_del(channel->releases, product);
    return CW_OK;
}

static int move(struct channel *channel, struct cw_draft *draft, const struct cw_draft_input *input,
                const char *product, const char *version, struct cw_err *err)
{
    const char *from =
        json_string_value(json_object_get(json_object_get(channel->releases, product), "version"));
    char now[CW_TIME_TEXT];
    json_auto_t *pin = NULL;
    json_t *row;
    int rc;

    if (from != NULL && strcmp(from, version) == 0)
        return CW_OK;
    rc = find_release(&pin, input, product, version, err);
    if (rc != CW_OK)
        return rc;
    row = cw_json_pack("{s:s, s:s*, s:s}", "product", product, "from", from, "to", version);
    if (row == NULL || json_array_append_new(channel->moves, row) != 0)
        return cw_err_nomem(err);
    cw_time_format(input->composed, now);
    if (json_object_set_new(pin, "version", json_string(version)) != 0 ||
        json_object_set_new(pin, "promoted", json_string(now)) != 0)
        return cw_err_nomem(err);
    rc = cw_judge_pin(pin, channel->attestors, draft, input, channel->name, product, err);
    if (rc == CW_OK && json_object_set(channel->releases, product, pin) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

/* The manifest's text, its serial one higher. */
static int format(struct cw_buf *bytes, const struct channel *channel, const struct cw_draft_input *input,
                  struct cw_err *err)
{
    bool first = channel->before.doc == NULL;
    json_auto_t *doc = NULL;
    json_auto_t *attestors = NULL;
    char now[CW_TIME_TEXT];
    int rc = cw_judge_keep_attestors(&attestors, channel->attestors, channel->releases, err);

    if (rc != CW_OK)
        return rc;
    cw_time_format(input->composed, now);
    doc = cw_json_pack("{s:s, s:s, s:s, s:I, s:s, s:s*, s:O, s:O*, s:O*}", "_type", CW_CHANNEL_TYPE, "format",
                       "1.0", "channel", channel->name, "serial",
                       (json_int_t)(first ? 1 : channel->before.serial + 1), "published", now, "previous",
                       first ? NULL : channel->sha256, "releases", channel->releases, "withdrawn",
                       json_object_size(channel->withdrawn) > 0 ? channel->withdrawn : NULL, "attestors",
                       json_object_size(attestors) > 0 ? attestors : NULL);
    return doc != NULL ? cw_json_format(bytes, doc, err) : cw_err_nomem(err);
}

/* What the release of `pin` requires, as a new reference; NULL: nothing. */
static int requires_of(json_t **requires, const struct cw_draft_input *input, const struct cw_pin *pin,
                       struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    json_auto_t *staged = NULL;
    int rc = cw_stage_release(&staged, input->stage, pin->product, pin->version, err);

    *requires = NULL;
    if (rc != CW_E_NOTFOUND) {
        *requires = json_incref(json_object_get(staged, "requires"));
        return rc;
    }
    rc = cw_state_read_release(&manifest, input->state, pin->product, pin->version, err);
    if (rc == CW_OK)
    *requires = json_incref((json_t *)manifest.requires);
    cw_manifest_clear(&manifest);
    return rc;
}

static int check_set(const struct cw_channel *channel, const struct cw_draft_input *input, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < channel->pin_count && rc == CW_OK; i++) {
        json_auto_t *requires = NULL;

        rc = requires_of(&requires, input, &channel->pins[i], err);
        if (rc == CW_OK && requires != NULL)
            rc = cw_channel_check_requires(channel, channel->pins[i].product, requires, err);
        if (rc == CW_E_VERIFY)
            cw_err_prefix(err, "this set would not hold together");
    }
    return rc;
}

/* Reads it back as a site would. */
static int check(int64_t *serial, const struct cw_buf *bytes, const struct cw_draft_input *input,
                 struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    int rc = cw_channel_parse(&channel, bytes->data, bytes->len, err);

    if (rc == CW_OK) {
        *serial = channel.serial;
        rc = check_set(&channel, input, err);
    }
    cw_channel_clear(&channel);
    return rc;
}

static int add(struct cw_draft *draft, const struct cw_draft_input *input, const struct channel *channel,
               struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_CHANNEL_MAX);
    char sha256[CW_SHA256_TEXT], target[CW_PATH_MAX], path[CW_PATH_MAX];
    int64_t serial = 0;
    json_t *body;
    int rc = format(&bytes, channel, input, err);

    if (rc == CW_OK)
        rc = check(&serial, &bytes, input, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes.data, bytes.len, err);
    if (rc == CW_OK)
        rc = cw_tree_channel_target(target, channel->name, err);
    if (rc == CW_OK)
        rc = cw_tree_target_path(path, target, sha256, err);
    if (rc == CW_OK)
        rc = cw_draft_touch(&body, draft, input, channel->name, err);
    if (rc == CW_OK)
        rc = cw_judge_set_targets(body, channel->releases, err);
    if (rc == CW_OK)
        rc = cw_tuf_targets_add(body, target, (int64_t)bytes.len, sha256, NULL, err);
    if (rc == CW_OK)
        rc = cw_draft_report(draft, "channels",
                             json_pack("{s:s, s:I, s:O, s:O}", "channel", channel->name, "serial",
                                       (json_int_t)serial, "releases", channel->moves, "withdrawn",
                                       channel->marked),
                             err);
    return rc == CW_OK ? cw_draft_add_file(draft, CW_STEP_MANIFESTS, path, &bytes, err) : rc;
}

/* What was withdrawn in whichever channel enters none. */
static int compose_moves(struct channel *channel, struct cw_draft *draft, const struct cw_draft_input *input,
                         const json_t *withdrawn, struct cw_err *err)
{
    const char *product, *reason;
    json_t *wanted;

    json_object_foreach (json_object_get(input->stage->promotions, channel->name), product, wanted) {
        const char *version = json_string_value(wanted);
        int rc;

        reason = version != NULL ? cw_withdrawn_reason(withdrawn, product, version) : NULL;
        if (reason != NULL)
            return cw_err_set(err, CW_E_VERIFY, "%s %s was withdrawn (%s); promote another version", product,
                              version, reason);
        rc = version != NULL ? move(channel, draft, input, product, version, err)
                             : drop(channel, product, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int compose_withdrawals(struct channel *channel, const struct cw_draft_input *input,
                               struct cw_err *err)
{
    const json_t *staged = json_object_get(input->stage->withdrawals, channel->name);
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach ((json_t *)staged, product, versions) {
        json_object_foreach (versions, version, reason) {
            if (cw_withdrawn_reason(channel->withdrawn, product, version) != NULL)
                continue; /* published already */
            if (json_array_append_new(channel->marked, json_pack("{s:s, s:s, s:O}", "product", product,
                                                                 "version", version, "reason", reason)) != 0)
                return cw_err_nomem(err);
        }
    }
    return cw_withdrawn_merge(channel->withdrawn, staged, err);
}

/* Said here with what to do; whoever reads the manifest would refuse it too. */
static int check_withdrawn(const struct channel *channel, struct cw_err *err)
{
    const char *product, *version;
    json_t *pin;

    json_object_foreach (channel->releases, product, pin) {
        version = json_string_value(json_object_get(pin, "version"));
        if (cw_withdrawn_reason(channel->withdrawn, product, version) != NULL)
            return cw_err_set(
                err, CW_E_VERIFY,
                "its set has %s %s, which is withdrawn: 'promote --rollback %s %s' takes the one "
                "before, 'withdraw --drop' none, or promote a newer one",
                product, version, channel->name, product);
    }
    return CW_OK;
}

static int compose_channel(struct cw_draft *draft, const struct cw_draft_input *input, const char *name,
                           const json_t *withdrawn, struct cw_err *err)
{
    struct channel channel = {.name = name};
    int rc = load(&channel, input, err);

    if (rc == CW_OK)
        rc = compose_moves(&channel, draft, input, withdrawn, err);
    if (rc == CW_OK && channel.before.doc != NULL)
        rc = compose_withdrawals(&channel, input, err);
    if (rc == CW_OK)
        rc = check_withdrawn(&channel, err);
    if (rc == CW_OK &&
        json_array_append_new(draft->staged, json_sprintf("%s/%s.json", CW_STAGE_CHANNELS, name)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK && json_array_size(channel.moves) + json_array_size(channel.marked) > 0)
        rc = add(draft, input, &channel, err);
    if (rc != CW_OK)
        cw_err_prefix(err, "channel '%s'", name);
    clear(&channel);
    return rc;
}

int cw_draft_compose_channels(struct cw_draft *draft, const struct cw_draft_input *input, struct cw_err *err)
{
    json_auto_t *withdrawn = NULL;
    const char *name;
    json_t *wanted;
    int rc = CW_OK;

    if (json_object_size(input->stage->promotions) > 0)
        rc = cw_withdrawn_load(&withdrawn, input->state, input->stage, err);
    json_object_foreach (input->stage->promotions, name, wanted) {
        if (rc == CW_OK)
            rc = compose_channel(draft, input, name, withdrawn, err);
    }
    return rc;
}
