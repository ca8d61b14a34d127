/* SPDX-License-Identifier: ISC */
/*
 * What a crash leaves of the disk: undoes, from the log, the changes that were not durable when it came.
 */
#ifndef CW_TESTS_FAULT_CRASH_H
#define CW_TESTS_FAULT_CRASH_H

#include "control.h"

enum crash_model {
    CRASH_KEEP, /* the process dies, the machine lives: nothing is lost */
    CRASH_LOST, /* all that was not synced is undone: data, and names in folders not synced since */
    CRASH_TORN, /* names, lengths cut and modes are kept, unsynced data is not: files lie there empty or short */
    CRASH_ZERO, /* the same, but lengths are kept, and unsynced data reads as zero bytes */
};

/* 0, or -1 with a message on standard error: then the state beneath the root means nothing. */
int crash_apply(const struct fault_control *ctl, enum crash_model model);

#endif
