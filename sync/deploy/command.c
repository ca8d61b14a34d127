/* SPDX-License-Identifier: ISC */
/*
 * One command from fork to verdict: see sync/deploy/command.h. What a failed one leads to is apply.c's.
 */
#include "sync/deploy/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "http/send.h"
#include "sync/deploy/account.h"
#include "sync/deploy/action.h"
#include "sync/deploy/decision.h"
#include "sync/deploy/request.h"

#define TICK_MS 50 /* how soon the end of a command is seen whose children keep its output open */
#define ENV_OWN 8  /* what every command gets */
#define ENV_MAX (ENV_OWN + CW_ACTION_ENV_MAX + 1)
#define SPARE_MS 5000    /* that a request may take longer than its own time limit, which tells more */
#define STRAY_ROUNDS 200 /* times STRAY_MS: how long processes may take to die that a command let go of */
#define STRAY_MS 5

/* What a person or a service manager ends a program with. */
static const int stop_signals[] = {SIGHUP, SIGINT, SIGTERM};
static volatile sig_atomic_t stopped; /* the signal that asked for it; 0: none */

struct command {
    const json_t *action;
    bool is_request;
    char *argv[CW_ACTION_ARGS_MAX + 1]; /* borrowed from the action */
    char *env[ENV_MAX];                 /* owned */
    size_t env_count;
    struct cw_account account;
    int64_t timeout_ms;
    pid_t pid;
    int out;     /* where its output comes from */
    pid_t guard; /* what ends the command's group when this run is killed; 0: none */
    int alive;   /* the guard reads from it, and sees its end when this run ends */
    struct cw_buf output;
};

static int read_argv(struct command *command, struct cw_err *err)
{
    const json_t *run = json_object_get(command->action, "run");
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
    return cw_account_find(&command->account, command->action, err);
}

static int read_action(struct command *command, struct cw_err *err)
{
    const json_t *timeout = json_object_get(command->action, "timeout");

    command->timeout_ms = (json_is_integer(timeout) ? json_integer_value(timeout) : CW_ACTION_TIMEOUT) * 1000;
    command->is_request = cw_action_is_request(command->action);
    return command->is_request ? CW_OK : read_argv(command, err);
}

/* Sets a variable, in the place of one of that name. The memory becomes the command's. */
static int add_env(struct command *command, char *text, struct cw_err *err)
{
    size_t i, name = text != NULL ? strcspn(text, "=") + 1 : 0;

    if (text == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < command->env_count && strncmp(command->env[i], text, name) != 0; i++)
        ;
    if (i == ENV_MAX - 1) {
        free(text);
        return cw_err_set(err, CW_E_VERIFY, "an action's environment has too many names");
    }
    free(command->env[i]);
    command->env[i] = text;
    command->env_count += i == command->env_count;
    return CW_OK;
}

static int add_context(struct command *command, const struct cw_command_context *context, struct cw_err *err)
{
    int rc = add_env(command, cw_str_format("HOME=%s/data/%s", context->install_root, context->product), err);

    if (rc == CW_OK)
        rc = add_env(command, cw_str_format("CAUSEWAY_STAGE=%s", context->stage), err);
    if (rc == CW_OK)
        rc = add_env(command, cw_str_format("CAUSEWAY_PRODUCT=%s", context->product), err);
    if (rc == CW_OK)
        rc = add_env(command, cw_str_format("CAUSEWAY_VERSION=%s", context->version), err);
    if (rc == CW_OK)
        rc = add_env(command, cw_str_format("CAUSEWAY_FROM=%s", context->from != NULL ? context->from : ""),
                     err);
    if (rc == CW_OK)
        rc = add_env(command, cw_str_format("CAUSEWAY_GENERATION=%lld", (long long)context->generation), err);
    return rc;
}

static int make_environment(struct command *command, const struct cw_command_context *context,
                            struct cw_err *err)
{
    json_t *env = json_object_get(command->action, "env"), *value;
    const char *name;
    int rc =
        add_env(command, strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), err);

    if (rc == CW_OK)
        rc = add_env(command, strdup("LC_ALL=C.UTF-8"), err);
    if (rc == CW_OK)
        rc = context->stage != NULL ? add_context(command, context, err)
                                    : add_env(command, strdup("HOME=/"), err);
    json_object_foreach (env, name, value) {
        if (rc == CW_OK && json_is_string(value))
            rc = add_env(command, cw_str_format("%s=%s", name, json_string_value(value)), err);
    }
    return rc;
}

