/* SPDX-License-Identifier: ISC */
/*
 * The steps of a mirror's run: roots and top-level roles, all delegated roles with their targets, and then the metadata that makes them
 * be found, timestamp.json last. Until that is written the mirror is the one before.
 */
#include "sync/tuf/mirror.h"

#include "base/mem.h"
#include "fs/lock.h"
#include "intake/intake.h"
#include "sync/tuf/mirror_parts.h"

#define TIMESTAMP_PATH "metadata/timestamp.json"

/* Which snapshot is the mirror's? The state machine asks for it before the server says anything. */
static int read_timestamp(struct cw_mirroring *mirroring, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TIMESTAMP_MAX);
    struct cw_tuf_meta meta;
    struct cw_tuf_file file;
    int rc = cw_remote_read_copy(&bytes, mirroring->dir, TIMESTAMP_PATH, err);

    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    rc = cw_sha256(mirroring->timestamp, cw_buf_text(&bytes), bytes.len, err);
    if (rc != CW_OK ||
        cw_tuf_meta_parse(&meta, CW_TUF_TIMESTAMP, cw_buf_text(&bytes), bytes.len, NULL) != CW_OK)
        return rc; /* a damaged one is as good as none */
    if (cw_tuf_meta_file(&file, &meta, "snapshot", NULL) == CW_OK)
        mirroring->snapshot = file.version;
    cw_tuf_meta_clear(&meta);
    return CW_OK;
}

static int refresh(struct cw_mirroring *mirroring, struct cw_err *err)
{
    struct cw_buf root = CW_BUF_INIT(0);
    int rc = cw_mirroring_read_roots(mirroring, &root, err);

    if (rc == CW_OK)
        rc = read_timestamp(mirroring, err);
    if (rc == CW_OK)
        rc = cw_tuf_update_new(&mirroring->update, &mirroring->options->params, cw_buf_text(&root), root.len,
                               err);
    cw_buf_clear(&root);
    return rc == CW_OK ? cw_mirroring_drive(mirroring, err) : rc;
}

static int complete(struct cw_mirroring *mirroring, struct cw_err *err)
{
    bool is_first = mirroring->timestamp[0] == '\0';
    int rc = cw_mirroring_unmark(mirroring, err);

    if (rc == CW_OK)
        rc = cw_mirror_intake_new(&mirroring->intake, mirroring, err);
    if (rc == CW_OK && is_first)
        rc = cw_mirroring_fetch_old_roots(mirroring, err);
    cw_progress_start(&mirroring->progress, mirroring->cli, "mirroring", 0);
    if (rc == CW_OK)
        rc = cw_mirroring_follow_roles(mirroring, err);
    if (rc == CW_OK)
        rc = cw_mirror_intake_flush(mirroring->intake, err);
    cw_progress_end(&mirroring->progress);
    if (rc == CW_OK) /* what is left there was wanted by a run before, with other globs */
        rc = cw_remove_tree(mirroring->dir, CW_INTAKE_FOLDER, err);
    if (rc == CW_OK)
        rc = cw_mirroring_commit(mirroring, err);
    return rc == CW_OK ? cw_mirroring_mark(mirroring, err) : rc;
}

static int run(struct cw_mirroring *mirroring, struct cw_err *err)
{
    int rc = cw_lock_folder(mirroring->dir, mirroring->options->folder, err);

    mirroring->result->begun = rc == CW_OK;
    if (rc == CW_OK)
        rc = cw_mirroring_sweep(mirroring, err);
    if (rc == CW_OK)
        rc = refresh(mirroring, err);
    if (rc != CW_OK)
        return rc;
    mirroring->result->root = cw_tuf_update_meta(mirroring->update, "root")->version;
    mirroring->result->timestamp = cw_tuf_update_meta(mirroring->update, "timestamp")->version;
    if (!mirroring->options->verify && cw_mirroring_is_marked(mirroring)) {
        mirroring->result->unchanged = true;
        return CW_OK;
    }
    return complete(mirroring, err);
}

int cw_tuf_mirror(struct cw_tuf_mirror_result *result, struct cw_remote *remote,
                  const struct cw_tuf_mirror_options *options, const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    json_auto_t *roles = json_object(), *swept = json_object();
    struct cw_mirroring mirroring = {
        .options = options, .cli = cli, .remote = remote, .result = result, .roles = roles, .swept = swept};
    int rc = roles != NULL && swept != NULL ? cw_dir_create(&dir, options->folder, err) : cw_err_nomem(err);

    *result = (struct cw_tuf_mirror_result){.root = 0};
    if (rc != CW_OK)
        return rc;
    mirroring.dir = dir;
    cw_batch_init(&mirroring.roots, dir);
    cw_batch_init(&mirroring.staged, dir);
    rc = run(&mirroring, err);
    cw_batch_clear(&mirroring.roots);
    cw_batch_clear(&mirroring.staged);
    cw_mirror_intake_free(mirroring.intake);
    cw_tuf_update_free(mirroring.update);
    return rc;
}
