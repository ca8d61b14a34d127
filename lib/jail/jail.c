/* SPDX-License-Identifier: ISC */
/*
 * The parent's half of the jail: starting the child, reading what it says without trusting it, and finding
 * out how it ended. A child counts as having succeeded only if it said so on the note pipe.
 */
#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "jail/confine.h"

/* code, newline, text; below PIPE_BUF, so the child never blocks on it */
#define NOTE_MAX (CW_ERR_TEXT_MAX + 16)
#define READ_BLOCK ((size_t)64 * 1024)
#define HELD_UNKNOWN ((size_t)1 << 30) /* assumed address space of the parent where /proc is not mounted */
/* how long a child that has nothing more to say may take to end: it only has to return */
#define LINGER_MS 2000

/* The address space that this process has, which the child starts with. */
static size_t address_space(void)
{
    CW_AUTO_FD int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[64];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    unsigned long pages;

    if (n <= 0)
        return HELD_UNKNOWN;
    text[n] = '\0';
    pages = strtoul(text, NULL, 10);
    return pages == 0 ? HELD_UNKNOWN : (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void send_note(int code, const char *text)
{
    char note[NOTE_MAX];
    int len = snprintf(note, sizeof(note), "%d\n%s", code, text);

    if (len >= (int)sizeof(note))
        len = (int)sizeof(note) - 1;
    while (write(CW_JAIL_NOTE, note, (size_t)len) < 0 && errno == EINTR)
        ;
}

struct start {
    const struct cw_jail_limits *limits;
    cw_jail_fn *fn;
    void *ctx;
    int in, also, out, note;
    size_t held;
    pid_t parent;
};

static void child(const struct start *s) __attribute__((noreturn));
static void child(const struct start *s)
{
    struct cw_err err = {.code = CW_OK};
    int rc;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != s->parent) /* it died before it could be watched */
        _exit(1);
    if (cw_confine_fds(s->in, s->also, s->out, s->note, &err) != CW_OK)
        _exit(1);
    rc = cw_confine(s->limits, s->held, &err);
    if (rc == CW_OK)
        rc = s->fn(s->ctx, s->in < 0 ? -1 : CW_JAIL_IN, CW_JAIL_OUT, &err);
    if (rc != CW_OK && err.text[0] == '\0')
        cw_err_set(&err, rc, "failed without saying why");
    send_note(rc, rc == CW_OK ? "" : err.text);
    _exit(rc == CW_OK ? 0 : 1);
}

static void close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static int open_pipes(int out[2], int note[2], const char *what, struct cw_err *err)
{
    int saved;

    if (pipe2(out, O_CLOEXEC) != 0)
        return cw_err_errno(err, errno, "unable to start a child for '%s'", what);
    if (pipe2(note, O_CLOEXEC) == 0)
        return CW_OK;
    saved = errno;
    close_pair(out);
    return cw_err_errno(err, saved, "unable to start a child for '%s'", what);
}

int cw_jail_start_with(struct cw_jail *jail, const char *what, const struct cw_jail_limits *limits,
                       cw_jail_fn *fn, void *ctx, int in_fd, int also_fd, struct cw_err *err)
{
    struct start s = {.limits = limits,
                      .fn = fn,
                      .ctx = ctx,
                      .in = in_fd,
                      .also = also_fd,
                      .parent = getpid(),
                      .held = address_space()};
    int out[2], note[2], rc, saved;

    *jail = (struct cw_jail)CW_JAIL_INIT;
    jail->what = what;
    jail->limits = *limits;
    rc = open_pipes(out, note, what, err);
    if (rc != CW_OK)
        return rc;
    s.out = out[1];
    s.note = note[1];
    jail->pid = fork();
    saved = errno;
    if (jail->pid == 0)
        child(&s);
    close(out[1]);
    close(note[1]);
    if (jail->pid < 0) {
        close(out[0]);
        close(note[0]);
        if (saved == EAGAIN) /* too many processes: it passes, and says nothing about what was to be run */
            return cw_err_set(err, CW_E_TEMP, "unable to start a child for '%s': %s", what, strerror(saved));
        return cw_err_errno(err, saved, "unable to start a child for '%s'", what);
    }
    jail->out = out[0];
    jail->note = note[0];
    if (limits->wall_seconds > 0)
        jail->deadline_ms = cw_clock_monotonic_ms() + (int64_t)limits->wall_seconds * 1000;
    return CW_OK;
}

int cw_jail_start(struct cw_jail *jail, const char *what, const struct cw_jail_limits *limits, cw_jail_fn *fn,
                  void *ctx, int in_fd, struct cw_err *err)
{
    return cw_jail_start_with(jail, what, limits, fn, ctx, in_fd, -1, err);
}

/* Waits until fd can be read (or its writer has gone): 1, or 0 when `until` (0: never) passes; -1 with
 * errno. */
static int wait_readable(int fd, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        int64_t left = until == 0 ? -1 : until - cw_clock_monotonic_ms();
        int n;

        if (until != 0 && left <= 0)
            left = 0;
        n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0 && until != 0 && cw_clock_monotonic_ms() >= until)
            return 0;
    }
}

static int say_late(const struct cw_jail *jail, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY, "'%s' took longer than its %u s", jail->what,
                      jail->limits.wall_seconds);
}

