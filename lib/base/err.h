/* SPDX-License-Identifier: ISC */
/*
 * Errors: a code that callers act on and one line of text for the person.
 * Every function that can fail returns 0 or one of these codes and takes, as its last argument, a
 * struct cw_err that it fills. Layers above add what they know with cw_err_prefix(), so that a text
 * grows from the inside out: "gateway 2.1.0: targets/…: sha256 differs: expected 3f…, got 9a…".
 */
#ifndef CW_BASE_ERR_H
#define CW_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* The negated value of each code below 10 is the exit code of the programs. */
enum cw_code {
    CW_OK = 0,
    CW_E_FAIL = -1,        /* anything that has no code of its own */
    CW_E_USAGE = -2,       /* the command line is wrong */
    CW_E_VERIFY = -3,      /* a signature, hash, version or format did not hold */
    CW_E_EXPIRED = -4,     /* expired metadata, or a clock that cannot be right */
    CW_E_TEMP = -5,        /* network or lock: trying again may help */
    CW_E_HELD = -6,        /* held or refused by the site's policy */
    CW_E_INCOMPLETE = -7,  /* a volume or an object is missing */
    CW_E_SPACE = -8,       /* no space left */
    CW_E_ROLLED_BACK = -9, /* applied, failed its check, rolled back */
    CW_E_NOTFOUND = -10,   /* the thing asked for is not there; exits as 1 */
    CW_E_NOMEM = -11,      /* an allocation failed; exits as 1 */
};

#define CW_ERR_TEXT_MAX 1024 /* longer texts are cut and end in "..." */

struct cw_err {
    int code;
    char text[CW_ERR_TEXT_MAX];
};

/* Sets code and text; returns code, so that "return cw_err_set(err, …)" reads well. err may be NULL. */
int cw_err_set(struct cw_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like cw_err_set with ": <text of errnum>" appended; ENOSPC and EDQUOT become CW_E_SPACE, ENOENT
 * CW_E_NOTFOUND, ENOMEM CW_E_NOMEM, all others CW_E_FAIL. */
int cw_err_errno(struct cw_err *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before what is there; returns the code that is there. */
int cw_err_prefix(struct cw_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int cw_err_nomem(struct cw_err *err);

void cw_err_clear(struct cw_err *err);

/* The exit code (0..9) for a code. */
int cw_err_exit_code(int code);

#endif
