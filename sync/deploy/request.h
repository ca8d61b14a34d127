/* SPDX-License-Identifier: ISC */
/*
 * The request of a delivery (sync/deploy/action.h), made in a child of its own: what a device answers is foreign, and
 * a process that can be killed is the surest time limit.
 */
#ifndef CW_SYNC_DEPLOY_REQUEST_H
#define CW_SYNC_DEPLOY_REQUEST_H

#include <jansson.h>

#include "base/err.h"

/* Does it, says on standard output what came of it (the status and the beginning of the answer, never the token),
 * and gives an exit code: 0 when the answer is what the action asks for. */
int cw_request_make(const json_t *action);

/* Reads a token_file: its one line, checked. out is CW_HTTP_BEARER_MAX + 1 bytes; wipe it after use. If everyone may
 * read the file it is refused: it is no secret then. */
int cw_request_read_token(char *out, const char *path, struct cw_err *err);

#endif
