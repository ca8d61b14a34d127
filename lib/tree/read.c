/* SPDX-License-Identifier: ISC */
/*
 * Answering an update's wants from a folder, with every read bounded by what was asked for.
 */
#include "tree/read.h"

#include <stdio.h>
#include <string.h>

#include "fs/root.h"
#include "tree/layout.h"

int cw_tree_read(struct cw_buf *buf, int dir, const struct cw_tree_overlay *overlay, const char *tree_path,
                 struct cw_err *err)
{
    int rc = overlay != NULL ? overlay->read(overlay->ctx, tree_path, buf, err) : CW_E_NOTFOUND;

    return rc == CW_E_NOTFOUND ? cw_at_read_file(buf, dir, tree_path, err) : rc;
}

/* A file that is too large is not the signed one: say so, instead of taking more of it. */
static int read_bounded(struct cw_buf *buf, const struct cw_tree_reader *reader, const char *path,
                        struct cw_err *err)
{
    int rc = cw_tree_read(buf, reader->dir, reader->overlay, path, err);

    if (rc == CW_E_FAIL && buf->failed == CW_E_FAIL)
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is larger than the %zu bytes it may have", path, buf->max);
    return rc;
}

static int answer(struct cw_tuf_update *update, int rc, const struct cw_buf *buf, struct cw_err *err)
{
    if (rc == CW_E_NOTFOUND)
        return cw_tuf_update_absent(update, err);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(buf), buf->len, err) : rc;
}

static int fetch(const struct cw_tree_reader *reader, struct cw_tuf_update *update,
                 const struct cw_tuf_want *want, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(want->max);
    char path[CW_PATH_MAX];
    int rc, n = snprintf(path, sizeof path, CW_TREE_METADATA "/%s", want->name);

    if (n < 0 || (size_t)n >= sizeof path)
        return cw_err_set(err, CW_E_VERIFY, "the name of role '%s' is too long", want->role);
    rc = read_bounded(&buf, reader, path, err);
    if (rc == CW_E_NOTFOUND && reader->absent != NULL &&
        strcmp(want->role, cw_tuf_type_name(CW_TUF_ROOT)) != 0)
        reader->absent(reader->ctx, path);
    return answer(update, rc, &buf, err);
}

static int load(const struct cw_tree_reader *reader, struct cw_tuf_update *update,
                const struct cw_tuf_want *want, struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(want->max);

    if (reader->trust == NULL)
        return cw_tuf_update_absent(update, err);
    return answer(update, reader->trust->load(reader->trust->ctx, want->name, &buf, err), &buf, err);
}

static int store(const struct cw_tree_reader *reader, struct cw_tuf_update *update,
                 const struct cw_tuf_want *want, struct cw_err *err)
{
    int rc = reader->trust != NULL ? reader->trust->store(reader->trust->ctx, want, err) : CW_OK;

    return rc == CW_OK ? cw_tuf_update_stored(update, err) : rc;
}

static int drive(void *ctx, struct cw_tuf_update *update, struct cw_err *err)
{
    const struct cw_tree_reader *reader = ctx;
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK) {
        switch (want.kind) {
        case CW_TUF_LOAD:
            rc = load(reader, update, &want, err);
            break;
        case CW_TUF_FETCH:
            rc = fetch(reader, update, &want, err);
            break;
        case CW_TUF_STORE:
            rc = store(reader, update, &want, err);
            break;
        case CW_TUF_DONE:
            return CW_OK;
        }
        if (rc != CW_OK)
            return rc;
    }
    return rc;
}

static int read_target(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *err)
{
    const struct cw_tree_reader *reader = ctx;
    int rc = read_bounded(buf, reader, tree_path, err);

    if (rc != CW_E_NOTFOUND)
        return rc;
    if (reader->absent != NULL)
        reader->absent(reader->ctx, tree_path);
    return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing", tree_path);
}

void cw_tree_reader_source(struct cw_set_source *source, struct cw_tree_reader *reader)
{
    *source = (struct cw_set_source){.drive = drive, .read = read_target, .ctx = reader};
}
