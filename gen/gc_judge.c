/* SPDX-License-Identifier: ISC */
/*
 * Which serials stay, and which releases leave; see gen/gc.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gen/gc.h"
#include "gen/past.h"
#include "tree/layout.h"

int cw_gc_init(struct cw_gc *gc, struct cw_err *err)
{
    gc->serials = json_object();
    gc->had = json_object();
    gc->metadata = json_object();
    gc->leaving = json_object();
    gc->deltas = json_object();
    gc->releases = json_array();
    gc->files = json_array();
    if (gc->serials == NULL || gc->had == NULL || gc->metadata == NULL || gc->leaving == NULL ||
        gc->deltas == NULL || gc->releases == NULL || gc->files == NULL)
        return cw_err_nomem(err);
    return CW_OK;
}

void cw_gc_clear(struct cw_gc *gc)
{
    cw_reach_clear(&gc->reach);
    json_decref(gc->serials);
    json_decref(gc->had);
    json_decref(gc->metadata);
    json_decref(gc->leaving);
    json_decref(gc->deltas);
    json_decref(gc->releases);
    json_decref(gc->files);
    *gc = (struct cw_gc){.state = NULL};
}

static int keep_target(struct cw_gc *gc, const char *target, const char *sha256, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_tree_target_path(path, target, sha256, err);

    return rc == CW_OK ? cw_reach_add(&gc->reach, path, err) : rc;
}

/* ---- serials ---- */

static int note_pins(struct cw_gc *gc, const struct cw_channel *channel, bool kept, struct cw_err *err)
{
    char key[2 * CW_PATH_MAX];
    size_t i;

    for (i = 0; i < channel->pin_count; i++) {
        snprintf(key, sizeof key, "%s@%s", channel->pins[i].product, channel->pins[i].version);
        if (!kept && json_object_get(gc->had, key) != NULL)
            continue;
        if (json_object_set_new(gc->had, key, json_boolean(kept)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int keep_serial(struct cw_gc *gc, const struct cw_past *past, struct cw_err *err)
{
    char target[CW_PATH_MAX], path[CW_PATH_MAX];
    size_t i;
    int rc = cw_tree_channel_target(target, past->name, err);

    if (rc == CW_OK)
        rc = cw_tree_target_path(path, target, past->sha256, err);
    if (rc == CW_OK && json_object_set_new(gc->serials, path, json_true()) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_reach_add(&gc->reach, path, err);
    for (i = 0; i < past->channel.attestation_count && rc == CW_OK; i++)
        rc = keep_target(gc, past->channel.attestations[i].path, past->channel.attestations[i].sha256, err);
    return rc;
}

static int judge_channel(struct cw_gc *gc, const char *name, struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    int64_t superseded = gc->retention.now;
    uint64_t rank = 0;
    bool more = true;
    int rc = cw_past_open(&past, gc->state, name, err);

    if (rc == CW_E_NOTFOUND)
        return CW_OK; /* nothing was published there yet */
    for (; rc == CW_OK && more; rank++) {
        bool kept = cw_retention_keeps(&gc->retention, rank, superseded);

        if (kept)
            rc = keep_serial(gc, &past, err);
        if (rc == CW_OK)
            rc = note_pins(gc, &past.channel, kept, err);
        superseded = past.channel.published;
        if (rc == CW_OK)
            rc = cw_past_older(&more, &past, NULL, err);
    }
    return rc;
}

/* ---- releases ---- */

/* What is promoted with the next publish stays. */
static bool is_wanted(const struct cw_gc *gc, const char *product, const char *version)
{
    const char *channel, *wanted;
    json_t *promotions;

    json_object_foreach (gc->stage->promotions, channel, promotions) {
        wanted = json_string_value(json_object_get(promotions, product));
        if (wanted != NULL && strcmp(wanted, version) == 0)
            return true;
    }
    return false;
}

int cw_gc_is_whole(bool *whole, const struct cw_state *state, const struct cw_manifest *manifest,
                   struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(state, manifest->product);
    struct cw_state_target said;
    int rc;

    *whole = role != NULL;
    if (role == NULL || manifest->artifact_count == 0)
        return CW_OK;
    /* They leave together, so one tells of all. */
    rc = cw_state_target(&said, state, role, manifest->artifacts[0].path, err);
    *whole = rc == CW_OK;
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

static int add_leaving(struct cw_gc *gc, const struct cw_manifest *manifest, struct cw_err *err)
{
    json_t *targets = json_object_get(gc->leaving, manifest->product);
    uint64_t bytes = 0;
    size_t i;

    if (targets == NULL) {
        targets = json_object();
        if (json_object_set_new(gc->leaving, manifest->product, targets) != 0)
            return cw_err_nomem(err);
    }
    for (i = 0; i < manifest->artifact_count; i++) {
        bytes += manifest->artifacts[i].length;
        if (json_object_set_new(targets, manifest->artifacts[i].path, json_true()) != 0)
            return cw_err_nomem(err);
    }
    if (manifest->has_sbom && json_object_set_new(targets, manifest->sbom.path, json_true()) != 0)
        return cw_err_nomem(err);
    return json_array_append_new(gc->releases,
                                 json_pack("{s:s, s:s, s:I}", "product", manifest->product, "version",
                                           manifest->version, "bytes", (json_int_t)bytes)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int judge_release(struct cw_gc *gc, const char *key, struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    char product[CW_PATH_MAX];
    const char *version = strchr(key, '@') + 1;
    bool whole = false;
    int rc;

    snprintf(product, sizeof product, "%.*s", (int)(version - 1 - key), key);
    if (is_wanted(gc, product, version))
        return CW_OK;
    rc = cw_state_read_release(&manifest, gc->state, product, version, err);
    if (rc == CW_OK)
        rc = cw_gc_is_whole(&whole, gc->state, &manifest, err);
    if (rc == CW_OK && whole)
        rc = add_leaving(gc, &manifest, err);
    cw_manifest_clear(&manifest);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", key);
}

int cw_gc_judge(struct cw_gc *gc, struct cw_err *err)
{
    const char *key;
    json_t *kept;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < gc->state->role_count && rc == CW_OK; i++) {
        if (gc->state->roles[i].is_channel)
            rc = judge_channel(gc, gc->state->roles[i].name, err);
    }
    json_object_foreach (gc->had, key, kept) {
        if (rc == CW_OK && json_is_false(kept))
            rc = judge_release(gc, key, err);
    }
    return rc;
}
