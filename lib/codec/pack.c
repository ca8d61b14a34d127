/* SPDX-License-Identifier: ISC */
/*
 * Packing a folder: a walk in the order of names on one side, libarchive's tar writer on the other; see
 * codec/pack.h.
 */
#include "codec/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/archive.h"
#include "fs/root.h"
#include "fs/walk.h"

#define CHUNK ((size_t)1 << 18)          /* bytes read and handed on at once */
#define FILL_UP_MAX (UINT64_C(64) << 20) /* bytes of zeros that are made in no time */
#define SPECIAL_BITS (S_ISUID | S_ISGID | S_ISVTX)

/* The first name of a file that has several. */
struct first {
    dev_t dev;
    ino_t ino;
    char path[];
};

struct packer {
    int dir;
    struct cw_pack_sum sum;
    cw_pack_wrong_fn *wrong; /* of a look; NULL: a wrong one is an error */
    cw_pack_write_fn *write;
    void *ctx;
    int64_t mtime;
    struct archive *archive; /* NULL: only look */
    struct archive_entry *entry;
    char *chunk;
    void *firsts;       /* a tree of struct first */
    struct cw_err *err; /* what a write that failed said, through libarchive */
    int write_rc;
    bool muted;    /* nothing is written any more */
    uint64_t left; /* bytes of the present file that were not written yet */
};

static int wrong(const struct packer *p, const char *path, const char *what, struct cw_err *err)
{
    char quoted[CW_PATH_MAX];

    cw_str_visible(quoted, sizeof quoted, path);
    if (p->wrong == NULL)
        return cw_err_set(err, CW_E_VERIFY, "'%s' %s", quoted, what);
    p->wrong(p->ctx, quoted, what);
    return CW_OK;
}

/* FNV-1a: only a change by chance has to be seen, not one by intent. */
static void print_bytes(uint64_t *print, const void *data, size_t len)
{
    const unsigned char *p = data;

    for (; len > 0; len--, p++)
        *print = (*print ^ *p) * UINT64_C(0x100000001b3);
}

