/* SPDX-License-Identifier: ISC */
/*
 * The libc calls that change nothing on disk but may fail there too: reading, asking, locking, memory, new
 * processes; and those that only move descriptors about, which the shim must follow. See shim.c for the
 * rules.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "shim.h"

#pragma GCC diagnostic ignored "-Wattribute-alias"
#define ALIAS(type, name, of, ...) EXPORT type name(__VA_ARGS__) __attribute__((alias(#of)))

/* ---- reading */

static bool gate_fd(int fd, enum fault_kind kind, void *site, enum verdict *v)
{
    *v = fd_flags(fd) ? gate(kind, site) : PASS;
    return *v != FAIL;
}

/* A medium that is wearing out: what was read is not what was written. */
static ssize_t read_done(ssize_t n, void *buf, enum verdict v)
{
    if (v == FLIP && n > 0)
        ((unsigned char *)buf)[n / 2] ^= 1;
    return n;
}

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
    enum verdict v;
    if (!gate_fd(fd, KIND_read, SITE, &v))
        return -1;
    return read_done(REAL(read)(fd, buf, v == HALF && len > 1 ? len / 2 : len), buf, v);
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
    enum verdict v;
    if (len > room)
        abort();
    if (!gate_fd(fd, KIND_read, SITE, &v))
        return -1;
    return read_done(REAL(read)(fd, buf, v == HALF && len > 1 ? len / 2 : len), buf, v);
}

EXPORT ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
    enum verdict v;
    if (!gate_fd(fd, KIND_read, SITE, &v))
        return -1;
    return read_done(REAL(pread)(fd, buf, v == HALF && len > 1 ? len / 2 : len, off), buf, v);
}
ALIAS(ssize_t, pread64, pread, int fd, void *buf, size_t len, off_t off);

EXPORT ssize_t __pread_chk(int fd, void *buf, size_t len, off_t off, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t off, size_t room)
{
    enum verdict v;
    if (len > room)
        abort();
    if (!gate_fd(fd, KIND_read, SITE, &v))
        return -1;
    return read_done(REAL(pread)(fd, buf, v == HALF && len > 1 ? len / 2 : len, off), buf, v);
}
ALIAS(ssize_t, __pread64_chk, __pread_chk, int fd, void *buf, size_t len, off_t off, size_t room);

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
    enum verdict v;
    if (!gate_fd(fd, KIND_read, SITE, &v))
        return -1;
    return REAL(readv)(fd, iov, count);
}

/* ---- asking */

static bool gate_path(int dirfd, const char *path, enum fault_kind kind, void *site)
{
    struct place p;
    return !place_find(&p, dirfd, path) || gate(kind, site) != FAIL;
}

EXPORT int fstat(int fd, struct stat *st)
{
    enum verdict v;
    return gate_fd(fd, KIND_stat, SITE, &v) ? REAL(fstat)(fd, st) : -1;
}
ALIAS(int, fstat64, fstat, int fd, struct stat64 *st);

EXPORT int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
    return gate_path(dirfd, path, KIND_stat, SITE) ? REAL(fstatat)(dirfd, path, st, flags) : -1;
}
ALIAS(int, fstatat64, fstatat, int dirfd, const char *path, struct stat64 *st, int flags);

EXPORT int stat(const char *path, struct stat *st)
{
    return gate_path(AT_FDCWD, path, KIND_stat, SITE) ? REAL(fstatat)(AT_FDCWD, path, st, 0) : -1;
}
ALIAS(int, stat64, stat, const char *path, struct stat64 *st);

EXPORT int lstat(const char *path, struct stat *st)
{
    if (!gate_path(AT_FDCWD, path, KIND_stat, SITE))
        return -1;
    return REAL(fstatat)(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}
ALIAS(int, lstat64, lstat, const char *path, struct stat64 *st);

EXPORT int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *st)
{
    return gate_path(dirfd, path, KIND_stat, SITE) ? REAL(statx)(dirfd, path, flags, mask, st) : -1;
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags)
{
    return gate_path(dirfd, path, KIND_stat, SITE) ? REAL(faccessat)(dirfd, path, mode, flags) : -1;
}

EXPORT int access(const char *path, int mode)
{
    return gate_path(AT_FDCWD, path, KIND_stat, SITE) ? REAL(faccessat)(AT_FDCWD, path, mode, 0) : -1;
}

EXPORT DIR *opendir(const char *path)
{
    if (!gate_path(AT_FDCWD, path, KIND_readdir, SITE))
        return NULL;
    DIR *d = REAL(opendir)(path);
    if (d)
        fd_learn(dirfd(d));
    return d;
}

EXPORT DIR *fdopendir(int fd)
{
    enum verdict v;
    return gate_fd(fd, KIND_readdir, SITE, &v) ? REAL(fdopendir)(fd) : NULL;
}

EXPORT struct dirent *readdir(DIR *d)
{
    enum verdict v;
    return gate_fd(dirfd(d), KIND_readdir, SITE, &v) ? REAL(readdir)(d) : NULL;
}
ALIAS(struct dirent64 *, readdir64, readdir, DIR *d);

/* ---- locks */

EXPORT int flock(int fd, int how)
{
    enum verdict v;
    return gate_fd(fd, KIND_lock, SITE, &v) ? REAL(flock)(fd, how) : -1;
}

