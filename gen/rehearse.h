/* SPDX-License-Identifier: ISC */
/*
 * init --rehearse: a repository's first ceremony, and the loss of a root key, from end to end with throwaway keys: the same commands
 * that people will type, shown as they are run, on folders that stand for their machines. It ends in a client's check of what was
 * published, after each ceremony.
 */
#ifndef CW_GEN_REHEARSE_H
#define CW_GEN_REHEARSE_H

#include "cli/cli.h"
#include "gen/first.h"

/* path: the folder to do it in, which must be empty and is kept; NULL: a temporary one, which is removed. */
int cw_rehearse(const struct cw_cli *cli, const struct cw_first *first, const char *path, struct cw_err *err);

#endif
