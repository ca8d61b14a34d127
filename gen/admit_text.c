/* SPDX-License-Identifier: ISC */
/*
 * Writing a new release manifest as text: releases with a thousand files come by the thousand, and a tree of each would cost most of
 * the time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "gen/admit.h"
#include "release/manifest.h"
#include "tree/layout.h"

/* What cw_json_format() makes of a manifest without artifacts begins so. */
#define BEFORE "{\n \"_type\": \"" CW_RELEASE_TYPE "\",\n \"artifacts\": ["

static int compare_files(const void *a, const void *b)
{
    const struct cw_catalog_file *one = a, *two = b;

    return strcmp(one->name, two->name);
}

static void sort(struct cw_catalog_release *release)
{
    size_t i;

    for (i = 1; i < release->file_count; i++) {
        if (compare_files(&release->files[i - 1], &release->files[i]) > 0) {
            qsort(release->files, release->file_count, sizeof *release->files, compare_files);
            return;
        }
    }
}

/* Nothing in these needs an escape: names, kinds and hashes were checked. */
static void add_artifact(struct cw_buf *buf, const struct cw_catalog_file *file, const char *folder)
{
    cw_buf_adds(buf, "\n  {\n   \"kind\": \"");
    cw_buf_adds(buf, file->kind);
    cw_buf_adds(buf, "\",\n   \"length\": ");
    cw_buf_addu(buf, file->size);
    cw_buf_adds(buf, ",\n   \"path\": \"");
    cw_buf_adds(buf, folder);
    cw_buf_adds(buf, file->name);
    cw_buf_adds(buf, "\",\n   \"platform\": \"");
    cw_buf_adds(buf, file->platform);
    cw_buf_adds(buf, "\",\n   \"sha256\": \"");
    cw_buf_add(buf, file->sha256, CW_SHA256_TEXT - 1);
    cw_buf_adds(buf, "\"\n  }");
}

/* The manifest with its SBOM, and no artifacts. */
static int shell(json_t **doc, const struct cw_catalog_release *release, struct cw_err *err)
{
    struct cw_known nothing = {.doc = NULL};
    size_t i;
    int rc = cw_admit_start(doc, &nothing, release, err);

    for (i = 0; i < release->file_count && rc == CW_OK; i++) {
        const struct cw_catalog_file *file = &release->files[i];
        char target[CW_PATH_MAX];

        if (file->kind != NULL)
            continue;
        rc = cw_tree_artifact_target(target, release->product, release->version, file->name, err);
        if (rc == CW_OK)
            rc = cw_admit_file(*doc, file, target, file->sha256, file->size, err);
    }
    return rc;
}

int cw_admit_text(struct cw_buf *text, struct cw_catalog_release *release, struct cw_err *err)
{
    CW_AUTO_BUF frame = CW_BUF_INIT(CW_MANIFEST_MAX);
    json_auto_t *doc = NULL;
    char folder[CW_PATH_MAX];
    bool any = false;
    size_t i;
    int rc = shell(&doc, release, err);

    if (rc == CW_OK)
        rc = cw_json_format(&frame, doc, err);
    if (rc != CW_OK)
        return rc;
    sort(release);
    snprintf(folder, sizeof folder, "%s/%s/", release->product, release->version);
    cw_buf_adds(text, BEFORE);
    for (i = 0; i < release->file_count; i++) {
        if (release->files[i].kind == NULL)
            continue;
        if (any)
            cw_buf_addc(text, ',');
        add_artifact(text, &release->files[i], folder);
        any = true;
    }
    if (!any)
        return cw_err_set(err, CW_E_VERIFY, "%s %s has no files", release->product, release->version);
    cw_buf_adds(text, "\n ");
    cw_buf_adds(text, frame.data + sizeof BEFORE - 1);
    return cw_buf_check(text, "a release manifest", err);
}
