/* SPDX-License-Identifier: ISC */
/*
 * Help texts made from the command and option tables. Inside lib/cli only.
 */
#ifndef CW_CLI_HELP_H
#define CW_CLI_HELP_H

#include "cli/cli.h"

/* The program's help (command NULL) or one command's, on standard output. */
void cw_help_print(const struct cw_program *program, const struct cw_command *command,
                   const struct cw_option *shared);
void cw_help_version(const struct cw_program *program);

#endif
