/* SPDX-License-Identifier: ISC */
/*
 * What each key can do alone and with whom, and where one of them, or one stolen machine, could ship software by itself. Read from
 * the signed metadata, which alone decides it. Shipping to a Causeway site takes a product's role and a channel's role together, or
 * targets, which can hand both to other keys, or root, which can replace all; snapshot and timestamp lie on the publishing machine
 * in any case, and are not counted as a hindrance.
 */
#ifndef CW_GEN_WHO_H
#define CW_GEN_WHO_H

#include <jansson.h>

#include "gen/keys.h"
#include "gen/state.h"

/* {"keys": [{"name" (the keyid when no file tells it), "keyid", "here": bool, "encrypted": bool,
 *            "roles": [{"role", "kind": "root|targets|snapshot|timestamp|product|channel", "threshold", "keys": n,
 *                       "with": [name]}],
 *            "ships": why it could ship software alone, or absent}],
 *  "warnings": [text]}
 * in the order of the names. The caller owns *doc. */
int cw_who(json_t **doc, const struct cw_state *state, const struct cw_keys *keys, struct cw_err *err);

#endif
