/* SPDX-License-Identifier: ISC */
/*
 * Reading and replacing memory.json, and the rule by which the time floor rises.
 */
#include "sync/mirror/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_file.h"
#include "tuf/meta.h"

#define FILE_NAME "memory.json"

static int take_time(int64_t *when, const json_t *doc, const char *key, struct cw_err *err)
{
    const char *text = NULL;
    int rc = cw_json_opt_str(&text, doc, key, err);

    if (rc == CW_OK && text != NULL)
        rc = cw_time_parse(when, text, err);
    return rc;
}

static int take_entered(struct cw_mirror_memory *memory, const json_t *doc, struct cw_err *err)
{
    json_t *entered = NULL;
    const char *text;
    int64_t root;
    int rc = cw_json_opt_obj(&entered, doc, "entered", err);

    if (rc != CW_OK || entered == NULL)
        return rc;
    rc = cw_json_get_int(&root, entered, "root", 1, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&text, entered, "timestamp", err);
    return rc == CW_OK ? cw_mirror_memory_enter(memory, root, text, strlen(text), err) : rc;
}

static int take(struct cw_mirror_memory *memory, const json_t *doc, struct cw_err *err)
{
    json_t *channels;
    int rc = cw_json_check_format(doc, CW_MIRROR_MEMORY_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_get_obj(&channels, doc, "memory", err);
    if (rc == CW_OK)
        rc = take_time(&memory->floor, doc, "floor", err);
    if (rc == CW_OK)
        rc = take_time(&memory->pending, doc, "pending", err);
    if (rc == CW_OK)
        rc = take_entered(memory, doc, err);
    if (rc == CW_OK)
        memory->channels = json_incref(channels);
    return rc;
}

int cw_mirror_memory_load(struct cw_mirror_memory *memory, const struct cw_site *site,
                          const struct cw_upstream *upstream, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, FILE_NAME, err);

    *memory = (struct cw_mirror_memory){.root = 0};
    if (rc == CW_OK)
        rc = cw_json_file_read(&doc, site->fd, path, CW_MIRROR_MEMORY_MAX, err);
    if (rc == CW_E_NOTFOUND) {
        memory->channels = json_object();
        return memory->channels == NULL ? cw_err_nomem(err) : CW_OK;
    }
    if (rc == CW_OK)
        rc = take(memory, doc, err);
    if (rc != CW_OK) {
        cw_mirror_memory_clear(memory);
        cw_err_prefix(err, "'%s'", path);
    }
    return rc;
}

static int add_time(json_t *doc, const char *key, int64_t when)
{
    char text[CW_TIME_TEXT];

    if (when == 0)
        return 0;
    cw_time_format(when, text);
    return json_object_set_new(doc, key, json_string(text));
}

static json_t *to_json(const struct cw_mirror_memory *memory)
{
    json_t *doc = json_pack("{s:s, s:s, s:O}", "_type", CW_MIRROR_MEMORY_TYPE, "format", "1.0", "memory",
                            memory->channels);
    int bad = doc == NULL;

    if (!bad)
        bad = add_time(doc, "floor", memory->floor) != 0 || add_time(doc, "pending", memory->pending) != 0;
    if (!bad && memory->timestamp != NULL)
        bad = json_object_set_new(doc, "entered",
                                  json_pack("{s:I, s:s%}", "root", (json_int_t)memory->root, "timestamp",
                                            memory->timestamp, memory->timestamp_len)) != 0;
    if (bad) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}

int cw_mirror_memory_commit(const struct cw_mirror_memory *memory, const struct cw_site *site,
                            const struct cw_upstream *upstream, struct cw_err *err)
{
    json_auto_t *doc = to_json(memory);
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, FILE_NAME, err);

    return rc == CW_OK ? cw_json_file_replace(site->fd, path, doc, CW_MIRROR_MEMORY_MAX, err) : rc;
}

void cw_mirror_memory_clear(struct cw_mirror_memory *memory)
{
    json_decref(memory->channels);
    free(memory->timestamp);
    *memory = (struct cw_mirror_memory){.root = 0};
}

int cw_mirror_memory_enter(struct cw_mirror_memory *memory, int64_t root, const void *timestamp, size_t len,
                           struct cw_err *err)
{
    char *copy = malloc(len + 1);

    if (copy == NULL)
        return cw_err_nomem(err);
    memcpy(copy, timestamp, len);
    copy[len] = '\0';
    free(memory->timestamp);
    memory->timestamp = copy;
    memory->timestamp_len = len;
    memory->root = root;
    return CW_OK;
}

void cw_mirror_memory_raise(struct cw_mirror_memory *memory, int64_t published, int64_t expires, int64_t now)
{
    int64_t floor = published < expires ? published : expires;
    int64_t from = memory->floor != 0 ? memory->floor : now;

    if (floor <= memory->floor)
        return;
    if (floor - from > CW_FLOOR_JUMP_MAX) {
        memory->pending = floor;
        return;
    }
    memory->floor = floor;
    if (memory->pending <= floor)
        memory->pending = 0;
}
