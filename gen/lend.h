/* SPDX-License-Identifier: ISC */
/*
 * Options --signer KEY=CMD and --signer-timeout: programs that sign in one run with keys whose secret halves are not here.
 */
#ifndef CW_GEN_LEND_H
#define CW_GEN_LEND_H

#include "cli/cli.h"
#include "gen/keys.h"

struct cw_lend { /* set by the options of the command that runs */
    struct cw_cli_list signers;
    int64_t timeout;
};

#define CW_LEND_INIT                                                                                         \
    {                                                                                                        \
        .timeout = CW_SIGNER_TIMEOUT                                                                         \
    }

/* The two rows for a command's table of options. */
#define CW_LEND_OPTIONS(lend)                                                                                \
    {CW_OPTION_LIST, "signer", &(lend).signers, "KEY=CMD",                                                   \
     "this program signs with the key of that name; may be repeated"},                                       \
    {                                                                                                        \
        CW_OPTION_DURATION, "signer-timeout", &(lend).timeout, "TIME",                                       \
            "how long it may take for one signature (2m)"                                                    \
    }

/* CW_E_USAGE for an option that is not of that form; CW_E_NOTFOUND when there is no such key. */
int cw_lend(const struct cw_lend *lend, struct cw_keys *keys, struct cw_err *err);

#endif
