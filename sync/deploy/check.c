/* SPDX-License-Identifier: ISC */
/*
 * One command from fork to verdict: see sync/deploy/check.h. What a failed one leads to is apply.c's.
 */
#include "sync/deploy/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "sync/deploy/policy.h"

#define TIMEOUT_DEFAULT 60 /* seconds, where the policy says nothing */
#define TICK_MS 50         /* how soon the end of a command is seen whose children keep its output open */
#define ENV_MAX 8
#define STRAY_ROUNDS 200 /* times STRAY_MS: how long processes may take to die that a command let go of */
#define STRAY_MS 5

/* What a person or a service manager ends a program with. */
static const int stop_signals[] = {SIGHUP, SIGINT, SIGTERM};
static volatile sig_atomic_t stopped; /* the signal that asked for it; 0: none */

struct command {
    char *argv[CW_ACTION_ARGS_MAX + 1]; /* borrowed from the action */
    char *env[ENV_MAX];                 /* owned */
    int64_t timeout_ms;
    pid_t pid;
    int out;     /* where its output comes from */
    pid_t guard; /* what ends the command's group when this run is killed; 0: none */
    int alive;   /* the guard reads from it, and sees its end when this run ends */
    struct cw_buf output;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int read_action(struct command *command, const json_t *action, struct cw_err *err)
{
    const json_t *run = json_object_get(action, "run"), *timeout = json_object_get(action, "timeout");
    json_t *word;
    size_t i;

