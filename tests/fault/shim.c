/* SPDX-License-Identifier: ISC */
/*
 * The shim's core: loaded by LD_PRELOAD into every program of a command under test, it counts calls in the
 * shared page, decides which one fails or kills, and logs each change to the disk so that the runner can undo
 * what was not durable. It makes no system call for descriptors outside the root, so it is harmless in a
 * confined child.
 *
 * What it cannot see: calls inside of libc itself (stdio's writes are seen when a stream is flushed or
 * closed), writes through mmap, raw system calls other than those that shim_calls.c names, descriptors
 * received over a socket. Written for 64-bit glibc, where off_t and off64_t are one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "shim.h"

#define FDS 4096       /* descriptors watched; programs here hold some dozens */
#define STACK_DEPTH 12 /* callers told apart when counting ways to reach a call */
#define LOCK_SPINS 400000000u

struct real real;
struct fault_control *ctl;

static struct {
    uint64_t ino;
    int flags;
} fds[FDS];
static bool armed;     /* main has begun, and this program is to be counted */
static bool is_strict; /* see strict_enter */
static __thread bool busy
    __attribute__((tls_model("initial-exec"))); /* in the shim: do not count its own calls */
static bool kill_due; /* this change is the one to be killed after; under ctl->lock */
static void *change_site;

void real_find(void)
{
#define X(name) real.name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);
    REAL_FUNCTIONS(X)
#undef X
}

/* ---- the gate */

__attribute__((noreturn)) static void halt(void)
{
    for (;;)
        if (!is_strict)
            REAL(syscall)(SYS_pause);
}

