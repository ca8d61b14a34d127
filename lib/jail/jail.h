/* SPDX-License-Identifier: ISC */
/*
 * The confined child: code that reads hostile bytes (archives, deltas) or runs foreign logic (policies,
 * templates) runs in a forked process that can only read its input, write its output, and end. No files, no
 * network, no new processes (threads only where the limits say so), a CPU, memory and wall-clock limit, an empty environment. seccomp filter,
 * rlimits, no_new_privs; it needs no privilege.
 */
#ifndef CW_JAIL_JAIL_H
#define CW_JAIL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct cw_jail_limits {
    unsigned cpu_seconds;  /* of the child; over it: killed. 0: none */
    unsigned wall_seconds; /* of the whole; 0: none (bulk work, where the parent sees progress) */
    size_t memory; /* bytes of address space on top of what the parent has; 0: none. Sanitizer builds: not
                      enforced */
    bool threads;  /* it may start threads of its own: for work on all processors */
};

/* Runs in the child. in_fd (or -1) is readable and seekable if the parent's was (they share one offset),
 * out_fd is a pipe to the parent. Returns 0, or non-zero with err set: code and text reach the parent. What
 * it needs besides comes by ctx: memory as it was at the fork. */
typedef int cw_jail_fn(void *ctx, int in_fd, int out_fd, struct cw_err *err);

struct cw_jail {
    pid_t pid;
    int out;             /* the parent's end of the output, for streaming readers; -1 when closed */
    int note;            /* how the child tells its error */
    int64_t deadline_ms; /* monotonic; 0: none */
    const char *what;    /* borrowed: for messages, "policy.lua" */
    struct cw_jail_limits limits;
    bool ended; /* its output was read to the end */
    bool late;  /* the deadline passed */
};

#define CW_JAIL_INIT                                                                                         \
    {                                                                                                        \
        .pid = -1, .out = -1, .note = -1                                                                     \
    }

/* Starts the child. All descriptors but the two (and, in sanitizer builds, stderr) are closed in it. */
int cw_jail_start(struct cw_jail *jail, const char *what, const struct cw_jail_limits *limits, cw_jail_fn *fn,
                  void *ctx, int in_fd, struct cw_err *err);
/* The same with a second input, which the child finds as CW_JAIL_ALSO. */
int cw_jail_start_with(struct cw_jail *jail, const char *what, const struct cw_jail_limits *limits,
                       cw_jail_fn *fn, void *ctx, int in_fd, int also_fd, struct cw_err *err);
#define CW_JAIL_ALSO 6
/* Reads from the child's output like read(2), but fails with CW_E_VERIFY when the deadline passes: 0 at its
 * end. */
ssize_t cw_jail_read(struct cw_jail *jail, void *data, size_t len, struct cw_err *err);
/* Waits for the end. CW_OK only if fn returned 0; else its own error, or what stopped it ("'policy.lua'
 * exceeded its 2 s of CPU time", "… its memory", "… tried a forbidden system call"), code CW_E_VERIFY unless
 * fn set another. If more output comes than was read, it is killed. */
int cw_jail_finish(struct cw_jail *jail, struct cw_err *err);
/* Ends the child at once, whatever it does; harmless when there is none. Also the scoped cleanup. */
void cw_jail_kill(struct cw_jail *jail);
#define CW_AUTO_JAIL __attribute__((cleanup(cw_jail_kill))) struct cw_jail

/* start without input, collect all output into out (its max bounds it), finish. */
int cw_jail_run(struct cw_buf *out, const char *what, const struct cw_jail_limits *limits, cw_jail_fn *fn,
                void *ctx, struct cw_err *err);

#endif
