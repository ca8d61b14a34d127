/* SPDX-License-Identifier: ISC */
/*
 * What every unit test includes: cmocka with the headers it wants first, and checks for errors and files.
 */
#ifndef CW_TESTS_UNIT_H
#define CW_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "fs/root.h"

/* Is there anything of that name beneath dir? */
static inline bool exists(int dir, const char *path)
{
    struct stat st;

    return cw_at_stat(&st, dir, path, NULL) == CW_OK;
}

/* The call gives CW_OK, or the test fails with the error's text. */
#define assert_cw_ok(call, err)                                                                              \
    do {                                                                                                     \
        cw_err_clear(&(err));                                                                                \
        if ((call) != CW_OK)                                                                                 \
            fail_msg("%s: %s", #call, (err).text);                                                           \
    } while (0)

/* The call fails with this code and a text that holds `part`. */
#define assert_cw_fails(wanted, part, call, err)                                                             \
    do {                                                                                                     \
        cw_err_clear(&(err));                                                                                \
        assert_int_equal((call), (wanted));                                                                  \
        if (strstr((err).text, (part)) == NULL)                                                              \
            fail_msg("'%s' lacks '%s'", (err).text, (part));                                                 \
    } while (0)

#endif
