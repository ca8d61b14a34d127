/* SPDX-License-Identifier: ISC */
/*
 * cw-fault: runs a command with one fault, chosen by number, and leaves the disk as the fault would.
 *
 *   cw-fault [OPTION]... count ROOT -- COMMAND...
 *   cw-fault [OPTION]... fail KIND N[+] ERRNO ROOT -- COMMAND...
 *   cw-fault [OPTION]... kill N|end keep|lost|torn|zero [before|after|half] ROOT -- COMMAND...
 *
 * Exit: the command's status (128 + signal), 137 when it was killed by order, 120 when call N was not
 * reached, 124 on a timeout, 125 when the harness itself failed. tests/fault/README says what the words mean.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"

#define EXIT_NOT_REACHED 120
#define EXIT_TIMEOUT 124
#define EXIT_HARNESS 125
#define EXIT_KILLED 137
#define POLL_MS 5 /* how often a confined process, which cannot send a signal, is looked after */

struct options {
    bool verbose, at_end;
    int timeout; /* seconds */
    int log_mib;
    const char *only, *report;
    enum crash_model model;
    char **command;
    struct fault_control want;
};

static const char *const kinds[] = {
#define X(name) #name,
    CW_FAULT_KINDS(X)
#undef X
        "change",
};
static const char *const models[] = {"keep", "lost", "torn", "zero"};
static const char *const moments[] = {"after", "before", "half"};

static struct fault_control *ctl;
static char control_path[PATH_MAX];

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list ap;
    fputs("cw-fault: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(EXIT_HARNESS);
}

/* ---- the command line */

static int index_of(const char *what, const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return (int)i;
    die("unknown %s '%s'", what, word);
}
#define INDEX_OF(what, word, list) index_of(what, word, list, sizeof(list) / sizeof *(list))

static uint32_t number(const char *word, char **end)
{
    unsigned long n = strtoul(word, end, 10);
    if (*end == word || n > UINT32_MAX)
        die("not a number: '%s'", word);
    return (uint32_t)n;
}

/* "SHORT" is not an error but half of a read or write, "FLIP" not one but another bit in what was read. */
static int error_parse(const char *word, uint32_t kind)
{
    if (strcmp(word, "SHORT") == 0)
        return FAULT_HALF;
    if (strcmp(word, "FLIP") == 0 && kind == KIND_read)
        return FAULT_FLIP;
    for (int e = 1; e < 200; e++) {
        const char *name = strerrorname_np(e);
        if (name && strcmp(name, word) == 0)
            return e;
    }
    die("unknown errno '%s'", word);
}

static char **fail_parse(struct options *o, char **arg)
{
    char *end;
    if (!arg[0] || !arg[1] || !arg[2])
        die("fail wants KIND N ERRNO");
    o->want.mode = MODE_FAIL;
    o->want.kind = (uint32_t)INDEX_OF("kind", arg[0], kinds);
    o->want.n = number(arg[1], &end);
    o->want.onwards = *end == '+';
    o->want.error = error_parse(arg[2], o->want.kind);
    return arg + 3;
}

static char **kill_parse(struct options *o, char **arg)
{
    char *end;
    if (!arg[0] || !arg[1])
        die("kill wants N MODEL");
    o->want.mode = MODE_KILL;
    o->at_end = strcmp(arg[0], "end") == 0;
    o->want.n = o->at_end ? 0 : number(arg[0], &end);
    o->model = (enum crash_model)INDEX_OF("model", arg[1], models);
    arg += 2;
    if (arg[0] && arg[1] && strcmp(arg[1], "--") != 0)
        o->want.moment = (uint32_t)INDEX_OF("moment", *arg++, moments);
    return arg;
}

static char **options_parse(struct options *o, char **arg)
{
    char *end;
    *o = (struct options){.timeout = 60, .log_mib = 4};
    for (; *arg && **arg == '-'; arg++) {
        if (strcmp(*arg, "-v") == 0) {
            o->verbose = true;
            continue;
        }
        if (!arg[1])
            die("'%s' wants a value", *arg);
        if (strcmp(*arg, "--only") == 0)
            o->only = *++arg;
        else if (strcmp(*arg, "--report") == 0)
            o->report = *++arg;
        else if (strcmp(*arg, "--timeout") == 0)
            o->timeout = (int)number(*++arg, &end);
        else if (strcmp(*arg, "--log-size") == 0)
            o->log_mib = (int)number(*++arg, &end);
        else
            die("unknown option '%s'", *arg);
    }
    return arg;
}

