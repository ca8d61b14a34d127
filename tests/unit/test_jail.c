/* SPDX-License-Identifier: ISC */
/*
 * The jail: what a confined child may do, how each way of ending is told, and that none is left behind.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "jail/confine.h"
#include "jail/jail.h"

static const struct cw_jail_limits usual = {.cpu_seconds = 5, .wall_seconds = 20, .memory = (size_t)64 << 20};

static int run(struct cw_buf *out, const struct cw_jail_limits *limits, cw_jail_fn *fn, void *ctx,
               struct cw_err *err)
{
    int rc = cw_jail_run(out, "the test", limits, fn, ctx, err);

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
    assert_int_equal(errno, ECHILD);
    return rc;
}

static int hello(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)err;
    return in_fd == -1 && write(out_fd, ctx, strlen(ctx)) == (ssize_t)strlen(ctx) ? CW_OK : CW_E_FAIL;
}

static void test_output_comes_back(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_ok(run(&out, &usual, hello, "hello", &err), err);
    assert_string_equal(cw_buf_text(&out), "hello");
}

static int says(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)in_fd;
    (void)out_fd;
    return cw_err_set(err, *(int *)ctx, "b\n\x1b[31mad \xff \xc2\x9b gr\xc3\xbcn");
}

static int silent(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    (void)err;
    return CW_E_FAIL;
}

static void test_the_childs_error_travels_as_one_line(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;
    int code = CW_E_NOTFOUND;

    (void)state;
    assert_cw_fails(CW_E_NOTFOUND, "b  [31mad      gr\xc3\xbcn", run(&out, &usual, says, &code, &err), err);
    code = CW_E_NOMEM;
    assert_cw_fails(CW_E_VERIFY, "'the test' exceeded its memory (64 MiB)",
                    run(&out, &usual, says, &code, &err), err);
    assert_cw_fails(CW_E_FAIL, "without saying why", run(&out, &usual, silent, NULL, &err), err);
}

static int fails_to_read(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    return cw_err_errno(err, EIO, "unable to read it");
}

/* Messages of the system are translated for some locales, from files that a confined child cannot open. */
static void test_the_systems_errors_can_be_told(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_FAIL, "unable to read it: Input/output error",
                    run(&out, &usual, fails_to_read, NULL, &err), err);
}

static int long_error(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    memset(err->text, 'x', sizeof(err->text) - 1);
    err->text[sizeof(err->text) - 1] = '\0';
    return CW_E_FAIL;
}

static void test_a_long_error_is_whole(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_FAIL, "xxx", run(&out, &usual, long_error, NULL, &err), err);
    assert_int_equal(strlen(err.text), CW_ERR_TEXT_MAX - 1);
}

static int spin(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    volatile unsigned go_on = 1;

    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    (void)err;
    while (go_on != 0)
        ;
    return CW_OK;
}

static void test_cpu_time_is_limited(void **state)
{
    const struct cw_jail_limits limits = {.cpu_seconds = 1};
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "'the test' exceeded its 1 s of CPU time",
                    run(&out, &limits, spin, NULL, &err), err);
}

static void test_wall_time_is_limited(void **state)
{
    const struct cw_jail_limits limits = {.cpu_seconds = 30, .wall_seconds = 1};
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "'the test' took longer than its 1 s", run(&out, &limits, spin, NULL, &err),
                    err);
}

static int hungry(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    size_t got;

    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    for (got = 0; got < (size_t)1 << 30; got += 1 << 20) {
        char *more = malloc(1 << 20);

        if (more == NULL)
            return cw_err_nomem(err);
        memset(more, 1, 1 << 20);
    }
    return CW_OK;
}

static void test_memory_is_limited(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    if (CW_JAIL_SANITIZED)
        skip();
    assert_cw_fails(CW_E_VERIFY, "exceeded its memory (64 MiB)", run(&out, &usual, hungry, NULL, &err), err);
}

