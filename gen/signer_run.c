/* SPDX-License-Identifier: ISC */
/*
 * Running a signer: its input is an unnamed file in memory, so that it may read it as it likes and end without having read it; its
 * output a pipe, read until its end or the time is over. It stays in the terminal's foreground, where it may ask for a PIN, and dies
 * with this program.
 */
#include "gen/signer_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/root.h"

#define NOT_FOUND 127 /* exit codes of a child that could not become the program, as shells have them */
#define NOT_STARTED 126
#define LOOK_MS 10 /* between looks at a program that closed its output and has not ended */

struct running {
    pid_t pid;
    int out;
    int64_t deadline; /* milliseconds */
};

/* The data as a file that begins at its start. */
static int make_input(int *fd, const void *data, size_t len, struct cw_err *err)
{
    int rc;

    *fd = memfd_create("causeway-to-sign", MFD_CLOEXEC);
    if (*fd < 0)
        return cw_err_errno(err, errno, "unable to make its input");
    rc = cw_fd_write_all(*fd, data, len, "its input", err);
    if (rc == CW_OK && lseek(*fd, 0, SEEK_SET) != 0)
        rc = cw_err_errno(err, errno, "unable to make its input");
    return rc;
}

/* In the child; does not return. */
static void become(const struct cw_signer *signer, const struct cw_signer_variable *variables, int in,
                   int out, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NOT_STARTED);
    (void)signal(SIGPIPE, SIG_DFL);
    for (; variables->name != NULL; variables++) {
        if (variables->value != NULL && setenv(variables->name, variables->value, 1) != 0)
            _exit(NOT_STARTED);
    }
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
        _exit(NOT_STARTED);
    (void)close_range(3, ~0U, 0);
    execvp(signer->words[0], signer->words);
    _exit(errno == ENOENT ? NOT_FOUND : NOT_STARTED);
}

static int start(struct running *run, const struct cw_signer *signer,
                 const struct cw_signer_variable *variables, int in, struct cw_err *err)
{
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return cw_err_errno(err, errno, "unable to make a pipe");
    run->deadline = cw_clock_monotonic_ms() + signer->timeout * 1000;
    run->pid = fork();
    if (run->pid == 0)
        become(signer, variables, in, ends[1], parent);
    close(ends[1]);
    run->out = ends[0];
    return run->pid > 0 ? CW_OK : cw_err_errno(err, errno, "unable to start a process");
}

static int too_late(const struct cw_signer *signer, struct cw_err *err)
{
    return cw_err_set(err, CW_E_TEMP, "did not answer within %lld s", (long long)signer->timeout);
}

static int collect(struct cw_buf *answer, const struct running *run, const struct cw_signer *signer,
                   struct cw_err *err)
{
    char block[1024];
    ssize_t got = 1;

    while (got != 0) {
        int64_t left = run->deadline - cw_clock_monotonic_ms();
        struct pollfd ready = {.fd = run->out, .events = POLLIN};
        int said = left > 0 ? poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left) : 0;

        if (said == 0 && left <= INT32_MAX)
            return too_late(signer, err);
        if (said < 0 && errno != EINTR)
            return cw_err_errno(err, errno, "unable to wait for its answer");
        if (said <= 0)
            continue;
        got = cw_fd_read(run->out, block, sizeof block);
        if (got < 0)
            return cw_err_errno(err, errno, "unable to read its answer");
        cw_buf_add(answer, block, (size_t)got);
        if (answer->failed != 0)
            return cw_err_set(err, CW_E_VERIFY, "answered more than %zu bytes", answer->max);
    }
    return CW_OK;
}

/* Its end, which comes soon after its output's. */
static int await(int *status, struct running *run, const struct cw_signer *signer, struct cw_err *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    pid_t ended;

    while ((ended = waitpid(run->pid, status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (cw_clock_monotonic_ms() > run->deadline)
            return too_late(signer, err);
        (void)nanosleep(&pause, NULL);
    }
    if (ended < 0)
        return cw_err_errno(err, errno, "unable to learn how it ended");
    run->pid = 0;
    return CW_OK;
}

static int judge(int status, struct cw_err *err)
{
    if (WIFSIGNALED(status))
        return cw_err_set(err, CW_E_FAIL, "was ended by signal %d", WTERMSIG(status));
    switch (WEXITSTATUS(status)) {
    case 0:
        return CW_OK;
    case NOT_FOUND:
        return cw_err_set(err, CW_E_FAIL, "is not there; give a program in PATH, or its whole path");
    case NOT_STARTED:
        return cw_err_set(err, CW_E_FAIL, "could not be started");
    default:
        return cw_err_set(err, CW_E_FAIL, "failed with exit code %d", WEXITSTATUS(status));
    }
}

int cw_signer_run(struct cw_buf *answer, const struct cw_signer *signer,
                  const struct cw_signer_variable *variables, const void *data, size_t len,
                  struct cw_err *err)
{
    struct running run = {.out = -1};
    CW_AUTO_FD int in = -1;
    int status = 0;
    int rc = make_input(&in, data, len, err);

    if (rc == CW_OK)
        rc = start(&run, signer, variables, in, err);
    if (rc == CW_OK)
        rc = collect(answer, &run, signer, err);
    if (rc == CW_OK)
        rc = await(&status, &run, signer, err);
    if (run.pid > 0) {
        (void)kill(run.pid, SIGKILL);
        while (waitpid(run.pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (run.out >= 0)
        close(run.out);
    return rc == CW_OK ? judge(status, err) : rc;
}
