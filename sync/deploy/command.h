/* SPDX-License-Identifier: ISC */
/*
 * Doing one action that the policy named (sync/deploy/action.h), in a child with a session of its own: no terminal,
 * no shell, nothing on standard input, an environment that is listed here, its output kept up to a bound, and an end
 * to all of it when its time is up, or when the run that judges by it is killed.
 *
 * Environment of a command: PATH (the system's), HOME (data/<product>), LC_ALL=C.UTF-8, CAUSEWAY_STAGE,
 * CAUSEWAY_PRODUCT, CAUSEWAY_VERSION, CAUSEWAY_FROM (the version before; empty: none), CAUSEWAY_GENERATION; then
 * what the action's "env" adds or replaces. Working folder: "/", or the action's "dir".
 */
#ifndef CW_SYNC_DEPLOY_COMMAND_H
#define CW_SYNC_DEPLOY_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes kept of what a command prints; two such fit a line of the history. */
#define CW_COMMAND_OUTPUT_MAX ((size_t)16 * 1024)

/* What it is about. */
struct cw_command_context {
    const char *stage;             /* "check", …; NULL: about no product (a scanner), and HOME is "/" */
    const char *product, *version; /* NULL only without a stage */
    const char *from;              /* NULL: none */
    const char *install_root;      /* NULL only without a stage */
    int64_t generation;
};

struct cw_command_result {
    bool passed;
    /* when it did not: "exited with 3", "was killed by signal 9", "took longer than 60 s" */
    char reason[256];
    int exit;         /* -1: it did not come to an end of its own */
    bool interrupted; /* this program was asked to stop */
    int64_t milliseconds;
    json_t *output; /* a string: standard output and error, what is not printable replaced; owned */
};

/* Nothing that it started goes on. Makes this process a subreaper, which may have no other children meanwhile;
 * SIGHUP, SIGINT and SIGTERM end the command as failed. An answer that is not 0 is trouble of our own, not the
 * command's. */
int cw_command_run(struct cw_command_result *result, const struct cw_command_context *context,
                   const json_t *action, struct cw_err *err);
/* Could it be started, as far as can be told without doing it: do its user and group exist, and may this program
 * become them; is there a token that not everyone may read, an authority's file? CW_E_FAIL says what is missing. */
int cw_command_check(const json_t *action, struct cw_err *err);
void cw_command_clear(struct cw_command_result *result);

#endif
