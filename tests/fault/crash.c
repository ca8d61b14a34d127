/* SPDX-License-Identifier: ISC */
/*
 * The crash model. A file's data is durable up to its last fsync, a name when its folder was fsynced after
 * the change (for a rename: the folder it went to), everything after syncfs. This is what POSIX promises,
 * less than what most filesystems do. The log is walked backwards; data first, while every inode still has a
 * name, then names.
 *
 * Objects are found by inode, not by recorded path: a folder above may have been renamed since.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"

struct inos {
    uint64_t *at;
    size_t count;
};

/* A removed folder was made anew; what the log says of inode from, before its removal, holds of inode to. */
struct anew {
    uint64_t from, to;
};

static struct { /* what one crash_apply works on; the program runs one */
    const struct fault_control *ctl;
    const struct fault_record **rec;
    size_t count;
    struct anew *anew;
    size_t anew_count;
} crash;

static bool inos_have(const struct inos *s, uint64_t ino)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->at[i] == ino)
            return true;
    return false;
}

static void inos_add(struct inos *s, uint64_t ino)
{
    s->at = realloc(s->at, (s->count + 1) * sizeof *s->at);
    if (!s->at)
        abort();
    s->at[s->count++] = ino;
}

static void inos_drop(struct inos *s, uint64_t ino)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->at[i] == ino)
            s->at[i] = s->at[--s->count];
}

static void anew_add(uint64_t from, uint64_t to)
{
    crash.anew = realloc(crash.anew, (crash.anew_count + 1) * sizeof *crash.anew);
    if (!crash.anew)
        abort();
    crash.anew[crash.anew_count++] = (struct anew){from, to};
}

/* The last one added counts: the filesystem gives a number to one folder after another. */
static uint64_t anew_find(uint64_t ino)
{
    for (size_t i = crash.anew_count; i-- > 0;)
        if (crash.anew[i].from == ino)
            return crash.anew[i].to;
    return ino;
}

/* Before it was made, the number belonged to another. */
static void anew_drop(uint64_t from)
{
    for (size_t i = crash.anew_count; i-- > 0;)
        if (crash.anew[i].from == from) {
            memmove(crash.anew + i, crash.anew + i + 1, (--crash.anew_count - i) * sizeof *crash.anew);
            return;
        }
}

static void log_index(const struct fault_control *ctl)
{
    crash.ctl = ctl;
    for (uint64_t at = 0; at < ctl->log_used;) {
        const struct fault_record *rec = (const struct fault_record *)(ctl->log + at);
        crash.rec = realloc(crash.rec, (crash.count + 1) * sizeof(struct fault_record *));
        if (!crash.rec)
            abort();
        crash.rec[crash.count++] = rec;
        at += rec->size;
    }
}

/* ---- finding an inode's path */

static uint64_t wanted;
static char found[PATH_MAX];

static int walk_match(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type;
    (void)ftw;
    if (st->st_ino != wanted || st->st_dev != crash.ctl->root_dev)
        return 0;
    snprintf(found, sizeof found, "%s", path);
    return 1;
}

static const char *path_of_ino(uint64_t ino)
{
    wanted = ino;
    if (nftw(crash.ctl->root, walk_match, 32, FTW_PHYS) == 1 ||
        nftw(crash.ctl->spare, walk_match, 32, FTW_PHYS) == 1)
        return found;
    return NULL;
}

static bool path_is(const char *path, uint64_t ino)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_ino == ino;
}

/* The full path of a name in a folder; false when the folder is gone. */
static bool name_path(char *path, uint64_t dir, const struct fault_record *rec, uint16_t at_dir,
                      uint16_t at_name)
{
    char base[PATH_MAX - NAME_MAX - 2];
    dir = anew_find(dir);
    int n = snprintf(base, sizeof base, "%s/%s", crash.ctl->root, rec->text + at_dir);
    if (n < 0 || (size_t)n >= sizeof base)
        return false;
    if (!path_is(base, dir)) {
        const char *moved = path_of_ino(dir);
        if (!moved)
            return false;
        snprintf(base, sizeof base, "%s", moved);
    }
    snprintf(path, PATH_MAX, "%s/%.*s", base, NAME_MAX, rec->text + at_name);
    return true;
}

/* An ordinary user's own read-only files and folders: open up, and put the mode back afterwards. */
struct opened {
    char path[PATH_MAX];
    mode_t mode;
};

