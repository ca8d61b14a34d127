/* SPDX-License-Identifier: ISC */
/*
 * Finding the folder a command works in, upward from where the person stands, as git does.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "fs/root.h"

#define UPWARD_MAX 128 /* folders; a loop of mounts must end */

static int not_found(const struct cw_cli *cli, const char *marker, struct cw_err *err)
{
    return cw_err_set(err, CW_E_USAGE,
                      "no %s here: no '%s' in this folder or above it; name the %s with -C DIR or %s, or "
                      "make one with '%s init'",
                      cli->program->folder, marker, cli->program->folder, cli->program->folder_env,
                      cli->program->name);
}

static int open_named(int *fd, const struct cw_cli *cli, const char *marker, struct cw_err *err)
{
    bool there;
    int rc = cw_dir_open(fd, cli->folder, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_at_has(&there, *fd, marker, err);
    if (rc == CW_OK && there)
        return CW_OK;
    close(*fd);
    *fd = -1;
    if (rc != CW_OK)
        return rc;
    return cw_err_set(err, CW_E_USAGE, "'%s' is not a %s: it has no '%s'; make one with '%s init'",
                      cli->folder, cli->program->folder, marker, cli->program->name);
}

int cw_cli_open_folder(int *fd, const struct cw_cli *cli, const char *marker, struct cw_err *err)
{
    CW_AUTO_FD int at = -1;
    int i, next, rc;

    *fd = -1;
    if (cli->folder != NULL)
        return open_named(fd, cli, marker, err);
    rc = cw_dir_open(&at, ".", err);
    for (i = 0; i < UPWARD_MAX && rc == CW_OK; i++) {
        struct stat here, above;
        bool there;

        rc = cw_at_has(&there, at, marker, err);
        if (rc != CW_OK)
            return rc;
        if (there) {
            *fd = at;
            at = -1;
            return CW_OK;
        }
        next = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (next < 0 || fstat(at, &here) != 0 || fstat(next, &above) != 0 ||
            (here.st_ino == above.st_ino && here.st_dev == above.st_dev)) {
            if (next >= 0)
                close(next);
            break;
        }
        close(at);
        at = next;
    }
    return rc != CW_OK ? rc : not_found(cli, marker, err);
}
