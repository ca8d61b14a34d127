/* SPDX-License-Identifier: ISC */
/*
 * Documents in files; see codec/json_file.h.
 */
#include "codec/json_file.h"

#include "fs/commit.h"
#include "fs/root.h"

int cw_json_file_read(json_t **doc, int dir, const char *path, size_t max, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(max);
    int rc = cw_at_read_file(&text, dir, path, err);

    *doc = NULL;
    return rc == CW_OK ? cw_json_parse(doc, cw_buf_text(&text), text.len, err) : rc;
}

int cw_json_file_replace(int dir, const char *path, const json_t *doc, size_t max, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(max);
    int rc = doc != NULL ? cw_json_format(&text, doc, err) : cw_err_nomem(err);

    return rc == CW_OK ? cw_file_replace(dir, path, cw_buf_text(&text), text.len, 0644, err) : rc;
}
