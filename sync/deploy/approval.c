/* SPDX-License-Identifier: ISC */
/*
 * Writing and reading approvals: see sync/deploy/approval.h.
 */
#include "sync/deploy/approval.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "doc/envelope.h"
#include "release/name.h"
#include "tuf/write.h"

#define APPROVAL_TYPE "causeway-approval"

static const char *const actions[] = {
    [CW_APPROVE] = "approve", [CW_BREAK_GLASS] = "break-glass", [CW_REVOKE] = "revoke"};

const char *cw_approval_action_name(enum cw_approval_action action)
{
    return actions[action];
}

static int check_life(const struct cw_approval *approval, struct cw_err *err)
{
    bool glass = approval->action == CW_BREAK_GLASS;
    int64_t life = approval->expires - approval->time,
            most = glass ? CW_GLASS_LIFE_MAX : CW_APPROVAL_LIFE_MAX;

    if (approval->action == CW_REVOKE || (life > 0 && life <= most))
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "%s lasts at most %s, and longer than nothing",
                      glass ? "break-glass" : "an approval", glass ? "24h" : "90d");
}

static int check_reason(const struct cw_approval *approval, struct cw_err *err)
{
    const char *reason = approval->reason;

    if (reason == NULL && approval->action != CW_BREAK_GLASS)
        return CW_OK;
    if (reason == NULL || reason[0] == '\0')
        return cw_err_set(err, CW_E_VERIFY, "break-glass needs a reason");
    if (strlen(reason) > CW_APPROVAL_REASON_MAX)
        return cw_err_set(err, CW_E_VERIFY, "the reason is longer than %d bytes", CW_APPROVAL_REASON_MAX);
    return cw_text_check(reason, "reason", err);
}

static bool is_id(const char *text)
{
    return text != NULL && strlen(text) == CW_SHA256_TEXT - 1 &&
           strspn(text, "0123456789abcdef") == CW_SHA256_TEXT - 1;
}

static int check_follows(const struct cw_approval *approval, struct cw_err *err)
{
    json_t *id;
    size_t i;

    if (approval->follows == NULL)
        return CW_OK;
    if (approval->action == CW_REVOKE || !json_is_array(approval->follows))
        return cw_err_set(err, CW_E_VERIFY, "'follows' is not a list of an approval's revocations");
    if (json_array_size(approval->follows) > CW_APPROVAL_FOLLOWS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "follows more than %d revocations of one plan: make another plan",
                          CW_APPROVAL_FOLLOWS_MAX);
    json_array_foreach (approval->follows, i, id) {
        if (!is_id(json_string_value(id)))
            return cw_err_set(err, CW_E_VERIFY, "'follows' has something that is not a revocation's sha256");
    }
    return CW_OK;
}

static int compose(json_t **payload, const struct cw_approval *approval, struct cw_err *err)
{
    char time[CW_TIME_TEXT], expires[CW_TIME_TEXT];

    cw_time_format(approval->time, time);
    cw_time_format(approval->expires, expires);
    *payload = cw_json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:O*}", "_type", APPROVAL_TYPE,
                            "format", "1.0", "action", actions[approval->action], "plan", approval->plan,
                            "site", approval->site, "approver", approval->approver, "time", time, "expires",
                            approval->action != CW_REVOKE ? expires : NULL, "reason", approval->reason,
                            "follows", approval->follows);
    return *payload != NULL ? CW_OK : cw_err_nomem(err);
}

static int own_key_id(char id[CW_SHA256_TEXT], const struct cw_secret *secret, struct cw_err *err)
{
    json_auto_t *key = NULL;
    int rc = cw_tuf_key_new(&key, cw_secret_public(secret), err);

    return rc == CW_OK ? cw_tuf_key_id(id, key, err) : rc;
}

int cw_approval_sign(struct cw_buf *text, const struct cw_approval *approval, const struct cw_secret *secret,
                     struct cw_err *err)
{
    json_auto_t *payload = NULL, *envelope = NULL;
    char id[CW_SHA256_TEXT];
    int rc = check_life(approval, err);

    if (rc == CW_OK)
        rc = check_reason(approval, err);
    if (rc == CW_OK)
        rc = check_follows(approval, err);
    if (rc != CW_OK)
        return err->code = CW_E_USAGE;
    rc = own_key_id(id, secret, err);
    if (rc == CW_OK)
        rc = compose(&payload, approval, err);
    if (rc == CW_OK)
        rc = cw_envelope_new(&envelope, CW_APPROVAL_PAYLOAD, payload, err);
    if (rc == CW_OK)
        rc = cw_envelope_sign(envelope, secret, id, err);
    return rc == CW_OK ? cw_envelope_format(text, envelope, err) : rc;
}

static int read_time(int64_t *when, const json_t *doc, const char *key, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, doc, key, err);

    if (rc == CW_OK && cw_time_parse(when, text, err) != CW_OK)
        return err->code = CW_E_VERIFY;
    return rc;
}

