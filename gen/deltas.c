/* SPDX-License-Identifier: ISC */
/*
 * Planning deltas from the channels' past, and having them made; see gen/deltas.h.
 */
#include "gen/deltas.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/past.h"
#include "tree/layout.h"

int cw_deltas_plan_init(struct cw_deltas_plan *plan, struct cw_err *err)
{
    *plan = (struct cw_deltas_plan){.seen = json_object()};
    return plan->seen != NULL ? CW_OK : cw_err_nomem(err);
}

void cw_deltas_plan_clear(struct cw_deltas_plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        free((char *)plan->pairs[i].from);
        free((char *)plan->pairs[i].to);
    }
    free(plan->pairs);
    json_decref(plan->seen);
    *plan = (struct cw_deltas_plan){.pairs = NULL};
}

/* ---- which files belong together ---- */

static int path_of(char path[CW_PATH_MAX], const struct cw_artifact *artifact, struct cw_err *err)
{
    return cw_tree_target_path(path, artifact->path, artifact->sha256, err);
}

/* from NULL: the empty file. */
static int add(struct cw_deltas_plan *plan, const struct cw_artifact *from, const struct cw_artifact *to,
               struct cw_err *err)
{
    char from_path[CW_PATH_MAX] = "", to_path[CW_PATH_MAX], key[2 * CW_PATH_MAX];
    int rc = path_of(to_path, to, err);

