/* SPDX-License-Identifier: ISC */
/*
 * Running one command that the policy named: no shell, its own process group, nothing on standard input, an
 * environment that is listed here, its output kept up to a bound, and an end to all of it when its time is
 * up, or when the run that judges by it is killed.
 *
 * Environment: PATH (the system's), HOME (data/<product>), LC_ALL=C.UTF-8, CAUSEWAY_PRODUCT,
 * CAUSEWAY_VERSION, CAUSEWAY_GENERATION. Working folder: "/".
 */
#ifndef CW_SYNC_DEPLOY_CHECK_H
#define CW_SYNC_DEPLOY_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes kept of what a command prints; two such fit a line of the history. */
#define CW_CHECK_OUTPUT_MAX ((size_t)16 * 1024)

struct cw_check {
    const char *product, *version; /* what it judges */
    const char *install_root;
    int64_t generation;
};

struct cw_check_result {
    bool passed;
    /* when it did not: "exited with 3", "was killed by signal 9", "took longer than 60 s" */
    char reason[256];
    int64_t milliseconds;
    json_t *output; /* a string: standard output and error, what is not printable replaced; owned */
};

/* Runs {"run": [argv…], "timeout": seconds}; nothing that it started goes on. Makes this process a subreaper,
 * which may have no other children meanwhile; SIGHUP, SIGINT and SIGTERM end the command as failed. An answer
 * that is not 0 is trouble of our own, not the command's. */
int cw_check_run(struct cw_check_result *result, const struct cw_check *check, const json_t *action,
                 struct cw_err *err);
void cw_check_clear(struct cw_check_result *result);

/* The command as a person would read it, shortened to fit. */
void cw_check_describe(char out[256], const json_t *action);

#endif
