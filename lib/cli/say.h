/* SPDX-License-Identifier: ISC */
/*
 * How a command's failure is told. Inside lib/cli only.
 */
#ifndef CW_CLI_SAY_H
#define CW_CLI_SAY_H

#include "cli/cli.h"

/* The error on standard error, and with --json as the one document on standard output if the command printed
 * none. */
void cw_say_error(const struct cw_cli *cli, const struct cw_err *err);

#endif
