/* SPDX-License-Identifier: ISC */
/*
 * Reading the tables of data.h.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "tests/unit/data.h"

json_t *data_load(const char *name)
{
    const char *source = getenv("CW_SRCDIR");
    CW_AUTO_FREE char *path = cw_str_format("%s/tests/data/%s.json", source != NULL ? source : ".", name);
    json_error_t where;
    json_t *table;

    assert_non_null(path);
    table = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (table == NULL)
        fail_msg("%s:%d: %s", path, where.line, where.text);
    assert_true(json_array_size(json_object_get(table, "cases")) > 0);
    return table;
}

const char *data_text(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));

    if (text == NULL)
        fail_msg("a case lacks '%s'", key);
    return text;
}

char *data_bytes(const json_t *item, size_t *len)
{
    const char *hex = json_string_value(json_object_get(item, "hex"));
    const char *text = hex != NULL ? hex : data_text(item, "text");
    char *bytes;

    *len = hex != NULL ? strlen(text) / 2 : strlen(text);
    bytes = malloc(*len + 1);
    assert_non_null(bytes);
    bytes[*len] = '\0';
    if (hex != NULL)
        assert_true(cw_hex_parse(bytes, *len, text));
    else
        memcpy(bytes, text, *len);
    return bytes;
}
