/* SPDX-License-Identifier: ISC */
/*
 * A person's key in a file that he names: read in whatever form it has, written where nothing was before.
 */
#ifndef CW_CLI_SECRET_H
#define CW_CLI_SECRET_H

#include "cli/passphrase.h"
#include "crypt/keyfile.h"

/* Reads a secret key: a file of lib/crypt/keyfile.h, or PKCS#8 in PEM. unlock asks by cw_passphrase_ask() and
 * `passphrase` too. */
int cw_secret_read_file(struct cw_secret **secret, const char *path, struct cw_unlock *unlock,
                        struct cw_passphrase *passphrase, struct cw_err *err);
/* Makes a file that must not be there yet; it is synced, and removed again on failure. */
int cw_secret_write_file(const char *path, const struct cw_buf *text, mode_t mode, struct cw_err *err);

#endif
