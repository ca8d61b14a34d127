/* SPDX-License-Identifier: ISC */
/*
 * One delta on its way: what deltas.c plans, deltas_run.c makes. Inside lib/tree/deltas*.c only.
 */
#ifndef CW_TREE_DELTAS_JOB_H
#define CW_TREE_DELTAS_JOB_H

#include "codec/delta.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "jail/jail.h"
#include "tree/deltas.h"

struct cw_deltas_job {
    const char *from, *to; /* tree paths; borrowed; from NULL: the empty file */
    char from_sha256[CW_SHA256_TEXT], to_sha256[CW_SHA256_TEXT];
    uint64_t from_len, to_len;
    uint64_t size;  /* of what is compared: of gzip files, about what they hold */
    uint64_t most;  /* the delta must not be longer */
    bool wanted;    /* to be made */
    bool plan_only; /* it is only seen whether it would be tried */
    enum cw_deltas_outcome outcome;
    uint64_t length;
    char why[CW_ERR_TEXT_MAX];
    /* While it is made: */
    int from_fd, to_fd; /* -1 when not open */
    struct cw_delta_effort effort;
    struct cw_jail jail;
    struct cw_out out;
    uint64_t got;
};

/* Makes those that are wanted, the largest first, as many at once as there are processors; each that is good is
 * durable under its name. Fails only with what ends all work. */
int cw_deltas_run(int tree, struct cw_deltas_job *const *jobs, size_t count,
                  const struct cw_deltas_options *options, struct cw_err *err);

#endif