static void print_entry(struct cw_pack_sum *sum, const char *path, const struct stat *st)
{
    const uint64_t parts[] = {
        (uint64_t)st->st_mode,         (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
        (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ino,
    };

    print_bytes(&sum->print, path, strlen(path) + 1);
    print_bytes(&sum->print, parts, sizeof parts);
    sum->entries++;
    if (S_ISREG(st->st_mode))
        sum->bytes += (uint64_t)st->st_size;
}

static bool is_text(const char *path)
{
    size_t n;

    while ((n = cw_str_printable(path)) > 0)
        path += n;
    return *path == '\0';
}

static int read_link(char target[CW_PATH_MAX], const struct packer *p, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int parent = -1;
    const char *name;
    ssize_t len;
    int rc = cw_at_open_parent(&parent, &name, p->dir, path, false, err);

    if (rc != CW_OK)
        return rc;
    len = readlinkat(parent, name, target, CW_PATH_MAX);
    if (len < 0)
        return cw_err_errno(err, errno, "unable to read the link '%s'", path);
    target[len < CW_PATH_MAX ? len : CW_PATH_MAX - 1] = '\0';
    return CW_OK;
}

/* Everything for which a site would refuse the archive. A look goes on behind it. */
static int check(const struct packer *p, const char *path, const struct stat *st, bool *good,
                 struct cw_err *err)
{
    char target[CW_PATH_MAX];
    const char *what = NULL;
    int rc = CW_OK;

    if (!is_text(path))
        what = "has a name that is not printable UTF-8; rename it";
    else if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
        what = "is a device, pipe or socket, which no release holds";
    else if (S_ISREG(st->st_mode) && (st->st_mode & SPECIAL_BITS) != 0)
        what = "has a set-uid, set-gid or sticky bit, which no site takes in; remove it with chmod(1)";
    else if (S_ISLNK(st->st_mode) && (rc = read_link(target, p, path, err)) != CW_OK)
        return rc;
    else if (S_ISLNK(st->st_mode) && (strlen(target) == CW_PATH_MAX - 1 || !is_text(target)))
        what = "is a symbolic link to a name that is too long, or not printable UTF-8";
    else if (S_ISLNK(st->st_mode) && !cw_archive_link_stays(path, target))
        what = "is a symbolic link that leads out of the folder, which no site takes in";
    else if (p->archive == NULL && S_ISREG(st->st_mode) && faccessat(p->dir, path, R_OK, AT_EACCESS) != 0) {
        if (errno != EACCES)
            return cw_err_errno(err, errno, "unable to look at '%s'", path);
        what = "cannot be read: permission denied";
    }
    *good = what == NULL;
    return what != NULL ? wrong(p, path, what, err) : CW_OK;
}

static int library_error(const struct packer *p, const char *path, struct cw_err *err)
{
    const char *text = archive_error_string(p->archive);

    if (p->write_rc != CW_OK)
        return p->write_rc; /* err is set */
    if (archive_errno(p->archive) == ENOMEM)
        return cw_err_nomem(err);
    return cw_err_set(err, CW_E_FAIL, "unable to pack '%s': %s", path,
                      text != NULL ? text : "no reason given");
}

static int put_content(struct packer *p, const char *path, const struct stat *st, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    uint64_t left = (uint64_t)st->st_size;
    struct stat now;
    int rc;

    p->left = left;
    rc = cw_at_open_file(&fd, p->dir, path, err);
    if (rc != CW_OK)
        return rc;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (left > 0) {
        ssize_t got = cw_fd_read(fd, p->chunk, left < CHUNK ? (size_t)left : CHUNK);

        if (got < 0)
            return cw_err_errno(err, errno, "unable to read '%s'", path);
        if (got == 0)
            break;
        if (archive_write_data(p->archive, p->chunk, (size_t)got) != got || p->write_rc != CW_OK)
            return library_error(p, path, err);
        left -= (uint64_t)got;
        p->left = left;
    }
    if (fstat(fd, &now) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", path);
    if (left > 0 || now.st_size != st->st_size || now.st_ino != st->st_ino ||
        now.st_mtim.tv_sec != st->st_mtim.tv_sec || now.st_mtim.tv_nsec != st->st_mtim.tv_nsec)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' changed while it was read; add it when its build is finished", path);
    return CW_OK;
}

static int compare_firsts(const void *a, const void *b)
{
    const struct first *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The path under which the same file was packed before, or NULL: then this is its first. */
static int find_first(struct packer *p, const char **path, const char *here, const struct stat *st,
                      struct cw_err *err)
{
    size_t len = strlen(here) + 1;
    struct first *mine, **found;

    *path = NULL;
    if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
        return CW_OK;
    mine = malloc(sizeof *mine + len);
    if (mine == NULL)
        return cw_err_nomem(err);
    *mine = (struct first){.dev = st->st_dev, .ino = st->st_ino};
    memcpy(mine->path, here, len);
    found = tsearch(mine, &p->firsts, compare_firsts);
    if (found == NULL || *found != mine) {
        free(mine);
        if (found == NULL)
            return cw_err_nomem(err);
        *path = (*found)->path;
    }
    return CW_OK;
}

static int put_entry(struct packer *p, const char *path, const struct stat *st, struct cw_err *err)
{
    char target[CW_PATH_MAX];
    const char *first;
    int rc = find_first(p, &first, path, st, err);

    if (rc == CW_OK && S_ISLNK(st->st_mode))
        rc = read_link(target, p, path, err);
    if (rc != CW_OK)
        return rc;
    archive_entry_clear(p->entry);
    archive_entry_copy_pathname(p->entry, path);
    archive_entry_set_filetype(p->entry, st->st_mode & S_IFMT);
    archive_entry_set_perm(p->entry, S_ISLNK(st->st_mode) ? 0777 : st->st_mode & 0777);
    archive_entry_set_mtime(p->entry, p->mtime, 0);
    archive_entry_set_size(p->entry, S_ISREG(st->st_mode) && first == NULL ? st->st_size : 0);
    if (S_ISLNK(st->st_mode))
        archive_entry_copy_symlink(p->entry, target);
    if (first != NULL)
        archive_entry_copy_hardlink(p->entry, first);
    if (archive_write_header(p->archive, p->entry) != ARCHIVE_OK || p->write_rc != CW_OK)
        return library_error(p, path, err);
    return S_ISREG(st->st_mode) && first == NULL ? put_content(p, path, st, err) : CW_OK;
}

static int visit(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct packer *p = ctx;
    bool good;
    int rc = check(p, path, st, &good, err);

    print_entry(&p->sum, path, st);
    return rc == CW_OK && good && p->archive != NULL ? put_entry(p, path, st, err) : rc;
}

int cw_pack_look(struct cw_pack_sum *sum, int dir, cw_pack_wrong_fn *wrong_fn, void *ctx, struct cw_err *err)
{
    struct packer p = {.dir = dir, .wrong = wrong_fn, .ctx = ctx};
    int rc = cw_walk(dir, "", visit, &p, err);

    *sum = p.sum;
    return rc;
}

/* Takes everything once something failed, and write_rc says so: see close_failed(). */
static la_ssize_t write_block(struct archive *archive, void *ctx, const void *data, size_t len)
{
    struct packer *p = ctx;

    (void)archive;
    if (!p->muted && p->write_rc == CW_OK)
        p->write_rc = p->write(p->ctx, data, len, p->err);
    return (la_ssize_t)len;
}

/* Before an archive that is not wanted is freed. The library does not give all its memory back when it has seen an error, so it is
 * closed as if there had been none, which fills up the entry that was begun; where that would take long, its memory is left. */
static void close_failed(struct packer *p)
{
    p->muted = true;
    if (p->left > FILL_UP_MAX)
        (void)archive_write_fail(p->archive);
}

static int set_filter(const struct packer *p, enum cw_pack_filter filter)
{
    switch (filter) {
    case CW_PACK_GZIP: /* its head has a time too, which is left out */
        return archive_write_add_filter_gzip(p->archive) == ARCHIVE_OK
                   ? archive_write_set_filter_option(p->archive, "gzip", "timestamp", NULL)
                   : ARCHIVE_FATAL;
    case CW_PACK_ZSTD:
        return archive_write_add_filter_zstd(p->archive);
    case CW_PACK_PLAIN:
        break;
    }
    return ARCHIVE_OK;
}

static int open_writer(struct packer *p, enum cw_pack_filter filter, struct cw_err *err)
{
    p->archive = archive_write_new();
    p->entry = archive_entry_new();
    p->chunk = malloc(CHUNK);
    if (p->archive == NULL || p->entry == NULL || p->chunk == NULL)
        return cw_err_nomem(err);
    if (set_filter(p, filter) != ARCHIVE_OK || archive_write_set_format_gnutar(p->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(p->archive, (int)CHUNK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK ||
        archive_write_open(p->archive, p, NULL, write_block, NULL) != ARCHIVE_OK)
        return library_error(p, "the folder", err);
    return CW_OK;
}

static int nothing_wrong(struct packer *p, const struct cw_pack_sum *before, struct cw_err *err)
{
    struct packer again = {.dir = p->dir};
    int rc = cw_walk(p->dir, "", visit, &again, err);

    if (rc != CW_OK)
        return rc;
    if (memcmp(&p->sum, before, sizeof *before) != 0 || memcmp(&again.sum, before, sizeof *before) != 0)
        return cw_err_set(err, CW_E_VERIFY, "changed while it was packed; add it when its build is finished");
    return CW_OK;
}

int cw_pack(int dir, const char *what, const struct cw_pack_sum *before, int64_t mtime,
            enum cw_pack_filter filter, cw_pack_write_fn *write, void *ctx, struct cw_err *err)
{
    struct cw_err local = {.code = CW_OK};
    struct packer p = {.dir = dir, .write = write, .ctx = ctx, .mtime = mtime, .err = &local};
    int rc = cw_archive_load(err);

    if (rc != CW_OK)
        return rc;
    rc = open_writer(&p, filter, &local);
    if (rc == CW_OK)
        rc = cw_walk(dir, "", visit, &p, &local);
    if (rc == CW_OK && (archive_write_close(p.archive) != ARCHIVE_OK || p.write_rc != CW_OK))
        rc = library_error(&p, "the folder", &local);
    if (rc == CW_OK)
        rc = nothing_wrong(&p, before, &local);
    if (p.archive != NULL) {
        if (rc != CW_OK)
            close_failed(&p);
        archive_write_free(p.archive);
    }
    archive_entry_free(p.entry);
    free(p.chunk);
    tdestroy(p.firsts, free);
    if (rc == CW_OK)
        return CW_OK;
    cw_err_set(err, rc, "%s", local.text);
    return p.write_rc != CW_OK ? rc : cw_err_prefix(err, "'%s'", what);
}
