/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen: turns a catalog of builds into a signed tree. This file only lists the commands; each lives
 * in its cmd_<verb>.c. A publisher's day reads init, add, promote, publish.
 */
#include "gen/commands.h"

/* A row: what --help says of it; what runs, its options, its least and most arguments, what else it takes. */
/* clang-format off */
static const struct cw_command commands[] = {
    {"init", "[DIR]", "make a repository with its keys and an empty, signed tree",
     cmd_init, cmd_init_options, 0, 1, false},
    {"add", "CATALOG...", "store the builds of a catalog, or of another tool's output, and stage their releases",
     cmd_add, cmd_add_options, 1, -1, true},
    {"promote", "PRODUCT VERSION CHANNEL", "stage a release into a channel's next set",
     cmd_promote, cmd_promote_options, 1, 3, true},
    {"withdraw", "PRODUCT VERSION [CHANNEL...]", "stage the news that a release is bad, for every site to see",
     cmd_withdraw, cmd_withdraw_options, 2, -1, true},
    {"attest", "PRODUCT VERSION FILE...", "take in attestations of a release",
     cmd_attest, NULL, 3, -1, true},
    {"gate", "[CHANNEL]", "show or change what a channel demands of a release",
     cmd_gate, cmd_gate_options, 0, 1, true},
    {"publish", "[FOLDER...]", "sign what is staged and make it public, or open and complete a ceremony for it",
     cmd_publish, cmd_publish_options, 0, -1, true},
    {"sign", "FOLDER", "show what a ceremony's folder changes, and sign it; needs no repository",
     cmd_sign, cmd_sign_options, 1, 1, true},
    {"status", "", "show what the next publish changes, what expires next, which keys are here",
     cmd_status, NULL, 0, 0, false},
    {"log", "[CHANNEL]", "show what each channel had, since when, and who signed it",
     cmd_log, NULL, 0, 1, false},
    {"verify", "[TREE]", "check every signature and every byte of a tree",
     cmd_verify, cmd_verify_options, 0, 1, false},
    {"key", "list|new|import|export|who|rotate|...", "make keys, carry them, change who signs for what, see what each can do",
     cmd_key, cmd_key_options, 1, 4, false},
    {"gc", "", "list and remove what no kept serial of a channel needs",
     cmd_gc, cmd_gc_options, 0, 0, true},
    {.name = NULL},
};
/* clang-format on */

static const struct cw_program program = {
    .name = "causeway-gen",
    .summary = "publish a signed tree of releases",
    .folder = "repository",
    .folder_env = "CAUSEWAY_REPO",
    .commands = commands,
};

int main(int argc, char **argv)
{
    return cw_cli_main(&program, argc, argv);
}
