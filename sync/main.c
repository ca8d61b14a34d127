/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync: mirrors and verifies a tree, and applies what the site's policy wants. This file only lists
 * the commands; each lives in its cmd_<verb>.c. A site's day reads pull, plan, apply; or update for all.
 */
#include "sync/commands.h"

/* A row: what --help says of it; what runs, its options, its least and most arguments, what else it takes. */
/* clang-format off */
static const struct cw_command commands[] = {
    {"init", "[DIR]", "make a site, or begin its trust in an upstream",
     cmd_init, cmd_init_options, 0, 1, false},
    {"pull", "[URL|DIR]", "take in what an upstream published: from a server, a folder or a bundle",
     cmd_pull, cmd_pull_options, 0, 1, false},
    {"plan", "", "show what would change, why, and what it waits for",
     cmd_plan, cmd_plan_options, 0, 0, false},
    {"approve", "[PLAN|FILE...]", "sign a plan after showing it, take in approvals, or take one back",
     cmd_approve, cmd_approve_options, 0, -1, true},
    {"apply", "[PLAN]", "make a plan the running generation",
     cmd_apply, cmd_apply_options, 0, 1, true},
    {"adopt", "PRODUCT DIR", "take what was installed by hand for the release that it is",
     cmd_adopt, NULL, 2, 2, false},
    {"update", "", "pull, plan, and apply what may be applied: for timers",
     cmd_update, cmd_update_options, 0, 0, false},
    {"rollback", "[GENERATION]", "go back to the generation before, or to a named one",
     cmd_rollback, cmd_rollback_options, 0, 1, false},
    {"hold", "PRODUCT [VERSION]", "keep a product, or one version of it, from being applied",
     cmd_hold, cmd_hold_options, 1, 2, false},
    {"unhold", "[HOLD...]", "lift holds",
     cmd_unhold, cmd_unhold_options, 0, -1, false},
    {"policy", "check FILE|test DIR|why PRODUCT", "try a policy, run its specs, or say why it decides so",
     cmd_policy, NULL, 2, 2, false},
    {"recover", "", "finish or undo what was interrupted: at boot",
     cmd_recover, NULL, 0, 0, false},
    {"backup", "FILE", "write all that the site remembers into one file",
     cmd_backup, cmd_backup_options, 1, 1, false},
    {"restore", "FILE DIR", "make a site from such a file, on new hardware say",
     cmd_restore, cmd_restore_options, 2, 2, false},
    {"status", "", "show what runs, what is followed and what is held",
     cmd_status, cmd_status_options, 0, 0, false},
    {"log", "", "show the site's history and check its chain",
     cmd_log, cmd_log_options, 0, 0, false},
    {"verify", "[DIR]", "check every file of the mirror, or of a tree or bundle",
     cmd_verify, cmd_verify_options, 0, 1, false},
    {"export", "DIR", "write what this site mirrors, or others lack of it, as a bundle",
     cmd_export, cmd_export_options, 1, 1, true},
    {"receipt", "[DIR]", "write what this site holds, runs and trusts, signed",
     cmd_receipt, cmd_receipt_options, 0, 1, false},
    {"scan", "", "show the site's scanner what it has not seen yet",
     cmd_scan, cmd_scan_options, 0, 0, false},
    {"gc", "", "remove what neither a kept generation nor a mirror's set needs",
     cmd_gc, NULL, 0, 0, true},
    {"key", "new|public FILE", "make an approver's key, or print its public half",
     cmd_key, cmd_key_options, 2, 2, false},
    {"clock", "[confirm]", "show the clock beside what was published, or confirm it",
     cmd_clock, cmd_clock_options, 0, 1, false},
    {"tuf", "init|refresh|download|mirror ...", "be a client of any TUF repository, outside of a site",
     cmd_tuf, cmd_tuf_options, 1, 3, false, true},
    {.name = NULL},
};
/* clang-format on */

static const struct cw_program program = {
    .name = "causeway-sync",
    .summary = "mirror, verify and apply a signed tree of releases",
    .folder = "site",
    .folder_env = "CAUSEWAY_SITE",
    .commands = commands,
};

int main(int argc, char **argv)
{
    return cw_cli_main(&program, argc, argv);
}
