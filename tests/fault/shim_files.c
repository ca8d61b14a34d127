/* SPDX-License-Identifier: ISC */
/*
 * The libc calls that change the disk, or what of it is durable: each is counted, may be made to fail, and is
 * logged with what its undoing needs. See shim.c for the rules.
 *
 * Real fsync is not called for files beneath the root: durability is the runner's model here, and without the
 * disk's part of it thousands of runs take seconds.
 */
#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim.h"

#pragma GCC diagnostic ignored "-Wattribute-alias"

/* off64_t is off_t here, so each *64 name is another name of the same function. */
#define ALIAS(type, name, of, ...) EXPORT type name(__VA_ARGS__) __attribute__((alias(#of)))

/* ---- open */

struct request {
    int dirfd;
    const char *path;
    int flags;
    mode_t mode;
    const struct open_how *how; /* by openat2, else NULL */
    size_t how_size;
};

static int perform(const struct request *r)
{
    if (r->how)
        return (int)REAL(syscall)(SYS_openat2, r->dirfd, r->path, r->how, r->how_size);
    return REAL(openat)(r->dirfd, r->path, r->flags, r->mode);
}

static uint32_t keep_truncated(const struct request *r, const struct stat *st)
{
    char path[PATH_MAX];
    if (!logging())
        return 0;
    if (r->dirfd == AT_FDCWD || r->path[0] == '/')
        return spare_bytes(r->path, 0, st->st_size);
    int n = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", r->dirfd, r->path);
    return n > 0 && (size_t)n < sizeof path ? spare_bytes(path, 0, st->st_size) : 0;
}

/* Where a file was made: elsewhere than its path says if that led over a symbolic link to nothing. */
static void place_made(struct place *p, int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
        return;
    path[len] = '\0';
    place_find(p, AT_FDCWD, path);
}

static int open_changing(const struct request *r, struct place *p, void *site)
{
    struct stat st;
    bool nameless = (r->flags & O_TMPFILE) == O_TMPFILE, existed, cut;
    uint32_t spare = 0;
    int saved = errno;
    if (change_begin(KIND_create, site) == FAIL)
        return -1;
    existed = !nameless &&
              REAL(fstatat)(r->dirfd, r->path, &st, r->flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == 0;
    errno = saved;
    cut = existed && (r->flags & O_TRUNC) && !(r->flags & O_EXCL) && S_ISREG(st.st_mode) && st.st_size > 0;
    if (cut)
        spare = keep_truncated(r, &st);
    int fd = perform(r);
    fd_learn(fd);
    if (fd >= 0 && !existed && !(r->flags & (O_EXCL | O_NOFOLLOW)))
        place_made(p, fd);
    if (fd >= 0 && !existed)
        log_change((struct fault_record){.op = OP_NEW, .ino = fd_ino(fd)}, nameless ? NULL : p, NULL);
    else if (fd >= 0 && cut)
        log_data(OP_TRUNCATE, fd, 0, 0, st.st_size, spare);
    change_end(fd >= 0 && (!existed || cut));
    return fd;
}

static int open_any(const struct request *r, void *site)
{
    struct place p;
    bool nameless = (r->flags & O_TMPFILE) == O_TMPFILE;
    bool under = nameless ? place_find_dir(&p, r->dirfd, r->path) : place_find(&p, r->dirfd, r->path);
    if (under && (nameless || (r->flags & (O_CREAT | O_TRUNC))))
        return open_changing(r, &p, site);
    if (under && gate(KIND_open, site) == FAIL)
        return -1;
    int fd = perform(r);
    fd_learn(fd);
    if (!under && fd_flags(fd) &&
        gate(KIND_open, site) == FAIL) { /* the root itself, or by a link from elsewhere */
        int error = errno;
        REAL(close)(fd);
        fd_forget(fd, fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode, void *site)
{
    return open_any(&(struct request){.dirfd = dirfd, .path = path, .flags = flags, .mode = mode}, site);
}

#define MODE_ARGUMENT(flags, last)                                                                           \
    mode_t mode = 0;                                                                                         \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                 \
        va_list ap;                                                                                          \
        va_start(ap, last);                                                                                  \
        mode = va_arg(ap, mode_t);                                                                           \
        va_end(ap);                                                                                          \
    }

EXPORT int open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode, SITE);
}
ALIAS(int, open64, open, const char *path, int flags, ...);

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, flags)
    return open_at(dirfd, path, flags, mode, SITE);
}
ALIAS(int, openat64, openat, int dirfd, const char *path, int flags, ...);

