/* SPDX-License-Identifier: ISC */
/*
 * Lending signers to keys; see gen/lend.h.
 */
#include "gen/lend.h"

#include <stdio.h>
#include <string.h>

static int lend_one(const char *option, int64_t timeout, struct cw_keys *keys, struct cw_err *err)
{
    CW_AUTO_SIGNER *signer = NULL;
    char name[CW_KEYS_NAME_MAX];
    const char *sign = strchr(option, '=');
    struct cw_key *key;
    int rc;

    if (sign == NULL)
        return cw_err_set(err, CW_E_USAGE, "'--signer' takes KEY=CMD, not '%s'", option);
    snprintf(name, sizeof name, "%.*s", (int)(sign - option), option);
    key = cw_keys_named(keys, name);
    if (key == NULL)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "'--signer': there is no key '%s'; 'causeway-gen key list' shows them", name);
    rc = cw_signer_new(&signer, sign + 1, timeout, err);
    if (rc == CW_OK)
        cw_keys_lend(key, &signer);
    return rc;
}

int cw_lend(const struct cw_lend *lend, struct cw_keys *keys, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < lend->signers.count && rc == CW_OK; i++)
        rc = lend_one(lend->signers.items[i], lend->timeout, keys, err);
    return rc;
}