EXPORT int fcntl(int fd, int cmd, ...)
{
    enum verdict v = PASS;
    va_list ap;
    va_start(ap, cmd);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if ((cmd == F_SETLK || cmd == F_SETLKW || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW) &&
        !gate_fd(fd, KIND_lock, SITE, &v))
        return -1;
    int rc = REAL(fcntl)(fd, cmd, arg);
    if (rc >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
        fd_copy(fd, rc);
    return rc;
}
ALIAS(int, fcntl64, fcntl, int fd, int cmd, ...);

/* ---- descriptors that move */

EXPORT int close(int fd)
{
    enum verdict v;
    bool pass = gate_fd(fd, KIND_close, SITE, &v);
    int error = errno;
    fd_forget(fd, fd);
    int rc = REAL(close)(fd); /* a close that fails has closed nevertheless */
    if (pass)
        return rc;
    errno = error;
    return -1;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    if (!(flags & CLOSE_RANGE_CLOEXEC))
        fd_forget(first > INT32_MAX ? INT32_MAX : (int)first, last > INT32_MAX ? INT32_MAX : (int)last);
    return REAL(close_range)(first, last, flags);
}

EXPORT void closefrom(int first)
{
    fd_forget(first, INT32_MAX);
    REAL(closefrom)(first);
}

EXPORT int dup(int fd)
{
    int to = REAL(dup)(fd);
    fd_copy(fd, to);
    return to;
}

EXPORT int dup2(int fd, int to)
{
    int rc = REAL(dup2)(fd, to);
    fd_copy(fd, rc);
    return rc;
}

EXPORT int dup3(int fd, int to, int flags)
{
    int rc = REAL(dup3)(fd, to, flags);
    fd_copy(fd, rc);
    return rc;
}

EXPORT int prctl(int option, ...)
{
    unsigned long a[4];
    va_list ap;
    va_start(ap, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(ap, unsigned long);
    va_end(ap);
    if (option == PR_SET_SECCOMP)
        strict_enter();
    return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

/* ---- memory. Looking up the real functions may itself allocate, before they are known: from this. */

static char early[16384] __attribute__((aligned(16)));
static size_t early_used;
static bool finding;

static void *early_take(size_t size)
{
    size_t at = early_used;
    if (size > sizeof early - at - 16)
        return NULL;
    early_used += (size + 15) & ~(size_t)15;
    return early + at;
}

static bool early_owns(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof early;
}

static bool early_days(void)
{
    if (real.malloc && real.free && real.realloc && real.calloc)
        return false;
    if (finding)
        return true;
    finding = true;
    real_find();
    finding = false;
    return false;
}

static bool gate_alloc(void *site)
{
    return gate(KIND_alloc, site) != FAIL;
}

EXPORT void *malloc(size_t size)
{
    if (early_days())
        return early_take(size);
    return gate_alloc(SITE) ? real.malloc(size) : NULL;
}

EXPORT void *calloc(size_t n, size_t size)
{
    if (early_days())
        return early_take(n * size);
    return gate_alloc(SITE) ? real.calloc(n, size) : NULL;
}

static void *realloc_any(void *p, size_t size, void *site)
{
    if (early_days())
        return NULL;
    if (!gate_alloc(site))
        return NULL;
    if (!early_owns(p))
        return real.realloc(p, size);
    void *moved = real.malloc(size);
    size_t most = (size_t)(early + sizeof early - (char *)p);
    if (moved)
        memcpy(moved, p, size < most ? size : most);
    return moved;
}

EXPORT void *realloc(void *p, size_t size)
{
    return realloc_any(p, size, SITE);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc_any(p, total, SITE);
}

EXPORT int posix_memalign(void **p, size_t align, size_t size)
{
    int saved = errno;
    bool pass = gate_alloc(SITE);
    errno = saved;
    return pass ? REAL(posix_memalign)(p, align, size) : ENOMEM;
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    return gate_alloc(SITE) ? REAL(aligned_alloc)(align, size) : NULL;
}

EXPORT void *memalign(size_t align, size_t size)
{
    return gate_alloc(SITE) ? REAL(memalign)(align, size) : NULL;
}

EXPORT void free(void *p)
{
    if (!early_owns(p) && !early_days())
        real.free(p);
}

EXPORT void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    if ((flags & MAP_ANONYMOUS) && gate(KIND_mmap, SITE) == FAIL)
        return MAP_FAILED;
    return REAL(mmap)(at, len, prot, flags, fd, off);
}
ALIAS(void *, mmap64, mmap, void *at, size_t len, int prot, int flags, int fd, off_t off);

/* ---- new processes and threads */

EXPORT pid_t fork(void)
{
    return gate(KIND_spawn, SITE) == FAIL ? -1 : REAL(fork)();
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    return gate(KIND_spawn, SITE) == FAIL ? errno : REAL(posix_spawn)(pid, path, actions, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
    return gate(KIND_spawn, SITE) == FAIL ? errno : REAL(posix_spawnp)(pid, file, actions, attr, argv, envp);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    return gate(KIND_spawn, SITE) == FAIL ? errno : REAL(pthread_create)(thread, attr, start, arg);
}
