/* SPDX-License-Identifier: ISC */
/*
 * The roots of a tree: each follows from the one before, beginning with the trusted one.
 */
#include <inttypes.h>
#include <string.h>

#include "tree/check_run.h"
#include "tree/layout.h"

const struct cw_tuf_meta *cw_check_newest_root(const struct cw_check_run *run)
{
    const struct cw_kept_metas *roots = &run->metadata->roots;

    return roots->count > 0 ? &roots->items[roots->count - 1].meta : NULL;
}

int cw_check_push_root_role(struct cw_signers *signers, const struct cw_tuf_meta *root, const char *role,
                            struct cw_err *err)
{
    int rc = cw_tuf_root_role(&signers->roles[signers->count], root, role, err);

    signers->count += rc == CW_OK;
    return rc;
}

/* By its own keys and those of the root before it, where that is known. */
static int check_root(struct cw_check_run *run, const struct cw_tuf_meta *root, const struct cw_buf *buf,
                      const char *path, struct cw_err *err)
{
    struct cw_tuf_role roles[2];
    struct cw_signers signers = {.roles = roles, .count = 0};
    const struct cw_tuf_meta *before = cw_check_newest_root(run);
    size_t i;
    int rc = cw_check_push_root_role(&signers, root, "root", err);

    if (before != NULL && before->version + 1 != root->version &&
        cw_check_find_name(run, "root", root->version - 1) != NULL)
        before = NULL; /* the one between is there, but bad: found already */
    if (rc == CW_OK && before != NULL)
        rc = cw_check_push_root_role(&signers, before, "root", err);
    for (i = 0; i < signers.count && rc == CW_OK; i++)
        rc = cw_tuf_verify(root, &roles[i], err);
    if (rc == CW_OK && before != NULL && root->version != before->version + 1)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "does not follow version %" PRId64 ": a root between them is missing",
                        before->version);
    if (rc == CW_OK)
        rc = cw_signers_check_every_byte(root, buf, &signers, err);
    return rc == CW_OK ? cw_check_tell_held(run, path, buf, root, &signers, false, err) : rc;
}

/* Where the caller said what is trusted, the tree must hold the same. */
static int check_trusted(const struct cw_check_run *run, const struct cw_tuf_meta *trusted,
                         const struct cw_tuf_meta *root, const struct cw_buf *buf, struct cw_err *err)
{
    if (trusted->doc == NULL || trusted->version != root->version)
        return CW_OK;
    if (run->check->root_len == buf->len && memcmp(run->check->root, buf->data, buf->len) == 0)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "is not the trusted root version %" PRId64, root->version);
}

static int judge_root(struct cw_check_run *run, struct cw_check_name *name, const struct cw_tuf_meta *trusted,
                      struct cw_err *err)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    struct cw_tuf_meta root = {0};
    char path[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, name->version, name->role, err);

    name->done = true;
    if (rc == CW_OK)
        rc = cw_check_read_meta(run, &root, &buf, path, name, err);
    if (rc == CW_OK)
        rc = check_root(run, &root, &buf, path, err);
    if (rc == CW_OK)
        rc = check_trusted(run, trusted, &root, &buf, err);
    if (rc != CW_OK)
        rc = cw_finding_from(run->check, path, err);
    else
        rc = cw_kept_add(&run->metadata->roots, "root", &root, err);
    cw_tuf_meta_clear(&root);
    return rc;
}

/* The trusted root that the caller gave, when the tree's own begin behind it, stands first. */
int cw_check_judge_roots(struct cw_check_run *run, struct cw_err *err)
{
    struct cw_tuf_meta trusted = {0};
    int64_t first = 0;
    size_t i;
    int rc = CW_OK;

    if (run->check->root != NULL) {
        rc = cw_tuf_meta_parse(&trusted, CW_TUF_ROOT, run->check->root, run->check->root_len, err);
        if (rc != CW_OK) {
            cw_err_prefix(err, "the trusted root");
            return rc;
        }
    }
    for (i = 0; i < run->count && rc == CW_OK; i++) {
        if (strcmp(run->names[i].role, "root") != 0)
            continue;
        if (first == 0)
            first = run->names[i].version;
        if (trusted.doc != NULL && run->metadata->roots.count == 0 &&
            run->names[i].version == trusted.version + 1)
            rc = cw_kept_add(&run->metadata->roots, "root", &trusted, err);
        if (rc == CW_OK)
            rc = judge_root(run, &run->names[i], &trusted, err);
    }
    if (rc == CW_OK && first == 0 && trusted.doc != NULL) {
        char path[CW_PATH_MAX];

        rc = cw_tree_metadata_path(path, trusted.version, "root", err);
        if (rc == CW_OK)
            rc = cw_kept_add(&run->metadata->roots, "root", &trusted, err);
        if (rc == CW_OK)
            cw_finding_add(run->check, CW_FINDING_MISSING, path, "is missing");
    } else if (rc == CW_OK && first != 1 && run->check->root == NULL)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA "/1.root.json",
                       "is missing, and no trusted root was given");
    else if (rc == CW_OK && trusted.doc != NULL && first > trusted.version + 1)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA,
                       "no root leads from the trusted version %" PRId64 " to %" PRId64, trusted.version,
                       first);
    else if (rc == CW_OK && trusted.doc != NULL && cw_check_newest_root(run) != NULL &&
             cw_check_newest_root(run)->version < trusted.version)
        cw_finding_add(run->check, CW_FINDING_MISSING, CW_TREE_METADATA,
                       "the newest root is version %" PRId64 ", but version %" PRId64 " is trusted",
                       cw_check_newest_root(run)->version, trusted.version);
    cw_tuf_meta_clear(&trusted);
    return rc;
}
