/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync restore: makes a site's folder from a backup, whole or not at all: it is unpacked and checked under
 * a temporary name, and gets its own by one rename. What the site saw after the backup was made it does not know
 * then, so what it does remember is said, and the history has an entry of it.
 */
#include "sync/backup.h"

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
#include "codec/archive.h"
#include "codec/json_file.h"
#include "crypt/locked.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "jail/jail.h"
#include "sync/commands.h"
#include "sync/deploy/number.h"
#include "sync/history.h"
#include "sync/mirror/memory.h"

static struct cw_passphrase passphrase = CW_PASSPHRASE_INIT;

const struct cw_option cmd_restore_options[] = {
    CW_PASSPHRASE_OPTIONS(passphrase),
    {.kind = CW_OPTION_END},
};

static int feed(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    return cw_archive_feed(in_fd, out_fd, ctx, err);
}

static ssize_t read_jail(void *ctx, void *data, size_t len, struct cw_err *err)
{
    return cw_jail_read(ctx, data, len, err);
}

static int unpack(int folder, int in, struct cw_err *err)
{
    static const struct cw_jail_limits confined = {.cpu_seconds = 600, .memory = (size_t)256 << 20};
    struct cw_archive_rules rules = {
        .bytes = CW_BACKUP_BYTES_MAX, .entries = CW_BACKUP_ENTRIES_MAX, .modes = true};
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    int ended, rc = cw_archive_load(err);

    if (rc == CW_OK)
        rc = cw_jail_start(&jail, "the backup's reader", &confined, feed, &rules, in, err);
    if (rc == CW_OK)
        rc = cw_archive_take(folder, in, read_jail, &jail, &rules, err);
    if (rc != CW_OK && rc != CW_E_INCOMPLETE)
        return rc;
    ended = cw_jail_finish(&jail, err);
    return ended != CW_OK ? ended : rc;
}

/* Files come out as nobody may write them; these are the site's own. */
static int open_up(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    if (fchmodat(*(int *)ctx, path, (st->st_mode & 0777) | S_IRUSR | S_IWUSR, 0) != 0)
        return cw_err_errno(err, errno, "unable to make '%s' writable", path);
    return CW_OK;
}