EXPORT int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, SITE);
}
ALIAS(int, creat64, creat, const char *path, mode_t mode);

/* What _FORTIFY_SOURCE makes of open without a mode. */
EXPORT int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0, SITE);
}
ALIAS(int, __open64_2, __open_2, const char *path, int flags);

EXPORT int __openat_2(int dirfd, const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags)
{
    return open_at(dirfd, path, flags, 0, SITE);
}
ALIAS(int, __openat64_2, __openat_2, int dirfd, const char *path, int flags);

/* Of the calls that libc has no function for in every version. */
static int renameat2_any(int olddir, const char *old, int newdir, const char *new, unsigned flags,
                         void *site);

EXPORT long syscall(long number, ...)
{
    long a[6];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_openat2 && a[2]) {
        const struct open_how *how = (const struct open_how *)a[2];
        struct request r = {(int)a[0], (const char *)a[1], (int)how->flags, (mode_t)how->mode,
                            how,       (size_t)a[3]};
        return open_any(&r, SITE);
    }
    if (number == SYS_renameat2)
        return renameat2_any((int)a[0], (const char *)a[1], (int)a[2], (const char *)a[3], (unsigned)a[4],
                             SITE);
    if (number == SYS_seccomp && a[0] <= SECCOMP_SET_MODE_FILTER)
        strict_enter();
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Made by libc under a name that it chooses: only afterwards is it known which. */
static int temp_made(int fd, const char *path)
{
    struct place p;
    fd_learn(fd);
    if (fd >= 0 && place_find(&p, AT_FDCWD, path))
        log_change((struct fault_record){.op = OP_NEW, .ino = fd_ino(fd)}, &p, NULL);
    change_end(fd >= 0);
    return fd;
}

EXPORT int mkostemp(char *template, int flags)
{
    struct place p;
    if (!place_find(&p, AT_FDCWD, template))
        return REAL(mkostemp)(template, flags);
    if (change_begin(KIND_create, SITE) == FAIL)
        return -1;
    return temp_made(REAL(mkostemp)(template, flags), template);
}
ALIAS(int, mkostemp64, mkostemp, char *template, int flags);

EXPORT int mkstemp(char *template)
{
    struct place p;
    if (!place_find(&p, AT_FDCWD, template))
        return REAL(mkstemp)(template);
    if (change_begin(KIND_create, SITE) == FAIL)
        return -1;
    return temp_made(REAL(mkstemp)(template), template);
}
ALIAS(int, mkstemp64, mkstemp, char *template);

/* ---- data */

/* Notes that bytes off..off+len of fd are about to change, keeping those that are there now. */
static void data_prepare(int fd, int64_t off, int64_t len, struct fault_record *rec)
{
    struct stat st;
    char self[64];
    *rec = (struct fault_record){.op = OP_WRITE, .off = FAULT_OFF_UNKNOWN};
    if (!logging() || strict() || REAL(fstat)(fd, &st) != 0)
        return;
    rec->off = off >= 0 ? off : lseek(fd, 0, SEEK_CUR);
    if (fd_flags(fd) & FD_APPEND)
        rec->off = st.st_size;
    rec->old_size = st.st_size;
    int64_t over = st.st_size - rec->off;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    rec->spare = spare_bytes(self, rec->off, over < len ? over : len);
}

static ssize_t data_done(int fd, ssize_t n, const struct fault_record *rec)
{
    if (n > 0)
        log_data(OP_WRITE, fd, rec->off, n, rec->old_size, rec->spare);
    if (n > 0 && (fd_flags(fd) & FD_SYNC))
        log_data(OP_SYNC, fd, 0, 0, rec->off + n > rec->old_size ? rec->off + n : rec->old_size, 0);
    change_end(n > 0);
    return n;
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
    struct fault_record rec;
    if (!fd_flags(fd))
        return REAL(write)(fd, buf, len);
    enum verdict v = change_begin(KIND_write, SITE);
    if (v == FAIL)
        return -1;
    len = v == HALF && len > 1 ? len / 2 : len;
    data_prepare(fd, -1, (int64_t)len, &rec);
    return data_done(fd, REAL(write)(fd, buf, len), &rec);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
    struct fault_record rec;
    if (!fd_flags(fd))
        return REAL(pwrite)(fd, buf, len, off);
    enum verdict v = change_begin(KIND_write, SITE);
    if (v == FAIL)
        return -1;
    len = v == HALF && len > 1 ? len / 2 : len;
    data_prepare(fd, off, (int64_t)len, &rec);
    return data_done(fd, REAL(pwrite)(fd, buf, len, off), &rec);
}
ALIAS(ssize_t, pwrite64, pwrite, int fd, const void *buf, size_t len, off_t off);

