/* SPDX-License-Identifier: ISC */
/*
 * Gathering and writing the evidence of a verification; see sync/report.h. Reading one back is in
 * report_check.c.
 */
#include "sync/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "doc/envelope.h"
#include "fs/commit.h"
#include "render/render.h"
#include "sync/identity.h"

#define BLOCK ((size_t)64 * 1024)
#define LINE_MAX_BYTES (CW_SHA256_TEXT + 2 * CW_PATH_MAX + 4)

struct cw_report {
    const struct cw_site *site;
    char prefix[CW_PATH_MAX];
    struct cw_out list; /* never committed */
    struct cw_hash *hash;
    uint64_t count;
    struct cw_buf block; /* lines not yet written to the list */
    json_t *roles, *keys;
    struct cw_err failed; /* the first thing that went wrong while gathering */
};

int cw_report_new(struct cw_report **report, const struct cw_site *site, struct cw_err *err)
{
    struct cw_report *r = calloc(1, sizeof *r);
    int rc;

    *report = NULL;
    if (r == NULL)
        return cw_err_nomem(err);
    r->site = site;
    r->list = (struct cw_out)CW_OUT_INIT;
    cw_buf_init(&r->block, BLOCK + LINE_MAX_BYTES);
    r->roles = json_array();
    r->keys = json_object();
    rc = r->roles == NULL || r->keys == NULL ? cw_err_nomem(err) : cw_hash_new(&r->hash, CW_SHA256, err);
    if (rc == CW_OK)
        rc = cw_out_open_unnamed(&r->list, site->fd, "report.list", 0600, err);
    if (rc != CW_OK) {
        cw_report_free(r);
        return rc;
    }
    *report = r;
    return CW_OK;
}

void cw_report_free(struct cw_report *report)
{
    if (report == NULL)
        return;
    cw_out_discard(&report->list);
    cw_hash_free(report->hash);
    cw_buf_clear(&report->block);
    json_decref(report->roles);
    json_decref(report->keys);
    free(report);
}

int cw_report_folder(struct cw_report *report, const char *prefix, struct cw_err *err)
{
    int n = snprintf(report->prefix, sizeof report->prefix, "%s", prefix);

    return n < 0 || (size_t)n >= sizeof report->prefix
               ? cw_err_set(err, CW_E_FAIL, "the name of '%s' is too long", prefix)
               : CW_OK;
}

/* ---- gathering ---- */

static int flush(struct cw_report *report, struct cw_err *err)
{
    int rc = cw_buf_check(&report->block, "the list of files", err);

    if (rc == CW_OK)
        rc = cw_hash_update(report->hash, cw_buf_text(&report->block), report->block.len, err);
    if (rc == CW_OK)
        rc = cw_out_write(&report->list, cw_buf_text(&report->block), report->block.len, err);
    cw_buf_reset(&report->block);
    return rc;
}

static int add_line(struct cw_report *report, const struct cw_held_file *file, struct cw_err *err)
{
    cw_buf_addf(&report->block, "%s  %s%s\n", file->sha256, report->prefix, file->path);
    report->count++;
    return report->block.len >= BLOCK ? flush(report, err) : CW_OK;
}