/* What rollback protection rests on after this. */
static int remembered(json_t **list, const struct cw_cli *cli, const struct cw_site *site, struct cw_err *err)
{
    *list = json_array();
    for (size_t i = 0; i < site->upstream_count; i++) {
        const struct cw_upstream *upstream = &site->upstreams[i];
        CW_AUTO_MEMORY memory = {.root = 0};
        char floor[CW_TIME_TEXT];
        json_int_t serial;
        int rc = cw_mirror_memory_load(&memory, site, upstream, err);

        if (rc != CW_OK)
            return rc;
        cw_time_format(memory.floor, floor);
        serial = json_integer_value(json_object_get(
            json_object_get(json_object_get(memory.channels, "channels"), upstream->channel), "serial"));
        cw_cli_say(cli, "remembers    %s/%s serial %lld, time floor %s", upstream->name, upstream->channel,
                   (long long)serial, floor);
        if (json_array_append_new(*list,
                                  json_pack("{s:s, s:s, s:I, s:s}", "upstream", upstream->name, "channel",
                                            upstream->channel, "serial", serial, "floor", floor)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* Checks what was unpacked, and writes into its history what was done. */
static int check(json_t **result, const struct cw_cli *cli, int folder, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *about = NULL, *list = NULL, *data = NULL;
    struct cw_history_proof proof;
    const char *time;
    int64_t generation;
    int fd, rc = cw_json_file_read(&about, folder, CW_BACKUP_ABOUT, CW_JSON_TEXT_MAX, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_VERIFY, "it is no backup of a site: it has no %s", CW_BACKUP_ABOUT);
    if (rc == CW_OK)
        rc = cw_json_check_format(about, CW_BACKUP_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&time, about, "time", err);
    if (rc != CW_OK)
        return rc;
    fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    rc = fd >= 0 ? cw_site_open_at(&site, fd, true, err)
                 : cw_err_errno(err, errno, "unable to open what was unpacked");
    if (rc == CW_OK)
        rc = cw_history_verify(&proof, folder, err);
    if (rc == CW_OK)
        rc = cw_number_from_history(&generation, folder, err);
    if (rc == CW_OK)
        cw_cli_say(cli, "site         %s as of %s, history of %lld entries, the last generation was %lld",
                   site.name, time, (long long)proof.entries, (long long)generation);
    if (rc == CW_OK)
        rc = remembered(&list, cli, &site, err);
    if (rc != CW_OK)
        return rc;
    data = json_pack("{s:s, s:I, s:I, s:O}", "backup", time, "entries", (json_int_t)proof.entries,
                     "generation", (json_int_t)generation, "remembers", list);
    if (data == NULL)
        return cw_err_nomem(err);
    *result = json_incref(data);
    return cw_history_append(folder, cw_clock_now(), "restore", data, err);
}

/* What is encrypted becomes a file without a name, whole and genuine, before anything is unpacked. The passphrase is
 * wiped by then. */
static int unlock(int *in, int folder, struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;
    CW_AUTO_FD int plain = -1;
    bool locked;
    int rc = cw_locked_is(&locked, *in, err);

    if (rc != CW_OK || !locked)
        return rc;
    plain = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (plain < 0)
        return cw_err_errno(err, errno, "unable to decrypt on this filesystem");
    rc = cw_unlock_new(&unlock, cw_passphrase_ask, &passphrase, err);
    if (rc == CW_OK)
        rc = cw_locked_open(*in, plain, unlock, "the backup", err);
    if (rc == CW_OK && lseek(plain, 0, SEEK_SET) != 0)
        rc = cw_err_errno(err, errno, "unable to read what was decrypted");
    if (rc != CW_OK)
        return rc;
    close(*in);
    *in = plain;
    plain = -1;
    return CW_OK;
}

static int fill(json_t **result, const struct cw_cli *cli, int parent, const char *tmp, const char *file,
                struct cw_err *err)
{
    CW_AUTO_FD int folder = -1, in = open(file, O_RDONLY | O_CLOEXEC);
    int rc = in >= 0 ? cw_at_make_dir(&folder, parent, tmp, err)
                     : cw_err_errno(err, errno, "unable to open '%s'", file);

    if (rc == CW_OK && fchmod(folder, 0700) != 0)
        rc = cw_err_errno(err, errno, "unable to protect what is unpacked");
    if (rc == CW_OK)
        rc = unlock(&in, folder, err);
    if (rc == CW_OK)
        rc = unpack(folder, in, err);
    if (rc == CW_OK)
        rc = cw_walk(folder, "", open_up, &folder, err);
    if (rc == CW_OK)
        rc = check(result, cli, folder, err);
    if (rc == CW_OK && fchmod(folder, 0755) != 0)
        rc = cw_err_errno(err, errno, "unable to open up what was unpacked");
    return rc == CW_OK || in < 0 ? rc : cw_err_prefix(err, "'%s'", file);
}

static int restore(json_t **result, const struct cw_cli *cli, const char *file, const char *dir,
                   struct cw_err *err)
{
    CW_AUTO_FREE char *place = strdup(dir);
    CW_AUTO_FD int parent = -1;
    const char *name = cw_str_basename(dir);
    char tmp[CW_PATH_MAX];
    struct cw_err ignored;
    bool there;
    int rc;

    if (place == NULL)
        return cw_err_nomem(err);
    place[name - dir] = '\0';
    if (!cw_path_is_relative(name) ||
        snprintf(tmp, sizeof tmp, CW_TMP_PREFIX "restore-%s", name) >= (int)sizeof tmp)
        return cw_err_set(err, CW_E_USAGE, "'%s' is not a folder that can be made", dir);
    rc = cw_dir_open(&parent, place[0] != '\0' ? place : ".", err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, parent, name, err);
    if (rc == CW_OK && there)
        rc = cw_err_set(err, CW_E_USAGE, "'%s' is there already; restore makes a new folder", dir);
    if (rc == CW_OK)
        rc = cw_remove_tree(parent, tmp, err); /* of a run that was killed */
    if (rc != CW_OK)
        return rc;
    rc = fill(result, cli, parent, tmp, file, err);
    if (rc == CW_OK)
        rc = cw_move_new(parent, tmp, name, err);
    if (rc != CW_OK)
        (void)cw_remove_tree(parent, tmp, &ignored);
    return rc;
}

int cmd_restore(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *result = NULL;
    int rc = restore(&result, cli, argv[1], argv[2], err);

    (void)argc;
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "what this site saw after that it does not know: pull from a source that is known to be "
                    "current before you rely on it, and see that no second copy of the site goes on running");
    return cw_cli_json(cli, result, err);
}
