/* SPDX-License-Identifier: ISC */
/*
 * What the fault harness is tried on: replaces a file by a text, once as it should be and wrongly in known
 * ways.
 *
 *   victim good|jail|no-sync|no-rename|no-dir-sync|child|no-check FILE TEXT
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "victim: %s: %s\n", what, strerror(errno));
    return 1;
}

static bool write_all(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool dir_sync(const char *file)
{
    char *copy = strdup(file);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return ok;
}

/* The right way, but for what the flags leave out. */
static int replace(const char *file, const char *text, bool sync, bool sync_dir)
{
    char tmp[4096];
    snprintf(tmp, sizeof tmp, "%s.tmp", file);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail("open");
    bool ok = write_all(fd, text) && (!sync || fsync(fd) == 0);
    if (close(fd) != 0 || !ok)
        return fail("write");
    if (rename(tmp, file) != 0)
        return fail("rename");
    return sync_dir && !dir_sync(file) ? fail("sync the folder") : 0;
}

/* Durable at the end, but not atomic. */
static int overwrite(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail("open");
    bool ok = write_all(fd, text) && fsync(fd) == 0;
    return close(fd) != 0 || !ok ? fail("write") : 0;
}

/* Atomic and durable, but what it says of itself is not true. */
static int careless(const char *file, const char *text)
{
    replace(file, text, true, true);
    return 0;
}

static int in_child(const char *file, const char *text)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        return fail("fork");
    if (pid == 0)
        _exit(overwrite(file, text));
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* A child that has nothing but one pipe, and may do nothing but read, write and exit. */
__attribute__((noreturn)) static void confined(int out, const char *text)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    if (dup2(out, 3) != 3 || close_range(0, 2, 0) != 0 || close_range(4, ~0u, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        _exit(1);
    for (size_t i = 0; text[i]; i++)
        if (write(3, text + i, 1) != 1)
            break;
    for (;;)
        syscall(SYS_exit_group, 0); /* AddressSanitizer asks the kernel something before each _exit */
}

static int from_jail(const char *file, const char *text)
{
    char got[4096];
    size_t used = 0;
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail("pipe");
    pid_t pid = fork();
    if (pid < 0)
        return fail("fork");
    if (pid == 0)
        confined(ends[1], text);
    close(ends[1]);
    for (ssize_t n; used < sizeof got - 1 && (n = read(ends[0], got + used, sizeof got - 1 - used)) > 0;)
        used += (size_t)n;
    got[used] = '\0';
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return fail("the confined child was stopped");
    return replace(file, got, true, true);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const char *how = argv[1], *file = argv[2], *text = argv[3];
    if (strcmp(how, "good") == 0)
        return replace(file, text, true, true);
    if (strcmp(how, "jail") == 0)
        return from_jail(file, text);
    if (strcmp(how, "no-sync") == 0)
        return replace(file, text, false, true);
    if (strcmp(how, "no-dir-sync") == 0)
        return replace(file, text, true, false);
    if (strcmp(how, "no-rename") == 0)
        return overwrite(file, text);
    if (strcmp(how, "child") == 0)
        return in_child(file, text);
    return strcmp(how, "no-check") == 0 ? careless(file, text) : 2;
}
