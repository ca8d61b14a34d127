/* SPDX-License-Identifier: ISC */
/*
 * Reading the fields of a JSON document that a person or a build wrote: each wrong one is noted with its line
 * and its path ("products[1].releases[0].version"), and reading goes on.
 */
#ifndef CW_GEN_FIELDS_H
#define CW_GEN_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "gen/mistakes.h"

/* Bytes of a field's path with NUL; longer ones are cut, they are for reading only. */
#define CW_FIELDS_PATH_MAX 256

struct cw_fields {
    const char *file; /* borrowed, as are text and mistakes */
    const char *text; /* the document's, for line numbers; NULL: there are none */
    size_t len;
    unsigned line; /* on which all of it stands; 0: text tells */
    struct cw_mistakes *mistakes;
    bool nomem; /* an allocation failed on the way */
};

/* "base.key", or "key" at the top; and "base.key[index]". */
void cw_fields_join(char out[CW_FIELDS_PATH_MAX], const char *base, const char *key);
void cw_fields_item(char out[CW_FIELDS_PATH_MAX], const char *base, const char *key, size_t index);

void cw_fields_wrong(struct cw_fields *fields, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes a value that is no object. */
bool cw_fields_is_object(struct cw_fields *fields, const json_t *value, const char *field);
/* Notes members that are not in the NULL-terminated list. */
void cw_fields_only(struct cw_fields *fields, const json_t *obj, const char *base, const char *const *known);
/* A text; NULL: absent, or wrong and noted. */
const char *cw_fields_text(struct cw_fields *fields, const json_t *obj, const char *base, const char *key,
                           bool required);
/* A list with something in it, or NULL (noted). */
const json_t *cw_fields_list(struct cw_fields *fields, const json_t *obj, const char *base, const char *key);
/* Did a check of another module succeed? Its error is noted at the field. */
bool cw_fields_holds(struct cw_fields *fields, const char *base, const char *key, int rc,
                     const struct cw_err *err);

#endif
