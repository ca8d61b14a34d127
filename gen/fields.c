/* SPDX-License-Identifier: ISC */
/*
 * Reading the fields of a hand-written document; see gen/fields.h.
 */
#include "gen/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "codec/json.h"

void cw_fields_wrong(struct cw_fields *fields, const char *field, const char *fmt, ...)
{
    char what[CW_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    cw_mistakes_add(fields->mistakes, fields->file,
                    fields->line != 0      ? fields->line
                    : fields->text != NULL ? cw_json_line(fields->text, fields->len, field)
                                           : 0,
                    field, "%s", what);
}

/* "base.key", or "key" at the top. */
void cw_fields_join(char out[CW_FIELDS_PATH_MAX], const char *base, const char *key)
{
    snprintf(out, CW_FIELDS_PATH_MAX, "%.160s%s%.90s", base, base[0] != '\0' ? "." : "", key);
}

void cw_fields_item(char out[CW_FIELDS_PATH_MAX], const char *base, const char *key, size_t index)
{
    snprintf(out, CW_FIELDS_PATH_MAX, "%.160s%s%s[%zu]", base, base[0] != '\0' ? "." : "", key, index);
}

bool cw_fields_is_object(struct cw_fields *fields, const json_t *value, const char *field)
{
    if (!json_is_object(value))
        cw_fields_wrong(fields, field, "is not an object");
    return json_is_object(value);
}

/* Each unknown member is a mistake of its own. */
void cw_fields_only(struct cw_fields *fields, const json_t *obj, const char *base, const char *const *known)
{
    char field[CW_FIELDS_PATH_MAX];
    const char *key, *near;
    json_t *value;
    size_t i;

    json_object_foreach ((json_t *)obj, key, value) {
        for (i = 0; known[i] != NULL && strcmp(known[i], key) != 0; i++)
            ;
        if (known[i] != NULL)
            continue;
        cw_fields_join(field, base, key);
        near = cw_str_nearest(key, known);
        cw_fields_wrong(fields, field, "unknown field%s%s%s", near != NULL ? "; did you mean '" : "",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
    }
}

/* A text, or NULL: absent, or wrong and noted. */
const char *cw_fields_text(struct cw_fields *fields, const json_t *obj, const char *base, const char *key,
                           bool required)
{
    char field[CW_FIELDS_PATH_MAX];
    const json_t *value = json_object_get(obj, key);

    cw_fields_join(field, base, key);
    if (value == NULL && required)
        cw_fields_wrong(fields, field, "is missing");
    else if (value != NULL && !json_is_string(value))
        cw_fields_wrong(fields, field, "is not a string");
    else if (value != NULL && strlen(json_string_value(value)) != json_string_length(value))
        cw_fields_wrong(fields, field, "holds a NUL character");
    else if (value != NULL)
        return json_string_value(value);
    return NULL;
}

/* A list with something in it, or NULL (noted). */
const json_t *cw_fields_list(struct cw_fields *fields, const json_t *obj, const char *base, const char *key)
{
    char field[CW_FIELDS_PATH_MAX];
    const json_t *value = json_object_get(obj, key);

    cw_fields_join(field, base, key);
    if (value == NULL)
        cw_fields_wrong(fields, field, "is missing");
    else if (!json_is_array(value))
        cw_fields_wrong(fields, field, "is not an array");
    else if (json_array_size(value) == 0)
        cw_fields_wrong(fields, field, "is empty");
    else
        return value;
    return NULL;
}

/* Notes the error of one of lib/release's checks. */
bool cw_fields_holds(struct cw_fields *fields, const char *base, const char *key, int rc,
                     const struct cw_err *err)
{
    char field[CW_FIELDS_PATH_MAX];

    if (rc == CW_OK)
        return true;
    if (rc == CW_E_NOMEM)
        fields->nomem = true;
    cw_fields_join(field, base, key);
    cw_fields_wrong(fields, field, "%s", err->text);
    return false;
}
