/* SPDX-License-Identifier: ISC */
/*
 * Key files that a person names: see lib/cli/secret.h.
 */
#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypt/pem.h"
#include "fs/root.h"

int cw_secret_read_file(struct cw_secret **secret, const char *path, struct cw_unlock *unlock,
                        struct cw_passphrase *passphrase, struct cw_err *err)
{
    CW_AUTO_KEYFILE_TEXT text = CW_BUF_INIT(CW_PEM_MAX);
    int rc = cw_path_read_all(&text, path, err);

    if (rc != CW_OK)
        return rc;
    if (text.len > 0 && text.data[0] == '{')
        return cw_keyfile_open(secret, text.data, text.len, path, unlock, err);
    return cw_pem_read_secret(secret, cw_buf_text(&text), text.len, path, cw_passphrase_ask, passphrase, err);
}

int cw_secret_write_file(const char *path, const struct cw_buf *text, mode_t mode, struct cw_err *err)
{
    CW_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int rc;

    if (fd < 0)
        return cw_err_errno(err, errno, "unable to make '%s'", path);
    rc = cw_fd_write_all(fd, text->data, text->len, path, err);
    if (rc == CW_OK && fsync(fd) != 0)
        rc = cw_err_errno(err, errno, "unable to sync '%s'", path);
    if (rc != CW_OK)
        unlink(path);
    return rc;
}
