/* SPDX-License-Identifier: ISC */
/*
 * A role with one key and its secret, for tests of files that are signed.
 */
#ifndef TESTS_SIGNER_H
#define TESTS_SIGNER_H

#include <jansson.h>

#include "crypt/sign.h"
#include "tuf/meta.h"

struct signer {
    struct cw_secret *secret;
    json_t *keys, *keyids;
    struct cw_tuf_role role;
};

void signer_new(struct signer *signer, const char *role);
void signer_clear(struct signer *signer);

#endif