ssize_t cw_jail_read(struct cw_jail *jail, void *data, size_t len, struct cw_err *err)
{
    ssize_t n;
    int ready;

    do {
        ready = wait_readable(jail->out, jail->deadline_ms);
        n = ready > 0 ? read(jail->out, data, len) : -1;
    } while (ready > 0 && n < 0 && errno == EINTR);
    if (ready == 0) {
        jail->late = true;
        say_late(jail, err);
    } else if (n < 0) {
        cw_err_errno(err, errno, "unable to read from the child for '%s'", jail->what);
    } else if (n == 0 && len > 0) {
        jail->ended = true;
    }
    return n;
}

/* The status, or -1 when someone else (SIGCHLD ignored) took it. */
static int reap(struct cw_jail *jail)
{
    int status = -1;
    pid_t got;

    do {
        got = waitpid(jail->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    jail->pid = -1;
    return got < 0 ? -1 : status;
}

static void close_both(struct cw_jail *jail)
{
    if (jail->out >= 0)
        close(jail->out);
    if (jail->note >= 0)
        close(jail->note);
    jail->out = -1;
    jail->note = -1;
}

void cw_jail_kill(struct cw_jail *jail)
{
    if (jail->pid > 0) {
        kill(jail->pid, SIGKILL);
        reap(jail);
    }
    close_both(jail);
}

/* Appends to note what comes until the child closes it, at most NOTE_MAX - 1 bytes. 0: the deadline
 * passed. */
static int read_note(const struct cw_jail *jail, char note[NOTE_MAX])
{
    size_t len = 0;

    note[0] = '\0';
    while (len < NOTE_MAX - 1) {
        ssize_t n;
        int ready = wait_readable(jail->note, jail->deadline_ms);

        if (ready <= 0)
            return ready;
        n = read(jail->note, note + len, NOTE_MAX - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
        note[len] = '\0';
    }
    return 1;
}

/* The child's text becomes one printable line: it may have been written by whoever took the child over. */
static void clean(char *text)
{
    while (*text != '\0') {
        size_t len = cw_str_printable(text);

        if (len == 0)
            *text = ' ';
        text += len == 0 ? 1 : len;
    }
}

/* What the child said: CW_OK, its error, or 1 when it said nothing understandable. */
static int judge_note(const struct cw_jail *jail, char *note, struct cw_err *err)
{
    char *text = strchr(note, '\n');
    uint64_t code;

    if (text == NULL)
        return 1;
    *text++ = '\0';
    if (strcmp(note, "0") == 0)
        return CW_OK;
    if (note[0] != '-' || !cw_str_to_u64(note + 1, -CW_E_NOMEM, &code))
        return 1;
    if ((int)code == -CW_E_NOMEM && jail->limits.memory > 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' exceeded its memory (%zu MiB)", jail->what,
                          jail->limits.memory >> 20);
    clean(text);
    return cw_err_set(err, -(int)code, "%s", text);
}

static int judge_status(const struct cw_jail *jail, int status, struct cw_err *err)
{
    int sig = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (sig == SIGXCPU)
        return cw_err_set(err, CW_E_VERIFY, "'%s' exceeded its %u s of CPU time", jail->what,
                          jail->limits.cpu_seconds);
    if (sig == SIGSYS)
        return cw_err_set(err, CW_E_VERIFY, "'%s' tried a forbidden system call", jail->what);
    if (sig == SIGPIPE)
        return cw_err_set(err, CW_E_VERIFY, "'%s' wrote more than it should", jail->what);
    if (sig == SIGKILL)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' was killed from outside, or by the system for want of memory", jail->what);
    if (sig != 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' crashed its confined process (signal %d)", jail->what, sig);
    return cw_err_set(err, CW_E_VERIFY, "'%s' ended its confined process without an answer", jail->what);
}

/* Does the child end its output without saying more? */
static bool ends(struct cw_jail *jail)
{
    int64_t until = cw_clock_monotonic_ms() + LINGER_MS;
    char more;

    if (jail->ended)
        return true;
    if (jail->deadline_ms != 0 && jail->deadline_ms < until)
        until = jail->deadline_ms;
    return wait_readable(jail->out, until) > 0 && read(jail->out, &more, 1) == 0;
}

int cw_jail_finish(struct cw_jail *jail, struct cw_err *err)
{
    char note[NOTE_MAX];
    int rc, status;

    if (jail->late || !ends(jail)) {
        cw_jail_kill(jail);
        return jail->late ? say_late(jail, err)
                          : cw_err_set(err, CW_E_VERIFY, "'%s' had more to say than it should", jail->what);
    }
    if (read_note(jail, note) <= 0) {
        cw_jail_kill(jail);
        return say_late(jail, err);
    }
    close_both(jail);
    status = reap(jail);
    rc = judge_note(jail, note, err);
    if (rc == 1 || (rc == CW_OK && status > 0))
        rc = judge_status(jail, status, err);
    return rc;
}

int cw_jail_run(struct cw_buf *out, const char *what, const struct cw_jail_limits *limits, cw_jail_fn *fn,
                void *ctx, struct cw_err *err)
{
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    CW_AUTO_FREE char *block = malloc(READ_BLOCK);
    ssize_t n;
    int rc;

    if (block == NULL)
        return cw_err_nomem(err);
    rc = cw_jail_start(&jail, what, limits, fn, ctx, -1, err);
    if (rc != CW_OK)
        return rc;
    while ((n = cw_jail_read(&jail, block, READ_BLOCK, err)) > 0) {
        cw_buf_add(out, block, (size_t)n);
        if (out->failed != 0)
            return cw_buf_check(out, what, err);
    }
    return n < 0 ? CW_E_VERIFY : cw_jail_finish(&jail, err);
}
