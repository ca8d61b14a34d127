/* SPDX-License-Identifier: ISC */
/*
 * The commands of causeway-sync, one in each cmd_<verb>.c: its function and its option table, which ends with
 * CW_OPTION_END. main.c has the row that joins them.
 */
#ifndef CW_SYNC_COMMANDS_H
#define CW_SYNC_COMMANDS_H

#include "cli/cli.h"

int cmd_adopt(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_apply(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_approve(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_backup(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_clock(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_export(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_gc(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_hold(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_init(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_key(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_log(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_plan(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_policy(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_pull(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_receipt(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_recover(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_restore(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_rollback(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_scan(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_status(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_tuf(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_unhold(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_update(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);
int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err);

extern const struct cw_option cmd_apply_options[];
extern const struct cw_option cmd_approve_options[];
extern const struct cw_option cmd_backup_options[];
extern const struct cw_option cmd_clock_options[];
extern const struct cw_option cmd_export_options[];
extern const struct cw_option cmd_hold_options[];
extern const struct cw_option cmd_init_options[];
extern const struct cw_option cmd_key_options[];
extern const struct cw_option cmd_log_options[];
extern const struct cw_option cmd_plan_options[];
extern const struct cw_option cmd_pull_options[];
extern const struct cw_option cmd_receipt_options[];
extern const struct cw_option cmd_restore_options[];
extern const struct cw_option cmd_rollback_options[];
extern const struct cw_option cmd_scan_options[];
extern const struct cw_option cmd_status_options[];
extern const struct cw_option cmd_tuf_options[];
extern const struct cw_option cmd_unhold_options[];
extern const struct cw_option cmd_update_options[];
extern const struct cw_option cmd_verify_options[];

#endif
