/* SPDX-License-Identifier: ISC */
/*
 * What a channel manifest says of attestations: for each release that it pins, which were demanded, which were
 * given, and whose keys stand behind them. A part of cw_channel_parse(). That the files hold what is said here
 * is for who reads them (lib/doc).
 */
#ifndef CW_RELEASE_ATTESTED_H
#define CW_RELEASE_ATTESTED_H

#include "release/channel.h"

/* Fills the attestations of each pin. CW_E_VERIFY. */
int cw_attested_parse(struct cw_channel *channel, struct cw_err *err);

#endif
