/* SPDX-License-Identifier: ISC */
/*
 * The child's half of the jail: descriptors, limits and the system call filter. What libraries would want
 * to open later (locale, character sets, the time zone) is opened here, before nothing can be opened any
 * more.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "jail/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <locale.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define HIGH_FD 16      /* above all that is moved */
#define CLOSE_MAX 65536 /* descriptors tried one by one where the kernel has no close_range(2) */

static void close_from(unsigned first)
{
    unsigned fd;

    if (close_range(first, ~0U, 0) == 0)
        return;
    for (fd = first; fd < CLOSE_MAX; fd++)
        close((int)fd);
}

/* An input that is not wanted leaves its number free. */
static bool place(int fd, int number)
{
    if (fd >= 0)
        return dup2(fd, number) >= 0;
    close(number);
    return true;
}

int cw_confine_fds(int in, int also, int out, int note, struct cw_err *err)
{
    int high_in = in < 0 ? -1 : fcntl(in, F_DUPFD, HIGH_FD);
    int high_also = also < 0 ? -1 : fcntl(also, F_DUPFD, HIGH_FD);
    int high_out = fcntl(out, F_DUPFD, HIGH_FD);
    int high_note = fcntl(note, F_DUPFD, HIGH_FD);

    if ((in >= 0 && high_in < 0) || (also >= 0 && high_also < 0) || high_out < 0 || high_note < 0)
        return cw_err_errno(err, errno, "unable to confine a child: duplicating descriptors");
    if (dup2(high_out, CW_JAIL_OUT) < 0 || dup2(high_note, CW_JAIL_NOTE) < 0 || !place(high_in, CW_JAIL_IN) ||
        !place(high_also, CW_JAIL_ALSO))
        return cw_err_errno(err, errno, "unable to confine a child: placing descriptors");
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    if (!CW_JAIL_SANITIZED)
        close(STDERR_FILENO);
    close_from(CW_JAIL_ALSO + 1);
    return CW_OK;
}

/* The parent's handlers must not run here, and whatever limits send must kill. */
static void reset_signals(void)
{
    sigset_t none;
    int sig;

    for (sig = 1; sig < NSIG; sig++) {
        if (CW_JAIL_SANITIZED && (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL))
            continue;
        signal(sig, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int limit(int resource, rlim_t soft, rlim_t hard, struct cw_err *err)
{
    struct rlimit now, want = {.rlim_cur = soft, .rlim_max = hard};

    if (getrlimit((__rlimit_resource_t)resource, &now) == 0) {
        if (want.rlim_max > now.rlim_max)
            want.rlim_max = now.rlim_max;
        if (want.rlim_cur > want.rlim_max)
            want.rlim_cur = want.rlim_max;
    }
    if (setrlimit((__rlimit_resource_t)resource, &want) != 0)
        return cw_err_errno(err, errno, "unable to confine a child: setting limit %d", resource);
    return CW_OK;
}

static int set_limits(const struct cw_jail_limits *limits, size_t held, struct cw_err *err)
{
    int rc = limit(RLIMIT_CORE, 0, 0, err);

    if (rc == CW_OK && !limits->threads)
        rc = limit(RLIMIT_NPROC, 0, 0, err);
    if (rc == CW_OK)
        rc = limit(RLIMIT_NOFILE, CW_JAIL_ALSO + 1, CW_JAIL_ALSO + 1, err);
    if (rc == CW_OK && !CW_JAIL_SANITIZED)
        rc = limit(RLIMIT_FSIZE, 0, 0, err); /* a pipe has no size: output goes on */
    if (rc == CW_OK && limits->cpu_seconds > 0)
        rc = limit(RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1, err);
    if (rc == CW_OK && limits->memory > 0 && !CW_JAIL_SANITIZED)
        rc = limit(RLIMIT_AS, held + limits->memory, held + limits->memory, err);
    return rc;
}

/* Opens what the C library would open at the first use. Handles are kept on purpose: the child ends soon. A
 * missing locale or converter is no error; what then needs it fails inside the jail. */
static int warm_up(struct cw_err *err)
{
    static const char *const charsets[] = {"UTF-8", "ANSI_X3.4-1968", "UTF-16LE", "UTF-16BE"};
    size_t i;

    if (clearenv() != 0 || setenv("TZ", "UTC0", 1) != 0)
        return cw_err_nomem(err);
    tzset();
    /* C.UTF-8 for characters alone: messages of another locale than C would be looked for in files. */
    setlocale(LC_ALL, "C");
    setlocale(LC_CTYPE, "C.UTF-8");
    for (i = 0; i < CW_COUNT(charsets); i++)
        (void)iconv_open("UTF-8", charsets[i]);
    return CW_OK;
}

/* Calls that a computing program makes, whatever its arguments. */
static const int allowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
#if CW_JAIL_SANITIZED
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(prctl),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
#endif
};

/* The rules whose arguments matter: memory never executable, stat of open descriptors only, abort(3) of
 * itself only. */
static int add_conditional(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                              SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A2(SCMP_CMP_EQ, SIGABRT, 0));
    return rc;
}

/* Threads of this process, nothing else. What clone3(2) is asked for no filter can see, so the C library is told
 * that there is none, and takes clone(2). */
static int add_threads(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(set_robust_list)};
    const scmp_datum_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    size_t i;

    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, flags, flags));
    for (i = 0; rc == 0 && i < CW_COUNT(calls); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return rc;
}

static int load_filter(bool threads, struct cw_err *err)
{
    /* A sanitizer must be able to look around for its report, in vain; all else dies of it, recognisably
     * (SIGSYS). */
    uint32_t otherwise = CW_JAIL_SANITIZED ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS;
    scmp_filter_ctx filter = seccomp_init(otherwise);
    int rc = filter == NULL ? -ENOMEM : 0;
    size_t i;

    for (i = 0; rc == 0 && i < CW_COUNT(allowed); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (rc == 0)
        rc = add_conditional(filter);
    if (rc == 0 && threads)
        rc = add_threads(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    if (rc != 0)
        return cw_err_errno(err, -rc,
                            "unable to confine a child: this system's seccomp does not take the filter");
    return CW_OK;
}

int cw_confine(const struct cw_jail_limits *limits, size_t held, struct cw_err *err)
{
    int rc;

    reset_signals();
    rc = warm_up(err);
    if (rc != CW_OK)
        return rc;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return cw_err_errno(err, errno, "unable to confine a child: giving up privileges");
    rc = set_limits(limits, held, err);
    return rc != CW_OK ? rc : load_filter(limits->threads, err);
}