static int64_t iov_length(const struct iovec *iov, int count)
{
    int64_t len = 0;
    for (int i = 0; i < count; i++)
        len += (int64_t)iov[i].iov_len;
    return len;
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
    struct fault_record rec;
    if (!fd_flags(fd))
        return REAL(writev)(fd, iov, count);
    enum verdict v = change_begin(KIND_write, SITE);
    if (v == FAIL)
        return -1;
    data_prepare(fd, -1, iov_length(iov, count), &rec);
    return data_done(fd, REAL(writev)(fd, iov, v == HALF && count > 1 ? count / 2 : count), &rec);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t off)
{
    struct fault_record rec;
    if (!fd_flags(fd))
        return REAL(pwritev)(fd, iov, count, off);
    enum verdict v = change_begin(KIND_write, SITE);
    if (v == FAIL)
        return -1;
    data_prepare(fd, off, iov_length(iov, count), &rec);
    return data_done(fd, REAL(pwritev)(fd, iov, v == HALF && count > 1 ? count / 2 : count, off), &rec);
}
ALIAS(ssize_t, pwritev64, pwritev, int fd, const struct iovec *iov, int count, off_t off);

EXPORT int ftruncate(int fd, off_t size)
{
    struct stat st;
    char self[64];
    if (!fd_flags(fd))
        return REAL(ftruncate)(fd, size);
    if (change_begin(KIND_truncate, SITE) == FAIL)
        return -1;
    uint32_t spare = 0;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (strict() || REAL(fstat)(fd, &st) != 0)
        st.st_size = size;
    else
        spare = spare_bytes(self, size, st.st_size - size);
    int rc = REAL(ftruncate)(fd, size);
    if (rc == 0)
        log_data(OP_TRUNCATE, fd, 0, size, st.st_size, spare);
    change_end(rc == 0);
    return rc;
}
ALIAS(int, ftruncate64, ftruncate, int fd, off_t size);

EXPORT int truncate(const char *path, off_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = -1;
    if (fd >= 0) {
        rc = ftruncate(fd, size);
        close(fd);
    }
    return rc;
}
ALIAS(int, truncate64, truncate, const char *path, off_t size);

EXPORT int fallocate(int fd, int mode, off_t off, off_t len)
{
    struct fault_record rec;
    if (!fd_flags(fd))
        return REAL(fallocate)(fd, mode, off, len);
    if (change_begin(KIND_truncate, SITE) == FAIL)
        return -1;
    data_prepare(fd, off, len, &rec);
    int rc = REAL(fallocate)(fd, mode, off, len);
    data_done(fd, rc == 0 ? len : -1, &rec);
    return rc;
}
ALIAS(int, fallocate64, fallocate, int fd, int mode, off_t off, off_t len);

EXPORT int posix_fallocate(int fd, off_t off, off_t len)
{
    int saved = errno, rc = fallocate(fd, 0, off, len), error = errno;
    errno = saved;
    return rc == 0 ? 0 : error;
}
ALIAS(int, posix_fallocate64, posix_fallocate, int fd, off_t off, off_t len);

EXPORT ssize_t copy_file_range(int in, off64_t *in_off, int out, off64_t *out_off, size_t len, unsigned flags)
{
    struct fault_record rec;
    if (!fd_flags(out))
        return REAL(copy_file_range)(in, in_off, out, out_off, len, flags);
    if (change_begin(KIND_copy, SITE) == FAIL)
        return -1;
    data_prepare(out, out_off ? *out_off : -1, (int64_t)len, &rec);
    return data_done(out, REAL(copy_file_range)(in, in_off, out, out_off, len, flags), &rec);
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
    struct fault_record rec;
    if (!fd_flags(out))
        return REAL(sendfile)(out, in, off, len);
    if (change_begin(KIND_copy, SITE) == FAIL)
        return -1;
    data_prepare(out, -1, (int64_t)len, &rec);
    return data_done(out, REAL(sendfile)(out, in, off, len), &rec);
}
ALIAS(ssize_t, sendfile64, sendfile, int out, int in, off_t *off, size_t len);

