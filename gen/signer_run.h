/* SPDX-License-Identifier: ISC */
/*
 * Inside gen/signer*: one run of a signer's program.
 */
#ifndef CW_GEN_SIGNER_RUN_H
#define CW_GEN_SIGNER_RUN_H

#include "gen/signer.h"

struct cw_signer_variable { /* of the program's environment; a name of NULL ends a list */
    const char *name, *value;
};

/* Appends what the program writes to standard output; its maximum bounds it. The program has ended when this returns. */
int cw_signer_run(struct cw_buf *answer, const struct cw_signer *signer,
                  const struct cw_signer_variable *variables, const void *data, size_t len,
                  struct cw_err *err);

#endif
