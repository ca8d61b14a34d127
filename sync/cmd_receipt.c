/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync receipt: what this site holds, runs and trusts, signed, for whoever makes the next bundle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "doc/receipt.h"
#include "fs/commit.h"
#include "sync/commands.h"
#include "sync/receipt.h"

static const char *out_file;

const struct cw_option cmd_receipt_options[] = {
    {CW_OPTION_STRING, "out", &out_file, "FILE", "write it into this file"},
    {.kind = CW_OPTION_END},
};

/* Opens the folder of a file that a person names; *name is its last part. */
static int open_folder_of(int *fd, const char **name, const char *file, struct cw_err *err)
{
    CW_AUTO_FREE char *folder = strdup(file);

    *name = cw_str_basename(file);
    if (folder == NULL)
        return cw_err_nomem(err);
    folder[*name - file] = '\0';
    return cw_dir_open(fd, folder[0] != '\0' ? folder : ".", err);
}

/* Where it goes, opened before anything is signed: a medium that is not in costs no counter. */
static int open_place(int *fd, char name[CW_PATH_MAX], const char *folder, const char *site,
                      struct cw_err *err)
{
    const char *base;
    int rc;

    if (folder != NULL) {
        snprintf(name, CW_PATH_MAX, CW_RECEIPTS "/%s.receipt.json", site);
        return cw_dir_open(fd, folder, err);
    }
    rc = open_folder_of(fd, &base, out_file, err);
    if (rc == CW_OK && !cw_path_is_relative(base))
        rc = cw_err_set(err, CW_E_USAGE, "'%s' is not a file's name", out_file);
    if (rc == CW_OK)
        snprintf(name, CW_PATH_MAX, "%s", base);
    return rc;
}

static int tell(const struct cw_cli *cli, const struct cw_receipt_made *made, const char *where,
                struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:I, s:s, s:I, s:I, s:I, s:I}", "counter", (json_int_t)made->counter, "file", where,
                  "files", (json_int_t)made->files, "bytes", (json_int_t)made->bytes, "files_left_out",
                  (json_int_t)made->left_out, "damaged", (json_int_t)made->damaged);
    char bytes[16];

    cw_str_bytes(made->bytes, bytes);
    cw_cli_say(cli, "receipt %lld is in '%s': this site holds %llu file%s, %s", (long long)made->counter,
               where, (unsigned long long)made->files, cw_str_plural(made->files), bytes);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

static int write_out(const struct cw_cli *cli, const struct cw_site *site, const char *folder,
                     struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_RECEIPT_MAX), where = CW_BUF_INIT(2 * CW_PATH_MAX);
    CW_AUTO_FD int fd = -1;
    struct cw_receipt_made made;
    char name[CW_PATH_MAX] = "";
    bool printed = folder == NULL && out_file == NULL;
    int rc = printed ? CW_OK : open_place(&fd, name, folder, site->name, err);

    if (rc == CW_OK)
        rc = cw_receipt_write(&text, &made, site, cw_clock_now(), err);
    if (rc == CW_OK && made.left_out > 0)
        cw_cli_warn(cli, "%llu files are past what a receipt may list, and are left out",
                    (unsigned long long)made.left_out);
    if (rc == CW_OK && made.damaged > 0)
        cw_cli_warn(
            cli, "%llu file%s damaged in the mirror, and not counted; 'causeway-sync verify' names what is",
            (unsigned long long)made.damaged, made.damaged == 1 ? " is" : "s are");
    if (rc == CW_OK && printed)
        return cw_fd_write_all(STDOUT_FILENO, cw_buf_text(&text), text.len, "standard output", err);
    if (rc == CW_OK)
        rc = cw_file_replace(fd, name, cw_buf_text(&text), text.len, 0644, err);
    if (rc != CW_OK)
        return rc;
    cw_buf_addf(&where, "%s%s%s", folder != NULL ? folder : out_file, folder != NULL ? "/" : "",
                folder != NULL ? name : "");
    return tell(cli, &made, cw_buf_text(&where), err);
}

int cmd_receipt(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    int rc;

    if (argc > 1 && out_file != NULL)
        return cw_err_set(err, CW_E_USAGE, "name a folder or --out, not both");
    rc = cw_site_open(&site, cli, true, err);
    return rc == CW_OK ? write_out(cli, &site, argc > 1 ? argv[1] : NULL, err) : rc;
}
