/* SPDX-License-Identifier: ISC */
/*
 * Inside the jail's child: giving up, step by step and for good, everything but reading, writing and ending.
 */
#ifndef CW_JAIL_CONFINE_H
#define CW_JAIL_CONFINE_H

#include "jail/jail.h"

#if defined(CW_SANITIZE) || defined(__SANITIZE_ADDRESS__)
#define CW_JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define CW_JAIL_SANITIZED 1
#endif
#endif
#ifndef CW_JAIL_SANITIZED
/* shadow memory fits under no address space limit; reports need calls that a policy does not */
#define CW_JAIL_SANITIZED 0
#endif

/* The descriptors a confined child has; a second input is CW_JAIL_ALSO, the last of them. */
#define CW_JAIL_IN 3
#define CW_JAIL_OUT 4
#define CW_JAIL_NOTE 5

/* Moves the descriptors (in and also may be -1) to the numbers above and closes all others. */
int cw_confine_fds(int in, int also, int out, int note, struct cw_err *err);
/* Signals, environment, limits (held is the parent's address space in bytes), system calls. Not to be
 * undone. */
int cw_confine(const struct cw_jail_limits *limits, size_t held, struct cw_err *err);

#endif