static int read_action(struct cw_approval *approval, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, approval->doc, "action", err);

    for (size_t i = 0; rc == CW_OK && i < CW_COUNT(actions); i++) {
        if (strcmp(text, actions[i]) == 0) {
            approval->action = (enum cw_approval_action)i;
            return CW_OK;
        }
    }
    return rc == CW_OK ? cw_err_set(err, CW_E_VERIFY, "its action is none that is known") : rc;
}

static int read_payload(struct cw_approval *approval, struct cw_err *err)
{
    static const char *const fields[] = {"_type", "format",  "action", "plan",    "site", "approver",
                                         "time",  "expires", "reason", "follows", NULL};
    const json_t *doc = approval->doc;
    int rc = cw_json_check_format(doc, APPROVAL_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_only(doc, fields, err);
    if (rc == CW_OK)
        rc = read_action(approval, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&approval->plan, doc, "plan", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&approval->site, doc, "site", err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&approval->approver, doc, "approver", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&approval->reason, doc, "reason", err);
    if (rc == CW_OK)
        rc = read_time(&approval->time, doc, "time", err);
    if (rc == CW_OK && approval->action != CW_REVOKE)
        rc = read_time(&approval->expires, doc, "expires", err);
    approval->follows = json_object_get(doc, "follows");
    if (rc == CW_OK && !is_id(approval->plan))
        rc = cw_err_set(err, CW_E_VERIFY, "'plan' is not a plan's id");
    if (rc == CW_OK)
        rc = check_life(approval, err);
    if (rc == CW_OK)
        rc = check_follows(approval, err);
    return rc == CW_OK ? check_reason(approval, err) : rc;
}

static size_t find_signer(const bool *signed_by, const struct cw_people *people, const char *person)
{
    size_t i;

    for (i = 0; i < people->count; i++) {
        if (signed_by[i] && (person == NULL || strcmp(people->keys[i].person, person) == 0))
            break;
    }
    return i;
}

int cw_approval_read(struct cw_approval *approval, const struct cw_people *people, const void *bytes,
                     size_t len, struct cw_err *err)
{
    CW_AUTO_ENVELOPE envelope = {.doc = NULL};
    struct cw_public *keys[CW_APPROVER_KEYS_MAX];
    bool signed_by[CW_APPROVER_KEYS_MAX] = {false};
    size_t i, signer;
    int rc = cw_envelope_parse(&envelope, bytes, len, err);

    *approval = (struct cw_approval){.action = CW_APPROVE};
    if (rc != CW_OK)
        return rc;
    if (strcmp(envelope.payload_type, CW_APPROVAL_PAYLOAD) != 0)
        return cw_err_set(err, CW_E_VERIFY, "is no approval, but says to be '%.64s'", envelope.payload_type);
    for (i = 0; i < people->count; i++)
        keys[i] = people->keys[i].key;
    rc = cw_envelope_signers(signed_by, &envelope, keys, people->count, err);
    if (rc == CW_OK && find_signer(signed_by, people, NULL) == people->count)
        rc = cw_err_set(err, CW_E_VERIFY, "is signed by none of the approvers in site.lua");
    if (rc == CW_OK)
        rc = cw_json_parse(&approval->doc, envelope.payload.data, envelope.payload.len, err);
    if (rc == CW_OK)
        rc = read_payload(approval, err);
    if (rc == CW_OK)
        rc = cw_sha256(approval->id, envelope.payload.data, envelope.payload.len, err);
    if (rc != CW_OK)
        return rc;
    signer = find_signer(signed_by, people, approval->approver);
    if (signer == people->count)
        return cw_err_set(err, CW_E_VERIFY, "speaks for another person than '%s', who signed it",
                          people->keys[find_signer(signed_by, people, NULL)].person);
    approval->keyid = people->keys[signer].id;
    return CW_OK;
}

void cw_approval_clear(struct cw_approval *approval)
{
    json_decref(approval->doc);
    *approval = (struct cw_approval){.action = CW_APPROVE};
}

bool cw_approval_follows(const json_t *follows, const char *id)
{
    json_t *other;
    size_t i;

    json_array_foreach (follows, i, other) {
        if (strcmp(json_string_value(other), id) == 0)
            return true;
    }
    return false;
}

int cw_approval_check(const struct cw_approval *approval, const char *site, int64_t now, struct cw_err *err)
{
    char when[CW_TIME_TEXT];

    if (strcmp(approval->site, site) != 0)
        return cw_err_set(err, CW_E_VERIFY, "is for another site than '%s'", site);
    cw_time_format(approval->time, when);
    if (approval->time > now + CW_APPROVAL_SKEW_MAX)
        return cw_err_set(err, CW_E_VERIFY,
                          "was signed at %s, which is still to come: one of the clocks is wrong", when);
    if (approval->action == CW_REVOKE && approval->time + CW_APPROVAL_LIFE_MAX <= now)
        return cw_err_set(err, CW_E_EXPIRED,
                          "was signed at %s, and nothing from then still counts: if it is newer, the clock "
                          "of the machine that signed it is wrong",
                          when);
    cw_time_format(approval->expires, when);
    if (approval->action != CW_REVOKE && approval->expires <= now)
        return cw_err_set(err, CW_E_EXPIRED, "expired at %s", when);
    return CW_OK;
}
