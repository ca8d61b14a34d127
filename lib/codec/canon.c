/* SPDX-License-Identifier: ISC */
/*
 * The canonical form of codec/canon.h. Depth is bounded by the parser that made the tree.
 */
#include "codec/canon.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void add_integer(struct cw_buf *buf, json_int_t value)
{
    if (value < 0)
        cw_buf_addc(buf, '-');
    cw_buf_addu(buf, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void add_string(struct cw_buf *buf, const char *text, size_t len)
{
    size_t i, done = 0;

    cw_buf_addc(buf, '"');
    for (i = 0; i < len; i++) {
        if (text[i] != '"' && text[i] != '\\')
            continue;
        cw_buf_add(buf, text + done, i - done);
        cw_buf_addc(buf, '\\');
        done = i;
    }
    cw_buf_add(buf, text + done, len - done);
    cw_buf_addc(buf, '"');
}

#define FEW 8 /* members of most objects, of which there are thousands */

struct member {
    const char *key;
    const json_t *value;
};

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* What was read from deterministic text comes in its order already. */
static void sort(struct member *members, size_t count)
{
    size_t i;

    for (i = 1; i < count; i++) {
        if (compare_members(&members[i - 1], &members[i]) > 0) {
            qsort(members, count, sizeof *members, compare_members);
            return;
        }
    }
}

static int add_object(struct cw_buf *buf, const json_t *obj, struct cw_err *err)
{
    size_t i = 0, count = json_object_size(obj);
    struct member few[FEW], *members = few;
    CW_AUTO_FREE struct member *many = NULL;
    const char *key;
    json_t *item;
    int rc = CW_OK;

    if (count > FEW && (members = many = calloc(count, sizeof *many)) == NULL)
        return cw_err_nomem(err);
    json_object_foreach ((json_t *)obj, key, item)
        members[i++] = (struct member){.key = key, .value = item};
    sort(members, count);
    cw_buf_addc(buf, '{');
    for (i = 0; i < count && rc == CW_OK; i++) {
        if (i > 0)
            cw_buf_addc(buf, ',');
        add_string(buf, members[i].key, strlen(members[i].key));
        cw_buf_addc(buf, ':');
        rc = cw_canon_format(buf, members[i].value, err);
    }
    cw_buf_addc(buf, '}');
    return rc;
}

static int add_array(struct cw_buf *buf, const json_t *array, struct cw_err *err)
{
    size_t i;
    json_t *item;
    int rc = CW_OK;

    cw_buf_addc(buf, '[');
    json_array_foreach (array, i, item) {
        if (i > 0)
            cw_buf_addc(buf, ',');
        rc = cw_canon_format(buf, item, err);
        if (rc != CW_OK)
            return rc;
    }
    cw_buf_addc(buf, ']');
    return rc;
}

int cw_canon_format(struct cw_buf *buf, const json_t *value, struct cw_err *err)
{
    int rc = CW_OK;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        rc = add_object(buf, value, err);
        break;
    case JSON_ARRAY:
        rc = add_array(buf, value, err);
        break;
    case JSON_STRING:
        add_string(buf, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        add_integer(buf, json_integer_value(value));
        break;
    case JSON_REAL:
        return cw_err_set(err, CW_E_VERIFY, "canonical JSON has no number that is not an integer");
    case JSON_TRUE:
        cw_buf_adds(buf, "true");
        break;
    case JSON_FALSE:
        cw_buf_adds(buf, "false");
        break;
    case JSON_NULL:
        cw_buf_adds(buf, "null");
        break;
    }
    return rc != CW_OK ? rc : cw_buf_check(buf, "canonical JSON", err);
}
