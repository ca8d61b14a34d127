/* SPDX-License-Identifier: ISC */
/*
 * Actions as data: what a policy asks the program to do, checked field by field, as it stands in plans, in the
 * journal and in the history. Nothing here does anything; that is command.h's.
 *
 * A command, never a shell line:
 *   {"run": [argv…, the first absolute], "timeout": seconds, "exit": [the codes that mean success],
 *    "env": {NAME: text}, "user": name, "group": name, "dir": absolute}       (all after timeout optional)
 * A request, for deliveries:
 *   {"put" or "post" or "get": URL, "timeout": seconds, "status": [the codes that mean success; absent: 2xx],
 *    "file": absolute path of the body, or "body": text, "token_file": absolute, "ca_file": absolute,
 *    "contains": text that the answer must have}
 * A get with "contains" is asked again until it has it, or its time is up: devices restart.
 */
#ifndef CW_SYNC_DEPLOY_ACTION_H
#define CW_SYNC_DEPLOY_ACTION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

#define CW_ACTIONS_MAX 64      /* that one function returns */
#define CW_ACTION_ARGS_MAX 64  /* words of a command */
#define CW_ACTION_ENV_MAX 32   /* names that it adds to the environment */
#define CW_ACTION_CODES_MAX 32 /* exit codes, or statuses */
/* Bytes of one action as text: with what a command prints (command.h) it fits a line of the history. */
#define CW_ACTION_BYTES_MAX ((size_t)8 * 1024)
#define CW_ACTION_TIMEOUT 60        /* seconds, where the policy says nothing */
#define CW_ACTION_TIMEOUT_MAX 3600  /* what needs more keeps the site between two states for too long */
#define CW_ACTION_DESCRIBED_MAX 256 /* bytes of an action in words */

/* What may stand where. */
enum cw_action_place {
    CW_ACTION_COMMAND, /* commands only */
    CW_ACTION_SEND,    /* what delivers: a command, put or post */
    CW_ACTION_PROBE,   /* what proves or undoes a delivery: any */
};

/* Reads one action as a policy gave it (times as "60s", one code instead of a list) and gives its form of above.
 * file: what a request sends that names no body; NULL: it must name one. CW_E_VERIFY says what is wrong. The caller
 * owns *action. */
int cw_action_read(json_t **action, const json_t *value, enum cw_action_place place, const char *file,
                   struct cw_err *err);
/* Reads what a function of the policy returned: a list of commands, or nothing. Appends them to `actions`. */
int cw_action_read_list(json_t *actions, const json_t *value, const char *function, struct cw_err *err);

/* True for a request. */
bool cw_action_is_request(const json_t *action);
/* "put", "post" or "get"; NULL for a command. */
const char *cw_action_method(const json_t *action);

/* The action as a person would read it, shortened to fit: "/bin/x -v (as plant)", "PUT https://…". */
void cw_action_describe(char out[CW_ACTION_DESCRIBED_MAX], const json_t *action);

#endif
