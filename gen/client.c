/* SPDX-License-Identifier: ISC */
/*
 * Driving the TUF client over a tree in a folder; see gen/client.h.
 */
#include "gen/client.h"

#include <stdio.h>

#include "fs/commit.h"
#include "fs/root.h"
#include "tree/layout.h"
#include "tuf/update.h"

struct client {
    struct cw_tuf_update *update;
    int trust, tree;
};

static int give_file(const struct client *c, int dir, const char *path, size_t max, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(max);
    int rc = cw_at_read_file(&bytes, dir, path, err);

    if (rc == CW_E_NOTFOUND)
        return cw_tuf_update_absent(c->update, err);
    return rc == CW_OK ? cw_tuf_update_give(c->update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int answer(const struct client *c, const struct cw_tuf_want *want, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc;

    if (want->kind == CW_TUF_LOAD)
        return give_file(c, c->trust, want->name, want->max, err);
    if (want->kind == CW_TUF_FETCH) {
        snprintf(path, sizeof path, "%s/%s", CW_TREE_METADATA, want->name);
        return give_file(c, c->tree, path, want->max, err);
    }
    rc = cw_file_replace(c->trust, want->name, want->bytes, want->len, 0644, err);
    return rc == CW_OK ? cw_tuf_update_stored(c->update, err) : rc;
}

static int drive(const struct client *c, struct cw_err *err)
{
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(c->update, &want, err)) == CW_OK && want.kind != CW_TUF_DONE) {
        rc = answer(c, &want, err);
        if (rc != CW_OK)
            return rc;
    }
    return rc;
}

static int take_roles(const struct client *c, struct cw_err *err)
{
    size_t i, count = cw_tuf_delegation_count(cw_tuf_update_meta(c->update, "targets"));
    int rc = CW_OK;

    for (i = 0; i < count && rc == CW_OK; i++) {
        rc = cw_tuf_update_take(c->update, "targets", i, err);
        if (rc == CW_OK)
            rc = drive(c, err);
    }
    return rc;
}

int cw_client_refresh(int64_t *root_version, int trust, int tree, int64_t now, struct cw_err *err)
{
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    const struct cw_tuf_params params = {.now = now};
    struct client c = {.trust = trust, .tree = tree};
    int rc = cw_at_read_file(&root, trust, "root.json", err);

    if (rc == CW_OK)
        rc = cw_tuf_update_new(&c.update, &params, root.data, root.len, err);
    if (rc == CW_OK)
        rc = drive(&c, err);
    if (rc == CW_OK)
        rc = take_roles(&c, err);
    if (rc == CW_OK)
        *root_version = cw_tuf_update_meta(c.update, "root")->version;
    cw_tuf_update_free(c.update);
    return rc;
}
