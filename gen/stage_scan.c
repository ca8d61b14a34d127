/* SPDX-License-Identifier: ISC */
/*
 * Scanning staged manifests; see gen/stage_scan.h.
 */
#include "gen/stage_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "fs/root.h"
#include "release/manifest.h"
#include "release/name.h"

#define DIGEST (CW_SHA256_TEXT - 1)

struct scanning {
    struct cw_scan scan;
    struct cw_stage_head *head;
    char folder[CW_PATH_MAX]; /* "<product>/<version>/" */
    size_t folder_len;
    struct cw_slice last; /* path of the artifact before: they are sorted */
    int (*fn)(void *ctx, const struct cw_bin_target *target, struct cw_err *err);
    void *ctx;
    struct cw_err *err;
    int rc; /* what fn said */
};

/* "<product>/<version>/<portable name>", not the manifest's own. */
static bool is_path(const struct scanning *s, struct cw_slice path)
{
    char name[CW_NAME_MAX + 1];
    size_t len = path.len - s->folder_len;

    if (path.len <= s->folder_len || len > CW_NAME_MAX || memcmp(path.at, s->folder, s->folder_len) != 0)
        return false;
    memcpy(name, path.at + s->folder_len, len);
    name[len] = '\0';
    return strcmp(name, CW_MANIFEST_FILE) != 0 && cw_name_check(name, "file", NULL) == CW_OK;
}

static bool take_member(struct scanning *s, struct cw_slice key, struct cw_bin_target *file)
{
    struct cw_slice value;

    if (cw_slice_is(key, "length"))
        return cw_scan_integer(&s->scan, &file->length);
    if (!cw_scan_string(&s->scan, &value))
        return false;
    if (cw_slice_is(key, "path"))
        file->path = value;
    else if (cw_slice_is(key, "sha256") && value.len == DIGEST &&
             strspn(value.at, "0123456789abcdef") >= DIGEST)
        file->sha256 = value.at;
    else
        return cw_slice_is(key, "kind") || cw_slice_is(key, "platform");
    return true;
}

static bool scan_file(struct scanning *s, struct cw_bin_target *file)
{
    struct cw_slice key;
    bool first = true;

    *file = (struct cw_bin_target){.length = -1};
    if (!cw_scan_open(&s->scan, '{'))
        return false;
    while (cw_scan_member(&s->scan, &first, &key)) {
        if (!take_member(s, key, file))
            return false;
    }
    if (s->scan.odd || file->path.at == NULL || file->sha256 == NULL || file->length < 0 ||
        !is_path(s, file->path))
        return false;
    s->rc = s->fn(s->ctx, file, s->err);
    return s->rc == CW_OK;
}

static bool is_behind(struct cw_slice a, struct cw_slice b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

    return order < 0 || (order == 0 && a.len < b.len);
}

static bool scan_artifacts(struct scanning *s)
{
    struct cw_bin_target file;
    bool first = true;

    if (!cw_scan_open(&s->scan, '['))
        return false;
    while (cw_scan_item(&s->scan, &first)) {
        if (!scan_file(s, &file) || (s->last.at != NULL && !is_behind(s->last, file.path)))
            return false;
        s->last = file.path;
        s->head->artifacts++;
        s->head->bytes += (uint64_t)file.length;
    }
    return !s->scan.odd && s->head->artifacts > 0 && s->head->artifacts <= CW_ARTIFACTS_MAX;
}

static bool scan_severity(struct scanning *s)
{
    struct cw_slice value;

    if (!cw_scan_string(&s->scan, &value) || value.len >= sizeof s->head->severity)
        return false;
    memcpy(s->head->severity, value.at, value.len);
    s->head->severity[value.len] = '\0';
    return cw_severity_check(s->head->severity, NULL) == CW_OK;
}

static bool scan_constant(struct scanning *s, const char *text)
{
    struct cw_slice value;

    return cw_scan_string(&s->scan, &value) && cw_slice_is(value, text);
}

static bool scan_all(struct scanning *s, const char *product, const char *version)
{
    struct cw_bin_target sbom;
    struct cw_slice key;
    bool first = true, taken = true;
    unsigned found = 0;

    if (!cw_scan_open(&s->scan, '{'))
        return false;
    while (taken && cw_scan_member(&s->scan, &first, &key)) {
        if (cw_slice_is(key, "artifacts"))
            taken = scan_artifacts(s), found |= 1;
        else if (cw_slice_is(key, "product"))
            taken = scan_constant(s, product), found |= 2;
        else if (cw_slice_is(key, "version"))
            taken = scan_constant(s, version), found |= 4;
        else if (cw_slice_is(key, "severity"))
            taken = scan_severity(s), found |= 8;
        else if (cw_slice_is(key, "_type"))
            taken = scan_constant(s, CW_RELEASE_TYPE), found |= 16;
        else
            taken = cw_slice_is(key, "sbom") ? scan_file(s, &sbom) : cw_scan_value(&s->scan, NULL);
    }
    return taken && found == 31 && cw_scan_is_done(&s->scan);
}

int cw_stage_scan(struct cw_stage_head *head, const struct cw_buf *text, const char *product,
                  const char *version,
                  int (*fn)(void *ctx, const struct cw_bin_target *target, struct cw_err *err), void *ctx,
                  struct cw_err *err)
{
    struct scanning s = {.head = head, .fn = fn, .ctx = ctx, .err = err};
    int len = snprintf(s.folder, sizeof s.folder, "%s/%s/", product, version);

    *head = (struct cw_stage_head){.artifacts = 0};
    s.folder_len = (size_t)len;
    cw_scan_init(&s.scan, cw_buf_text(text), text->len);
    if (len > 0 && len < CW_PATH_MAX && scan_all(&s, product, version))
        return CW_OK;
    if (s.rc != CW_OK)
        return s.rc;
    return cw_err_set(err, CW_E_VERIFY, "what is staged is not as 'add' left it; remove it and add it again");
}
