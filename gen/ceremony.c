/* SPDX-License-Identifier: ISC */
/*
 * Opening, loading, closing a ceremony; see gen/ceremony.h. Completing one is in gen/ceremony_end.c.
 */
#include "gen/ceremony.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "gen/bins.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define MAKING CW_TMP_PREFIX "ceremony"
#define MARK CW_CEREMONY_DIR "/" CW_FOLDER_FILE
#define ASIDE CW_CEREMONY_DIR "/" CW_REPO_STAGED

/* ---- loading ---- */

int cw_ceremony_is_open(bool *open, int repo_dir, struct cw_err *err)
{
    return cw_at_has(open, repo_dir, MARK, err);
}

int cw_ceremony_load(struct cw_ceremony *c, int repo_dir, const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_FOLDER_MAX);
    int folder, rc = cw_at_read_file(&text, repo_dir, MARK, err);

    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_at_open_dir(&c->dir, repo_dir, CW_CEREMONY_DIR, err);
    if (rc == CW_OK)
        rc = cw_at_open_dir(&folder, repo_dir, CW_CEREMONY_FOLDER, err);
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? err->code = CW_E_INCOMPLETE : rc;
    rc = cw_folder_load(&c->folder, folder, cli, err);
    if (rc == CW_OK &&
        (c->folder.text.len != text.len || memcmp(c->folder.text.data, text.data, text.len) != 0))
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is not what it was when the ceremony was opened",
                        CW_FOLDER_FILE);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", CW_CEREMONY_FOLDER);
}

void cw_ceremony_clear(struct cw_ceremony *c)
{
    cw_folder_clear(&c->folder);
    cw_fd_close_(&c->dir);
    c->dir = -1;
}

bool cw_ceremony_is_first(const struct cw_ceremony *c)
{
    return c->dir >= 0 && c->folder.root.doc == NULL;
}

int cw_ceremony_check_free(const struct cw_ceremony *c, const struct cw_draft *draft, struct cw_err *err)
{
    size_t i, k;

    for (i = 0; i < c->folder.count; i += cw_folder_run(&c->folder, i)) {
        const char *role = cw_folder_subject(&c->folder.roles[i]);
        bool taken =
            json_object_get(draft->roles, role) != NULL || (strcmp(role, "root") == 0 && draft->root != NULL);

        for (k = 0; k < draft->bins_count; k++)
            taken = taken || strcmp(draft->bins[k].product, role) == 0;
        if (taken)
            return cw_err_set(
                err, CW_E_FAIL,
                "role '%s' is in the ceremony that is open in '%s': what is staged waits until that is "
                "completed, or given up by 'publish --abandon'",
                role, CW_CEREMONY_FOLDER);
    }
    return CW_OK;
}

int cw_ceremony_unite(size_t *count, struct cw_ceremony *c, const char *path, struct cw_err *err)
{
    CW_AUTO_FOLDER other = CW_FOLDER_INIT;
    struct cw_progress progress;
    const json_t *row;
    size_t i, k;
    int dir, rc = cw_dir_open(&dir, path, err);

    *count = 0;
    if (rc == CW_OK)
        rc = cw_folder_load(&other, dir, c->folder.cli, err);
    if (rc == CW_OK && (other.text.len != c->folder.text.len ||
                        memcmp(other.text.data, c->folder.text.data, other.text.len) != 0))
        rc = cw_err_set(err, CW_E_VERIFY, "is a copy of another ceremony than the one in '%s'",
                        CW_CEREMONY_FOLDER);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", path);
    cw_folder_begin(&c->folder, &progress, "uniting");
    for (i = 0; i < c->folder.count && rc == CW_OK; i++) {
        size_t before = *count;

        json_array_foreach (other.roles[i].signatures, k, row) {
            bool added = false;

            if (rc == CW_OK)
                rc = cw_folder_open_role(&c->folder.roles[i], &c->folder, err);
            if (rc == CW_OK)
                rc = cw_folder_add(&added, &c->folder.roles[i],
                                   json_string_value(json_object_get(row, "keyid")),
                                   json_string_value(json_object_get(row, "sig")), err);
            *count += added;
        }
        if (rc == CW_OK && *count > before)
            rc = cw_folder_write(&c->folder, &c->folder.roles[i], err);
        cw_folder_rest_role(&c->folder.roles[i]);
    }
    cw_folder_end(&c->folder);
    return rc == CW_OK ? cw_folder_finish(&c->folder, err) : rc;
}

/* ---- opening ---- */

static int copy_file(int to, const char *path, int from, const char *name, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    int rc = cw_at_read_file(&bytes, from, name, err);

    return rc == CW_OK ? cw_file_write(to, path, bytes.data, bytes.len, 0644, err) : rc;
}

