/* SPDX-License-Identifier: ISC */
/*
 * Getting the passphrase into guarded memory; see lib/cli/passphrase.h.
 */
#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

static volatile sig_atomic_t interrupted; /* the signal that came while the terminal's echo was off */

static void note_signal(int number)
{
    interrupted = number;
}

/* Like cw_fd_read(), but a signal that was noted ends it. */
static ssize_t read_byte(int fd, char *c)
{
    ssize_t got;

    do {
        got = read(fd, c, 1);
    } while (got < 0 && errno == EINTR && interrupted == 0);
    return got;
}

/* One byte at a time, so that nothing of it stays in a buffer and nothing behind the line is taken from a
 * pipe. */
static int read_line(char passphrase[CW_PASSPHRASE_MAX], int fd, const char *what, struct cw_err *err)
{
    size_t len = 0;
    ssize_t got;
    char c;

    while ((got = read_byte(fd, &c)) == 1 && c != '\n') {
        if (len == CW_PASSPHRASE_MAX - 1)
            return cw_err_set(err, CW_E_FAIL, "%s: the passphrase is longer than %d bytes", what,
                              CW_PASSPHRASE_MAX - 1);
        passphrase[len++] = c;
    }
    passphrase[len] = '\0';
    if (got < 0)
        return cw_err_errno(err, errno, "unable to read %s", what);
    if (len == 0)
        return cw_err_set(err, CW_E_FAIL, "%s: the passphrase is empty", what);
    if (memchr(passphrase, '\0', len) != NULL)
        return cw_err_set(err, CW_E_FAIL, "%s: the passphrase holds a NUL byte", what);
    return CW_OK;
}

static int from_file(const char *path, char passphrase[CW_PASSPHRASE_MAX], struct cw_err *err)
{
    CW_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cw_err_errno(err, errno, "unable to read the passphrase from '%s'", path);
    return read_line(passphrase, fd, path, err);
}

/* Reads with echo off; whatever ends the program meanwhile, echo is on again afterwards. */
static int read_silently(char passphrase[CW_PASSPHRASE_MAX], int tty, struct cw_err *err)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    const struct sigaction note = {.sa_handler = note_signal};
    struct sigaction before[CW_COUNT(numbers)];
    struct termios old, silent;
    size_t i;
    int rc;

    if (tcgetattr(tty, &old) != 0)
        return cw_err_errno(err, errno, "unable to ask for the passphrase on the terminal");
    for (i = 0; i < CW_COUNT(numbers); i++)
        (void)sigaction(numbers[i], &note, &before[i]);
    silent = old;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(tty, TCSAFLUSH, &silent) != 0)
        rc = cw_err_errno(err, errno, "unable to turn off the terminal's echo");
    else
        rc = read_line(passphrase, tty, "terminal", err);
    (void)tcsetattr(tty, TCSAFLUSH, &old);
    (void)dprintf(tty, "\n");
    for (i = 0; i < CW_COUNT(numbers); i++)
        (void)sigaction(numbers[i], &before[i], NULL);
    if (interrupted != 0)
        (void)raise(interrupted);
    return rc;
}

static int prompt(int tty, const char *text, const char *what, char passphrase[CW_PASSPHRASE_MAX],
                  struct cw_err *err)
{
    if (dprintf(tty, "%s%s: ", text, what) < 0)
        return cw_err_errno(err, errno, "unable to ask for the passphrase on the terminal");
    return read_silently(passphrase, tty, err);
}

/* The second reading goes to the stack, because guarded memory is lib/crypt's own: wiped before it is
 * left. */
static int confirm_typed(int tty, const char *what, const char *passphrase, struct cw_err *err)
{
    char again[CW_PASSPHRASE_MAX];
    int rc = prompt(tty, "the same passphrase again for ", what, again, err);

    if (rc == CW_OK && strcmp(again, passphrase) != 0)
        rc = cw_err_set(err, CW_E_FAIL, "the two passphrases differ; nothing was changed");
    explicit_bzero(again, sizeof again);
    return rc;
}

static int from_terminal(char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                         struct cw_err *err)
{
    CW_AUTO_FD int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int rc;

    if (tty < 0)
        return cw_err_set(
            err, CW_E_FAIL,
            "no terminal to ask for the passphrase of %s: give --passphrase-file or --passphrase-fd", what);
    rc = prompt(tty, confirm ? "new passphrase for " : "passphrase for ", what, passphrase, err);
    return rc == CW_OK && confirm ? confirm_typed(tty, what, passphrase, err) : rc;
}

int cw_passphrase_ask(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                      struct cw_err *err)
{
    const struct cw_passphrase *from = ctx;
    char name[32];

    if (from->file != NULL)
        return from_file(from->file, passphrase, err);
    if (from->fd == CW_PASSPHRASE_NO_FD)
        return from_terminal(passphrase, what, confirm, err);
    if (from->fd > INT_MAX)
        return cw_err_set(err, CW_E_USAGE, "'--passphrase-fd': there is no such descriptor");
    snprintf(name, sizeof name, "descriptor %d", (int)from->fd);
    return read_line(passphrase, (int)from->fd, name, err);
}
