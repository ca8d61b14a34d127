/* SPDX-License-Identifier: ISC */
/*
 * Strict reading and deterministic writing of JSON over jansson.
 */
#include "codec/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "codec/hex.h"

/* How deep the text nests, found without recursion before jansson's recursive parser sees it. */
static bool too_deep(const char *text, size_t len)
{
    size_t i, depth = 0;
    bool in_string = false;

    for (i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > CW_JSON_DEPTH_MAX)
                return true;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static bool has_real(const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_real(value))
        return true;
    json_object_foreach ((json_t *)value, key, item) {
        if (has_real(item))
            return true;
    }
    json_array_foreach (value, i, item) {
        if (has_real(item))
            return true;
    }
    return false;
}

/* Where memory runs out, jansson 2.14 loses a character of a string, or aborts, or says that the JSON is
 * wrong. So its parser is left at once and never sees that; what it had made by then is lost, which no longer
 * matters. */
static _Thread_local jmp_buf *parsing;
static _Thread_local bool ran_out; /* memory, since this was last set to false */

static void *leaving_malloc(size_t size)
{
    void *memory = malloc(size);

    if (memory == NULL && parsing != NULL)
        longjmp(*parsing, 1);
    ran_out = ran_out || memory == NULL;
    return memory;
}

static void watch_allocations(void)
{
    json_set_alloc_funcs(leaving_malloc, free);
}

static void watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, watch_allocations);
    ran_out = false;
}

/* A value that was made since watch(), if all of it could be. */
static json_t *whole(json_t *value)
{
    if (!ran_out)
        return value;
    json_decref(value);
    return NULL;
}

json_t *cw_json_copy(const json_t *value)
{
    watch();
    return whole(json_copy((json_t *)value));
}

json_t *cw_json_deep_copy(const json_t *value)
{
    watch();
    return whole(json_deep_copy(value));
}

json_t *cw_json_pack(const char *format, ...)
{
    va_list args;
    json_t *value;

    watch();
    va_start(args, format);
    value = json_vpack_ex(NULL, 0, format, args);
    va_end(args);
    return whole(value);
}

/* NULL with *nomem: memory ran out. */
static json_t *load(const void *text, size_t len, size_t flags, json_error_t *where, bool *nomem)
{
    jmp_buf out;
    json_t *value;

    watch();
    *nomem = setjmp(out) != 0;
    if (*nomem) {
        parsing = NULL;
        return NULL;
    }
    parsing = &out;
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | flags, where);
    parsing = NULL;
    return value;
}

/* The line of a NUL byte, which jansson passes over behind a number or a word; 0: there is none. */
static unsigned nul_line(const char *text, size_t len)
{
    const char *nul = memchr(text, '\0', len);
    unsigned line = 1;

    for (; nul != NULL && text < nul; text++)
        line += *text == '\n';
    return nul != NULL ? line : 0;
}

static int parse(json_t **doc, const void *text, size_t len, bool foreign, struct cw_err *err)
{
    json_error_t where;
    json_t *value;
    unsigned line;
    bool nomem;

    *doc = NULL;
    if (too_deep(text, len))
        return cw_err_set(err, CW_E_VERIFY, "JSON is nested more than %d deep", CW_JSON_DEPTH_MAX);
    value = load(text, len, foreign ? JSON_DECODE_INT_AS_REAL : 0, &where, &nomem);
    if (nomem)
        return cw_err_nomem(err);
    if (value == NULL)
        return cw_err_set(err, CW_E_VERIFY, "line %d, column %d: %s", where.line, where.column, where.text);
    line = nul_line(text, len);
    if (line != 0 || (!foreign && has_real(value))) {
        json_decref(value);
        return line != 0 ? cw_err_set(err, CW_E_VERIFY, "line %u: there is a NUL byte", line)
                         : cw_err_set(err, CW_E_VERIFY, "JSON has a number that is not an integer");
    }
    *doc = value;
    return CW_OK;
}

int cw_json_parse(json_t **doc, const void *text, size_t len, struct cw_err *err)
{
    return parse(doc, text, len, false, err);
}

int cw_json_parse_foreign(json_t **doc, const void *text, size_t len, struct cw_err *err)
{
    return parse(doc, text, len, true, err);
}