/* The channel manifest in force of a channel that changes. */
static int add_old_channel(json_t *files, const struct cw_state *state, const char *role, int repo_dir,
                           struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_CHANNEL_MAX);
    const struct cw_state_role *known = cw_state_channel(state, role);
    char target[CW_PATH_MAX], path[CW_PATH_MAX];
    struct cw_state_target said;
    int rc;

    if (known == NULL)
        return CW_OK;
    rc = cw_tree_channel_target(target, role, err);
    if (rc == CW_OK)
        rc = cw_state_target(&said, state, known, target, err);
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc; /* nothing was promoted to it yet */
    rc = cw_tree_target_path(path, target, said.sha256, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, state->tree, path, err);
    return rc == CW_OK ? cw_folder_add_file(files, repo_dir, MAKING "/to-sign", path, &bytes, err) : rc;
}

/* Channel manifests, new and old, so that people see which releases. */
static int add_channels(json_t *files, const struct cw_draft *draft, const struct cw_draft_input *input,
                        int repo_dir, struct cw_err *err)
{
    const char *role;
    json_t *body;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < draft->file_count && rc == CW_OK; i++) {
        const struct cw_draft_file *file = &draft->files[i];

        if (file->step == CW_STEP_MANIFESTS && cw_str_ends(file->path, "." CW_CHANNEL_FILE))
            rc = cw_folder_add_file(files, repo_dir, MAKING "/to-sign", file->path, &file->bytes, err);
    }
    json_object_foreach (draft->roles, role, body) {
        if (rc == CW_OK)
            rc = add_old_channel(files, input->state, role, repo_dir, err);
    }
    return rc;
}

static int set_aside(const struct cw_draft *draft, int repo_dir, struct cw_err *err)
{
    char path[CW_PATH_MAX + sizeof MAKING];
    json_t *staged;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (draft->staged, i, staged) {
        snprintf(path, sizeof path, "%s/%s", MAKING, json_string_value(staged));
        if (rc == CW_OK)
            rc = copy_file(repo_dir, path, repo_dir, json_string_value(staged), err);
    }
    return rc;
}

/* The folder is there: its document also beside it, its first signatures, and then it is open. */
static int open_made(const struct cw_keys *keys, struct cw_unlock *unlock, int repo_dir,
                     const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_FOLDER folder = CW_FOLDER_INIT;
    int dir,
        rc = copy_file(repo_dir, MAKING "/" CW_FOLDER_FILE, repo_dir, MAKING "/to-sign/" CW_FOLDER_FILE, err);

    if (rc == CW_OK)
        rc = cw_at_open_dir(&dir, repo_dir, MAKING "/to-sign", err);
    if (rc == CW_OK)
        rc = cw_folder_load(&folder, dir, cli, err);
    if (rc == CW_OK)
        rc = cw_folder_sign_here(&folder, keys, unlock, err);
    return rc == CW_OK ? cw_move_new(repo_dir, MAKING, CW_CEREMONY_DIR, err) : rc;
}

static int add_bodies(json_t *bodies, const struct cw_draft *draft, struct cw_err *err)
{
    if (json_object_update(bodies, draft->roles) != 0 ||
        (draft->root != NULL && json_object_set(bodies, "root", draft->root) != 0))
        return cw_err_nomem(err);
    return CW_OK;
}

/* Bins are made here, one by one. */
static int carry_bins(json_t *bins, const struct cw_draft *draft, const struct cw_draft_input *input,
                      int repo_dir, const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_progress progress;
    int rc;

    if (draft->bins_count == 0)
        return CW_OK;
    cw_progress_start(&progress, cli, "preparing", 0);
    rc = cw_bins_carry(bins, draft, input, repo_dir, MAKING "/to-sign", &progress, err);
    cw_progress_end(&progress);
    return rc;
}

int cw_ceremony_open(const struct cw_draft *draft, const struct cw_draft_input *input, const json_t *renew,
                     struct cw_unlock *unlock, int repo_dir, const struct cw_cli *cli, struct cw_err *err)
{
    json_auto_t *bodies = json_object();
    json_auto_t *files = json_object();
    json_auto_t *bins = json_array();
    char composed[CW_TIME_TEXT];
    struct cw_folder_spec spec = {.bodies = bodies,
                                  .state = input->state,
                                  .keys = input->keys,
                                  .composed = composed,
                                  .renew = renew,
                                  .bins = bins};
    int rc = bodies != NULL && files != NULL && bins != NULL ? cw_remove_tree(repo_dir, MAKING, err)
                                                             : cw_err_nomem(err);

    cw_time_format(input->composed, composed);
    if (rc == CW_OK)
        rc = add_bodies(bodies, draft, err);
    if (rc == CW_OK)
        rc = add_channels(files, draft, input, repo_dir, err);
    if (rc == CW_OK)
        rc = carry_bins(bins, draft, input, repo_dir, cli, err);
    if (rc == CW_OK)
        rc = cw_folder_make(repo_dir, MAKING "/to-sign", &spec, files, err);
    if (rc == CW_OK)
        rc = set_aside(draft, repo_dir, err);
    if (rc == CW_OK)
        rc = open_made(input->keys, unlock, repo_dir, cli, err);
    return rc == CW_OK ? cw_ceremony_settle(repo_dir, err) : rc;
}

