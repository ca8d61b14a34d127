/* SPDX-License-Identifier: ISC */
/*
 * Proving a metadata file by its signatures alone. Bytes outside of what is signed (white space, the
 * signatures themselves) are what makes this more than TUF's own check.
 */
#include "tree/signers.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"

/* Is this one signature by a key of the role, and good? */
static bool signature_holds(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role,
                            const json_t *keyid)
{
    struct cw_tuf_role alone = *role;
    json_auto_t *keyids = json_pack("[O]", keyid);

    if (!cw_tuf_role_names(role, json_string_value(keyid)) || keyids == NULL)
        return false;
    alone.keyids = keyids;
    alone.threshold = 1;
    return cw_tuf_verify(meta, &alone, NULL) == CW_OK;
}

static bool is_lower(const char *text)
{
    return text != NULL && strspn(text, "0123456789abcdef") == strlen(text);
}

int cw_signers_check_every_byte(const struct cw_tuf_meta *meta, const struct cw_buf *buf,
                                const struct cw_signers *signers, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(buf->len + 1);
    json_t *item;
    size_t i, k;

    if (cw_json_format(&text, meta->doc, err) == CW_E_NOMEM)
        return CW_E_NOMEM;
    if (text.failed != 0 || text.len != buf->len || memcmp(text.data, buf->data, buf->len) != 0)
        return cw_err_set(err, CW_E_VERIFY, "is not written as Causeway writes it");
    json_array_foreach (json_object_get(meta->doc, "signatures"), i, item) {
        const json_t *keyid = json_object_get(item, "keyid");
        bool known = false, holds = false;

        for (k = 0; k < signers->count && !holds; k++) {
            known = known || cw_tuf_role_names(&signers->roles[k], json_string_value(keyid));
            holds = signature_holds(meta, &signers->roles[k], keyid);
        }
        if ((known && !holds) || !is_lower(json_string_value(json_object_get(item, "sig"))))
            return cw_err_set(err, CW_E_VERIFY, "the signature by key %.16s… does not hold",
                              json_string_value(keyid));
    }
    return CW_OK;
}

int cw_signers_check_threshold(const struct cw_tuf_meta *meta, const struct cw_signers *signers,
                               struct cw_err *err)
{
    size_t i;
    int rc = cw_err_set(err, CW_E_VERIFY, "no role in the tree says who may sign it");

    for (i = 0; i < signers->count; i++) {
        rc = cw_tuf_verify(meta, &signers->roles[i], err);
        if (rc == CW_OK || rc == CW_E_NOMEM)
            return rc;
    }
    return rc;
}

int cw_signers_met(const struct cw_tuf_role **role, json_t **signed_by, const struct cw_tuf_meta *meta,
                   const struct cw_signers *signers, struct cw_err *err)
{
    json_auto_t *list = json_array();
    json_t *item;
    size_t i;

    *role = NULL;
    *signed_by = NULL;
    if (list == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < signers->count && *role == NULL; i++) {
        if (cw_tuf_verify(meta, &signers->roles[i], NULL) == CW_OK)
            *role = &signers->roles[i];
    }
    if (*role == NULL)
        return cw_err_set(err, CW_E_VERIFY, "no role's threshold is met");
    json_array_foreach (json_object_get(meta->doc, "signatures"), i, item) {
        json_t *keyid = json_object_get(item, "keyid");

        if (signature_holds(meta, *role, keyid) && json_array_append(list, keyid) != 0)
            return cw_err_nomem(err);
    }
    *signed_by = json_incref(list);
    return CW_OK;
}