/* A cursor over text that is known to be well-formed. */
struct cursor {
    const char *p, *end;
    unsigned line;
};

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n' ||
                             *c->p == ',' || *c->p == ':')) {
        if (*c->p == '\n')
            c->line++;
        c->p++;
    }
}

static void skip_string(struct cursor *c)
{
    for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
        if (*c->p == '\\')
            c->p++;
    }
    if (c->p < c->end)
        c->p++;
}

static void skip_value(struct cursor *c)
{
    size_t depth = 0;

    do {
        skip_space(c);
        if (c->p >= c->end)
            return;
        if (*c->p == '"') {
            skip_string(c);
        } else if (*c->p == '{' || *c->p == '[') {
            depth++;
            c->p++;
        } else if (*c->p == '}' || *c->p == ']') {
            depth--;
            c->p++;
        } else {
            while (c->p < c->end && strchr(" \t\r\n,:]}", *c->p) == NULL)
                c->p++;
        }
    } while (depth > 0);
}

/* Moves into the object at the cursor, to the value of `key`. False (cursor anywhere) when it has none. */
static bool enter_key(struct cursor *c, const char *key, size_t len)
{
    if (c->p >= c->end || *c->p != '{')
        return false;
    c->p++;
    for (;;) {
        const char *start;
        size_t got;

        skip_space(c);
        if (c->p >= c->end || *c->p != '"')
            return false;
        start = c->p + 1;
        skip_string(c);
        got = (size_t)(c->p - 1 - start);
        skip_space(c);
        if (got == len && memcmp(start, key, len) == 0)
            return true;
        skip_value(c);
    }
}

static bool enter_index(struct cursor *c, unsigned long index)
{
    if (c->p >= c->end || *c->p != '[')
        return false;
    c->p++;
    for (;; index--) {
        skip_space(c);
        if (c->p >= c->end || *c->p == ']')
            return false;
        if (index == 0)
            return true;
        skip_value(c);
    }
}

unsigned cw_json_line(const void *text, size_t len, const char *path)
{
    struct cursor c = {.p = text, .end = (const char *)text + len, .line = 1};
    unsigned line;

    skip_space(&c);
    for (line = c.line; *path != '\0'; line = c.line) {
        bool found;

        if (*path == '[') {
            char *end;

            found = enter_index(&c, strtoul(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : end;
        } else {
            size_t part;

            path += *path == '.';
            part = strcspn(path, ".[");
            found = enter_key(&c, path, part);
            path += part;
        }
        if (!found)
            return line;
    }
    return line;
}

static int append(const char *data, size_t len, void *buf)
{
    cw_buf_add(buf, data, len);
    return ((struct cw_buf *)buf)->failed != 0 ? -1 : 0;
}

static int format(struct cw_buf *buf, const json_t *doc, size_t flags, struct cw_err *err)
{
    if (json_dump_callback(doc, append, buf, JSON_SORT_KEYS | JSON_ENCODE_ANY | flags) != 0 &&
        buf->failed == 0)
        buf->failed = CW_E_NOMEM;
    cw_buf_addc(buf, '\n');
    return cw_buf_check(buf, "JSON document", err);
}

int cw_json_format(struct cw_buf *buf, const json_t *doc, struct cw_err *err)
{
    return format(buf, doc, JSON_INDENT(1), err);
}

int cw_json_format_line(struct cw_buf *buf, const json_t *doc, struct cw_err *err)
{
    return format(buf, doc, JSON_COMPACT, err);
}

static int missing(const char *key, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "field '%s' is missing", key);
}

static int wrong_type(const char *key, const char *type, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "field '%s' is not %s", key, type);
}

static int get(json_t **value, const json_t *obj, const char *key, json_type type, const char *what,
               struct cw_err *err)
{
    json_t *found = json_object_get(obj, key);

    if (found == NULL)
        return missing(key, err);
    if (json_typeof(found) != type)
        return wrong_type(key, what, err);
    *value = found;
    return CW_OK;
}