int cw_ceremony_open_first(json_t *bodies, const struct cw_keys *keys, int64_t now, struct cw_unlock *unlock,
                           int repo_dir, struct cw_err *err)
{
    json_auto_t *files = json_object();
    json_auto_t *renew = json_array();
    char composed[CW_TIME_TEXT];
    struct cw_folder_spec spec = {.bodies = bodies, .keys = keys, .composed = composed, .renew = renew};
    int rc = files != NULL && renew != NULL ? CW_OK : cw_err_nomem(err);

    cw_time_format(now, composed);
    if (rc == CW_OK)
        rc = cw_folder_make(repo_dir, MAKING "/to-sign", &spec, files, err);
    return rc == CW_OK ? open_made(keys, unlock, repo_dir, NULL, err) : rc;
}

/* ---- what was set aside ---- */

static int same_file(bool *same, int dir, const char *a, const char *b, struct cw_err *err)
{
    CW_AUTO_BUF one = CW_BUF_INIT(CW_TUF_TEXT_MAX), two = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    int rc = cw_at_read_file(&one, dir, a, err);

    if (rc == CW_OK)
        rc = cw_at_read_file(&two, dir, b, err);
    *same = rc == CW_OK && one.len == two.len && (one.len == 0 || memcmp(one.data, two.data, one.len) == 0);
    return rc;
}

struct visiting {
    int dir;
    bool drop; /* what is the same in both places goes; else anything that is in both is an error */
};

static int visit(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct visiting *v = ctx;
    char aside[CW_PATH_MAX + sizeof ASIDE], staged[CW_PATH_MAX + sizeof CW_REPO_STAGED];
    bool there, same;
    int rc;

    if (!S_ISREG(st->st_mode))
        return CW_OK;
    snprintf(aside, sizeof aside, "%s/%s", ASIDE, path);
    snprintf(staged, sizeof staged, "%s/%s", CW_REPO_STAGED, path);
    rc = cw_at_has(&there, v->dir, staged, err);
    if (rc != CW_OK || !there)
        return rc;
    if (!v->drop)
        return cw_err_set(
            err, CW_E_FAIL,
            "'%s' was staged since, and is what the ceremony has set aside too: remove it first", staged);
    rc = same_file(&same, v->dir, aside, staged, err);
    return rc == CW_OK && same ? cw_remove(v->dir, staged, err) : rc;
}

static int visit_aside(int repo_dir, bool drop, struct cw_err *err)
{
    struct visiting v = {.dir = repo_dir, .drop = drop};
    bool there;
    int rc = cw_at_has(&there, repo_dir, ASIDE, err);

    return rc == CW_OK && there ? cw_walk(repo_dir, ASIDE, visit, &v, err) : rc;
}

/* Stages again what is set aside; the ceremony is not open any more. */
static int restage(int repo_dir, struct cw_err *err)
{
    static const char *const parts[] = {"/releases", "/channels", ""};
    char from[sizeof ASIDE + 16], to[sizeof CW_REPO_STAGED + 16];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_COUNT(parts) && rc == CW_OK; i++) {
        snprintf(from, sizeof from, "%s%s", ASIDE, parts[i]);
        snprintf(to, sizeof to, "%s%s", CW_REPO_STAGED, parts[i]);
        rc = cw_move_files(repo_dir, from, to, err);
    }
    return rc == CW_OK ? cw_remove_tree(repo_dir, CW_CEREMONY_DIR, err) : rc;
}

int cw_ceremony_abandon(int repo_dir, struct cw_err *err)
{
    int rc = visit_aside(repo_dir, false, err);

    if (rc == CW_OK)
        rc = cw_remove(repo_dir, MARK, err);
    return rc == CW_OK ? restage(repo_dir, err) : rc;
}

int cw_ceremony_close(struct cw_ceremony *c, int repo_dir, struct cw_err *err)
{
    int rc = cw_remove_tree(repo_dir, ASIDE, err);

    cw_ceremony_clear(c);
    if (rc == CW_OK)
        rc = cw_remove(repo_dir, MARK, err);
    return rc == CW_OK ? cw_remove_tree(repo_dir, CW_CEREMONY_DIR, err) : rc;
}

int cw_ceremony_settle(int repo_dir, struct cw_err *err)
{
    bool there, open;
    int rc = cw_at_has(&there, repo_dir, MAKING, err);

    if (rc == CW_OK && there)
        rc = cw_remove_tree(repo_dir, MAKING, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, repo_dir, CW_CEREMONY_DIR, err);
    if (rc != CW_OK || !there)
        return rc;
    rc = cw_ceremony_is_open(&open, repo_dir, err);
    if (rc != CW_OK)
        return rc;
    return open ? visit_aside(repo_dir, true, err) : restage(repo_dir, err);
}