    if (json_array_size(run) == 0 || json_array_size(run) > CW_ACTION_ARGS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "an action has %zu words: 1 to %d are allowed",
                          json_array_size(run), CW_ACTION_ARGS_MAX);
    json_array_foreach (run, i, word) {
        if (!json_is_string(word))
            return cw_err_set(err, CW_E_VERIFY, "a word of an action is not a string");
        command->argv[i] = (char *)json_string_value(word);
    }
    if (command->argv[0][0] != '/')
        return cw_err_set(err, CW_E_VERIFY, "action '%s' is not an absolute path", command->argv[0]);
    command->timeout_ms = (json_is_integer(timeout) ? json_integer_value(timeout) : TIMEOUT_DEFAULT) * 1000;
    return CW_OK;
}

static int make_environment(struct command *command, const struct cw_check *check, struct cw_err *err)
{
    size_t n = 0;

    command->env[n++] = strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command->env[n++] = strdup("LC_ALL=C.UTF-8");
    command->env[n++] = cw_str_format("HOME=%s/data/%s", check->install_root, check->product);
    command->env[n++] = cw_str_format("CAUSEWAY_PRODUCT=%s", check->product);
    command->env[n++] = cw_str_format("CAUSEWAY_VERSION=%s", check->version);
    command->env[n++] = cw_str_format("CAUSEWAY_GENERATION=%lld", (long long)check->generation);
    for (size_t i = 0; i < n; i++) {
        if (command->env[i] == NULL)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* In the guard; does not return. It lives in a session of its own, so that what ends this run by its terminal
 * or its group does not end the guard too. */
static void guard(int alive)
{
    pid_t group = 0;
    char byte;

    (void)setsid();
    if (dup2(alive, 0) < 0)
        _exit(127);
    (void)close_range(1, ~0U, 0);
    if (read(0, &group, sizeof group) != (ssize_t)sizeof group || group <= 1)
        _exit(0);
    while (read(0, &byte, 1) > 0 || errno == EINTR)
        errno = 0;
    (void)kill(-group, SIGKILL);
    _exit(0);
}

/* A killed run takes its command with it (see become()), but not what the command has started. */
static int guard_start(struct command *command, struct cw_err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return cw_err_errno(err, errno, "unable to make a pipe");
    command->guard = fork();
    if (command->guard == 0) {
        close(ends[1]);
        guard(ends[0]);
    }
    close(ends[0]);
    command->alive = ends[1];
    if (command->guard > 0)
        return CW_OK;
    command->guard = 0;
    return cw_err_errno(err, errno, "unable to start a process");
}

static void guard_end(struct command *command)
{
    if (command->guard > 0) {
        (void)kill(command->guard, SIGKILL);
        while (waitpid(command->guard, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (command->alive >= 0)
        close(command->alive);
    command->guard = 0;
    command->alive = -1;
}

static void command_clear(struct command *command)
{
    for (size_t i = 0; i < ENV_MAX; i++)
        free(command->env[i]);
    if (command->out >= 0)
        close(command->out);
    guard_end(command);
    cw_buf_clear(&command->output);
}

/* In the child; does not return. */
static void become(const struct command *command, int out, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no check outlives the run that judges by it */
    if (getppid() != parent)
        _exit(127);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(022);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir("/") != 0)
        _exit(127);
    (void)close_range(3, ~0U, 0);
    execve(command->argv[0], command->argv, command->env);
    dprintf(2, "unable to run '%s': %s\n", command->argv[0], strerror(errno));
    _exit(127);
}

static int start(struct command *command, struct cw_err *err)
{
    pid_t parent = getpid();
    int ends[2];

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* see end_strays() */
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return cw_err_errno(err, errno, "unable to make a pipe");
    (void)fcntl(ends[1], F_SETFL, 0); /* the command's end is an ordinary one */
    command->pid = fork();
    if (command->pid == 0)
        become(command, ends[1], parent);
    close(ends[1]);
    command->out = ends[0];
    if (command->pid < 0)
        return cw_err_errno(err, errno, "unable to start a process");
    (void)setpgid(command->pid, command->pid); /* as the child does; whoever is first */
    /* A guard that is gone guards nothing; the command is judged all the same. */
    (void)cw_fd_write_all(command->alive, &command->pid, sizeof command->pid, "", NULL);
    return CW_OK;
}

/* Takes what there is; what is over the bound is read and dropped, so that the command does not block. */
static void drain(struct command *command)
{
    char block[4096];
    ssize_t n;

    while ((n = read(command->out, block, sizeof block)) > 0) {
        size_t room = CW_CHECK_OUTPUT_MAX - command->output.len;

        cw_buf_add(&command->output, block, (size_t)n < room ? (size_t)n : room);
    }
    if (n == 0) { /* closed by all: nothing more to wait for here */
        close(command->out);
        command->out = -1;
    }
}

static void note_stop(int number)
{
    stopped = number;
}

/* While a command runs, being asked to stop means a failed check, so that an apply that is stopped does not
 * leave the new generation running unproven. What is ignored (nohup) stays ignored. */
static void watch_stops(struct sigaction before[CW_COUNT(stop_signals)])
{
    const struct sigaction note = {.sa_handler = note_stop};

    stopped = 0;
    for (size_t i = 0; i < CW_COUNT(stop_signals); i++) {
        (void)sigaction(stop_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            (void)sigaction(stop_signals[i], &note, NULL);
    }
}

static void unwatch_stops(const struct sigaction before[CW_COUNT(stop_signals)])
{
    for (size_t i = 0; i < CW_COUNT(stop_signals); i++)
        (void)sigaction(stop_signals[i], &before[i], NULL);
}

static void kill_children(void)
{
    FILE *list = fopen("/proc/thread-self/children", "re");
    int pid;

    while (list != NULL && fscanf(list, "%d", &pid) == 1) {
        if (pid > 1)
            (void)kill(pid, SIGKILL);
    }
    if (list != NULL)
        fclose(list);
}

/* Processes that left the command's group (setsid) came to this one when their parents ended: start() made it
 * the subreaper. */
static void end_strays(void)
{
    for (int round = 0; round < STRAY_ROUNDS; round++) {
        pid_t ended;

        kill_children();
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (ended < 0)
            return;
        (void)poll(NULL, 0, STRAY_MS);
    }
}

/* True when it ended, with its wait status; false when its time ran out, or this program was asked to
 * stop. */
static bool wait_for(struct command *command, int *status)
{
    int64_t deadline = monotonic_ms() + command->timeout_ms;

    for (;;) {
        struct pollfd wait = {.fd = command->out, .events = POLLIN};
        int64_t left = deadline - monotonic_ms();
        pid_t ended = waitpid(command->pid, status, WNOHANG);

        if (command->out >= 0)
            drain(command);
        if (ended == command->pid)
            return true;
        if (left <= 0 || stopped != 0)
            return false;
        (void)poll(&wait, command->out >= 0 ? 1 : 0, (int)(left < TICK_MS ? left : TICK_MS));
    }
}

/* Text for the history: printable, and valid UTF-8 whatever the command printed. */
static json_t *printable(struct cw_buf *output)
{
    json_t *text;

    for (size_t i = 0; i < output->len; i++) {
        unsigned char c = (unsigned char)output->data[i];

        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            output->data[i] = '?';
    }
    text = json_stringn(cw_buf_text(output), output->len);
    for (size_t i = 0; text == NULL && i < output->len; i++) {
        if ((unsigned char)output->data[i] >= 0x80)
            output->data[i] = '?';
    }
    return text != NULL ? text : json_stringn(cw_buf_text(output), output->len);
}

static void judge(struct cw_check_result *result, bool ended, int status, int64_t timeout_ms)
{
    result->passed = ended && stopped == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (result->passed)
        return;
    if (stopped != 0)
        snprintf(result->reason, sizeof result->reason, "was interrupted (signal %d)", (int)stopped);
    else if (!ended)
        snprintf(result->reason, sizeof result->reason, "took longer than %lld s",
                 (long long)(timeout_ms / 1000));
    else if (WIFSIGNALED(status))
        snprintf(result->reason, sizeof result->reason, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(result->reason, sizeof result->reason, "exited with %d", WEXITSTATUS(status));
}

static int run(struct cw_check_result *result, struct command *command, struct cw_err *err)
{
    struct sigaction before[CW_COUNT(stop_signals)];
    int64_t started = monotonic_ms();
    int status = 0, rc = guard_start(command, err);
    bool ended = false;

    watch_stops(before);
    if (rc == CW_OK)
        rc = start(command, err);
    ended = rc == CW_OK && wait_for(command, &status);
    unwatch_stops(before);
    if (rc != CW_OK)
        return rc;
    (void)kill(-command->pid, SIGKILL); /* also what the command left running */
    if (!ended) {
        while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    guard_end(command); /* before its number can be another's */
    end_strays();
    if (command->out >= 0)
        drain(command);
    judge(result, ended, status, command->timeout_ms);
    result->milliseconds = monotonic_ms() - started;
    result->output = printable(&command->output);
    return result->output != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_check_run(struct cw_check_result *result, const struct cw_check *check, const json_t *action,
                 struct cw_err *err)
{
    struct command command = {.out = -1, .alive = -1, .output = CW_BUF_INIT(CW_CHECK_OUTPUT_MAX)};
    int rc = read_action(&command, action, err);

    *result = (struct cw_check_result){0};
    if (rc == CW_OK)
        rc = make_environment(&command, check, err);
    if (rc == CW_OK)
        rc = run(result, &command, err);
    command_clear(&command);
    return rc;
}

void cw_check_clear(struct cw_check_result *result)
{
    json_decref(result->output);
    result->output = NULL;
}

void cw_check_describe(char out[256], const json_t *action)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_POLICY_MAX);
    json_t *word;
    size_t i;

    json_array_foreach (json_object_get(action, "run"), i, word) {
        cw_buf_adds(&text, i > 0 ? " " : "");
        cw_buf_adds(&text, json_string_value(word) != NULL ? json_string_value(word) : "?");
    }
    snprintf(out, 256, "%.200s%s", cw_buf_text(&text), text.len > 200 ? "…" : "");
}
