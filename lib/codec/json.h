/* SPDX-License-Identifier: ISC */
/*
 * JSON as Causeway reads it: UTF-8 without byte order mark, no duplicate keys, integers only, nested at most
 * CW_JSON_DEPTH_MAX deep (RFC 8259, narrowed). Trees are jansson's; documents that may pass CW_JSON_TEXT_MAX
 * are for streaming readers, not for this.
 *
 * The getters name the field in their errors; callers prefix the document.
 */
#ifndef CW_CODEC_JSON_H
#define CW_CODEC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_JSON_DEPTH_MAX 64
/* What a jansson tree is taken for by default: ten times that in memory. */
#define CW_JSON_TEXT_MAX ((size_t)1 << 20)

/* Parses one document. The caller owns *doc (json_decref, or json_auto_t). Malformed: CW_E_VERIFY with line
 * and column. */
int cw_json_parse(json_t **doc, const void *text, size_t len, struct cw_err *err);

/* The same for documents of other people's formats, which may have any number: all numbers come as reals, since
 * some are larger than an integer here may be. Not for what is written again. */
int cw_json_parse_foreign(json_t **doc, const void *text, size_t len, struct cw_err *err);

/* The line (from 1) on which the value at `path` starts in a text that cw_json_parse accepts; `path` as the
 * getters' callers build it: "products[1].releases[0].version". For a missing member, the line of its nearest
 * parent. */
unsigned cw_json_line(const void *text, size_t len, const char *path);

/* Deterministic text: keys sorted as bytes, one space of indent, ASCII only where JSON demands it, newline at
 * the end. */
int cw_json_format(struct cw_buf *buf, const json_t *doc, struct cw_err *err);
/* The same on one line with a newline at the end (JSON lines). */
int cw_json_format_line(struct cw_buf *buf, const json_t *doc, struct cw_err *err);

/* jansson's json_copy(), json_deep_copy() and json_pack() leave out members for which memory runs out: the first two any (jansson 2.14),
 * the last optional ones ("s*", "o*"). These give NULL then. */
json_t *cw_json_copy(const json_t *value);
json_t *cw_json_deep_copy(const json_t *value);
json_t *cw_json_pack(const char *format, ...);

/* A member's text, of documents that were checked or are our own: "" or NULL when it is missing or no text. Borrowed. */
const char *cw_json_text(const json_t *obj, const char *key);
const char *cw_json_text_or_null(const json_t *obj, const char *key);

/* A required member of an object; CW_E_VERIFY "field 'x' is missing" or "field 'x' is not a string".
 * Borrowed. */
int cw_json_get_str(const char **value, const json_t *obj, const char *key, struct cw_err *err);
int cw_json_get_int(int64_t *value, const json_t *obj, const char *key, int64_t min, int64_t max,
                    struct cw_err *err);
int cw_json_get_obj(json_t **value, const json_t *obj, const char *key, struct cw_err *err);
int cw_json_get_array(json_t **value, const json_t *obj, const char *key, struct cw_err *err);
/* A required text that must be exactly this, or exactly 2 * len hexadecimal digits. */
int cw_json_get_word(const json_t *obj, const char *key, const char *word, struct cw_err *err);
int cw_json_get_hex(void *data, size_t len, const json_t *obj, const char *key, struct cw_err *err);
/* An optional member: left alone when absent, of the right type when there. */
int cw_json_opt_str(const char **value, const json_t *obj, const char *key, struct cw_err *err);
int cw_json_opt_bool(bool *value, const json_t *obj, const char *key, struct cw_err *err);
int cw_json_opt_obj(json_t **value, const json_t *obj, const char *key, struct cw_err *err);
int cw_json_opt_array(json_t **value, const json_t *obj, const char *key, struct cw_err *err);
/* Refuses members that are not in the NULL-terminated list; suggests the nearest known one. */
int cw_json_only(const json_t *obj, const char *const *keys, struct cw_err *err);

/* Checks "_type" and "format": the type must be equal and the major of format ("1.0") one that this version
 * reads, which is 1. Unknown majors are refused by name. */
int cw_json_check_format(const json_t *doc, const char *type, struct cw_err *err);

#endif
