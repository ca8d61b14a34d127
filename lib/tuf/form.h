/* SPDX-License-Identifier: ISC */
/*
 * Inside lib/tuf: checks of form that metadata must pass before anybody looks into it.
 */
#ifndef CW_TUF_FORM_H
#define CW_TUF_FORM_H

#include <jansson.h>

#include "base/err.h"
#include "tuf/meta.h"

/* The fields that belong to one type, of an object that is known to be its "signed" part. */
int cw_tuf_form_check(const json_t *signed_, enum cw_tuf_type type, struct cw_err *err);
/* The "signatures" of any type: keyid and sig as texts, no keyid twice. */
int cw_tuf_form_signatures(const json_t *signatures, struct cw_err *err);

/* An object of keys: keyid → object. What a key must have is known to its kind (verify.c). */
int cw_tuf_form_keys(const json_t *keys, struct cw_err *err);
/* "keyids" and "threshold" of a role, wherever one is stated. */
int cw_tuf_form_role(const json_t *role, struct cw_err *err);
/* The "delegations" of a targets body. */
int cw_tuf_form_delegations(const json_t *delegations, struct cw_err *err);

/* Every array member a string. */
int cw_tuf_form_strings(const json_t *array, const char *key, struct cw_err *err);

#endif
