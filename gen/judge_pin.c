/* SPDX-License-Identifier: ISC */
/*
 * What a channel manifest and its role say of attestations; see gen/judge.h.
 */
#include <stdio.h>
#include <string.h>

#include "fs/root.h"
#include "gen/attest.h"
#include "gen/judge.h"
#include "release/channel.h"
#include "release/name.h"
#include "tree/layout.h"
#include "tuf/write.h"

/* "channels/<channel>/<product>_<version>.<predicate>.<part of its hash>.json"; '_' is in no version. */
static int compose_target(char target[CW_PATH_MAX], const char *channel, const char *product,
                          const char *version, const json_t *given, struct cw_err *err)
{
    const char *sha256 = json_string_value(json_object_get(given, "sha256"));
    const char *type = json_string_value(json_object_get(given, "predicate"));
    char name[2 * CW_NAME_MAX + 64];
    int len, room = snprintf(name, sizeof name, "%s_%s.%s.%.12s.json", product, version,
                             cw_predicate_short(type), sha256);

    if (room > CW_NAME_MAX)
        snprintf(name, sizeof name, "%s.%s.json", cw_predicate_short(type), sha256);
    len = snprintf(target, CW_PATH_MAX, "channels/%s/%s", channel, name);
    if (len < 0 || len >= CW_PATH_MAX)
        return cw_err_set(err, CW_E_VERIFY, "channel '%s': the path of an attestation is too long", channel);
    return CW_OK;
}

static int add_file(struct cw_draft *draft, const struct cw_draft_input *input, const char *target,
                    const char *kept, const char *sha256, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_ENVELOPE_MAX);
    char path[CW_PATH_MAX], got[CW_SHA256_TEXT];
    int rc = cw_at_read_file(&bytes, input->stage->home, kept, err);

    if (rc == CW_OK)
        rc = cw_sha256(got, bytes.data, bytes.len, err);
    if (rc == CW_OK && strcmp(got, sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' was changed since it was judged", kept);
    if (rc == CW_OK)
        rc = cw_tree_target_path(path, target, sha256, err);
    return rc == CW_OK ? cw_draft_add_file(draft, CW_STEP_MANIFESTS, path, &bytes, err) : rc;
}

int cw_judge_pin(json_t *pin, json_t *attestors, struct cw_draft *draft, const struct cw_draft_input *input,
                 const char *channel, const char *product, struct cw_err *err)
{
    const char *version = json_string_value(json_object_get(pin, "version"));
    CW_AUTO_VERDICT verdict = {.missing = NULL};
    json_t *given;
    size_t i;
    int rc = cw_judge(&verdict, input, channel, product, version, err);

    if (rc == CW_OK)
        rc = cw_verdict_check(&verdict, product, version, err);
    if (rc != CW_OK || json_array_size(verdict.demanded) == 0)
        return rc;
    json_array_foreach (verdict.given, i, given) {
        const char *sha256 = json_string_value(json_object_get(given, "sha256"));
        char target[CW_PATH_MAX], kept[CW_PATH_MAX];

        rc = compose_target(target, channel, product, version, given, err);
        if (rc == CW_OK && json_object_set_new(given, "path", json_string(target)) != 0)
            rc = cw_err_nomem(err);
        if (rc == CW_OK)
            rc = cw_attest_path(kept, product, version, sha256, err);
        if (rc == CW_OK)
            rc = add_file(draft, input, target, kept, sha256, err);
        if (rc != CW_OK)
            return rc;
    }
    if (json_object_set(pin, "demanded", verdict.demanded) != 0 ||
        json_object_set(pin, "attestations", verdict.given) != 0 ||
        json_object_update(attestors, verdict.attestors) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int keep_keys(json_t *kept, const json_t *attestors, const json_t *ids, struct cw_err *err)
{
    json_t *id;
    size_t i;

    json_array_foreach (ids, i, id) {
        json_t *object = json_object_get(attestors, json_string_value(id));

        if (object != NULL && json_object_set(kept, json_string_value(id), object) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

int cw_judge_keep_attestors(json_t **kept, const json_t *attestors, const json_t *releases,
                            struct cw_err *err)
{
    const char *product;
    json_t *pin, *row;
    size_t i;
    int rc = CW_OK;

    *kept = json_object();
    if (*kept == NULL)
        return cw_err_nomem(err);
    json_object_foreach ((json_t *)releases, product, pin) {
        json_array_foreach (json_object_get(pin, "demanded"), i, row) {
            if (rc == CW_OK)
                rc = keep_keys(*kept, attestors, json_object_get(row, "keys"), err);
        }
        json_array_foreach (json_object_get(pin, "attestations"), i, row) {
            if (rc == CW_OK)
                rc = keep_keys(*kept, attestors, json_object_get(row, "signers"), err);
        }
    }
    return rc;
}

int cw_judge_set_targets(json_t *body, const json_t *releases, struct cw_err *err)
{
    const char *product;
    json_t *pin, *row;
    size_t i;
    int rc = CW_OK;

    json_object_clear(json_object_get(body, "targets"));
    json_object_foreach ((json_t *)releases, product, pin) {
        json_array_foreach (json_object_get(pin, "attestations"), i, row) {
            if (rc == CW_OK)
                rc = cw_tuf_targets_add(body, json_string_value(json_object_get(row, "path")),
                                        json_integer_value(json_object_get(row, "length")),
                                        json_string_value(json_object_get(row, "sha256")), NULL, err);
        }
    }
    return rc;
}
