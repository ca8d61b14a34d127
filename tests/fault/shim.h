/* SPDX-License-Identifier: ISC */
/*
 * Inside of the preloaded shim: the real functions, the counting gate, what is known of descriptors and
 * paths, and the log of changes. shim.c defines these; shim_files.c and shim_calls.c hold the libc functions
 * that use them.
 */
#ifndef CW_TESTS_FAULT_SHIM_H
#define CW_TESTS_FAULT_SHIM_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control.h"

#define EXPORT __attribute__((visibility("default")))
#define SITE __builtin_return_address(0)

/* Every function that the shim replaces and has to call itself. */
/* clang-format off */
#define REAL_FUNCTIONS(X)                                                                           \
    X(openat) X(syscall) X(close) X(close_range) X(closefrom) X(dup) X(dup2) X(dup3) X(fcntl)       \
    X(ioctl) X(read) X(pread) X(readv) X(write) X(pwrite) X(writev) X(pwritev) X(ftruncate)         \
    X(fallocate) X(copy_file_range) X(sendfile) X(renameat2) X(linkat) X(symlinkat) X(unlinkat)     \
    X(mkdirat) X(mknodat) X(mkstemp) X(mkostemp) X(mkdtemp) X(fdopen) X(fclose) X(fflush)           \
    X(fsync) X(syncfs) X(fchmod) X(fchmodat) X(fchown) X(fchownat) X(utimensat) X(futimens)         \
    X(fstat) X(fstatat) X(statx) X(faccessat) X(opendir) X(fdopendir) X(readdir) X(flock)           \
    X(prctl) X(malloc) X(calloc) X(realloc) X(reallocarray) X(posix_memalign) X(aligned_alloc)      \
    X(memalign) X(free) X(mmap) X(fork) X(posix_spawn) X(posix_spawnp) X(pthread_create)
/* clang-format on */

void *memalign(size_t align, size_t size);

struct real {
#define X(name) __typeof__(name) *name;
    REAL_FUNCTIONS(X)
#undef X
};
extern struct real real;
/* Look them up: the constructor does, but others' constructors may come first. */
void real_find(void);
#define REAL(name) (real.name ? real.name : (real_find(), real.name))

extern struct fault_control *ctl; /* NULL: not under the runner; all calls just pass */

/* ---- the gate: count a call and say what shall become of it */
/* FAIL: errno is set; HALF: do only half of it; FLIP: do it, and change a bit of what was read */
enum verdict { PASS, FAIL, HALF, FLIP };
enum verdict gate(enum fault_kind kind, void *site);

/* A call that would change the disk goes between change_begin and change_end, which hold a lock over all
 * processes. Unless change_begin says PASS or HALF the call must not be made, and change_end not be
 * called. */
enum verdict change_begin(enum fault_kind kind, void *site);
void change_end(bool changed);
bool logging(void); /* between the two: is undo information wanted? */

/* ---- descriptors: a table of our own, since a confined child may not ask the kernel */
enum { FD_UNDER = 1, FD_DIR = 2, FD_SYNC = 4, FD_APPEND = 8, FD_STREAM = 16 };
int fd_flags(int fd); /* 0 = nothing that we watch */
uint64_t fd_ino(int fd);
void fd_learn(int fd); /* after something opened it */
void fd_mark(int fd, int flags);
void fd_forget(int first, int last);
void fd_copy(int from, int to);
void strict_enter(void); /* from here on this process may do nothing but read, write and exit */
bool strict(void);

/* ---- paths */
struct place {
    bool under;
    uint64_t dir; /* inode of the folder */
    char text
        [FAULT_ROOT_MAX]; /* the folder relative to the root ("." for itself), then, after its NUL, the name */
    const char *name;
};
/* Where a path points: its folder resolved, its last part not. Keeps errno. */
bool place_find(struct place *p, int dirfd, const char *path);
/* The same for a path that is a folder in which something nameless is to be made. */
bool place_find_dir(struct place *p, int dirfd, const char *path);

/* ---- the log; only between change_begin and change_end */
void log_change(struct fault_record rec, const struct place *p, const struct place *p2);
void log_data(enum fault_op op, int fd, int64_t off, int64_t len, int64_t old_size, uint32_t spare);
uint32_t spare_link(int dirfd, const char *path); /* a hard link to what will go away; 0 = none */
uint32_t spare_bytes(const char *path, int64_t off,
                     int64_t len); /* a copy of bytes that will go away; 0 = none */

#endif