static void arguments_parse(struct options *o, char **arg)
{
    arg = options_parse(o, arg);
    const char *verb = *arg ? *arg++ : "";
    if (strcmp(verb, "fail") == 0)
        arg = fail_parse(o, arg);
    else if (strcmp(verb, "kill") == 0)
        arg = kill_parse(o, arg);
    else if (strcmp(verb, "count") != 0)
        die("usage: cw-fault [-v] [--only PROGRAM] [--report FILE] [--timeout S] [--log-size MIB] "
            "count|fail KIND N[+] ERRNO|kill N|end MODEL [MOMENT] ROOT -- COMMAND...");
    if (!arg[0] || !arg[1] || strcmp(arg[1], "--") != 0 || !arg[2])
        die("ROOT -- COMMAND expected after '%s'", verb);
    if (strlen(arg[0]) >= FAULT_ROOT_MAX / 2)
        die("path too long: '%s'", arg[0]);
    char root[PATH_MAX];
    if (!realpath(arg[0], root))
        die("unable to find '%s': %s", arg[0], strerror(errno));
    if (snprintf(o->want.root, sizeof o->want.root, "%s", root) >= FAULT_ROOT_MAX - 32)
        die("path too long: '%s'", root);
    o->command = arg + 2;
}

/* ---- the shared page */

/* The spare folder lies beside the root, because it must be on the same filesystem, and is open to all,
 * because the command may drop its rights. */
static void control_make(struct options *o)
{
    struct stat st, st2;
    size_t size = sizeof *ctl + (size_t)o->log_mib * 1024 * 1024;
    snprintf(o->want.spare, sizeof o->want.spare, "%s.fault-XXXXXX", o->want.root);
    if (!mkdtemp(o->want.spare) || chmod(o->want.spare, 0777) != 0)
        die("unable to make a folder beside '%s': %s", o->want.root, strerror(errno));
    if (stat(o->want.root, &st) != 0 || stat(o->want.spare, &st2) != 0 || st.st_dev != st2.st_dev)
        die("'%s' is a mount point; take a folder beneath it", o->want.root);
    snprintf(control_path, sizeof control_path, "%s/control", o->want.spare);
    int fd = open(control_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 || fchmod(fd, 0666) != 0 || ftruncate(fd, (off_t)size) != 0)
        die("unable to make '%s': %s", control_path, strerror(errno));
    ctl = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ctl == MAP_FAILED)
        die("unable to map '%s': %s", control_path, strerror(errno));
    close(fd);
    memcpy(ctl, &o->want, offsetof(struct fault_control, lock));
    snprintf(ctl->only, sizeof ctl->only, "%s", o->only ? o->only : "");
    ctl->magic = FAULT_MAGIC;
    ctl->root_dev = st.st_dev;
    ctl->log_max = size - sizeof *ctl;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void spare_remove(void)
{
    nftw(ctl->spare, remove_one, 32, FTW_PHYS | FTW_DEPTH);
}

/* ---- the command */

static const char *shim_path(char *path)
{
    const char *given = getenv("CW_FAULT_SHIM");
    if (given)
        return given;
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 32);
    if (len <= 0)
        die("unable to read /proc/self/exe: %s", strerror(errno));
    path[len] = '\0';
    memcpy(strrchr(path, '/') + 1, "cw-fault-shim.so", sizeof "cw-fault-shim.so");
    return path;
}

static void set_with(const char *name, const char *value, const char *separator)
{
    char all[2 * PATH_MAX];
    const char *before = getenv(name);
    snprintf(all, sizeof all, "%s%s%s", value, before && *before ? separator : "", before ? before : "");
    setenv(name, all, 1);
}

__attribute__((noreturn)) static void command_exec(const struct options *o, pid_t runner)
{
    char path[PATH_MAX];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(EXIT_HARNESS);
    personality(
        ADDR_NO_RANDOMIZE); /* so that call stacks of two processes compare; nothing is lost where refused */
    if (o->want.mode == MODE_COUNT && !o->report)
        dup2(2, 1); /* standard output is for the counts */
    setenv("CW_FAULT_CTL", control_path, 1);
    set_with("LD_PRELOAD", shim_path(path), ":");
    set_with("ASAN_OPTIONS", "verify_asan_link_order=0",
             ":"); /* the shim comes before the sanitizer, and may */
    if (o->want.mode == MODE_FAIL && o->want.kind == KIND_alloc)
        set_with("ASAN_OPTIONS", "detect_leaks=0",
                 ":"); /* jansson's parser is left where memory runs out; lib/codec/json.c says why */
    ctl->main_pid = getpid();
    execvp(o->command[0], o->command);
    fprintf(stderr, "cw-fault: unable to run '%s': %s\n", o->command[0], strerror(errno));
    _exit(EXIT_HARNESS);
}