static void mode_open(struct opened *o, const char *path)
{
    struct stat st;
    snprintf(o->path, sizeof o->path, "%s", path);
    o->mode = 0;
    if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) && access(path, W_OK) != 0) {
        o->mode = st.st_mode & 07777;
        chmod(path, o->mode | (S_ISDIR(st.st_mode) ? 0700 : 0600));
    }
}

static void mode_restore(struct opened *o)
{
    if (o->mode)
        chmod(o->path, o->mode);
}

static void mode_open_parent(struct opened *o, const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    mode_open(o, dir);
}

/* ---- data */

static void spare_name(char *path, uint32_t number)
{
    snprintf(path, PATH_MAX, "%s/%u", crash.ctl->spare, number);
}

static void bytes_restore(int fd, uint32_t spare, off_t off)
{
    char path[PATH_MAX], buf[16384];
    if (!spare)
        return;
    spare_name(path, spare);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; from >= 0 && (n = read(from, buf, sizeof buf)) > 0; off += n)
        if (pwrite(fd, buf, (size_t)n, off) != n)
            break;
    if (from >= 0)
        close(from);
}

static void bytes_zero(int fd, off_t off, off_t end)
{
    static const char zero[16384];
    while (off < end) {
        size_t n = end - off < (off_t)sizeof zero ? (size_t)(end - off) : sizeof zero;
        if (pwrite(fd, zero, n, off) <= 0)
            break;
        off += (off_t)n;
    }
}

/* How long the file was before writes of which only that they happened is known; -1: no idea. */
static off_t size_before(size_t i)
{
    uint64_t ino = crash.rec[i]->ino;
    while (i-- > 0) {
        const struct fault_record *rec = crash.rec[i];
        if (rec->ino != ino)
            continue;
        if (rec->op == OP_NEW)
            return 0;
        if (rec->op == OP_SYNC)
            return rec->old_size;
        if (rec->op == OP_TRUNCATE)
            return rec->len;
        if (rec->op == OP_WRITE && rec->off != FAULT_OFF_UNKNOWN)
            return rec->off + rec->len > rec->old_size ? rec->off + rec->len : rec->old_size;
    }
    return -1;
}

static void write_undo(int fd, size_t i, enum crash_model model)
{
    struct stat st;
    const struct fault_record *rec = crash.rec[i];
    bool unknown = rec->off == FAULT_OFF_UNKNOWN;
    off_t off = unknown ? size_before(i) : rec->off, old = unknown ? off : rec->old_size;
    if (off < 0 || fstat(fd, &st) != 0)
        return;
    off_t end = unknown || rec->off + rec->len > st.st_size ? st.st_size : rec->off + rec->len;
    if (model == CRASH_ZERO) {
        bytes_zero(fd, off, end);
        return;
    }
    bytes_restore(fd, rec->spare, off);
    if (st.st_size > old && ftruncate(fd, old) != 0)
        perror("cw-fault: ftruncate");
}

static int data_undo(size_t i, enum crash_model model)
{
    struct opened o;
    const struct fault_record *rec = crash.rec[i];
    const char *path = path_of_ino(rec->ino);
    if (!path || (rec->op == OP_TRUNCATE && model != CRASH_LOST))
        return 0; /* without a name it is gone anyway */
    mode_open(&o, path);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && rec->op == OP_WRITE) {
        write_undo(fd, i, model);
    } else if (fd >= 0 && ftruncate(fd, rec->old_size) == 0) {
        bytes_restore(fd, rec->spare, rec->len);
    }
    mode_restore(&o);
    if (fd < 0) {
        fprintf(stderr, "cw-fault: unable to open '%s' to undo a write: %s\n", path, strerror(errno));
        return -1;
    }
    close(fd);
    return 0;
}

static int all_data_undo(enum crash_model model)
{
    struct inos safe = {0};
    int rc = 0;
    for (size_t i = crash.count; i-- > 0 && rc == 0;) {
        const struct fault_record *rec = crash.rec[i];
        if (rec->op == OP_SYNC_ALL)
            break;
        if ((rec->op == OP_SYNC || rec->op == OP_NEW) && !inos_have(&safe, rec->ino))
            inos_add(&safe, rec->ino); /* before OP_NEW the number belonged to another file */
        if ((rec->op == OP_WRITE || rec->op == OP_TRUNCATE) && !inos_have(&safe, rec->ino))
            rc = data_undo(i, model);
    }
    free(safe.at);
    return rc;
}

