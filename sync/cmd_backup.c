/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync backup: all that a site knows and cannot be fetched again, in one tar (sync/backup.h). It is
 * copied beside what it is a copy of, packed, and put in place in one step; what a killed run leaves, the next
 * command sweeps.
 */
#include "sync/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "codec/json.h"
#include "codec/pack.h"
#include "crypt/locked.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "sync/commands.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/store.h"
#include "sync/history.h"
#include "sync/identity.h"

#define WORK CW_TMP_PREFIX "backup"
#define BLOCK ((size_t)64 * 1024)

static struct {
    struct cw_passphrase passphrase;
    bool encrypt;
} given = {.passphrase = CW_PASSPHRASE_INIT};

const struct cw_option cmd_backup_options[] = {
    {CW_OPTION_FLAG, "encrypt", &given.encrypt, NULL, "encrypt it by a passphrase, which restore asks for"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

struct backup {
    const struct cw_site *site;
    int work;         /* the folder that is packed */
    const char *tree; /* the folder of the site that is being copied */
};

static int copy_file(const struct backup *b, const char *path, mode_t mode, struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(BLOCK);
    CW_AUTO_FD int in = -1, out = -1, parent = -1;
    const char *name;
    ssize_t n = 0;
    int rc = block != NULL ? cw_at_open_file(&in, b->site->fd, path, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_at_open_parent(&parent, &name, b->work, path, true, err);
    if (rc != CW_OK)
        return rc;
    out = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0700);
    if (out < 0)
        return cw_err_errno(err, errno, "unable to copy '%s'", path);
    while (rc == CW_OK && (n = cw_fd_read(in, block, BLOCK)) > 0)
        rc = cw_fd_write_all(out, block, (size_t)n, path, err);
    return n < 0 ? cw_err_errno(err, errno, "unable to read '%s'", path) : rc;
}

/* A folder, or a file, of the site; temporary ones are nobody's. */
static int copy_one(const struct backup *b, const char *path, const struct stat *st, struct cw_err *err)
{
    CW_AUTO_FD int made = -1;

    if (strstr(path, CW_TMP_PREFIX) != NULL)
        return CW_OK;
    if (S_ISDIR(st->st_mode))
        return cw_at_make_dir(&made, b->work, path, err);
    if (S_ISREG(st->st_mode))
        return copy_file(b, path, st->st_mode, err);
    return cw_err_set(
        err, CW_E_FAIL,
        "'%s' in the site's folder is neither a file nor a folder: move it away, then back up again", path);
}

static int walked(void *ctx, const char *below, const struct stat *st, struct cw_err *err)
{
    const struct backup *b = ctx;
    char path[CW_PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", b->tree, below) >= (int)sizeof path)
        return cw_err_set(err, CW_E_FAIL, "path too long beneath '%.200s'", b->tree);
    return copy_one(b, path, st, err);
}

static int copy_tree(struct backup *b, const char *path, struct cw_err *err)
{
    struct stat st;
    int rc = cw_at_stat(&st, b->site->fd, path, err);

    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = copy_one(b, path, &st, err);
    b->tree = path;
    return rc == CW_OK && S_ISDIR(st.st_mode) ? cw_walk(b->site->fd, path, walked, b, err) : rc;
}

/* Of upstreams only what was learnt: a mirror can be had again, and what is on its way too. */
static int copy_upstreams(struct backup *b, struct cw_err *err)
{
    static const char *const parts[] = {"trust", "memory.json"};
    CW_AUTO_LIST DIR *list = NULL;
    char path[CW_PATH_MAX];
    const char *name;
    int rc = cw_at_open_list(&list, b->site->fd, "upstreams", err);

    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    while (rc == CW_OK && (rc = cw_dir_next(&name, list, "upstreams", err)) == CW_OK && name != NULL) {
        for (size_t i = 0; i < CW_COUNT(parts) && rc == CW_OK; i++) {
            if (snprintf(path, sizeof path, "upstreams/%s/%s", name, parts[i]) < (int)sizeof path)
                rc = copy_tree(b, path, err);
        }
    }
    return rc;
}

/* An install root that lies in the site's folder is no part of it. */
static bool is_install_root(const struct cw_site *site, const char *name)
{
    size_t len = strlen(site->path), name_len = strlen(name);
    const char *below;

    if (site->install_root == NULL || strncmp(site->install_root, site->path, len) != 0 ||
        site->install_root[len] != '/')
        return false;
    below = site->install_root + len + 1;
    return strncmp(below, name, name_len) == 0 && (below[name_len] == '/' || below[name_len] == '\0');
}

static int copy_all(struct backup *b, struct cw_err *err)
{
    CW_AUTO_LIST DIR *list = NULL;
    const char *name;
    int rc = cw_at_open_list(&list, b->site->fd, "", err);

    while (rc == CW_OK && (rc = cw_dir_next(&name, list, "the site", err)) == CW_OK && name != NULL) {
        if (strcmp(name, CW_SITE_LOCK) == 0 || cw_str_starts(name, CW_TMP_PREFIX) ||
            is_install_root(b->site, name))
            continue;
        rc = strcmp(name, "upstreams") == 0 ? copy_upstreams(b, err) : copy_tree(b, name, err);
    }
    return rc;
}

static int write_doc(const struct backup *b, const char *name, const json_t *doc, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_JSON_TEXT_MAX);
    int rc = doc != NULL ? cw_json_format(&text, doc, err) : cw_err_nomem(err);

    return rc == CW_OK ? cw_file_write(b->work, name, text.data, text.len, 0600, err) : rc;
}

static int write_about(const struct backup *b, int64_t now, struct cw_err *err)
{
    CW_AUTO_FD int root = -1;
    json_auto_t *about = NULL, *running = NULL;
    char time[CW_TIME_TEXT];
    int64_t current = 0;
    int rc = CW_OK;

    cw_time_format(now, time);
    about = json_pack("{s:s, s:s, s:s, s:s}", "_type", CW_BACKUP_TYPE, "format", "1.0", "site", b->site->name,
                      "time", time);
    if (b->site->install_root != NULL)
        rc = cw_dir_open(&root, b->site->install_root, err);
    if (rc == CW_OK && root >= 0)
        rc = cw_store_current(&current, root, err);
    if (rc == CW_OK && current != 0)
        rc = cw_store_read(&running, root, current, err);
    if (rc == CW_E_NOTFOUND) { /* nothing was installed yet */
        cw_err_clear(err);
        rc = CW_OK;
    }
    if (rc == CW_OK && running != NULL)
        rc = write_doc(b, CW_BACKUP_RUNNING, running, err);
    return rc == CW_OK ? write_doc(b, CW_BACKUP_ABOUT, about, err) : rc;
}

static int write_out(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_out_write(ctx, data, len, err);
}

static int write_locked(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_locked_write(ctx, data, len, err);
}

static int pack_plain(const struct backup *b, const struct cw_pack_sum *sum, struct cw_out *out, int64_t now,
                      struct cw_err *err)
{
    return cw_pack(b->work, "the site", sum, now, CW_PACK_PLAIN, write_out, out, err);
}

static int pack_locked(const struct backup *b, const struct cw_pack_sum *sum, struct cw_out *out, int64_t now,
                       struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;
    CW_AUTO_LOCKED *locked = NULL;
    int rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);

    if (rc == CW_OK)
        rc = cw_locked_new(&locked, unlock, "the backup", write_out, out, err);
    if (rc == CW_OK)
        rc = cw_pack(b->work, "the site", sum, now, CW_PACK_PLAIN, write_locked, locked, err);
    return rc == CW_OK ? cw_locked_finish(locked, err) : rc;
}

static void wrong(void *ctx, const char *path, const char *what)
{
    struct cw_err *first = ctx;

    if (first->code == CW_OK)
        cw_err_set(first, CW_E_FAIL, "%s in the site's folder %s", path, what);
}

static int pack(const struct backup *b, int folder, const char *name, int64_t now, struct cw_err *err)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct cw_pack_sum sum;
    struct cw_err first = {0};
    int rc = cw_pack_look(&sum, b->work, wrong, &first, err);

    if (rc == CW_OK && first.code != CW_OK)
        return cw_err_set(err, first.code, "%s", first.text);
    if (rc == CW_OK)
        rc = cw_out_open(&out, folder, name, 0600, err);
    if (rc == CW_OK)
        rc = (given.encrypt ? pack_locked : pack_plain)(b, &sum, &out, now, err);
    return rc == CW_OK ? cw_out_commit(&out, err) : rc;
}