static int clone_file(int fd, unsigned long request, void *arg, void *site)
{
    struct stat st;
    struct fault_record rec;
    bool whole = request == FICLONE;
    const struct file_clone_range *range = arg;
    if (change_begin(KIND_copy, site) == FAIL)
        return -1;
    int64_t len = REAL(fstat)(whole ? (int)(intptr_t)arg : (int)range->src_fd, &st) == 0 ? st.st_size : 0;
    data_prepare(fd, whole ? 0 : (int64_t)range->dest_offset, len, &rec);
    int rc = REAL(ioctl)(fd, request, arg);
    data_done(fd, rc == 0 ? len : -1, &rec);
    return rc;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if ((request == FICLONE || request == FICLONERANGE) && fd_flags(fd) && !strict())
        return clone_file(fd, request, arg, SITE);
    return REAL(ioctl)(fd, request, arg);
}

/* ---- streams: their writes are inside libc; what is known is when the buffer goes out */

static int stream_flags(const char *mode)
{
    int plus = strchr(mode, '+') ? O_RDWR : O_WRONLY;
    int extra = (strchr(mode, 'x') ? O_EXCL : 0) | (strchr(mode, 'e') ? O_CLOEXEC : 0);
    switch (mode[0]) {
    case 'w':
        return plus | O_CREAT | O_TRUNC | extra;
    case 'a':
        return plus | O_CREAT | O_APPEND | extra;
    default:
        return (plus == O_RDWR ? O_RDWR : O_RDONLY) | extra;
    }
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
    FILE *fp = REAL(fdopen)(fd, mode);
    if (fp && mode[0] && ((stream_flags(mode) & O_ACCMODE) != O_RDONLY))
        fd_mark(fd, FD_STREAM);
    return fp;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
    int fd = open_at(AT_FDCWD, path, stream_flags(mode), 0666, SITE);
    FILE *fp = fd < 0 ? NULL : fdopen(fd, mode);
    if (fd >= 0 && !fp)
        close(fd);
    return fp;
}
ALIAS(FILE *, fopen64, fopen, const char *path, const char *mode);

static int stream_out(FILE *fp, int (*call)(FILE *), void *site)
{
    int fd = fp ? fileno(fp) : -1;
    if (!(fd_flags(fd) & FD_STREAM))
        return call(fp);
    if (change_begin(KIND_write, site) == FAIL) {
        int saved = errno;
        if (call == REAL(fclose))
            call(fp);
        errno = saved;
        return EOF;
    }
    log_data(OP_WRITE, fd, FAULT_OFF_UNKNOWN, 0, 0, 0);
    int rc = call(fp);
    change_end(true);
    return rc;
}

EXPORT int fflush(FILE *fp)
{
    return stream_out(fp, REAL(fflush), SITE);
}

EXPORT int fclose(FILE *fp)
{
    int fd = fp ? fileno(fp) : -1, rc = stream_out(fp, REAL(fclose), SITE);
    fd_forget(fd, fd);
    return rc;
}

/* ---- names */

