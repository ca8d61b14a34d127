/* SPDX-License-Identifier: ISC */
/*
 * JSON documents (codec/json.h) that have a file of their own, small enough to be held as a tree. Paths are beneath the folder `dir`;
 * max: the most bytes that the file may have.
 */
#ifndef CW_CODEC_JSON_FILE_H
#define CW_CODEC_JSON_FILE_H

#include "codec/json.h"

/* Reads one. CW_E_NOTFOUND: there is no such file. CW_E_VERIFY: it is malformed, which the caller prefixes with its name. The caller
 * owns *doc, which is NULL on failure. */
int cw_json_file_read(json_t **doc, int dir, const char *path, size_t max, struct cw_err *err);
/* Puts it in place of what is there: whole or not at all, and durable. doc NULL: it could not be made, CW_E_NOMEM. */
int cw_json_file_replace(int dir, const char *path, const json_t *doc, size_t max, struct cw_err *err);

#endif
