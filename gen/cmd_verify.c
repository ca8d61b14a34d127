/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen verify: checks every signature, hash, length and expiry of a tree, going on after the first
 * that is wrong. Needs no repository when a tree is named, so it serves for what a web server holds, too.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "gen/commands.h"
#include "gen/repo.h"
#include "tree/check.h"

static const char *root_file;

const struct cw_option cmd_verify_options[] = {
    {CW_OPTION_STRING, "root", &root_file, "FILE", "the trusted root (default: the tree's own first one)"},
    {.kind = CW_OPTION_END},
};

struct verifying {
    const struct cw_cli *cli;
    struct cw_repo repo;
    int tree; /* the folder to check */
    struct cw_buf root;
    struct cw_tree_check check;
    struct cw_progress progress;
    json_t *findings; /* array */
    bool nomem;
};

static void found(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    static const char *const kinds[] = {
        [CW_FINDING_BAD] = "bad", [CW_FINDING_MISSING] = "missing", [CW_FINDING_ORPHAN] = "orphan"};
    struct verifying *v = ctx;
    json_t *row = json_pack("{s:s, s:s, s:s}", "kind", kinds[kind], "path", path, "what", what);

    v->nomem = json_array_append_new(v->findings, row) != 0 || v->nomem;
    cw_cli_say(v->cli, "%s: %s: %s", kinds[kind], path, what);
}

static void note_read(void *ctx, uint64_t bytes)
{
    struct verifying *v = ctx;

    cw_progress_add(&v->progress, bytes);
}

/* A tree, or a repository that has one. */
static int open_named(struct verifying *v, const char *path, struct cw_err *err)
{
    bool there = false, repo = false;
    int inside, rc = cw_dir_open(&v->tree, path, err);

    if (rc == CW_OK)
        rc = cw_at_has(&there, v->tree, "metadata", err);
    if (rc == CW_OK && !there)
        rc = cw_at_has(&repo, v->tree, CW_CONFIG_FILE, err);
    if (rc != CW_OK || there)
        return rc;
    if (!repo)
        return cw_err_set(err, CW_E_INCOMPLETE,
                          "'%s' has no 'metadata'; is this the right place, and was it copied whole?", path);
    rc = cw_at_open_dir(&inside, v->tree, CW_REPO_TREE, err);
    if (rc == CW_OK) {
        cw_fd_close_(&v->tree);
        v->tree = inside;
    }
    return rc;
}

static int open_tree(struct verifying *v, const char *path, struct cw_err *err)
{
    int rc;

    if (path != NULL)
        return open_named(v, path, err);
    rc = cw_repo_open(&v->repo, v->cli, false, err);
    return rc == CW_OK ? cw_at_open_dir(&v->tree, v->repo.dir, CW_REPO_TREE, err) : rc;
}

static int read_root(struct verifying *v, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    const char *name;
    int rc;

    if (root_file == NULL)
        return CW_OK;
    rc = cw_dir_open_parent(&dir, &name, root_file, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&v->root, dir, name, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "unable to read the root '%s'", root_file);
    v->check.root = v->root.data;
    v->check.root_len = v->root.len;
    return CW_OK;
}

static int report(struct verifying *v, int verdict, struct cw_err *err)
{
    const struct cw_tree_check *check = &v->check;
    json_auto_t *doc = NULL;
    char size[16];

    if (verdict != CW_OK && verdict != CW_E_VERIFY && verdict != CW_E_INCOMPLETE)
        return CW_OK;
    cw_str_bytes(check->bytes, size);
    cw_cli_say(v->cli, "%llu file%s checked, %s: %llu bad, %llu missing, %llu orphan%s",
               (unsigned long long)check->files, cw_str_plural(check->files), size,
               (unsigned long long)check->bad, (unsigned long long)check->missing,
               (unsigned long long)check->orphans, cw_str_plural(check->orphans));
    if (verdict == CW_OK)
        cw_cli_say(v->cli, "complete and genuine%s",
                   v->check.root == NULL ? ", as far as the tree's own first root is" : "");
    doc =
        json_pack("{s:O, s:I, s:I, s:I, s:I, s:I}", "findings", v->findings, "files",
                  (json_int_t)check->files, "bytes", (json_int_t)check->bytes, "bad", (json_int_t)check->bad,
                  "missing", (json_int_t)check->missing, "orphans", (json_int_t)check->orphans);
    return doc != NULL ? cw_cli_json(v->cli, doc, err) : cw_err_nomem(err);
}

static int verify(struct verifying *v, const char *path, struct cw_err *err)
{
    struct cw_err verdict = {.code = CW_OK};
    int rc = open_tree(v, path, err);

    if (rc == CW_OK)
        rc = read_root(v, err);
    if (rc != CW_OK)
        return rc;
    v->check.now = cw_clock_now();
    v->check.found = found;
    v->check.read = note_read;
    v->check.ctx = v;
    cw_progress_start(&v->progress, v->cli, "verifying", cw_tree_size(v->tree));
    verdict.code = cw_tree_check(&v->check, v->tree, &verdict);
    cw_progress_end(&v->progress);
    if (v->nomem)
        return cw_err_nomem(err);
    rc = report(v, verdict.code, err);
    if (rc == CW_OK && verdict.code != CW_OK)
        rc = cw_err_set(err, verdict.code, "%s", verdict.text);
    return rc;
}

int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct verifying v = {.cli = cli,
                          .repo = CW_REPO_INIT,
                          .tree = -1,
                          .root = CW_BUF_INIT(CW_TUF_ROOT_MAX),
                          .findings = json_array()};
    int rc = v.findings == NULL ? cw_err_nomem(err) : verify(&v, argc > 1 ? argv[1] : NULL, err);

    json_decref(v.findings);
    cw_buf_clear(&v.root);
    cw_fd_close_(&v.tree);
    cw_repo_close(&v.repo);
    return rc;
}