/* All zero if there is no such name. */
static struct stat stat_of(int dirfd, const char *path)
{
    struct stat st;
    int saved = errno;
    if (REAL(fstatat)(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        memset(&st, 0, sizeof st);
    errno = saved;
    return st;
}

static void log_rename(const struct place *p, const struct place *p2, struct fault_record rec, unsigned flags)
{
    if (flags & RENAME_EXCHANGE)
        rec.op = OP_EXCHANGE;
    else if (!p->under)
        rec.op = OP_LINK;
    else if (!p2->under)
        rec.op = OP_META; /* left the root; not ours to bring back */
    log_change(rec, p->under ? p : p2, p->under ? p2 : NULL);
}

static int renameat2_any(int olddir, const char *old, int newdir, const char *new, unsigned flags, void *site)
{
    struct place p, p2;
    bool any = place_find(&p, olddir, old);
    any = place_find(&p2, newdir, new) || any;
    if (!any)
        return REAL(renameat2)(olddir, old, newdir, new, flags);
    if (change_begin(KIND_rename, site) == FAIL)
        return -1;
    struct stat moved = stat_of(olddir, old), gone = stat_of(newdir, new);
    struct fault_record rec = {.op = OP_RENAME, .ino = moved.st_ino};
    if (S_ISDIR(gone.st_mode)) {
        rec.replaced_dir = gone.st_ino;
        rec.mode = gone.st_mode & 07777;
    } else if (gone.st_ino && gone.st_ino != moved.st_ino && !flags) {
        rec.spare = spare_link(newdir, new);
    }
    int rc = REAL(renameat2)(olddir, old, newdir, new, flags);
    bool changed = rc == 0 && moved.st_ino != gone.st_ino; /* two names of one file: rename does nothing */
    if (changed)
        log_rename(&p, &p2, rec, flags);
    change_end(changed);
    return rc;
}

EXPORT int renameat2(int olddir, const char *old, int newdir, const char *new, unsigned flags)
{
    return renameat2_any(olddir, old, newdir, new, flags, SITE);
}

EXPORT int renameat(int olddir, const char *old, int newdir, const char *new)
{
    return renameat2_any(olddir, old, newdir, new, 0, SITE);
}

EXPORT int rename(const char *old, const char *new)
{
    return renameat2_any(AT_FDCWD, old, AT_FDCWD, new, 0, SITE);
}

/* One new name: link, symlink, mkdir and mknod differ only in the call itself. */
#define NEW_NAME(kind, op_, dirfd, path, site, call)                                                         \
    struct place p;                                                                                          \
    if (!place_find(&p, dirfd, path))                                                                        \
        return call;                                                                                         \
    if (change_begin(kind, site) == FAIL)                                                                    \
        return -1;                                                                                           \
    int rc = call;                                                                                           \
    if (rc == 0)                                                                                             \
        log_change((struct fault_record){.op = op_, .ino = stat_of(dirfd, path).st_ino}, &p, NULL);          \
    change_end(rc == 0);                                                                                     \
    return rc;

static int link_any(int olddir, const char *old, int newdir, const char *new, int flags, void *site){
    NEW_NAME(KIND_link, OP_LINK, newdir, new, site, REAL(linkat)(olddir, old, newdir, new, flags))}

EXPORT int linkat(int olddir, const char *old, int newdir, const char *new, int flags)
{
    return link_any(olddir, old, newdir, new, flags, SITE);
}

EXPORT int link(const char *old, const char *new)
{
    return link_any(AT_FDCWD, old, AT_FDCWD, new, 0, SITE);
}

static int symlink_any(const char *text, int dirfd, const char *path, void *site){
    NEW_NAME(KIND_link, OP_LINK, dirfd, path, site, REAL(symlinkat)(text, dirfd, path))}

EXPORT int symlinkat(const char *text, int dirfd, const char *path)
{
    return symlink_any(text, dirfd, path, SITE);
}

EXPORT int symlink(const char *text, const char *path)
{
    return symlink_any(text, AT_FDCWD, path, SITE);
}

static int mkdir_any(int dirfd, const char *path, mode_t mode, void *site){
    NEW_NAME(KIND_mkdir, OP_MKDIR, dirfd, path, site, REAL(mkdirat)(dirfd, path, mode))}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode)
{
    return mkdir_any(dirfd, path, mode, SITE);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    return mkdir_any(AT_FDCWD, path, mode, SITE);
}

static int mknod_any(int dirfd, const char *path, mode_t mode, dev_t dev, void *site){
    NEW_NAME(KIND_create, OP_LINK, dirfd, path, site, REAL(mknodat)(dirfd, path, mode, dev))}

EXPORT int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    return mknod_any(dirfd, path, mode, dev, SITE);
}

EXPORT int mknod(const char *path, mode_t mode, dev_t dev)
{
    return mknod_any(AT_FDCWD, path, mode, dev, SITE);
}

EXPORT int mkfifo(const char *path, mode_t mode)
{
    return mknod_any(AT_FDCWD, path, S_IFIFO | mode, 0, SITE);
}

EXPORT char *mkdtemp(char *template)
{
    struct place p;
    if (!place_find(&p, AT_FDCWD, template))
        return REAL(mkdtemp)(template);
    if (change_begin(KIND_mkdir, SITE) == FAIL)
        return NULL;
    char *made = REAL(mkdtemp)(template);
    if (made && place_find(&p, AT_FDCWD, made))
        log_change((struct fault_record){.op = OP_MKDIR, .ino = stat_of(AT_FDCWD, made).st_ino}, &p, NULL);
    change_end(made);
    return made;
}

