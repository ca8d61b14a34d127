/* SPDX-License-Identifier: ISC */
/*
 * The lists of a bundle's volumes, made before the first of its bytes is written: each names the lists of all.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/mirror/export_run.h"
#include "tree/layout.h"

static int add_receipts(json_t *head, const struct cw_held *held, struct cw_err *err)
{
    json_auto_t *list = json_array();
    size_t i;

    for (i = 0; i < held->count; i++) {
        const struct cw_receipt *receipt = &held->sites[i].receipt;

        if (receipt->doc != NULL &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "site", receipt->site, "identity",
                                                  receipt->keyid, "counter", (json_int_t)receipt->counter)) !=
                0)
            return cw_err_nomem(err);
    }
    if (json_array_size(list) > 0 && json_object_set(head, "for", list) != 0)
        return cw_err_nomem(err);
    if (held->since != 0 && json_object_set_new(head, "since", json_integer((json_int_t)held->since)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_lists(json_t *head, json_t *files, const struct cw_export_run *export, struct cw_err *err)
{
    json_t *lists = json_array();
    unsigned k;

    if (lists == NULL || json_object_set_new(head, "lists", lists) != 0)
        return cw_err_nomem(err);
    for (k = 0; k < export->carry.of; k++) {
        json_t *own = cw_volume_write_files(&export->volumes[k].write);
        char sha256[CW_SHA256_TEXT];
        int rc = own != NULL ? cw_volume_hash(sha256, own, err) : cw_err_nomem(err);

        if (json_array_append_new(files, own) != 0 && rc == CW_OK)
            rc = cw_err_nomem(err);
        if (rc == CW_OK && json_array_append_new(lists, json_string(sha256)) != 0)
            rc = cw_err_nomem(err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* What all volumes say alike, but for the time. files: gets each one's list. */
static int make_head(json_t **head, json_t *files, const struct cw_export_run *export,
                     const struct cw_set *set, const struct cw_mirror_memory *memory, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    const char *root = NULL;
    size_t i;
    int rc = cw_tree_metadata_path(path, memory->root, cw_tuf_type_name(CW_TUF_ROOT), err);

    if (rc != CW_OK)
        return rc;
    for (i = 0; i < export->all.count && root == NULL; i++)
        root = strcmp(export->all.files[i].path, path) == 0 ? export->all.files[i].sha256 : NULL;
    if (root == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror; run 'causeway-sync pull'",
                          path);
    *head = json_pack("{s:s, s:s, s:i, s:s, s:I, s:s, s:O}", "_type", CW_VOLUME_TYPE, "format", "1.0", "of",
                      (int)export->carry.of, "channel", set->channel.channel, "serial",
                      (json_int_t)set->channel.serial, "roots", root, "volumes", export->result->sizes);
    if (*head == NULL)
        return cw_err_nomem(err);
    rc = add_receipts(*head, &export->held, err);
    return rc == CW_OK ? add_lists(*head, files, export, err) : rc;
}

/* An export that goes on keeps the time of its first run, so that its volumes stay those of one bundle. *found: when a
 * volume that is there says all that the head says. */
static int find_time(char created[CW_TIME_TEXT], bool *found, const struct cw_export_run *export,
                     json_t *head, struct cw_err *err)
{
    unsigned k;

    *found = false;
    for (k = 0; k < export->carry.of && !*found; k++) {
        CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
        struct cw_volume volume = {.doc = NULL};
        char name[CW_VOLUME_NAME_MAX];
        int rc;

        cw_volume_name(name, (int64_t)k + 1);
        rc = cw_at_read_file(&text, export->volumes[k].fd, name, err);
        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return rc;
        if (rc != CW_OK || cw_volume_parse(&volume, cw_buf_text(&text), text.len, NULL) != CW_OK)
            continue;
        snprintf(created, CW_TIME_TEXT, "%s", json_string_value(json_object_get(volume.doc, "created")));
        (void)json_object_del(volume.doc, "created");
        (void)json_object_del(volume.doc, "bundle");
        (void)json_object_del(volume.doc, "index");
        (void)json_object_del(volume.doc, "files");
        *found = json_equal(volume.doc, head);
        cw_volume_clear(&volume);
    }
    return CW_OK;
}

static int format_lists(struct cw_export_run *export, json_t *head, const json_t *files, struct cw_err *err)
{
    unsigned k;
    int rc = CW_OK;

    for (k = 0; k < export->carry.of && rc == CW_OK; k++) {
        json_auto_t *doc = cw_json_copy(head);

        if (doc == NULL || json_object_set_new(doc, "index", json_integer((json_int_t)k + 1)) != 0 ||
            json_object_set(doc, "files", json_array_get(files, k)) != 0)
            return cw_err_nomem(err);
        rc = cw_volume_format(&export->volumes[k].list, doc, err);
        if (rc == CW_OK)
            memcpy(export->result->bundle, json_string_value(json_object_get(doc, "bundle")), CW_SHA256_TEXT);
    }
    return rc;
}

int cw_export_lists(struct cw_export_run *export, const struct cw_set *set,
                    const struct cw_mirror_memory *memory, int64_t now, struct cw_err *err)
{
    char created[CW_TIME_TEXT];
    json_auto_t *head = NULL;
    json_auto_t *files = json_array();
    bool found;
    int rc = files != NULL ? make_head(&head, files, export, set, memory, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = find_time(created, &found, export, head, err);
    if (rc != CW_OK)
        return rc;
    if (!found)
        cw_time_format(now, created);
    if (json_object_set_new(head, "created", json_string(created)) != 0)
        return cw_err_nomem(err);
    return format_lists(export, head, files, err);
}