/* ---- names */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct opened o;
    (void)st;
    (void)type;
    (void)ftw;
    mode_open_parent(&o, path);
    int rc = remove(path);
    mode_restore(&o);
    return rc;
}

static void spare_back(uint32_t spare, const char *path)
{
    char from[PATH_MAX];
    struct opened o;
    struct stat st;
    if (!spare || lstat(path, &st) == 0)
        return;
    spare_name(from, spare);
    mode_open_parent(&o, path);
    if (link(from, path) != 0)
        fprintf(stderr, "cw-fault: unable to bring back '%s': %s\n", path, strerror(errno));
    mode_restore(&o);
}

static void move_back(const char *from, const char *to)
{
    struct opened o, o2;
    struct stat st;
    mode_open_parent(&o, from);
    mode_open_parent(&o2, to);
    if (lstat(to, &st) == 0 || rename(from, to) != 0)
        nftw(from, remove_one, 32, FTW_PHYS | FTW_DEPTH); /* its old name is taken, durably: it is lost */
    mode_restore(&o2);
    mode_restore(&o);
}

/* Makes a removed folder again; what the log says of the old one then holds of this one. */
static void dir_back(const char *path, mode_t mode, uint64_t ino)
{
    struct stat st;
    struct opened o;
    mode_open_parent(&o, path);
    if (mkdir(path, 0700) == 0 && chmod(path, mode) == 0 && lstat(path, &st) == 0)
        anew_add(ino, st.st_ino);
    mode_restore(&o);
}

static void rename_undo(const struct fault_record *rec, uint64_t ino, const char *path, const char *path2)
{
    if (path_is(path2, ino))
        move_back(path2, path);
    if (rec->replaced_dir)
        dir_back(path2, rec->mode, rec->replaced_dir);
    else
        spare_back(rec->spare, path2);
}

static void name_undo(const struct fault_record *rec)
{
    char path[PATH_MAX], path2[PATH_MAX] = "";
    uint64_t ino = anew_find(rec->ino);
    if (!rec->at_name || !name_path(path, rec->dir, rec, rec->at_dir, rec->at_name))
        return;
    if (rec->at_name2 && !name_path(path2, rec->dir2, rec, rec->at_dir2, rec->at_name2))
        return;
    switch (rec->op) {
    case OP_NEW:
    case OP_LINK:
    case OP_MKDIR:
        if (path_is(path, ino))
            nftw(path, remove_one, 32, FTW_PHYS | FTW_DEPTH);
        break;
    case OP_UNLINK:
        spare_back(rec->spare, path);
        break;
    case OP_RMDIR:
        dir_back(path, rec->mode, rec->ino);
        break;
    case OP_RENAME:
        rename_undo(rec, ino, path, path2);
        break;
    case OP_EXCHANGE:
        renameat2(AT_FDCWD, path, AT_FDCWD, path2, RENAME_EXCHANGE);
        break;
    default:
        break;
    }
}

static void all_names_undo(void)
{
    struct inos safe = {0};
    for (size_t i = crash.count; i-- > 0;) {
        const struct fault_record *rec = crash.rec[i];
        if (rec->op == OP_SYNC_ALL)
            break;
        if (rec->op == OP_SYNC && !inos_have(&safe, rec->ino))
            inos_add(&safe, rec->ino);
        else if (!inos_have(&safe, rec->at_name2 ? rec->dir2 : rec->dir))
            name_undo(rec);
        if (rec->op == OP_MKDIR) {
            anew_drop(rec->ino);
            inos_drop(&safe, rec->ino);
        }
    }
    free(safe.at);
}

int crash_apply(const struct fault_control *ctl, enum crash_model model)
{
    if (ctl->overflow) {
        fprintf(stderr, "cw-fault: the log of changes is full; give --log-size more MiB\n");
        return -1;
    }
    if (model == CRASH_KEEP)
        return 0;
    log_index(ctl);
    int rc = all_data_undo(model);
    if (rc == 0 && model == CRASH_LOST)
        all_names_undo();
    free(crash.anew);
    free(crash.rec);
    return rc;
}