/* The machine stops: everybody who changes something waits from now on, until the runner has killed them. */
__attribute__((noreturn)) static void die(void)
{
    __atomic_store_n(&ctl->fired, 1, __ATOMIC_SEQ_CST);
    if (!is_strict) {
        REAL(syscall)(SYS_kill, (long)ctl->main_pid, SIGKILL);
        REAL(syscall)(SYS_kill, REAL(syscall)(SYS_getpid), SIGKILL);
    }
    halt();
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void site_describe(void *site, char *object, size_t size, uint64_t *offset)
{
    Dl_info info;
    if (dladdr(site, &info) && info.dli_fname) {
        snprintf(object, size, "%s", base_name(info.dli_fname));
        *offset = (uint64_t)((char *)site - (char *)info.dli_fbase);
    } else {
        snprintf(object, size, "?");
        *offset = (uint64_t)site;
    }
}

static const char *const kind_names[] = {
#define X(name) #name,
    CW_FAULT_KINDS(X)
#undef X
        "change",
};

static void note_hit(enum fault_kind kind, void *site)
{
    char object[64];
    uint64_t offset;
    if (ctl->hit[0] || is_strict)
        return;
    site_describe(site, object, sizeof object, &offset);
    snprintf(ctl->hit, sizeof ctl->hit, "%s, called at %s+0x%llx", kind_names[kind], object,
             (unsigned long long)offset);
}

/* The way here, as one number: the return addresses, by object and offset where that matters (the runner
 * turns address randomisation off, so they are the same in each process of a program). */
static uint64_t stack_key(void *site)
{
    void *frame[STACK_DEPTH + 4];
    uint64_t key = 14695981039346656037u;
    int n = is_strict ? 0 : backtrace(frame, STACK_DEPTH + 4), from = 0;
    for (int i = 0; i < n; i++)
        if (frame[i] == site)
            from = i;
    if (n == 0)
        frame[n++] = site;
    for (int i = from; i < n; i++)
        key = (key ^ (uint64_t)frame[i]) * 1099511628211u;
    return key;
}

static void note_path(enum fault_kind kind, uint32_t n, void *site)
{
    bool was = busy;
    busy = true;
    uint64_t key = (stack_key(site) ^ kind) | 1;
    for (size_t i = 0; i < FAULT_PATHS; i++) {
        struct fault_path *p = &ctl->paths[(key + i) % FAULT_PATHS];
        uint64_t none = 0;
        if (__atomic_compare_exchange_n(&p->key, &none, key, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            p->kind = kind;
            p->first = n;
            site_describe(site, p->object, sizeof p->object, &p->site);
        } else if (none != key) {
            continue;
        }
        p->last = n;
        break;
    }
    busy = was;
}

static enum verdict fail_now(enum fault_kind kind, void *site)
{
    ctl->fired = 1;
    note_hit(kind, site);
    if (ctl->error == FAULT_HALF)
        return HALF;
    if (ctl->error == FAULT_FLIP)
        return FLIP;
    errno = ctl->error;
    return FAIL;
}

static bool chosen(uint32_t n)
{
    return n == ctl->n || (ctl->onwards && ctl->n && n > ctl->n);
}

enum verdict gate(enum fault_kind kind, void *site)
{
    if (!ctl || !armed || busy)
        return PASS;
    uint32_t n = __atomic_add_fetch(&ctl->count[kind], 1, __ATOMIC_SEQ_CST);
    if (ctl->mode == MODE_COUNT)
        note_path(kind, n, site);
    if (ctl->mode == MODE_FAIL && ctl->kind == kind && chosen(n))
        return fail_now(kind, site);
    return PASS;
}

/* A holder may be killed by its own parent, so after some seconds the lock is taken from it. No system call:
 * the waiter may be confined. */
static void lock_take(void)
{
    uint32_t spins = 0;
    while (__atomic_exchange_n(&ctl->lock, 1, __ATOMIC_ACQUIRE)) {
        if (ctl->mode == MODE_KILL && __atomic_load_n(&ctl->fired, __ATOMIC_SEQ_CST))
            halt();
        if (!is_strict)
            REAL(syscall)(SYS_sched_yield);
        if (++spins > (is_strict ? LOCK_SPINS : LOCK_SPINS / 100))
            return;
    }
}

enum verdict change_begin(enum fault_kind kind, void *site)
{
    if (!ctl || !armed || busy)
        return PASS;
    lock_take();
    if (ctl->mode == MODE_KILL && ctl->fired)
        halt();
    enum verdict v = gate(kind, site);
    uint32_t n = ctl->count[KIND_change] + 1;
    kill_due = false;
    if (v == PASS && ctl->mode == MODE_FAIL && ctl->kind == KIND_change && (ctl->onwards || !ctl->fired) &&
        chosen(n))
        v = fail_now(kind, site);
    if (ctl->mode == MODE_KILL && n == ctl->n) {
        note_hit(kind, site);
        if (ctl->moment == AT_BEFORE)
            die();
        kill_due = true;
        if (ctl->moment == AT_HALF)
            v = HALF;
    }
    change_site = site;
    if (v == FAIL)
        __atomic_store_n(&ctl->lock, 0, __ATOMIC_RELEASE);
    return v;
}

void change_end(bool changed)
{
    if (!ctl || !armed || busy)
        return;
    if (changed) {
        uint32_t n = ++ctl->count[KIND_change];
        if (ctl->mode == MODE_COUNT)
            note_path(KIND_change, n, change_site);
        if (kill_due)
            die();
    }
    __atomic_store_n(&ctl->lock, 0, __ATOMIC_RELEASE);
}

bool logging(void)
{
    return ctl && armed && !busy && ctl->mode == MODE_KILL;
}

/* ---- paths */

/* Is this open folder the root or beneath it? Its path relative to the root goes to text. */
static bool dir_under(int fd, char *text, size_t size)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    size_t root = strlen(ctl->root);
    if (strncmp(path, ctl->root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
        return false;
    int n = snprintf(text, size, "%s", path[root] ? path + root + 1 : ".");
    return n > 0 && (size_t)n < size;
}

static bool place_in(struct place *p, int dirfd, const char *dir, const char *name, size_t name_len)
{
    struct stat st;
    int saved = errno, fd = REAL(openat)(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        p->under = REAL(fstat)(fd, &st) == 0 && st.st_dev == ctl->root_dev &&
                   dir_under(fd, p->text, sizeof p->text - NAME_MAX - 2);
        REAL(close)(fd);
    }
    if (p->under) {
        char *at = p->text + strlen(p->text) + 1;
        snprintf(at, NAME_MAX + 1, "%.*s", (int)name_len, name);
        p->name = at;
        p->dir = st.st_ino;
    }
    errno = saved;
    return p->under;
}

bool place_find(struct place *p, int dirfd, const char *path)
{
    char dir[PATH_MAX];
    p->under = false;
    if (!ctl || !armed || busy || is_strict || !path || !*path || strlen(path) >= sizeof dir)
        return false;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t at = len;
    while (at > 0 && path[at - 1] != '/')
        at--;
    if (at == 0)
        return place_in(p, dirfd, ".", path, len);
    memcpy(dir, path, at);
    dir[at] = '\0';
    return place_in(p, dirfd, dir, path + at, len - at);
}

bool place_find_dir(struct place *p, int dirfd, const char *path)
{
    p->under = false;
    if (!ctl || !armed || busy || is_strict || !path)
        return false;
    return place_in(p, dirfd, path, "", 0);
}

/* ---- descriptors */

bool strict(void)
{
    return is_strict;
}

int fd_flags(int fd)
{
    struct stat st;
    if (!ctl || !armed || busy || fd < 0 || fd >= FDS || !fds[fd].flags)
        return 0;
    if (is_strict)
        return fds[fd].flags;
    /* libc closes streams behind our back, and the number may since mean something else. */
    int saved = errno;
    if (REAL(fstat)(fd, &st) != 0 || st.st_ino != fds[fd].ino || st.st_dev != ctl->root_dev)
        fds[fd].flags = 0;
    errno = saved;
    return fds[fd].flags;
}

uint64_t fd_ino(int fd)
{
    return fds[fd].ino;
}

void fd_learn(int fd)
{
    struct stat st;
    char text[PATH_MAX];
    if (!ctl || fd < 0 || fd >= FDS || is_strict)
        return;
    int saved = errno;
    fds[fd].flags = 0;
    if (REAL(fstat)(fd, &st) == 0 && st.st_dev == ctl->root_dev &&
        (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && dir_under(fd, text, sizeof text)) {
        int fl = REAL(fcntl)(fd, F_GETFL);
        fds[fd].ino = st.st_ino;
        fds[fd].flags = FD_UNDER | (S_ISDIR(st.st_mode) ? FD_DIR : 0) | (fl & O_DSYNC ? FD_SYNC : 0) |
                        (fl & O_APPEND ? FD_APPEND : 0);
    }
    errno = saved;
}

void fd_mark(int fd, int flags)
{
    if (fd >= 0 && fd < FDS && fds[fd].flags)
        fds[fd].flags |= flags;
}

void fd_forget(int first, int last)
{
    for (int fd = first < 0 ? 0 : first; fd <= last && fd < FDS; fd++)
        fds[fd].flags = 0;
}

void fd_copy(int from, int to)
{
    if (to < 0 || to >= FDS)
        return;
    if (from >= 0 && from < FDS)
        fds[to] = fds[from];
    else
        fds[to].flags = 0;
}

void strict_enter(void)
{
    for (int fd = 0; fd < FDS; fd++)
        fd_flags(fd);
    is_strict = true;
}

/* ---- the log */

static uint16_t text_add(struct fault_record *rec, size_t *used, const char *s)
{
    size_t at = *used, len = strlen(s) + 1;
    memcpy(rec->text + at, s, len);
    *used = at + len;
    return (uint16_t)at;
}

void log_change(struct fault_record tmpl, const struct place *p, const struct place *p2)
{
    size_t most = sizeof tmpl + 2 * sizeof p->text + 16, used = 1; /* offset 0 means "none" */
    if (!logging())
        return;
    if (ctl->log_used + most > ctl->log_max) {
        ctl->overflow = 1;
        return;
    }
    struct fault_record *rec = (struct fault_record *)(ctl->log + ctl->log_used);
    *rec = tmpl;
    rec->text[0] = '\0';
    if (p && p->under) {
        rec->dir = p->dir;
        rec->at_dir = text_add(rec, &used, p->text);
        rec->at_name = text_add(rec, &used, p->name);
    }
    if (p2 && p2->under) {
        rec->dir2 = p2->dir;
        rec->at_dir2 = text_add(rec, &used, p2->text);
        rec->at_name2 = text_add(rec, &used, p2->name);
    }
    rec->size = (uint32_t)((sizeof *rec + used + 7) & ~(size_t)7);
    ctl->log_used += rec->size;
}

void log_data(enum fault_op op, int fd, int64_t off, int64_t len, int64_t old_size, uint32_t spare)
{
    struct fault_record rec = {.op = op, .ino = fd_ino(fd), .off = off, .len = len, .old_size = old_size};
    rec.spare = spare;
    log_change(rec, NULL, NULL);
}

static void spare_path(char *path, size_t size, uint32_t number)
{
    snprintf(path, size, "%s/%u", ctl->spare, number);
}

uint32_t spare_link(int dirfd, const char *path)
{
    char to[FAULT_ROOT_MAX + 32];
    if (!logging() || is_strict)
        return 0;
    int saved = errno;
    uint32_t number = ++ctl->spares;
    spare_path(to, sizeof to, number);
    bool ok = REAL(linkat)(dirfd, path, AT_FDCWD, to, 0) == 0;
    errno = saved;
    return ok ? number : 0;
}

static bool copy_range(int from, int to, int64_t off, int64_t len)
{
    char buf[16384];
    for (int64_t done = 0; done < len;) {
        size_t want = len - done < (int64_t)sizeof buf ? (size_t)(len - done) : sizeof buf;
        ssize_t n = REAL(pread)(from, buf, want, off + done);
        if (n <= 0)
            return n == 0;
        if (REAL(pwrite)(to, buf, (size_t)n, done) != n)
            return false;
        done += n;
    }
    return true;
}

uint32_t spare_bytes(const char *path, int64_t off, int64_t len)
{
    char name[FAULT_ROOT_MAX + 32];
    if (!logging() || is_strict || len <= 0)
        return 0;
    int saved = errno;
    uint32_t number = ++ctl->spares;
    spare_path(name, sizeof name, number);
    int from = REAL(openat)(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    int to = REAL(openat)(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool ok = from >= 0 && to >= 0 && copy_range(from, to, off, len);
    if (from >= 0)
        REAL(close)(from);
    if (to >= 0)
        REAL(close)(to);
    errno = saved;
    return ok ? number : 0;
}

/* ---- start */

static void control_map(const char *path)
{
    struct stat st;
    int fd = REAL(openat)(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (REAL(fstat)(fd, &st) == 0 && (size_t)st.st_size > sizeof *ctl) {
        void *page = REAL(mmap)(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED && ((struct fault_control *)page)->magic == FAULT_MAGIC)
            ctl = page;
    }
    REAL(close)(fd);
}

static void descriptors_find(void)
{
    DIR *d = REAL(opendir)("/proc/self/fd");
    if (!d)
        return;
    for (struct dirent *e; (e = REAL(readdir)(d));)
        if (e->d_name[0] != '.')
            fd_learn(atoi(e->d_name));
    int own = dirfd(d);
    closedir(d);
    fd_forget(own, own);
}

__attribute__((constructor)) static void start(void)
{
    void *frame[2];
    real_find();
    const char *path = getenv("CW_FAULT_CTL");
    if (!path || ctl)
        return;
    busy = true;
    control_map(path);
    if (ctl) {
        descriptors_find();
        backtrace(frame, 2); /* loads the unwinder now, while that is allowed */
    }
    busy = false;
}

/* Counting begins with main: what the loader and the libraries' own start-up do is not the command's
 * doing. */
static int (*real_main)(int, char **, char **);

static int main_armed(int argc, char **argv, char **envp)
{
    armed = ctl && (!ctl->only[0] || strcmp(ctl->only, base_name(argv[0])) == 0);
    return real_main(argc, argv, envp);
}

EXPORT int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                             void (*)(void), void *);
int __libc_start_main(int (*entry)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    __typeof__(__libc_start_main) *next =
        (__typeof__(__libc_start_main) *)dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = entry;
    return next(main_armed, argc, argv, init, fini, rtld_fini, stack_end);
}
