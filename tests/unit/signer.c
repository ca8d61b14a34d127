/* SPDX-License-Identifier: ISC */
/*
 * A role with one key; see signer.h.
 */
#include "signer.h"

#include "tuf/write.h"
#include "unit.h"

static struct cw_err err;

void signer_new(struct signer *signer, const char *role)
{
    char id[CW_SHA256_TEXT];
    json_t *key;

    assert_cw_ok(cw_crypt_init(&err), err);
    assert_cw_ok(cw_secret_new(&signer->secret, &err), err);
    assert_cw_ok(cw_tuf_key_new(&key, cw_secret_public(signer->secret), &err), err);
    assert_cw_ok(cw_tuf_key_id(id, key, &err), err);
    signer->keys = json_pack("{s:o}", id, key);
    signer->keyids = json_pack("[s]", id);
    signer->role = (struct cw_tuf_role){.keys = signer->keys, .keyids = signer->keyids, .threshold = 1};
    snprintf(signer->role.name, sizeof signer->role.name, "%s", role);
}

void signer_clear(struct signer *signer)
{
    cw_secret_free(signer->secret);
    json_decref(signer->keys);
    json_decref(signer->keyids);
}