const char *cw_json_text_or_null(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

const char *cw_json_text(const json_t *obj, const char *key)
{
    const char *text = cw_json_text_or_null(obj, key);

    return text != NULL ? text : "";
}

int cw_json_get_str(const char **value, const json_t *obj, const char *key, struct cw_err *err)
{
    json_t *found = NULL;
    int rc = get(&found, obj, key, JSON_STRING, "a string", err);

    if (rc == CW_OK)
        *value = json_string_value(found);
    return rc;
}

int cw_json_get_int(int64_t *value, const json_t *obj, const char *key, int64_t min, int64_t max,
                    struct cw_err *err)
{
    json_t *found = NULL;
    int rc = get(&found, obj, key, JSON_INTEGER, "an integer", err);

    if (rc != CW_OK)
        return rc;
    if (json_integer_value(found) < min || json_integer_value(found) > max)
        return cw_err_set(err, CW_E_VERIFY, "field '%s' is not between %lld and %lld", key, (long long)min,
                          (long long)max);
    *value = json_integer_value(found);
    return CW_OK;
}

int cw_json_get_obj(json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    return get(value, obj, key, JSON_OBJECT, "an object", err);
}

int cw_json_get_array(json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    return get(value, obj, key, JSON_ARRAY, "an array", err);
}

int cw_json_opt_str(const char **value, const json_t *obj, const char *key, struct cw_err *err)
{
    return json_object_get(obj, key) == NULL ? CW_OK : cw_json_get_str(value, obj, key, err);
}

int cw_json_opt_bool(bool *value, const json_t *obj, const char *key, struct cw_err *err)
{
    json_t *found = json_object_get(obj, key);

    if (found == NULL)
        return CW_OK;
    if (!json_is_boolean(found))
        return wrong_type(key, "true or false", err);
    *value = json_is_true(found);
    return CW_OK;
}

int cw_json_opt_obj(json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    return json_object_get(obj, key) == NULL ? CW_OK : cw_json_get_obj(value, obj, key, err);
}

int cw_json_opt_array(json_t **value, const json_t *obj, const char *key, struct cw_err *err)
{
    return json_object_get(obj, key) == NULL ? CW_OK : cw_json_get_array(value, obj, key, err);
}

int cw_json_only(const json_t *obj, const char *const *keys, struct cw_err *err)
{
    const char *key, *near;
    json_t *value;
    size_t i;

    json_object_foreach ((json_t *)obj, key, value) {
        for (i = 0; keys[i] != NULL && strcmp(keys[i], key) != 0; i++)
            ;
        if (keys[i] != NULL)
            continue;
        near = cw_str_nearest(key, keys);
        if (near != NULL)
            return cw_err_set(err, CW_E_VERIFY, "unknown field '%s' (did you mean '%s'?)", key, near);
        return cw_err_set(err, CW_E_VERIFY, "unknown field '%s'", key);
    }
    return CW_OK;
}

int cw_json_check_format(const json_t *doc, const char *type, struct cw_err *err)
{
    const char *got, *version;
    int rc;

    if (!json_is_object(doc))
        return cw_err_set(err, CW_E_VERIFY, "is not a JSON object");
    rc = cw_json_get_str(&got, doc, "_type", err);
    if (rc == CW_OK && strcmp(got, type) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "is a '%s' document, not a '%s'", got, type);
    if (rc == CW_OK)
        rc = cw_json_get_str(&version, doc, "format", err);
    if (rc == CW_OK && strcmp(version, "1") != 0 && !cw_str_starts(version, "1."))
        rc = cw_err_set(err, CW_E_VERIFY,
                        "has format '%s'; this version of Causeway reads format 1: install a newer one",
                        version);
    return rc;
}

int cw_json_get_word(const json_t *obj, const char *key, const char *word, struct cw_err *err)
{
    const char *got;
    int rc = cw_json_get_str(&got, obj, key, err);

    if (rc == CW_OK && strcmp(got, word) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "%s '%s' is not supported, only '%s'", key, got, word);
    return rc;
}

int cw_json_get_hex(void *data, size_t len, const json_t *obj, const char *key, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, obj, key, err);

    if (rc == CW_OK && !cw_hex_parse(data, len, text))
        rc = cw_err_set(err, CW_E_VERIFY, "field '%s' is not %zu hexadecimal digits", key, 2 * len);
    return rc;
}
