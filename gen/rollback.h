/* SPDX-License-Identifier: ISC */
/*
 * promote --rollback: a channel, or one product in it, goes back to what it had, under a new serial. Only sets and versions that the
 * channel's own record has are gone back to, and nothing that was withdrawn.
 */
#ifndef CW_GEN_ROLLBACK_H
#define CW_GEN_ROLLBACK_H

#include "gen/moving.h"

/* The command: argv is "promote", CHANNEL, and maybe PRODUCT and VERSION. serial 0: not given. */
int cw_rollback_run(struct cw_cli *cli, bool asked, uint64_t serial, int argc, char **argv,
                    struct cw_err *err);

/* The newest version before its present one that the channel had of the product and that nobody withdrew. CW_E_NOTFOUND says what
 * else can be done. */
int cw_rollback_find(char version[CW_NAME_MAX + 1], const struct cw_moving *moving, const char *channel,
                     const char *product, struct cw_err *err);

#endif