/* Ends a command, whether it has come to have a session of its own yet or not, and what it left running there. */
static void end_session(pid_t leader)
{
    (void)kill(leader, SIGKILL);
    (void)kill(-leader, SIGKILL);
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
    end_session(group);
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
static void run_program(const struct command *command)
{
    const char *dir = json_string_value(json_object_get(command->action, "dir"));

    if (dir != NULL && chdir(dir) != 0) {
        dprintf(2, "unable to enter '%s': %s\n", dir, strerror(errno));
        _exit(127);
    }
    execve(command->argv[0], command->argv, command->env);
    dprintf(2, "unable to run '%s': %s\n", command->argv[0], strerror(errno));
    _exit(127);
}

/* In the child; does not return. */
static void become(const struct command *command, int out, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    /* Without a terminal: who runs as another user could type into the one of this program. */
    if (setsid() < 0)
        _exit(127);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(022);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir("/") != 0)
        _exit(127);
    (void)close_range(3, ~0U, 0);
    if (!cw_account_become(&command->account)) {
        dprintf(2, "unable to become user '%s': %s\n",
                command->account.user != NULL ? command->account.user : "(the same)", strerror(errno));
        _exit(127);
    }
    /* No command outlives the run that judges by it. Asked for here: a change of user forgets it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (command->is_request)
        _exit(cw_request_make(command->action));
    run_program(command);
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
        size_t room = CW_COMMAND_OUTPUT_MAX - command->output.len;

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

/* True when it ended, and waits to be reaped; false when its time ran out, or this program was asked to
 * stop. */
static bool wait_for(struct command *command)
{
    int64_t deadline = cw_clock_monotonic_ms() + command->timeout_ms + (command->is_request ? SPARE_MS : 0);

    for (;;) {
        struct pollfd wait = {.fd = command->out, .events = POLLIN};
        int64_t left = deadline - cw_clock_monotonic_ms();
        siginfo_t ended = {.si_pid = 0};

        (void)waitid(P_PID, (id_t)command->pid, &ended, WEXITED | WNOHANG | WNOWAIT);
        if (command->out >= 0)
            drain(command);
        if (ended.si_pid == command->pid)
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

/* Is it one of the codes that the action counts as success? */
static bool is_success(const json_t *action, int code)
{
    const json_t *codes = json_object_get(action, "exit");
    json_t *one;
    size_t i;

    json_array_foreach (codes, i, one) {
        if (json_integer_value(one) == code)
            return true;
    }
    return codes == NULL && code == 0;
}

/* A request says itself what is wrong, in its first line. */
static void judge_request(struct cw_command_result *result, const struct command *command)
{
    const char *said = cw_buf_text(&command->output);
    char text[sizeof result->reason + 16];

    snprintf(text, sizeof text, "failed: %.*s", (int)strcspn(said, "\n"), said);
    cw_reason_set(result->reason, sizeof result->reason, text);
}

static void judge(struct cw_command_result *result, const struct command *command, bool ended, int status)
{
    bool has_code = ended && WIFEXITED(status);

    result->exit = has_code ? WEXITSTATUS(status) : -1;
    result->interrupted = stopped != 0;
    result->passed = has_code && stopped == 0 && is_success(command->action, result->exit);
    if (result->passed)
        return;
    if (stopped != 0)
        snprintf(result->reason, sizeof result->reason, "was interrupted (signal %d)", (int)stopped);
    else if (!ended)
        snprintf(result->reason, sizeof result->reason, "took longer than %lld s",
                 (long long)(command->timeout_ms / 1000));
    else if (WIFSIGNALED(status))
        snprintf(result->reason, sizeof result->reason, "was killed by signal %d", WTERMSIG(status));
    else if (command->is_request)
        judge_request(result, command);
    else
        snprintf(result->reason, sizeof result->reason, "exited with %d", result->exit);
}

static int run(struct cw_command_result *result, struct command *command, struct cw_err *err)
{
    struct sigaction before[CW_COUNT(stop_signals)];
    int64_t started = cw_clock_monotonic_ms();
    int status = 0, rc = guard_start(command, err);
    bool ended = false;

    watch_stops(before);
    if (rc == CW_OK)
        rc = start(command, err);
    ended = rc == CW_OK && wait_for(command);
    unwatch_stops(before);
    if (rc != CW_OK)
        return rc;
    end_session(command->pid); /* also what it left running */
    guard_end(command);
    while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR)
        ; /* from here on its number can be another's */
    end_strays();
    if (command->out >= 0)
        drain(command);
    result->milliseconds = cw_clock_monotonic_ms() - started;
    result->output = printable(&command->output);
    judge(result, command, ended, status);
    return result->output != NULL ? CW_OK : cw_err_nomem(err);
}

int cw_command_run(struct cw_command_result *result, const struct cw_command_context *context,
                   const json_t *action, struct cw_err *err)
{
    struct command command = {
        .action = action, .out = -1, .alive = -1, .output = CW_BUF_INIT(CW_COMMAND_OUTPUT_MAX)};
    int rc = read_action(&command, err);

    *result = (struct cw_command_result){.exit = -1};
    if (rc == CW_OK)
        rc = make_environment(&command, context, err);
    if (rc == CW_OK)
        rc = run(result, &command, err);
    command_clear(&command);
    return rc;
}

int cw_command_check(const json_t *action, struct cw_err *err)
{
    const char *token = json_string_value(json_object_get(action, "token_file"));
    const char *ca_file = json_string_value(json_object_get(action, "ca_file"));
    char secret[CW_HTTP_BEARER_MAX + 1];
    struct cw_account account;
    int rc;

    if (!cw_action_is_request(action))
        return cw_account_find(&account, action, err);
    rc = token != NULL ? cw_request_read_token(secret, token, err) : CW_OK;
    explicit_bzero(secret, sizeof secret);
    if (rc == CW_OK && ca_file != NULL && access(ca_file, R_OK) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", ca_file);
    return rc;
}

void cw_command_clear(struct cw_command_result *result)
{
    json_decref(result->output);
    result->output = NULL;
}
