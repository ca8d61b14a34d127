/* SPDX-License-Identifier: ISC */
/*
 * Opening the repository; see gen/repo.h.
 */
#include "gen/repo.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/json_file.h"
#include "fs/commit.h"
#include "fs/lock.h"
#include "fs/root.h"
#include "fs/walk.h"
#include "gen/ceremony.h"
#include "tree/layout.h"

#define FOLDERS_FILE CW_REPO_STAGED "/writing.json"
#define FOLDERS_MAX ((size_t)16 << 20) /* bytes: as many releases as one add can bring, with room */

static int read_folders(json_t **folders, const struct cw_repo *repo, struct cw_err *err)
{
    int rc = cw_json_file_read(folders, repo->dir, FOLDERS_FILE, FOLDERS_MAX, err);

    return rc == CW_OK || rc == CW_E_NOTFOUND ? CW_OK : cw_err_prefix(err, "'%s'", FOLDERS_FILE);
}

static int sweep_folder(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct cw_repo *repo = ctx;

    return S_ISDIR(st->st_mode) ? cw_sweep(repo->tree, path, err) : CW_OK;
}

/* A note that a power cut tore says only that something may be left somewhere. */
static int sweep_noted(const struct cw_repo *repo, struct cw_err *err)
{
    json_auto_t *folders = NULL;
    json_t *folder;
    size_t i;
    int rc = read_folders(&folders, repo, err);

    if (rc == CW_E_VERIFY)
        rc = cw_walk(repo->tree, "", sweep_folder, (void *)repo, err);
    else if (rc != CW_OK || folders == NULL)
        return rc;
    json_array_foreach (folders, i, folder) {
        rc = cw_sweep(repo->tree, json_is_string(folder) ? json_string_value(folder) : "", err);
        if (rc != CW_OK)
            return rc;
    }
    return rc == CW_OK ? cw_repo_forget_folders(repo, err) : rc;
}

static int sweep(const struct cw_repo *repo, struct cw_err *err)
{
    static const char *const folders[] = {"", CW_REPO_KEYS, CW_REPO_STAGED "/releases",
                                          CW_REPO_STAGED "/channels", CW_REPO_STAGED};
    size_t i;
    int rc = sweep_noted(repo, err);

    for (i = 0; i < CW_COUNT(folders) && rc == CW_OK; i++)
        rc = cw_sweep(repo->dir, folders[i], err);
    return rc;
}

int cw_repo_open(struct cw_repo *repo, const struct cw_cli *cli, bool write, struct cw_err *err)
{
    int rc = cw_cli_open_folder(&repo->dir, cli, CW_CONFIG_FILE, err);

    if (rc == CW_OK)
        rc = cw_config_load(&repo->config, repo->dir, err);
    if (rc == CW_OK)
        rc = cw_at_open_dir(&repo->tree, repo->dir, CW_REPO_TREE, err);
    if (rc == CW_OK && write)
        rc = cw_lock_take(&repo->lock, repo->dir, CW_REPO_LOCK, err);
    if (rc == CW_OK && write)
        rc = sweep(repo, err);
    return rc == CW_OK && write ? cw_ceremony_settle(repo->dir, err) : rc;
}

void cw_repo_close(struct cw_repo *repo)
{
    cw_fd_close_(&repo->tree);
    cw_fd_close_(&repo->lock);
    cw_fd_close_(&repo->dir);
    cw_config_clear(&repo->config);
    *repo = (struct cw_repo)CW_REPO_INIT;
}

/* Not synced: a kill leaves the note as it is, and a power cut leaves no temporary file that a later syncfs has not made durable together
 * with it. */
int cw_repo_note_folders(const struct cw_repo *repo, const json_t *folders, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(FOLDERS_MAX);
    int rc = cw_json_format(&text, folders, err);

    return rc == CW_OK ? cw_file_write(repo->dir, FOLDERS_FILE, text.data, text.len, 0644, err) : rc;
}

/* Not synced either: coming back, it is swept once more. */
int cw_repo_forget_folders(const struct cw_repo *repo, struct cw_err *err)
{
    if (unlinkat(repo->dir, FOLDERS_FILE, 0) != 0 && errno != ENOENT)
        return cw_err_errno(err, errno, "unable to remove '%s'", FOLDERS_FILE);
    return CW_OK;
}
