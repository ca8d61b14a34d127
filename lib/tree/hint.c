/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing hints; see tree/hint.h.
 */
#include "tree/hint.h"

#include <string.h>

#include "codec/json.h"
#include "fs/root.h"
#include "tree/layout.h"

#define DELTAS "deltas"
#define USELESS "useless"

static json_t *list(const struct cw_hint *hint, const char *key)
{
    return json_object_get(hint->doc, key);
}

int cw_hint_new(struct cw_hint *hint, struct cw_err *err)
{
    hint->doc = json_pack("{s:s, s:s, s:[]}", "_type", CW_TREE_HINT_TYPE, "format", "1.0", DELTAS);
    return hint->doc != NULL ? CW_OK : cw_err_nomem(err);
}

void cw_hint_clear(struct cw_hint *hint)
{
    json_decref(hint->doc);
    hint->doc = NULL;
}

int cw_hint_parse(struct cw_hint *hint, const void *text, size_t len, struct cw_err *err)
{
    json_t *deltas, *useless = NULL;
    int rc;

    hint->doc = NULL;
    rc = cw_json_parse(&hint->doc, text, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(hint->doc, CW_TREE_HINT_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&deltas, hint->doc, DELTAS, err);
    if (rc == CW_OK)
        rc = cw_json_opt_array(&useless, hint->doc, USELESS, err);
    if (rc != CW_OK)
        cw_hint_clear(hint);
    return rc;
}

int cw_hint_load(struct cw_hint *hint, int dir, const char *to, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_HINT_MAX);
    char path[CW_PATH_MAX];
    int rc = cw_tree_hint_path(path, to, err);

    hint->doc = NULL;
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, dir, path, err);
    if (rc == CW_OK && cw_hint_parse(hint, cw_buf_text(&text), text.len, err) != CW_OK)
        return cw_err_prefix(err, "'%s'", path);
    return rc;
}

/* The file that an entry starts from is a target of that hash, or the empty one. */
static bool is_good(const struct cw_hint_delta *delta, const json_t *entry)
{
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

    if (delta->from == NULL)
        return false;
    if (delta->path == NULL)
        return json_object_get(entry, "path") == NULL && strcmp(delta->from, CW_HINT_EMPTY) == 0;
    return cw_path_is_relative(delta->path) && cw_tree_split_target(delta->path, target, sha256) &&
           strcmp(sha256, delta->from) == 0;
}

bool cw_hint_at(struct cw_hint_delta *delta, const struct cw_hint *hint, size_t i)
{
    const json_t *entry = json_array_get(list(hint, DELTAS), i);
    int64_t length = 0;

    *delta = (struct cw_hint_delta){.from = json_string_value(json_object_get(entry, "from")),
                                    .path = json_string_value(json_object_get(entry, "path"))};
    if (entry == NULL)
        return false;
    if (cw_json_get_int(&length, entry, "length", 1, INT64_MAX, NULL) != CW_OK || !is_good(delta, entry))
        *delta = (struct cw_hint_delta){.from = NULL};
    else
        delta->length = (uint64_t)length;
    return true;
}

bool cw_hint_find(struct cw_hint_delta *delta, const struct cw_hint *hint, const char *from)
{
    size_t i;

    for (i = 0; cw_hint_at(delta, hint, i); i++) {
        if (delta->from != NULL && strcmp(delta->from, from) == 0)
            return true;
    }
    return false;
}

static size_t find_useless(const struct cw_hint *hint, const char *from)
{
    json_t *entry;
    size_t i;

    json_array_foreach (list(hint, USELESS), i, entry) {
        if (json_is_string(entry) && strcmp(json_string_value(entry), from) == 0)
            return i;
    }
    return SIZE_MAX;
}

bool cw_hint_is_useless(const struct cw_hint *hint, const char *from)
{
    return find_useless(hint, from) != SIZE_MAX;
}

void cw_hint_drop(struct cw_hint *hint, const char *from)
{
    json_t *deltas = list(hint, DELTAS);
    size_t i = find_useless(hint, from);

    if (i != SIZE_MAX)
        json_array_remove(list(hint, USELESS), i);
    for (i = json_array_size(deltas); i > 0; i--) {
        const char *is = json_string_value(json_object_get(json_array_get(deltas, i - 1), "from"));

        if (is == NULL || strcmp(is, from) == 0) /* what is none at all goes too */
            json_array_remove(deltas, i - 1);
    }
}

int cw_hint_add(struct cw_hint *hint, const char *from, const char *path, uint64_t length, struct cw_err *err)
{
    json_t *deltas = list(hint, DELTAS);
    size_t i = 0;

    cw_hint_drop(hint, from);
    while (i < json_array_size(deltas) &&
           strcmp(json_string_value(json_object_get(json_array_get(deltas, i), "from")), from) < 0)
        i++;
    return json_array_insert_new(deltas, i,
                                 cw_json_pack("{s:s, s:s*, s:I}", "from", from, "path", path, "length",
                                              (json_int_t)length)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

int cw_hint_add_useless(struct cw_hint *hint, const char *from, struct cw_err *err)
{
    json_t *useless = list(hint, USELESS);
    size_t i = 0;

    cw_hint_drop(hint, from);
    if (useless == NULL) {
        useless = json_array();
        if (json_object_set_new(hint->doc, USELESS, useless) != 0)
            return cw_err_nomem(err);
    }
    while (i < json_array_size(useless) && json_is_string(json_array_get(useless, i)) &&
           strcmp(json_string_value(json_array_get(useless, i)), from) < 0)
        i++;
    return json_array_insert_new(useless, i, json_string(from)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* Leaves out what can be missed most; false: there is nothing left. */
static bool shorten(struct cw_hint *hint)
{
    json_t *deltas = list(hint, DELTAS), *useless = list(hint, USELESS), *entry;
    json_int_t most = -1;
    size_t i, longest = 0, count = json_array_size(useless);

    if (count > 0)
        return json_array_remove(useless, count - 1) == 0;
    json_array_foreach (deltas, i, entry) {
        json_int_t length = json_integer_value(json_object_get(entry, "length"));

        if (length > most) {
            most = length;
            longest = i;
        }
    }
    return json_array_remove(deltas, longest) == 0;
}

int cw_hint_format(struct cw_buf *text, struct cw_hint *hint, struct cw_err *err)
{
    int rc;

    if (json_array_size(list(hint, USELESS)) == 0)
        json_object_del(hint->doc, USELESS);
    do {
        cw_buf_reset(text);
        rc = cw_json_format(text, hint->doc, err);
    } while (rc == CW_OK && text->len > CW_HINT_MAX && shorten(hint));
    return rc;
}
