/* SPDX-License-Identifier: ISC */
/*
 * Everything that is wrong with what a person wrote, collected so that he can mend it in one go: file, line,
 * field, what.
 */
#ifndef CW_GEN_MISTAKES_H
#define CW_GEN_MISTAKES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct cw_mistakes {
    struct cw_buf text; /* "catalog.json:12: products[0].name: …\n" for each */
    size_t count;
};

#define CW_MISTAKES_TEXT_MAX ((size_t)1 << 20) /* bytes of all of them: thousands; more help nobody */
#define CW_MISTAKES_INIT                                                                                     \
    {                                                                                                        \
        .text = CW_BUF_INIT(CW_MISTAKES_TEXT_MAX)                                                            \
    }

/* line 0: unknown. field "": the whole file. Past the maximum they are counted only. */
void cw_mistakes_add(struct cw_mistakes *mistakes, const char *file, unsigned line, const char *field,
                     const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Prints them to standard error. */
void cw_mistakes_print(const struct cw_mistakes *mistakes);
void cw_mistakes_clear(struct cw_mistakes *mistakes);
#define CW_AUTO_MISTAKES __attribute__((cleanup(cw_mistakes_clear))) struct cw_mistakes

#endif