/* Of each key that signed something, what kind it is. */
static int add_keys(struct cw_report *report, const struct cw_held_file *file, struct cw_err *err)
{
    json_t *keyid;
    size_t i;

    json_array_foreach (file->signed_by, i, keyid) {
        const char *id = json_string_value(keyid);
        const json_t *key = json_object_get(file->role->keys, id);
        json_t *type = json_object_get(key, "keytype"), *scheme = json_object_get(key, "scheme");

        if (json_object_get(report->keys, id) != NULL)
            continue;
        if (json_object_set_new(
                report->keys, id,
                json_pack("{s:O, s:O?, s:O?}", "keyid", keyid, "keytype", type, "scheme", scheme)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int add_role(struct cw_report *report, const struct cw_held_file *file, struct cw_err *err)
{
    char expires[CW_TIME_TEXT];

    cw_time_format(file->meta->expires, expires);
    if (json_array_append_new(report->roles,
                              json_pack("{s:s+, s:s, s:s, s:I, s:s, s:I, s:O, s:b}", "path", report->prefix,
                                        file->path, "sha256", file->sha256, "role", file->role->name,
                                        "version", (json_int_t)file->meta->version, "expires", expires,
                                        "threshold", (json_int_t)file->role->threshold, "signed_by",
                                        file->signed_by, "superseded", file->superseded)) != 0)
        return cw_err_nomem(err);
    return add_keys(report, file, err);
}

void cw_report_held(struct cw_report *report, const struct cw_held_file *file)
{
    int rc = CW_OK;

    if (report->failed.code != CW_OK)
        return;
    if (file->meta != NULL)
        rc = add_role(report, file, &report->failed);
    if (rc == CW_OK)
        (void)add_line(report, file, &report->failed);
}

/* ---- what is signed ---- */

static json_t *key_list(const json_t *keys)
{
    json_t *list = json_array();
    const char *id;
    json_t *key;

    json_object_foreach ((json_t *)keys, id, key) {
        if (json_array_append(list, key) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int make_payload(json_t **payload, struct cw_report *report, const json_t *checked, int64_t now,
                        struct cw_err *err)
{
    struct cw_identity identity;
    char time[CW_TIME_TEXT], sha256[CW_HASH_TEXT_MAX];
    int rc = report->failed.code;

    if (rc != CW_OK)
        *err = report->failed;
    if (rc == CW_OK)
        rc = flush(report, err);
    if (rc == CW_OK)
        rc = cw_hash_final(report->hash, sha256, err);
    if (rc == CW_OK)
        rc = cw_identity_ensure(&identity, report->site->fd, now, err);
    if (rc != CW_OK)
        return rc;
    cw_time_format(now, time);
    *payload = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:O, s:o, s:{s:I, s:s}}", "_type",
                         CW_REPORT_TYPE, "format", "1.0", "site", report->site->name, "identity", identity.id,
                         "time", time, "program", "causeway-sync " PACKAGE_VERSION, "checked", checked,
                         "roles", report->roles, "keys", key_list(report->keys), "list", "count",
                         (json_int_t)report->count, "sha256", sha256);
    return *payload != NULL ? CW_OK : cw_err_nomem(err);
}

/* ---- writing ---- */

static int put(struct cw_out *out, const char *text, struct cw_err *err)
{
    return cw_out_write(out, text, strlen(text), err);
}

/* The list as the inside of a JSON text, or as it is; neither ever holds a '<' that HTML would take for a tag. */
static int put_list(struct cw_out *out, const struct cw_report *report, bool json, struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(BLOCK);
    CW_AUTO_BUF text = CW_BUF_INIT(6 * BLOCK);
    off_t at = 0;
    ssize_t n, i;
    int rc = block == NULL ? cw_err_nomem(err) : CW_OK;

    while (rc == CW_OK && (n = pread(report->list.fd, block, BLOCK, at)) != 0) {
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read the list of files");
        at += n;
        for (i = 0; i < n; i++) {
            if (block[i] == '<' || block[i] == '&' || block[i] == '"' || block[i] == '\\')
                cw_buf_addf(&text, json ? "\\u%04x" : "&#%u;", (unsigned)block[i]);
            else if (block[i] == '\n' && json)
                cw_buf_adds(&text, "\\n");
            else
                cw_buf_addc(&text, block[i]);
        }
        rc = cw_buf_check(&text, "the list of files", err);
        if (rc == CW_OK)
            rc = cw_out_write(out, cw_buf_text(&text), text.len, err);
        cw_buf_reset(&text);
    }
    return rc;
}

static int put_document(struct cw_out *out, const struct cw_report *report, const struct cw_buf *envelope,
                        struct cw_err *err)
{
    int rc = put(out, "{\"_type\": \"" CW_REPORT_TYPE "\", \"format\": \"1.0\", \"envelope\": ", err);

    if (rc == CW_OK)
        rc = cw_out_write(out, cw_buf_text(envelope), envelope->len, err);
    if (rc == CW_OK)
        rc = put(out, ", \"list\": \"", err);
    if (rc == CW_OK)
        rc = put_list(out, report, true, err);
    return rc == CW_OK ? put(out, "\"}\n", err) : rc;
}

/* What the page shows besides what is signed: findings of all folders in one list, and whether all is well. */
static int make_view(json_t **view, const json_t *payload, struct cw_err *err)
{
    json_t *findings = json_array(), *checked = json_object_get(payload, "checked"), *folder, *finding;
    bool good = true;
    size_t i, k;

    *view = cw_json_copy(payload);
    if (findings == NULL || *view == NULL || json_object_set_new(*view, "findings", findings) != 0)
        return cw_err_nomem(err);
    json_array_foreach (checked, i, folder) {
        json_array_foreach (json_object_get(folder, "findings"), k, finding) {
            good = good && json_is_true(json_object_get(finding, "mended"));
            if (json_array_append(findings, finding) != 0)
                return cw_err_nomem(err);
        }
    }
    return json_object_set_new(*view, "good", json_boolean(good)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int put_page(struct cw_out *out, const struct cw_report *report, const struct cw_buf *envelope,
                    const json_t *payload, struct cw_err *err)
{
    CW_AUTO_BUF page = CW_BUF_INIT(CW_RENDER_MAX);
    json_auto_t *view = NULL;
    const char *mark;
    int rc = make_view(&view, payload, err);

    if (rc == CW_OK)
        rc = cw_render(&page, CW_TEMPLATE_REPORT, view, err);
    if (rc != CW_OK)
        return rc;
    mark = strstr(cw_buf_text(&page), CW_REPORT_LIST_MARK);
    if (mark == NULL)
        return cw_err_set(err, CW_E_FAIL, "the page of reports has no place for the list of files");
    rc = cw_out_write(out, page.data, (size_t)(mark - page.data), err);
    if (rc == CW_OK)
        rc = put(out, "<pre id=\"list\">", err);
    if (rc == CW_OK)
        rc = put_list(out, report, false, err);
    if (rc == CW_OK)
        rc = put(out, "</pre>\n" CW_REPORT_SCRIPT, err);
    if (rc == CW_OK)
        rc = put_document(out, report, envelope, err);
    if (rc == CW_OK)
        rc = put(out, CW_REPORT_SCRIPT_END "\n", err);
    return rc == CW_OK ? put(out, mark + strlen(CW_REPORT_LIST_MARK), err) : rc;
}

int cw_report_check_name(const char *path, struct cw_err *err)
{
    if (cw_str_ends(path, ".json") || cw_str_ends(path, ".html"))
        return CW_OK;
    return cw_err_set(err, CW_E_USAGE, "'%s': a report's name ends in .json or .html", path);
}

int cw_report_write(struct cw_report *report, const char *path, const json_t *checked, int64_t now,
                    struct cw_err *err)
{
    CW_AUTO_BUF envelope = CW_BUF_INIT(CW_ENVELOPE_MAX);
    CW_AUTO_OUT out = CW_OUT_INIT;
    CW_AUTO_FD int dir = -1;
    json_auto_t *payload = NULL;
    const char *name;
    int rc = cw_report_check_name(path, err);

    if (rc == CW_OK)
        rc = make_payload(&payload, report, checked, now, err);
    if (rc == CW_OK)
        rc = cw_identity_sign(&envelope, report->site->fd, now, CW_REPORT_PAYLOAD_TYPE, payload, err);
    if (rc == CW_OK)
        rc = cw_dir_open_parent(&dir, &name, path, err);
    if (rc == CW_OK)
        rc = cw_out_open(&out, dir, name, 0644, err);
    if (rc == CW_OK)
        rc = cw_str_ends(path, ".json") ? put_document(&out, report, &envelope, err)
                                        : put_page(&out, report, &envelope, payload, err);
    return rc == CW_OK ? cw_out_commit(&out, err) : rc;
}