/* Kills our children, which as a subreaper all orphans become, until there are none. */
static void children_kill(void)
{
    char path[64], line[512];
    for (;;) {
        DIR *d = opendir("/proc");
        for (struct dirent *e; d && (e = readdir(d));) {
            int pid = atoi(e->d_name), parent = 0;
            snprintf(path, sizeof path, "/proc/%d/stat", pid);
            FILE *f = pid > 0 ? fopen(path, "re") : NULL;
            const char *after = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
            if (after && sscanf(after, ") %*c %d", &parent) == 1 && parent == getpid())
                kill(pid, SIGKILL);
            if (f)
                fclose(f);
        }
        if (d)
            closedir(d);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    }
}

static bool reap(pid_t main_pid, int *status)
{
    int st;
    for (pid_t pid; (pid = waitpid(-1, &st, WNOHANG)) > 0;)
        if (pid == main_pid) {
            *status = st;
            return true;
        }
    return false;
}

static int command_run(const struct options *o)
{
    sigset_t child;
    int status = 0;
    struct timespec poll = {.tv_nsec = POLL_MS * 1000000L}, now, end;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += o->timeout;
    pid_t self = getpid(), pid = fork();
    if (pid < 0)
        die("unable to fork: %s", strerror(errno));
    if (pid == 0)
        command_exec(o, self);
    while (!reap(pid, &status)) {
        if (o->want.mode == MODE_KILL && __atomic_load_n(&ctl->fired, __ATOMIC_SEQ_CST))
            break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end.tv_sec) {
            children_kill();
            fprintf(stderr, "cw-fault: no end after %d s\n", o->timeout);
            return EXIT_TIMEOUT;
        }
        sigtimedwait(&child, NULL, &poll);
    }
    children_kill();
    if (o->want.mode == MODE_KILL && ctl->fired)
        return EXIT_KILLED;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- the report */

static int number_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* For each kind: how many calls, and the numbers of the first and last call on each distinct call stack. */
static void kind_print(FILE *out, uint32_t kind)
{
    static uint32_t n[2 * FAULT_PATHS];
    size_t count = 0;
    for (size_t i = 0; i < FAULT_PATHS; i++)
        if (ctl->paths[i].key && ctl->paths[i].kind == kind) {
            n[count++] = ctl->paths[i].first;
            n[count++] = ctl->paths[i].last;
        }
    qsort(n, count, sizeof *n, number_order);
    fprintf(out, "kind %s %u ", kinds[kind], ctl->count[kind]);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || n[i] != n[i - 1])
            fprintf(out, "%s%u", i ? "," : "", n[i]);
    fputc('\n', out);
}

static bool site_seen(size_t i)
{
    const struct fault_path *p = &ctl->paths[i];
    for (size_t k = 0; k < i; k++)
        if (ctl->paths[k].key && ctl->paths[k].kind == p->kind && ctl->paths[k].site == p->site &&
            strcmp(ctl->paths[k].object, p->object) == 0)
            return true;
    return false;
}

static void counts_print(const struct options *o)
{
    FILE *out = o->report ? fopen(o->report, "we") : stdout;
    unsigned sites = 0, ways = 0;
    if (!out)
        die("unable to write '%s': %s", o->report, strerror(errno));
    for (size_t i = 0; i < FAULT_PATHS; i++) {
        bool change = ctl->paths[i].key && ctl->paths[i].kind == KIND_change;
        ways += change;
        sites += change && !site_seen(i);
    }
    fprintf(out, "changes %u\nsites %u\nways %u\n", ctl->count[KIND_change], sites, ways);
    for (uint32_t kind = 0; kind < KIND_MAX; kind++)
        kind_print(out, kind);
    for (size_t i = 0; o->verbose && i < FAULT_PATHS; i++) {
        const struct fault_path *p = &ctl->paths[i];
        if (p->key && !site_seen(i))
            fprintf(out, "site %s %s+0x%llx\n", kinds[p->kind], p->object, (unsigned long long)p->site);
    }
    if (fflush(out) != 0 || (out != stdout && fclose(out) != 0))
        die("unable to write the report: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    struct options o;
    (void)argc;
    arguments_parse(&o, argv + 1);
    control_make(&o);
    int code = command_run(&o), bad = 0;
    if (o.want.mode == MODE_COUNT)
        counts_print(&o);
    else if (o.verbose)
        fprintf(stderr, "cw-fault: %s, exit %d\n", ctl->fired ? ctl->hit : "not reached", code);
    if (o.want.mode == MODE_KILL && (ctl->fired || o.at_end) && code != EXIT_TIMEOUT)
        bad = crash_apply(ctl, o.model);
    spare_remove();
    if (bad)
        return EXIT_HARNESS;
    if (o.want.mode != MODE_COUNT && !ctl->fired && !o.at_end && code != EXIT_TIMEOUT)
        return EXIT_NOT_REACHED;
    return code;
}