static int make_backup(const struct cw_site *site, const char *file, int64_t now, struct cw_err *err)
{
    CW_AUTO_FREE char *place = strdup(file);
    CW_AUTO_FD int work = -1, folder = -1;
    const char *name = cw_str_basename(file);
    struct backup b = {.site = site};
    struct cw_err ignored;
    int rc;

    if (place == NULL)
        return cw_err_nomem(err);
    place[name - file] = '\0';
    if (!cw_path_is_relative(name))
        return cw_err_set(err, CW_E_USAGE, "'%s' is not a file's name", file);
    rc = cw_dir_open(&folder, place[0] != '\0' ? place : ".", err);
    if (rc == CW_OK)
        rc = cw_remove_tree(site->fd, WORK, err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&work, site->fd, WORK, err);
    if (rc == CW_OK && fchmod(work, 0700) != 0)
        rc = cw_err_errno(err, errno, "unable to protect a copy of the site");
    b.work = work;
    if (rc == CW_OK)
        rc = copy_all(&b, err);
    if (rc == CW_OK)
        rc = write_about(&b, now, err);
    if (rc == CW_OK)
        rc = pack(&b, folder, name, now, err);
    (void)cw_remove_tree(site->fd, WORK, &ignored); /* else the next command sweeps it */
    return rc;
}

int cmd_backup(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *data = NULL;
    struct cw_history_proof proof;
    struct cw_identity identity;
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&site, cli, now, err);

    (void)argc;
    if (!given.encrypt && (given.passphrase.file != NULL || given.passphrase.fd != CW_PASSPHRASE_NO_FD))
        return cw_err_set(err, CW_E_USAGE, "a passphrase is for --encrypt");
    if (rc == CW_OK) /* by which the history's end is signed */
        rc = cw_identity_ensure(&identity, site.fd, now, err);
    if (rc == CW_OK && (data = json_pack("{s:s}", "file", argv[1])) == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK) /* first, so that the backup knows of itself */
        rc = cw_history_append(site.fd, now, "backup", data, err);
    if (rc == CW_OK) /* restore would refuse it */
        rc = cw_history_verify(&proof, site.fd, err);
    if (rc == CW_OK)
        rc = make_backup(&site, argv[1], now, err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%s: all that '%s' remembers, its secret key too%s", argv[1], site.name,
               given.encrypt ? ", under the passphrase, without which nobody restores it"
                             : ": keep it as safe as the site itself, or make it with --encrypt");
    return cw_cli_json(cli, data, err);
}