static bool try_open(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool try_create(void)
{
    return open("/tmp/cw-jail-was-here", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool try_fork(void)
{
    return fork() >= 0;
}

static bool try_exec(void)
{
    char *const argv[] = {"/bin/true", NULL};

    return execv(argv[0], argv) == 0;
}

static bool try_kill(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool try_stat(void)
{
    struct stat st;

    return stat("/etc/passwd", &st) == 0;
}

static bool try_unlink(void)
{
    return unlink("/tmp/cw-jail-was-here") == 0;
}

static bool try_more_limits(void)
{
    struct rlimit more = {.rlim_cur = 100, .rlim_max = 100};

    return setrlimit(RLIMIT_NOFILE, &more) == 0;
}

static int attempt(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    bool (*const *try)(void) = ctx;

    (void)in_fd;
    (void)out_fd;
    return (*try)() ? CW_OK : cw_err_set(err, CW_E_VERIFY, "tried a forbidden system call, in vain");
}

static void test_what_is_forbidden(void **state)
{
    static bool (*const tries[])(void) = {try_open,       try_create, try_socket,
                                          try_fork,       try_exec,   try_kill,
                                          try_stat,       try_unlink, try_executable_memory,
                                          try_more_limits};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(tries); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT(100);
        struct cw_err err;

        if (CW_JAIL_SANITIZED && tries[i] == try_more_limits)
            continue; /* allowed to the sanitizer; it cannot raise anything either */
        assert_cw_fails(CW_E_VERIFY, "tried a forbidden system call",
                        run(&out, &usual, attempt, (void *)&tries[i], &err), err);
    }
    assert_int_equal(access("/tmp/cw-jail-was-here", F_OK), -1);
}

static void *add_one(void *number)
{
    ++*(int *)number;
    return NULL;
}

static int start_threads(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    pthread_t threads[4];
    int numbers[CW_COUNT(threads)] = {0}, sum = 0;
    size_t i, started = 0;

    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    while (started < CW_COUNT(threads) &&
           pthread_create(&threads[started], NULL, add_one, &numbers[started]) == 0)
        started++;
    for (i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < CW_COUNT(threads); i++)
        sum += numbers[i];
    return sum == (int)CW_COUNT(threads) ? CW_OK : cw_err_set(err, CW_E_FAIL, "%d threads ran", sum);
}

static void test_threads_where_they_are_allowed(void **state)
{
    struct cw_jail_limits limits = {.cpu_seconds = 5, .memory = (size_t)1 << 30, .threads = true};
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    bool (*const forks)(void) = try_fork;
    struct cw_err err;

    (void)state;
    assert_cw_ok(run(&out, &limits, start_threads, NULL, &err), err);
    assert_cw_fails(CW_E_VERIFY, "tried a forbidden system call",
                    run(&out, &limits, attempt, (void *)&forks, &err), err);
    limits.threads = false;
    assert_int_not_equal(run(&out, &limits, start_threads, NULL, &err), CW_OK);
}

/* Other descriptors of the parent, its environment, its core dumps: nothing of it is there. */
static int look_around(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    char c;

    (void)out_fd;
    if (read(*(int *)ctx, &c, 1) >= 0 || errno != EBADF)
        return cw_err_set(err, CW_E_FAIL, "another descriptor is open");
    if (getenv("HOME") != NULL || getenv("PATH") != NULL)
        return cw_err_set(err, CW_E_FAIL, "the environment is there");
    if (read(in_fd, &c, 1) != 1 || c != 'n' || lseek(in_fd, 0, SEEK_SET) != 0)
        return cw_err_set(err, CW_E_FAIL, "the input is not there");
    return CW_OK;
}

static void test_only_the_input_is_there(void **state)
{
    char path[] = "/tmp/cw-jail-XXXXXX";
    CW_AUTO_FD int secret = open("/etc/passwd", O_RDONLY), in = mkstemp(path);
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    struct cw_err err;
    char c;

    (void)state;
    assert_true(secret > CW_JAIL_ALSO || dup2(secret, 40) == 40); /* beyond the numbers that the child uses */
    secret = secret > CW_JAIL_ALSO ? secret : 40;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pwrite(in, "input", 5, 0), 5);
    assert_int_equal(lseek(in, 1, SEEK_SET), 1);
    assert_cw_ok(cw_jail_start(&jail, "the test", &usual, look_around, &secret, in, &err), err);
    assert_int_equal(cw_jail_read(&jail, &c, 1, &err), 0);
    assert_cw_ok(cw_jail_finish(&jail, &err), err);
}

static int read_both(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    char pair[2];

    (void)ctx;
    if (pread(in_fd, pair, 1, 0) != 1 || pread(CW_JAIL_ALSO, pair + 1, 1, 0) != 1 ||
        write(out_fd, pair, 2) != 2)
        return cw_err_set(err, CW_E_FAIL, "an input is not there");
    return CW_OK;
}

static void test_a_second_input(void **state)
{
    CW_AUTO_FD int one = memfd_create("one", MFD_CLOEXEC), two = memfd_create("two", MFD_CLOEXEC);
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    struct cw_err err;
    char pair[2];

    (void)state;
    assert_int_equal(write(one, "a", 1), 1);
    assert_int_equal(write(two, "b", 1), 1);
    assert_cw_ok(cw_jail_start_with(&jail, "the test", &usual, read_both, NULL, one, two, &err), err);
    assert_int_equal(cw_jail_read(&jail, pair, 2, &err), 2);
    assert_memory_equal(pair, "ab", 2);
    assert_cw_ok(cw_jail_finish(&jail, &err), err);
    assert_cw_ok(cw_jail_start(&jail, "the test", &usual, read_both, NULL, one, &err), err);
    assert_cw_fails(CW_E_FAIL, "an input is not there", cw_jail_finish(&jail, &err), err);
}

static int crash(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    (void)err;
    abort();
}

static int leave(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    (void)ctx;
    (void)in_fd;
    (void)out_fd;
    (void)err;
    _exit(0);
}

static void test_ending_without_a_word(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "crashed its confined process (signal 6)",
                    run(&out, &usual, crash, NULL, &err), err);
    assert_cw_fails(CW_E_VERIFY, "without an answer", run(&out, &usual, leave, NULL, &err), err);
}

#define FLOOD ((size_t)32 << 20)

static int flood(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    static char block[100000];
    size_t left = FLOOD;

    (void)ctx;
    (void)in_fd;
    memset(block, 'x', sizeof(block));
    while (left > 0) {
        ssize_t n = write(out_fd, block, left < sizeof(block) ? left : sizeof(block));

        if (n < 0)
            return cw_err_errno(err, errno, "unable to write");
        left -= (size_t)n;
    }
    return CW_OK;
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void test_much_output_streams_through_interruptions(void **state)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 500}, .it_value = {.tv_usec = 500}},
                           never = {0};
    struct sigaction action = {.sa_handler = on_alarm}, before;
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    static char block[65536];
    struct cw_err err;
    size_t total = 0;
    ssize_t n;

    (void)state;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    assert_cw_ok(cw_jail_start(&jail, "the test", &usual, flood, NULL, -1, &err), err);
    while ((n = cw_jail_read(&jail, block, sizeof(block), &err)) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0);
    assert_cw_ok(cw_jail_finish(&jail, &err), err);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(total, FLOOD);
}

