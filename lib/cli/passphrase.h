/* SPDX-License-Identifier: ISC */
/*
 * Where the passphrase comes from: a file, an open descriptor, or the terminal. Never the command line or the
 * environment, which other users and child processes can read.
 */
#ifndef CW_CLI_PASSPHRASE_H
#define CW_CLI_PASSPHRASE_H

#include "cli/cli.h"
#include "crypt/keyfile.h"

/* Set by the options of the command that runs; one command runs in a process. */
struct cw_passphrase {
    const char *file; /* NULL: not given */
    uint64_t fd;      /* CW_PASSPHRASE_NO_FD: not given */
};

#define CW_PASSPHRASE_NO_FD UINT64_MAX
#define CW_PASSPHRASE_INIT                                                                                   \
    {                                                                                                        \
        .file = NULL, .fd = CW_PASSPHRASE_NO_FD                                                              \
    }

/* The two rows for a command's table of options. */
#define CW_PASSPHRASE_OPTIONS(passphrase)                                                                    \
    {CW_OPTION_STRING, "passphrase-file", &(passphrase).file, "FILE",                                        \
     "the passphrase is the first line of this file"},                                                       \
    {                                                                                                        \
        CW_OPTION_NUMBER, "passphrase-fd", &(passphrase).fd, "N",                                            \
            "the passphrase is the first line from this descriptor"                                          \
    }

/* A cw_unlock_ask: ctx is a struct cw_passphrase. */
int cw_passphrase_ask(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                      struct cw_err *err);

#endif