static int unlink_any(int dirfd, const char *path, int flags, void *site)
{
    struct place p;
    struct stat st;
    if (!place_find(&p, dirfd, path))
        return REAL(unlinkat)(dirfd, path, flags);
    if (change_begin(KIND_unlink, site) == FAIL)
        return -1;
    struct fault_record rec = {.op = flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK};
    if (REAL(fstatat)(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        rec.ino = st.st_ino;
        rec.mode = st.st_mode & 07777;
        rec.spare = rec.op == OP_UNLINK ? spare_link(dirfd, path) : 0;
    }
    int rc = REAL(unlinkat)(dirfd, path, flags);
    if (rc == 0)
        log_change(rec, &p, NULL);
    change_end(rc == 0);
    return rc;
}

EXPORT int unlinkat(int dirfd, const char *path, int flags)
{
    return unlink_any(dirfd, path, flags, SITE);
}

EXPORT int unlink(const char *path)
{
    return unlink_any(AT_FDCWD, path, 0, SITE);
}

EXPORT int rmdir(const char *path)
{
    return unlink_any(AT_FDCWD, path, AT_REMOVEDIR, SITE);
}

EXPORT int remove(const char *path)
{
    int rc = unlink_any(AT_FDCWD, path, 0, SITE);
    return rc != 0 && errno == EISDIR ? unlink_any(AT_FDCWD, path, AT_REMOVEDIR, SITE) : rc;
}

/* ---- durability */

static int sync_file(int fd, void *site)
{
    struct stat st = {.st_size = 0};
    if (change_begin(KIND_sync, site) == FAIL)
        return -1;
    if (!strict())
        REAL(fstat)(fd, &st);
    log_data(OP_SYNC, fd, 0, 0, st.st_size, 0);
    change_end(true);
    return 0;
}

EXPORT int fsync(int fd)
{
    return fd_flags(fd) ? sync_file(fd, SITE) : REAL(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
    return fd_flags(fd) ? sync_file(fd, SITE) : REAL(fsync)(fd);
}

static int sync_all(void *site)
{
    if (change_begin(KIND_sync, site) == FAIL)
        return -1;
    log_change((struct fault_record){.op = OP_SYNC_ALL}, NULL, NULL);
    change_end(true);
    return 0;
}

EXPORT int syncfs(int fd)
{
    struct stat st;
    if (!ctl || strict() || REAL(fstat)(fd, &st) != 0 || st.st_dev != ctl->root_dev)
        return REAL(syncfs)(fd);
    return sync_all(SITE);
}

EXPORT void sync(void)
{
    if (ctl && !strict())
        sync_all(SITE);
}

/* ---- modes, owners, times */

static int meta_done(int rc)
{
    if (rc == 0)
        log_change((struct fault_record){.op = OP_META}, NULL, NULL);
    change_end(rc == 0);
    return rc;
}

#define META_FD(fd, call)                                                                                    \
    if (!fd_flags(fd))                                                                                       \
        return call;                                                                                         \
    return change_begin(KIND_chmod, SITE) == FAIL ? -1 : meta_done(call);

#define META_PATH(dirfd, path, call)                                                                         \
    struct place p;                                                                                          \
    if (!place_find(&p, dirfd, path))                                                                        \
        return call;                                                                                         \
    return change_begin(KIND_chmod, SITE) == FAIL ? -1 : meta_done(call);

EXPORT int fchmod(int fd, mode_t mode){META_FD(fd, REAL(fchmod)(fd, mode))}

EXPORT int fchown(int fd, uid_t uid, gid_t gid){META_FD(fd, REAL(fchown)(fd, uid, gid))}

EXPORT int futimens(int fd, const struct timespec times[2]){META_FD(fd, REAL(futimens)(fd, times))}

EXPORT int fchmodat(int dirfd, const char *path, mode_t mode,
                    int flags){META_PATH(dirfd, path, REAL(fchmodat)(dirfd, path, mode, flags))}

EXPORT int chmod(const char *path,
                 mode_t mode){META_PATH(AT_FDCWD, path, REAL(fchmodat)(AT_FDCWD, path, mode, 0))}

EXPORT int fchownat(int dirfd, const char *path, uid_t uid, gid_t gid,
                    int flags){META_PATH(dirfd, path, REAL(fchownat)(dirfd, path, uid, gid, flags))}

EXPORT int chown(const char *path, uid_t uid,
                 gid_t gid){META_PATH(AT_FDCWD, path, REAL(fchownat)(AT_FDCWD, path, uid, gid, 0))}

EXPORT int lchown(const char *path, uid_t uid, gid_t gid){
    META_PATH(AT_FDCWD, path, REAL(fchownat)(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW))}

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    const char *volatile given = path; /* the header swears that it is never NULL; the kernel allows it */
    if (!given) {
        META_FD(dirfd, REAL(utimensat)(dirfd, path, times, flags))
    }
    META_PATH(dirfd, path, REAL(utimensat)(dirfd, path, times, flags))
}