static void test_too_much_output_is_stopped(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(1000);
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    struct cw_err err;
    char c;

    (void)state;
    assert_true(run(&out, &usual, flood, NULL, &err) != CW_OK);
    assert_cw_ok(cw_jail_start(&jail, "the test", &usual, flood, NULL, -1, &err), err);
    assert_int_equal(cw_jail_read(&jail, &c, 1, &err), 1);
    assert_cw_fails(CW_E_VERIFY, "had more to say", cw_jail_finish(&jail, &err), err);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_finish_without_reading_what_was_not_there(void **state)
{
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    struct cw_err err;
    char text[5];

    (void)state;
    assert_cw_ok(cw_jail_start(&jail, "the test", &usual, hello, "hello", -1, &err), err);
    assert_int_equal(cw_jail_read(&jail, text, 5, &err), 5);
    assert_cw_ok(cw_jail_finish(&jail, &err), err); /* the end itself was never read */
}

static void test_ignored_child_signals_do_not_matter(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    CW_AUTO_BUF out = CW_BUF_INIT(100);
    struct cw_err err;

    (void)state;
    sigaction(SIGCHLD, &ignore, &before);
    assert_cw_ok(cw_jail_run(&out, "the test", &usual, hello, "hello", &err), err);
    assert_true(cw_jail_run(&out, "the test", &usual, leave, NULL, &err) != CW_OK);
    sigaction(SIGCHLD, &before, NULL);
}

/* As an ordinary user too: what confines needs no privilege. */
static void test_as_an_ordinary_user(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid = fork();
    if (pid == 0) {
        struct cw_buf out = CW_BUF_INIT(100);
        struct cw_err err;
        bool (*const try)(void) = try_open;

        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        if (cw_jail_run(&out, "the test", &usual, hello, "hello", &err) != CW_OK)
            _exit(3);
        _exit(cw_jail_run(&out, "the test", &usual, attempt, (void *)&try, &err) == CW_E_VERIFY ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_comes_back),
        cmocka_unit_test(test_the_childs_error_travels_as_one_line),
        cmocka_unit_test(test_the_systems_errors_can_be_told),
        cmocka_unit_test(test_a_long_error_is_whole),
        cmocka_unit_test(test_cpu_time_is_limited),
        cmocka_unit_test(test_wall_time_is_limited),
        cmocka_unit_test(test_memory_is_limited),
        cmocka_unit_test(test_what_is_forbidden),
        cmocka_unit_test(test_threads_where_they_are_allowed),
        cmocka_unit_test(test_only_the_input_is_there),
        cmocka_unit_test(test_a_second_input),
        cmocka_unit_test(test_ending_without_a_word),
        cmocka_unit_test(test_much_output_streams_through_interruptions),
        cmocka_unit_test(test_too_much_output_is_stopped),
        cmocka_unit_test(test_finish_without_reading_what_was_not_there),
        cmocka_unit_test(test_ignored_child_signals_do_not_matter),
        cmocka_unit_test(test_as_an_ordinary_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
