/* SPDX-License-Identifier: ISC */
/*
 * The note that a mirror is complete: for which timestamp, root and choice of targets. It is taken away before anything else of the
 * mirror is looked at or changed and comes back as the last thing, so a mirror that has it was whole when it was written.
 */
#include <string.h>

#include "codec/json_file.h"
#include "sync/tuf/mirror_parts.h"

#define MARK_NAME ".causeway-mirror.json"
#define MARK_FORMAT 1
#define MARK_BYTES_MAX ((size_t)1 << 20) /* it holds the command line's globs */

/* The globs as they were given: another order may cost a look at all, no more. */
static json_t *globs_of(const struct cw_mirroring *mirroring)
{
    const struct cw_cli_list *globs = mirroring->options->globs;
    json_t *list = json_array();

    for (size_t i = 0; i < globs->count && list != NULL; i++) {
        if (json_array_append_new(list, json_string(globs->items[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static int current_timestamp(char sha256[CW_SHA256_TEXT], const struct cw_mirroring *mirroring,
                             struct cw_err *err)
{
    size_t len;
    const void *bytes = cw_tuf_update_bytes(mirroring->update, "timestamp", &len);

    return cw_sha256(sha256, bytes, len, err);
}

static int read_mark(json_t **mark, const struct cw_mirroring *mirroring)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(MARK_BYTES_MAX);
    int rc = cw_remote_read_copy(&bytes, mirroring->dir, MARK_NAME, NULL);

    return rc == CW_OK ? cw_json_parse(mark, cw_buf_text(&bytes), bytes.len, NULL) : rc;
}

static uint64_t number(const json_t *mark, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(mark, key));

    return value > 0 ? (uint64_t)value : 0;
}

bool cw_mirroring_is_marked(struct cw_mirroring *mirroring)
{
    json_auto_t *mark = NULL, *globs = globs_of(mirroring);
    char sha256[CW_SHA256_TEXT];
    const char *of;

    if (globs == NULL || mirroring->stored > 0 || mirroring->roots.count > 0 ||
        read_mark(&mark, mirroring) != CW_OK || current_timestamp(sha256, mirroring, NULL) != CW_OK)
        return false;
    of = json_string_value(json_object_get(mark, "timestamp"));
    if (number(mark, "format") != MARK_FORMAT || of == NULL || strcmp(of, sha256) != 0 ||
        strcmp(of, mirroring->timestamp) != 0 ||
        number(mark, "root") != (uint64_t)cw_tuf_update_meta(mirroring->update, "root")->version ||
        !json_equal(json_object_get(mark, "globs"), globs))
        return false;
    mirroring->result->roles = number(mark, "roles");
    mirroring->result->targets = number(mark, "targets");
    mirroring->result->left_out = number(mark, "left_out");
    return true;
}

int cw_mirroring_mark(struct cw_mirroring *mirroring, struct cw_err *err)
{
    const struct cw_tuf_mirror_result *result = mirroring->result;
    json_t *globs = globs_of(mirroring);
    char sha256[CW_SHA256_TEXT];
    json_auto_t *mark = NULL;
    int rc = current_timestamp(sha256, mirroring, err);

    if (rc == CW_OK && globs != NULL)
        mark = json_pack("{s:i, s:s, s:I, s:O, s:I, s:I, s:I}", "format", MARK_FORMAT, "timestamp", sha256,
                         "root", (json_int_t)result->root, "globs", globs, "roles", (json_int_t)result->roles,
                         "targets", (json_int_t)result->targets, "left_out", (json_int_t)result->left_out);
    json_decref(globs);
    return rc == CW_OK ? cw_json_file_replace(mirroring->dir, MARK_NAME, mark, MARK_BYTES_MAX, err) : rc;
}

int cw_mirroring_unmark(struct cw_mirroring *mirroring, struct cw_err *err)
{
    return cw_remove(mirroring->dir, MARK_NAME, err);
}
