/* SPDX-License-Identifier: ISC */
/*
 * The commands of causeway-gen, one in each cmd_<verb>.c: its function and its option table, which ends with
 * CW_OPTION_END. main.c has the row that joins them.
 */
#ifndef CW_GEN_COMMANDS_H
#define CW_GEN_COMMANDS_H

#include "cli/cli.h"

int cmd_add(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_attest(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_gate(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_gc(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_init(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_key(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_log(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_promote(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_publish(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_sign(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_status(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_withdraw(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);

extern const struct cw_option cmd_add_options[];
extern const struct cw_option cmd_gate_options[];
extern const struct cw_option cmd_gc_options[];
extern const struct cw_option cmd_init_options[];
extern const struct cw_option cmd_key_options[];
extern const struct cw_option cmd_promote_options[];
extern const struct cw_option cmd_publish_options[];
extern const struct cw_option cmd_sign_options[];
extern const struct cw_option cmd_verify_options[];
extern const struct cw_option cmd_withdraw_options[];

#endif
