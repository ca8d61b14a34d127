/* SPDX-License-Identifier: ISC */
/*
 * Reading public halves; see gen/public_file.h.
 */
#include "gen/public_file.h"

#include <string.h>

#include "base/mem.h"
#include "crypt/keyfile.h"
#include "crypt/pem.h"
#include "fs/root.h"
#include "tuf/meta.h"

int cw_public_file_read(json_t **object, const char *path, struct cw_err *err)
{
    static const char pem[] = "PUBLIC KEY", tuf[] = "\"keyval\"";
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_PEM_MAX);
    int rc = cw_path_read_all(&text, path, err);

    if (rc != CW_OK)
        return rc;
    if (memmem(cw_buf_text(&text), text.len, pem, strlen(pem)) == NULL &&
        memmem(cw_buf_text(&text), text.len, tuf, strlen(tuf)) == NULL)
        return CW_OK;
    rc = cw_tuf_key_read(object, cw_buf_text(&text), text.len, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}