    if (rc == CW_OK && from != NULL)
        rc = path_of(from_path, from, err);
    if (rc != CW_OK)
        return rc;
    snprintf(key, sizeof key, "%s %s", from_path, to_path);
    if (json_object_get(plan->seen, key) != NULL)
        return CW_OK;
    if (plan->count == plan->room) {
        size_t room = plan->room != 0 ? plan->room * 2 : 64;
        struct cw_deltas_pair *pairs = reallocarray(plan->pairs, room, sizeof *pairs);

        if (pairs == NULL)
            return cw_err_nomem(err);
        plan->pairs = pairs;
        plan->room = room;
    }
    plan->pairs[plan->count] =
        (struct cw_deltas_pair){.from = from != NULL ? strdup(from_path) : NULL, .to = strdup(to_path)};
    plan->count++;
    if ((from != NULL && plan->pairs[plan->count - 1].from == NULL) ||
        plan->pairs[plan->count - 1].to == NULL || json_object_set_new(plan->seen, key, json_true()) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* Equal but for their digits: "app-1.2.tar" and "app-1.10.tar". */
static bool is_alike(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    for (;;) {
        size_t in_a = strspn(a, digits), in_b = strspn(b, digits);

        a += in_a;
        b += in_b;
        if ((in_a > 0) != (in_b > 0) || *a != *b)
            return false;
        if (*a == '\0')
            return true;
        a++;
        b++;
    }
}

/* The file of the older release that this one most likely follows; NULL: none. */
static const struct cw_artifact *predecessor(const struct cw_manifest *old, const struct cw_artifact *to)
{
    const struct cw_artifact *alike = NULL, *only = NULL;
    const char *name = cw_str_basename(to->path);
    size_t i, count = 0;

    for (i = 0; i < old->artifact_count; i++) {
        const struct cw_artifact *from = &old->artifacts[i];
        const char *old_name = cw_str_basename(from->path);

        if (strcmp(from->platform, to->platform) != 0 || from->kind != to->kind)
            continue;
        if (strcmp(old_name, name) == 0)
            return from;
        if (alike == NULL && is_alike(old_name, name))
            alike = from;
        only = from;
        count++;
    }
    return alike != NULL || count != 1 ? alike : only;
}

/* old NULL: only the files alone. */
static int add_release(struct cw_deltas_plan *plan, const struct cw_manifest *old,
                       const struct cw_manifest *new, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < new->artifact_count &&rc == CW_OK; i++) {
        const struct cw_artifact *to = &new->artifacts[i], *from = old != NULL ? predecessor(old, to) : NULL;

        if (to->length >= CW_DELTAS_FILE_MIN && (old == NULL || from != NULL))
            rc = add(plan, from, to, err);
    }
    return rc;
}

/* ---- which releases ---- */

/* Published with this draft, or before. */
static int read_release(struct cw_manifest *manifest, const struct cw_draft_input *input, const char *product,
                        const char *version, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    int rc;

    if (!cw_stage_has(input->stage, product, version))
        return cw_state_read_release(manifest, input->state, product, version, err);
    rc = cw_stage_read(&text, input->stage, product, version, err);
    return rc == CW_OK ? cw_manifest_parse(manifest, text.data, text.len, err) : rc;
}

/* An older release whose files left with gc, or cannot be read, is no reason for anything. */
static int add_from(struct cw_deltas_plan *plan, const struct cw_manifest *new,
                    const struct cw_draft_input *input, const char *version, struct cw_err *err)
{
    struct cw_manifest old = {.doc = NULL};
    int rc = cw_state_read_release(&old, input->state, new->product, version, err);

    if (rc == CW_OK)
        rc = add_release(plan, &old, new, err);
    else if (rc != CW_E_NOMEM)
        rc = CW_OK;
    cw_manifest_clear(&old);
    return rc;
}

/* The `back` newest versions that the channel had and that are not `new`, each once. */
static int add_past(struct cw_deltas_plan *plan, const struct cw_manifest *new,
                    const struct cw_draft_input *input, const char *channel, uint64_t back,
                    struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    json_auto_t *had = json_object();
    bool more = true;
    int rc = had != NULL ? cw_past_open(&past, input->state, channel, err) : cw_err_nomem(err);

    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    while (rc == CW_OK && more && json_object_size(had) < back) {
        const struct cw_pin *pin = cw_channel_pin(&past.channel, new->product);

        if (pin != NULL && strcmp(pin->version, new->version) != 0 &&
            json_object_get(had, pin->version) == NULL) {
            rc = add_from(plan, new, input, pin->version, err);
            if (rc == CW_OK && json_object_set_new(had, pin->version, json_true()) != 0)
                rc = cw_err_nomem(err);
        }
        if (rc == CW_OK)
            rc = cw_past_older(&more, &past, NULL, err);
    }
    return rc;
}

static int plan_release(struct cw_deltas_plan *plan, const struct cw_draft_input *input, const char *channel,
                        const char *product, const char *version, uint64_t back, struct cw_err *err)
{
    struct cw_manifest new = {.doc = NULL};
    int rc = read_release(&new, input, product, version, err);

    if (rc == CW_OK)
        rc = add_release(plan, NULL, &new, err);
    if (rc == CW_OK)
        rc = add_past(plan, &new, input, channel, back, err);
    cw_manifest_clear(&new);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s@%s", product, version);
}

static int plan_draft(struct cw_deltas_plan *plan, const struct cw_draft *draft,
                      const struct cw_draft_input *input, uint64_t back, struct cw_err *err)
{
    const json_t *row, *move;
    size_t i, k;
    int rc = CW_OK;

    json_array_foreach (json_object_get(draft->report, "channels"), i, row) {
        const char *channel = json_string_value(json_object_get(row, "channel"));

        json_array_foreach (json_object_get(row, "releases"), k, move) {
            const char *to = json_string_value(json_object_get(move, "to"));

            if (rc == CW_OK && to != NULL)
                rc = plan_release(plan, input, channel, json_string_value(json_object_get(move, "product")),
                                  to, back, err);
        }
    }
    return rc;
}

static int plan_channel(struct cw_deltas_plan *plan, const struct cw_draft_input *input, const char *name,
                        uint64_t back, struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    size_t i;
    int rc = cw_state_read_channel(&channel, NULL, input->state, name, err);

    for (i = 0; i < channel.pin_count && rc == CW_OK; i++)
        rc = plan_release(plan, input, name, channel.pins[i].product, channel.pins[i].version, back, err);
    cw_channel_clear(&channel);
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

int cw_deltas_plan_fill(struct cw_deltas_plan *plan, const struct cw_draft *draft,
                        const struct cw_draft_input *input, uint64_t back, bool all, struct cw_err *err)
{
    const struct cw_state *state = input->state;
    size_t i;
    int rc = back > 0 ? plan_draft(plan, draft, input, back, err) : CW_OK;

    for (i = 0; rc == CW_OK && all && back > 0 && i < state->role_count; i++) {
        if (state->roles[i].is_channel)
            rc = plan_channel(plan, input, state->roles[i].name, back, err);
    }
    return rc;
}
