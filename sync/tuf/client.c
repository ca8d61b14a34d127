/* SPDX-License-Identifier: ISC */
/*
 * See client.h. The folder itself is locked, because a lock file would be one file too many in it.
 */
#include "sync/tuf/client.h"

#include <string.h>

#include "fs/commit.h"
#include "fs/lock.h"
#include "sync/tuf/target.h"

#define ROOT_NAME "root.json"
#define ENCODED_BYTES_MAX ((size_t)4096) /* of a name before it is judged */

void cw_client_clear(struct cw_client *client)
{
    cw_tuf_update_free(client->update);
    cw_fd_close_(&client->dir);
    *client = (struct cw_client)CW_CLIENT_INIT;
}

/* The lock is held, so whatever has a temporary name is of a run that is dead. */
static int lock(int dir, const char *folder, struct cw_err *err)
{
    int rc = cw_lock_folder(dir, folder, err);

    return rc == CW_OK ? cw_sweep(dir, "", err) : rc;
}

int cw_client_begin(const char *folder, const char *root_file, size_t root_max, struct cw_err *err)
{
    const struct cw_tuf_params params = {.root_max = root_max};
    CW_AUTO_BUF root = CW_BUF_INIT(root_max != 0 ? root_max : CW_TUF_ROOT_MAX);
    CW_AUTO_CLIENT client = CW_CLIENT_INIT;
    int rc = cw_remote_read_named(&root, root_file, err);

    if (rc == CW_OK)
        rc = cw_tuf_update_new(&client.update, &params, cw_buf_text(&root), root.len, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", root_file);
    rc = cw_dir_create(&client.dir, folder, err);
    if (rc == CW_OK)
        rc = lock(client.dir, folder, err);
    return rc == CW_OK ? cw_file_replace(client.dir, ROOT_NAME, cw_buf_text(&root), root.len, 0644, err) : rc;
}

static int load(void *ctx, const struct cw_tuf_update *update, const struct cw_tuf_want *want,
                struct cw_buf *bytes, struct cw_err *err)
{
    const struct cw_client *client = ctx;

    (void)update;
    return cw_remote_read_copy(bytes, client->dir, want->name, err);
}

static int store(void *ctx, const struct cw_tuf_want *want, struct cw_err *err)
{
    const struct cw_client *client = ctx;

    return cw_file_replace(client->dir, want->name, want->bytes, want->len, 0644, err);
}

static int drive(struct cw_client *client, struct cw_remote *remote, struct cw_err *err)
{
    const struct cw_remote_copies copies = {.ctx = client, .load = load, .store = store};

    return cw_remote_drive(remote, &copies, client->update, err);
}

int cw_client_refresh(struct cw_client *client, const char *folder, struct cw_remote *remote,
                      const struct cw_tuf_params *params, struct cw_err *err)
{
    CW_AUTO_BUF root = CW_BUF_INIT(params->root_max != 0 ? params->root_max : CW_TUF_ROOT_MAX);
    int rc = cw_dir_open(&client->dir, folder, err);

    client->folder = folder;
    if (rc == CW_OK)
        rc = lock(client->dir, folder, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&root, client->dir, ROOT_NAME, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc, "folder '%s' trusts no root yet; run 'causeway-sync tuf init' first",
                          folder);
    if (rc == CW_OK)
        rc = cw_tuf_update_new(&client->update, params, cw_buf_text(&root), root.len, err);
    return rc == CW_OK ? drive(client, remote, err) : rc;
}

static int fetch(struct cw_client *client, struct cw_remote *remote, const struct cw_target *target, int to,
                 const char *name, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    bool consistent = cw_tuf_root_is_consistent(cw_tuf_update_meta(client->update, "root"));
    int rc = cw_out_open_unnamed(&out, to, name, 0644, err);

    if (rc == CW_OK)
        rc = cw_target_fetch(remote, target, consistent, &out, err);
    return rc == CW_OK ? cw_out_commit(&out, err) : rc;
}

int cw_client_download(struct cw_client *client, struct cw_remote *remote, const char *path, int to,
                       bool *fetched, struct cw_err *err)
{
    CW_AUTO_BUF name = CW_BUF_INIT(ENCODED_BYTES_MAX);
    struct cw_target target;
    struct cw_tuf_file file;
    bool there = false;
    int rc = cw_tuf_update_find(client->update, path, err);

    if (rc == CW_OK)
        rc = drive(client, remote, err);
    if (rc == CW_OK)
        rc = cw_tuf_update_found(client->update, &file, NULL, err);
    if (rc == CW_OK)
        rc = cw_target_init(&target, path, &file, err);
    if (rc == CW_OK)
        rc = cw_tuf_target_filename(&name, path, err);
    if (rc == CW_OK)
        rc = cw_target_matches(&there, &target, to, cw_buf_text(&name), err);
    if (rc == CW_OK && !there)
        rc = fetch(client, remote, &target, to, cw_buf_text(&name), err);
    if (fetched != NULL)
        *fetched = rc == CW_OK && !there;
    return rc;
}
